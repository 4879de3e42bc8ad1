"""What each part of `adapt` gives, what it costs, and how good its error estimate is, on the views of a dataset that have
references.

n2n-render adapt datasets/x -o clean/x
python tests/benchmarks/adapt.py datasets/x clean/x
"""

import sys
import time
from pathlib import Path

import numpy as np

from n2n_render.denoise import Denoiser
from n2n_render.denoise.adapted import Palette, is_trained_on
from n2n_render.engines.oidn import denoise_best
from n2n_render.evaluate.views import find_views
from n2n_render.frame.frame import mean_frame
from n2n_render.frame.metrics import psnr, squared_error
from n2n_render.frame.transfer import encode_tonemap, exposure
from n2n_render.guides.prefilter import Prefilter
from n2n_render.io.exr import ExrImage
from n2n_render.io.renders import read_group
from n2n_render.judge.error import DIFFERENCE_TO_ERROR
from n2n_render.judge.held_out import held_out_pixels
from n2n_render.network.checkpoint import read_checkpoint

TILE_PX = 24
WAYS = {  # how a picture is painted → orientations of the whole, fast
    "default": (2, False),
    "--average 1": (1, False),
    "--average 4": (4, False),
    "--average 8": (8, False),
    "--fast": (2, True),
    "--fast --average 1": (1, True),
}


def tiles(error) -> np.ndarray:
    rows, columns = (length // TILE_PX * TILE_PX for length in error.shape)
    return error[:rows, :columns].reshape(rows // TILE_PX, TILE_PX, -1, TILE_PX).mean((1, 3)).ravel()


def rank_correlation(one, two) -> float:
    """Spearman's."""
    return float(np.corrcoef(*(values.argsort().argsort() for values in (one, two)))[0, 1])


def networks(palette: Palette, frame) -> dict[str, np.ndarray]:
    """Name → radiance that each network alone makes of the mean, guides cleaned."""
    models = {"start": palette.start, "adapted": palette.adapted, "between": palette.network()[0]}
    return {f"{name}, f(mean)": Denoiser.open(model, prefilter=False).denoise_clean(frame) for name, model in models.items()}


def main(data: str, out: str):
    palette = Palette.find(read_checkpoint(Path(out) / "adapted.pt"), print)
    told, model = palette.adapted.provenance, palette.adapted.model
    prefilter = Prefilter.open(model) if model.clean_guides else None
    painters = {name: palette.open(prefilter, average=average, fast=fast) for name, (average, fast) in WAYS.items()}
    rows: list[dict[str, float]] = []
    ratios: dict[str, list[float]] = {name: [] for name in WAYS}
    seconds, ranks = {name: 0.0 for name in WAYS}, []
    for pair in find_views([Path(data)]):
        frames = read_group(pair.noisy, None, painters["default"].features)
        mean = mean_frame(frames)
        held_out = np.ones((mean.height, mean.width), bool)
        if is_trained_on(told, pair.noisy):
            held_out = held_out_pixels(mean.height, mean.width)
        halves = [ExrImage.open(path).frame().color for path in pair.references]
        factor = np.float32(exposure((halves[0] + halves[1]) / 2))
        halves = {f"reference_{name}": half * factor for name, half in zip("ab", halves, strict=True)}
        images = {"noisy mean": mean.color, "OIDN at its best": denoise_best(mean)}
        images |= networks(palette, prefilter(mean) if prefilter else mean)
        for name, painter in painters.items():
            begun = time.perf_counter()
            picture = painter.paint(frames, held_out)
            seconds[name] += time.perf_counter() - begun
            images[name] = picture.color
            if picture.error_display is not None:
                shown = {"image": picture.color * factor, **halves}
                true = squared_error(**{key: encode_tonemap(image, np) for key, image in shown.items()})
                ratios[name].append(float(picture.squared_error / true.mean()))
                if name == "default":
                    ranks.append(rank_correlation(tiles(picture.error_display**2), tiles(true)))
        rows.append({name: psnr(image=image * factor, **halves) for name, image in images.items()})
    for name in rows[0]:
        told_of = f"{seconds[name] / len(rows):6.1f} s a frame" if name in seconds else ""
        expected = ", ".join(f"{ratio:.2f}" for ratio in ratios.get(name, ()))
        about = f", expected / true squared error {expected}" if expected else ""
        print(f"{name:24} {np.mean([row[name] for row in rows]):6.2f} dB {told_of}{about}")
    print(
        f"rank correlation of the default's error map with the true error over {TILE_PX}×{TILE_PX} tiles: "
        f"{', '.join(f'{value:.2f}' for value in ranks)} (weight {told.blend_weight:.2f}, ratio {told.error_ratio:.2f}, "
        f"usually {DIFFERENCE_TO_ERROR})"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
