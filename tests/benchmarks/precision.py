"""What bfloat16 costs in quality: PSNR on T of float32 and of bfloat16, against two reference halves.

    python tests/benchmarks/precision.py --model oidn --model runs/shot DATASET…

Every view with references; inputs are the mean of all seeds. PSNR as in `n2n-render evaluate`.
"""
from pathlib import Path

import click
import numpy as np


@click.command()
@click.argument("data", nargs=-1, required=True)
@click.option("--model", "models", multiple=True, required=True)
def main(data, models):
    from n2n_render.denoise import Denoiser
    from n2n_render.evaluate import find_views
    from n2n_render.frame.exr import ExrImage
    from n2n_render.frame.frame import mean_frame
    from n2n_render.frame.metrics import psnr
    from n2n_render.frame.transfer import exposure
    from n2n_render.network.models import open_model
    views = find_views([Path(folder) for folder in data])
    print("| model | dataset | float32 [dB] | bfloat16 [dB] | loss, mean | loss, worst view |\n|---|---|---|---|---|---|")
    for name in models:
        checkpoint = open_model(name)
        prefilter = Denoiser(checkpoint, "cpu", engine="openvino", precision="float32").prefilter
        denoisers = [Denoiser(checkpoint, "cpu", engine="openvino", prefilter=False, precision=precision)
                     for precision in ("float32", "auto")]
        if denoisers[1].engine.precision != "bfloat16":
            raise SystemExit("this processor has no bfloat16")
        scores = {}
        for view in views:
            frame = mean_frame([ExrImage(path).frame(None, checkpoint.model.features) for path in view.noisy])
            halves = [ExrImage(path).frame().color for path in view.references]
            factor = np.float32(exposure((halves[0] + halves[1]) / 2))
            cleaned = prefilter(frame) if prefilter else frame
            scores.setdefault(view.dataset.name, []).append([
                psnr(image=denoiser.denoise(cleaned) * factor, reference_a=halves[0] * factor,
                     reference_b=halves[1] * factor) for denoiser in denoisers])
        for dataset, found in scores.items():
            single, half = np.array(found).T
            print(f"| {name} | {dataset} | {single.mean():.3f} | {half.mean():.3f} | {(single - half).mean():.3f} | "
                  f"{(single - half).max():.3f} |", flush=True)


if __name__ == "__main__":
    main()
