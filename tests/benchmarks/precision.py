"""What bfloat16 costs in quality: PSNR on T of float32 minus half and minus auto, against two reference halves.

    python tests/benchmarks/precision.py --model oidn --model runs/shot DATASET…

Every view with references; inputs are the mean of all seeds. PSNR as in `n2n-render evaluate`.
"""

import itertools
from pathlib import Path

import click
import numpy as np


@click.command()
@click.argument("data", nargs=-1, required=True)
@click.option("--model", "models", multiple=True, required=True)
def main(data, models):
    from n2n_render.denoise import Denoiser
    from n2n_render.engines.options import EngineOptions
    from n2n_render.evaluate.views import find_views
    from n2n_render.frame.frame import mean_frame
    from n2n_render.frame.metrics import psnr
    from n2n_render.frame.transfer import exposure
    from n2n_render.io.exr import ExrImage
    from n2n_render.network.registry import open_model

    print("| model | dataset | float32 [dB] | loss with half, mean (worst view) | loss with auto, mean (worst view) |")
    print("|---|---|---|---|---|")
    for name, folder in itertools.product(models, data):
        checkpoint, scores = open_model(name), []
        denoisers = [
            Denoiser.open(checkpoint, EngineOptions("cpu", "openvino", precision))
            for precision in ("float32", "float16", "auto")
        ]
        if not denoisers[1].engine.coarse:
            raise SystemExit("this processor has no bfloat16")
        for view in find_views([Path(folder)]):
            frame = mean_frame([ExrImage.open(path).frame(None, checkpoint.model.features) for path in view.noisy])
            halves = [ExrImage.open(path).frame().color for path in view.references]
            factor = np.float32(exposure((halves[0] + halves[1]) / 2))
            scores.append(
                [
                    psnr(image=denoiser.denoise(frame) * factor, reference_a=halves[0] * factor, reference_b=halves[1] * factor)
                    for denoiser in denoisers
                ]
            )
        single, half, auto = np.array(scores).T
        losses = [f"{(single - other).mean():.3f} ({(single - other).max():.3f})" for other in (half, auto)]
        print(f"| {name} | {Path(folder).name} | {single.mean():.2f} | {losses[0]} | {losses[1]} |", flush=True)


if __name__ == "__main__":
    main()
