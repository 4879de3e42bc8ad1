"""Which picture is better, where, and how far from the truth is it? Answered by pairs of noisy renders alone.

For independent renders A and B: E[(f(A) - B)²] = MSE(f(A)) + Var(B), and Var(B) cancels where two pictures are compared.
Errors are on T, of which B knows nothing by itself, for E[T(B)] is darker than T(true). So it is asked for the residual
B - start, times the slope of the secant of T from the start's picture to the pilot, which stands for the truth there. The
pilot is made from A *and* B: where B is too bright, the slope is a little less. That favours darker pictures: with a
weight that leaned on the pilot more, by 1 % of the error for one that is 2 % darker, where the noise is 80 times the
error. docs/adapt.md judges by references instead.
All images are exposed radiance (H, W, 3); errors are on T(v) = (v / (1 + v))^(1/2.2).
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from ..frame.transfer import SLOPE_SHIFT, encode_tonemap, tonemap_secant, tonemap_slope
from ..train.losses import clamp_fireflies

CELL_PX = 16  # evidence is summed over cells of this size
SMOOTH_CELLS = 1.5  # standard deviation of the Gaussian over which neighbouring cells help each other
SHARE_SPREAD = 0.3  # how far a region's best share is usually from the shot's
ERROR_SMOOTH_CELLS = 1.5
FIREFLY_CLAMP = 16.0  # as in training, see config.py
ERROR_CELL_PX = 4
DIFFERENCE_TO_ERROR = 1.8  # MSE of f(A) / (½ |f(A) - f(B)|²): the usual ratio; the rest is what both get wrong
DIFFERENCE_TO_ERROR_SPREAD = 0.3
SHARED_ERROR = 0.8  # with neighbours: what both get wrong alike, as a share of the start's difference
SHARED_ERROR_SPREAD = 0.4
ERROR_OF_MEAN = 0.7  # MSE of f(mean of both halves) / MSE of f(one half)


def without_fireflies(render, other) -> np.ndarray:
    """The render, limited to so many times the local mean of another seed as targets are in training."""
    chw = [torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1), np.float32))[None] for image in (render, other)]
    return clamp_fireflies(*chw, FIREFLY_CLAMP)[0].numpy().transpose(1, 2, 0)


@dataclass
class Evidence:
    """Sums over pixels and channels for a step from `start` to `other`, judged by independent renders.

    gain: step times residual, reach: step squared, noise: of `gain`, its squares. Going the share s of the way changes the
    error by s² reach - 2 s gain. Arrays (H / 16, W / 16), or numbers.
    """

    gain: np.ndarray
    reach: np.ndarray
    noise: np.ndarray

    def __add__(self, other: "Evidence") -> "Evidence":
        return Evidence(self.gain + other.gain, self.reach + other.reach, self.noise + other.noise)

    def total(self) -> "Evidence":
        return Evidence(float(self.gain.sum()), float(self.reach.sum()), float(self.noise.sum()))


def shown_step(start, other) -> np.ndarray:
    """From one picture to another on T."""
    return encode_tonemap(other, np) - encode_tonemap(start, np)


def shown_residual(start, judge, pilot) -> np.ndarray:
    """What is missing on T in `start`, with the noise of `judge`, a render that is independent of what it was made from."""
    return tonemap_secant(start, pilot, np) * (judge - start)


def find_evidence(step, residual, known) -> Evidence:
    """`known` (H, W): where to look."""
    step = step * known[..., None]
    gain = (step * residual).sum(-1)
    return Evidence(*(_cells(image, CELL_PX) for image in (gain, (step**2).sum(-1), gain**2)))


def best_share(evidence: Evidence, caution: float = 1.0) -> float:
    """The share of the way, 0 to 1, that is best for the whole shot, `caution` standard errors on the safe side."""
    found = evidence.total()
    return float(np.clip((found.gain - caution * found.noise**0.5) / max(found.reach, 1e-12), 0.0, 1.0))


def share_map(evidence: Evidence, usual: float, spread, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 1) in [0, 1], smooth: each region's best share as far as its evidence stands out of the noise, else `usual`.

    spread: how far a region's best share is usually from `usual`; a number, or one for each cell.
    """
    gain, reach, noise = (_smooth(image, SMOOTH_CELLS) for image in (evidence.gain, evidence.reach, evidence.noise))
    noise = np.maximum(noise, 1e-20)
    share = (gain * reach / noise + usual / spread**2) / (reach**2 / noise + 1 / spread**2)
    return _enlarge(np.clip(share, 0.0, 1.0).astype(np.float32), CELL_PX, size)[..., None]


def difference(one, two) -> np.ndarray:
    """(H, W): ½ |T(one) - T(two)|², mean over channels, for pictures made from two independent halves."""
    return ((encode_tonemap(one, np) - encode_tonemap(two, np)) ** 2).mean(-1) / 2


class Calibration:
    """How much larger the error is than what two independent pictures differ by; collected over frames."""

    def __init__(self):
        self.errors, self.differences = [], []

    def add(self, pictures, judges, pilot, known=1.0):
        """pictures: made from either half; judges: the *other* half of each. None of them may have been trained on it where
        `known` (H, W) is.
        """
        known = np.broadcast_to(known, pilot.shape[:2])
        self.errors.append(_pair_errors(pictures, judges, pilot, known))
        self.differences.append(_cells(known * difference(*pictures), CELL_PX).ravel())

    def forget_all_but(self, newest: int):
        del self.errors[:-newest], self.differences[:-newest]

    def ratio(self) -> float:
        """The measured ratio and the usual one, each weighed by how sure it is; the usual one without any frame."""
        found = _weighed(self.errors, self.differences, DIFFERENCE_TO_ERROR, DIFFERENCE_TO_ERROR_SPREAD)
        return float(np.clip(found, 1.0, 3 * DIFFERENCE_TO_ERROR))


class SharedError:
    """What the pictures of both halves get wrong alike, because they look at the same neighbours; collected over frames.

    MSE of f(one half) = usual ratio · ½ |f(A) - f(B)|² + share · ½ |start(A) - start(B)|². The second part is as large for
    the mean of both halves: more samples of a frame do not change what its neighbours show. On four shots this is right
    within 4 % in each frame, once the share is known (0.3 on one, 1.2 on another).
    usual: the share where nothing is measured.
    """

    def __init__(self, usual: float = SHARED_ERROR):
        self.usual, self.errors, self.differences = usual, [], []

    def add(self, pictures, starts, judges, pilot, known=1.0):
        """As in `Calibration`; starts: the start's pictures of either half, which do not look at neighbours."""
        known = np.broadcast_to(known, pilot.shape[:2])
        own = DIFFERENCE_TO_ERROR * _cells(known * difference(*pictures), CELL_PX).ravel()
        self.errors.append(_pair_errors(pictures, judges, pilot, known) - own)
        self.differences.append(_cells(known * difference(*starts), CELL_PX).ravel())

    def share(self) -> float:
        return float(np.clip(_weighed(self.errors, self.differences, self.usual, SHARED_ERROR_SPREAD), 0.0, 3.0))


def _pair_errors(pictures, judges, pilot, known):
    """Squared error of pictures of halves, sums over cells: what the judges see, less their own noise."""
    weight = known[..., None] * tonemap_slope(pilot, np) ** 2
    pair = sum(weight * (picture - judge) ** 2 for picture, judge in zip(pictures, judges, strict=True)) / 2
    pair -= weight * (judges[0] - judges[1]) ** 2 / 2
    return _cells(pair.mean(-1), CELL_PX).ravel()


def _weighed(errors, differences, usual: float, spread: float) -> float:
    """errors / differences, drawn towards the usual number as far as it is uncertain."""
    if not errors:
        return usual
    errors, differences = np.concatenate(errors), np.concatenate(differences)
    total = max(differences.sum(), 1e-12)
    measured = errors.sum() / total
    variance = ((errors - measured * differences) ** 2).sum() / total**2
    trust = spread**2 / (spread**2 + variance)
    return trust * measured + (1 - trust) * usual


def error_map(one, two, ratio: float, starts=None, shared=0.0) -> np.ndarray:
    """(H, W) expected squared error on T of the picture of all seeds, from those of its two halves.

    starts, shared: with neighbours, the start's pictures of the halves, and the share of `SharedError`, a number or (H, W).
    """
    return _expected(difference, (one, two), ratio, starts, shared)


def radiance_error_map(one, two, ratio: float, starts=None, shared=0.0) -> np.ndarray:
    """(H, W) the same of the radiance itself. Smoothed as a relative error: a lamp's error is not that of what it lights."""
    level = ((one + two) / 2).mean(-1) + SLOPE_SHIFT

    def relative(one, two):
        return ((one - two) ** 2).mean(-1) / 2 / level**2

    return _expected(relative, (one, two), ratio, starts, shared) * level**2


def _expected(difference_of, halves, ratio, starts, shared):
    apart = ratio * ERROR_OF_MEAN * difference_of(*halves)
    if starts is not None:
        apart = apart + shared * difference_of(*starts)
    means = _cells(apart, ERROR_CELL_PX) / _cells(np.ones_like(apart), ERROR_CELL_PX)
    small = _smooth(means, ERROR_SMOOTH_CELLS, keep_sum=False)
    return _enlarge(small.astype(np.float32), ERROR_CELL_PX, apart.shape)


def noise_share_map(picture, mean, halves, pictures, known, error) -> np.ndarray:
    """(H, W, 1) how much of the noisy mean is good in `picture`: next to nothing at few samples, much at many.

    gain needs independent renders: (A - f(A))(B - f(A)), and is less for the mean, whose picture is nearer to the truth;
    reach is that of the mean, which is less noisy than either half. T is straightened here: E[T(noisy)] is too dark.
    More than the picture's expected squared error, `error` (H, W), over reach can hardly be good: that is how far the
    share is expected to be from nothing.
    """
    slope = tonemap_slope(picture, np)
    (one, two), (of_one, of_two) = halves, pictures
    evidence = find_evidence(slope * (one - of_one), slope * (two - of_one), known) + find_evidence(
        slope * (two - of_two), slope * (one - of_two), known
    )
    everywhere = np.ones_like(known)
    reach = find_evidence(slope * (mean - picture), slope, everywhere).reach
    seen = _cells(known, CELL_PX) / _cells(everywhere, CELL_PX)
    plausible = _smooth(3 * _cells(error, CELL_PX), SMOOTH_CELLS) / np.maximum(_smooth(reach, SMOOTH_CELLS), 1e-12)
    evidence = Evidence(ERROR_OF_MEAN * evidence.gain, 2 * seen * reach, ERROR_OF_MEAN**2 * evidence.noise)  # both halves
    return share_map(evidence, 0.0, np.clip(plausible / 2, 1e-6, 1.0), picture.shape[:2])


def _cells(image, size: int) -> np.ndarray:
    """(H, W) → sums over size × size cells, the last ones smaller. float64."""
    rows, columns = (np.arange(0, length, size) for length in image.shape)
    return np.add.reduceat(np.add.reduceat(image, rows, axis=0, dtype=np.float64), columns, axis=1)


def _smooth(image, deviation: float, keep_sum: bool = True) -> np.ndarray:
    """Gaussian with 1 at its peak, nothing beyond the edges. keep_sum False: divided by the weight that lies within."""
    radius = int(np.ceil(3 * deviation))
    kernel = torch.exp(-(torch.arange(-radius, radius + 1, dtype=torch.float64) ** 2) / (2 * deviation**2))

    def convolve(pixels):
        tensor = torch.from_numpy(np.ascontiguousarray(pixels, np.float64))[None, None]
        tensor = F.conv2d(tensor, kernel[None, None, :, None], padding=(radius, 0))
        return F.conv2d(tensor, kernel[None, None, None], padding=(0, radius))[0, 0].numpy()

    return convolve(image) if keep_sum else convolve(image) / convolve(np.ones_like(image))


def _enlarge(cells, size: int, shape: tuple[int, int]) -> np.ndarray:
    """Cells → pixels (H, W), bilinear between the centres of the cells."""
    tensor = torch.from_numpy(cells)[None, None]
    large = F.interpolate(tensor, scale_factor=size, mode="bilinear", align_corners=False)[0, 0].numpy()
    return large[: shape[0], : shape[1]]
