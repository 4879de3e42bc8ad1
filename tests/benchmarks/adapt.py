"""What each part of `adapt` gives, and how good its error estimate is, on the views of a dataset that have references.

n2n-render adapt datasets/x -o clean/x
python tests/benchmarks/adapt.py datasets/x clean/x
"""

import sys
from pathlib import Path

import numpy as np

from n2n_render.denoise import Denoiser
from n2n_render.denoise.picture import Painter
from n2n_render.engines.oidn import denoise_best
from n2n_render.evaluate.views import find_views
from n2n_render.frame.frame import mean_frame
from n2n_render.frame.metrics import psnr, squared_error
from n2n_render.frame.transfer import encode_tonemap, exposure
from n2n_render.guides.prefilter import Prefilter
from n2n_render.io.exr import ExrImage
from n2n_render.io.renders import read_group
from n2n_render.judge.blend import Usual
from n2n_render.judge.error import DIFFERENCE_TO_ERROR
from n2n_render.judge.held_out import held_out_pixels
from n2n_render.network.checkpoint import read_checkpoint
from n2n_render.network.registry import open_model

TILE_PX = 24


def tiles(error) -> np.ndarray:
    rows, columns = (length // TILE_PX * TILE_PX for length in error.shape)
    return error[:rows, :columns].reshape(rows // TILE_PX, TILE_PX, -1, TILE_PX).mean((1, 3)).ravel()


def rank_correlation(one, two) -> float:
    """Spearman's."""
    return float(np.corrcoef(*(values.argsort().argsort() for values in (one, two)))[0, 1])


def parts(painter: Painter, frames, held_out) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Name → radiance of each stage of `Painter.paint`, and the expected squared error."""
    painted = painter.paint(frames, held_out)
    middle = len(frames) // 2
    versions = [mean_frame(part) for part in (frames, frames[:middle], frames[middle:])]
    clean = [painter.prefilter(frame) if painter.prefilter else frame for frame in versions]
    images = {"noisy mean": clean[0].color, "OIDN at its best": denoise_best(versions[0])}
    for name, denoiser in (("start", painter.start), ("adapted", painter.adapted)):
        average, denoiser.average = denoiser.average, 1
        images[f"{name}, f(mean)"] = denoiser.denoise_clean(clean[0])
        denoiser.average = average
        images[f"{name}, f(mean) averaged over {average}"] = denoiser.denoise_clean(clean[0])
        halves = [denoiser.denoise_clean(half) for half in clean[1:]]
        images[f"{name}, mean of halves"] = sum(halves) / 2
        images[f"{name}, both"] = (images[f"{name}, f(mean) averaged over {average}"] + sum(halves) / 2) / 2
    return {**images, "blended by pair errors": painted.color}, painted.error_display**2


def main(data: str, out: str):
    checkpoint = read_checkpoint(Path(out) / "adapted.pt")
    told = checkpoint.provenance
    start = open_model(told.options["init"])
    options = {"prefilter": False, "average": told.options["average"]}
    prefilter = Prefilter.open(start.model) if start.model.clean_guides else None
    usual = Usual(told.blend_weight, told.error_ratio, told.shared_error)
    painter = Painter(Denoiser.open(checkpoint, **options), Denoiser.open(start, **options), prefilter, usual)
    rows, calibration, ranks = [], [], []
    for pair in find_views([Path(data)]):
        frames = read_group(pair.noisy, None, checkpoint.model.features)
        images, expected = parts(painter, frames, held_out_pixels(*frames[0].color.shape[:2]))
        halves = [ExrImage.open(path).frame().color for path in pair.references]
        factor = np.float32(exposure((halves[0] + halves[1]) / 2))
        halves = {f"reference_{name}": half * factor for name, half in zip("ab", halves, strict=True)}
        rows.append({name: psnr(image=image * factor, **halves) for name, image in images.items()})
        true = squared_error(
            **{
                name: encode_tonemap(image, np)
                for name, image in {"image": images["blended by pair errors"] * factor, **halves}.items()
            }
        )
        calibration.append(expected.mean() / true.mean())
        ranks.append(rank_correlation(tiles(expected), tiles(true)))
    for name in rows[0]:
        print(f"{name:40} {np.mean([row[name] for row in rows]):6.2f} dB")
    print(
        f"expected / true squared error: {', '.join(f'{value:.2f}' for value in calibration)}; rank correlation over "
        f"{TILE_PX}×{TILE_PX} tiles: {', '.join(f'{value:.2f}' for value in ranks)} (weight {told.blend_weight:.2f}, "
        f"ratio {told.error_ratio:.2f}, usually {DIFFERENCE_TO_ERROR})"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
