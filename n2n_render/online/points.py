"""Frames of a fly-through → points of its curve: how wrong each is, by its own two seeds and by references."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..frame.frame import mean_frame
from ..frame.metrics import psnr
from ..frame.transfer import encode_tonemap, exposure
from ..io.dataset import find_pairs
from ..io.exr import ExrImage
from ..io.renders import read_group
from ..learn.shot import ShotFrame


@dataclass
class Point:
    """One frame of the curve, PSNR on T in dB.

    Attributes:
        noisy_expected, expected: Without a reference; None for a frame without noise.
        noisy_true, true: None without references.
    """

    frame: int
    noisy_expected: float | None
    expected: float | None
    noisy_true: float | None = None
    true: float | None = None


@dataclass(frozen=True)
class CurveMeans:
    """PSNR on T in dB, means over all frames, over the first third of them and over the last."""

    whole: float
    first_third: float
    last_third: float


def curve_means(points: Sequence[Point]) -> dict[str, CurveMeans]:
    """Name of a field of Point → its means, of the curves that have points."""
    curves = {
        name: [value for point in points if (value := getattr(point, name)) is not None]
        for name in ("noisy_expected", "expected", "noisy_true", "true")
    }
    return {name: _means(values) for name, values in curves.items() if values}


def _means(values: Sequence[float]) -> CurveMeans:
    third = max(1, len(values) // 3)
    return CurveMeans(sum(values) / len(values), sum(values[:third]) / third, sum(values[-third:]) / third)


def estimate(number: int, frame: ShotFrame, squared_error: float) -> Point:
    """Errors without references: of the noisy mean of two seeds a quarter of their squared difference.

    Args:
        squared_error: That is expected of the picture, on T.
    """
    one, two = encode_tonemap(frame.colors.astype(np.float32), np)
    noisy = float(((one - two) ** 2).mean() / 4)
    return Point(number, _decibels(noisy), _decibels(squared_error))


def _decibels(mse: float) -> float:
    return float(-10 * np.log10(max(mse, 1e-9)))


def compare(points: list[Point], dataset: Path, folder: Path) -> None:
    """Fills in the true errors of frames that have references."""
    pairs = {pair.frame: pair for pair in find_pairs(dataset) if pair.references}
    for point in points:
        if point.frame in pairs:
            pair = pairs[point.frame]
            halves = [ExrImage.open(path).frame().color for path in pair.references]
            factor = np.float32(exposure((halves[0] + halves[1]) / 2))
            mean = mean_frame(read_group(pair.noisy, None, ())).color
            finished = ExrImage.open(folder / f"{pair.view}_f{pair.frame:04d}.exr")
            ours = finished.shown_color(finished.layer(None))
            both = {"reference_a": halves[0] * factor, "reference_b": halves[1] * factor}
            values = [psnr(image=image * factor, **both) for image in (mean, ours)]
            point.noisy_true, point.true = (value if np.isfinite(value) else None for value in values)
