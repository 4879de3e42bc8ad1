"""Which picture is better, where, and how far from the truth is it? Answered by pairs of noisy renders alone.

For independent renders A and B: E[(f(A) - B)²] = MSE(f(A)) + Var(B), and Var(B) cancels where two pictures are compared.
All images are exposed radiance (H, W, 3); errors are on T(v) = (v / (1 + v))^(1/2.2).
"""
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from ..frame.transfer import encode_tonemap, tonemap_slope
from ..train.losses import clamp_fireflies, perceptual_weight

CELL_PX = 16             # evidence is summed over cells of this size
SMOOTH_CELLS = 1.5       # standard deviation of the Gaussian over which neighbouring cells help each other
SHARE_SPREAD = 0.3       # how far a region's best share is usually from the shot's
ERROR_SMOOTH_CELLS = 1.5
FIREFLY_CLAMP = 16.0     # as in training, see config.py
ROBUST_WINDOW_PX = 5
ROBUST_SHARE = 0.5
ERROR_CELL_PX = 4
DIFFERENCE_TO_ERROR = 1.8         # MSE of f(A) / (½ |f(A) - f(B)|²): the usual ratio; the rest is what both get wrong
DIFFERENCE_TO_ERROR_SPREAD = 0.3
ERROR_OF_MEAN = 0.7      # MSE of f(mean of both halves) / MSE of f(one half)


def robust_weight(start, pilot) -> np.ndarray:
    """The weight (H, W, 3) of squared errors when pictures are compared: perceptual, but less beside bright things.

    Where a picture misses a highlight, the squared error of the radiance is beyond all measure of what is seen on T, and
    a handful of such pixels would decide everything; so each pixel counts as if it were as bright as its neighbourhood.
    """
    tensor = torch.from_numpy(np.ascontiguousarray(np.maximum(start, pilot).transpose(2, 0, 1), np.float32))[None]
    around = F.max_pool2d(tensor, ROBUST_WINDOW_PX, stride=1, padding=ROBUST_WINDOW_PX // 2)[0].numpy().transpose(1, 2, 0)
    return perceptual_weight(np.maximum(start, ROBUST_SHARE * around), np.maximum(pilot, ROBUST_SHARE * around), np)


def without_fireflies(render, other) -> np.ndarray:
    """The render, limited to so many times the local mean of another seed as targets are in training."""
    chw = [torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1), np.float32))[None] for image in (render, other)]
    return clamp_fireflies(*chw, FIREFLY_CLAMP)[0].numpy().transpose(1, 2, 0)


@dataclass
class Evidence:
    """Sums over pixels and channels for a step from `start` to `other`, judged by independent renders.

    gain: w (other - start)(B - start); reach: w (other - start)²; noise: of `gain`, its squares. Going the share s of the
    way changes the error by s² reach - 2 s gain. Arrays (H / 16, W / 16), or numbers.
    """
    gain: np.ndarray
    reach: np.ndarray
    noise: np.ndarray

    def __add__(self, other: "Evidence") -> "Evidence":
        return Evidence(self.gain + other.gain, self.reach + other.reach, self.noise + other.noise)

    def total(self) -> "Evidence":
        return Evidence(float(self.gain.sum()), float(self.reach.sum()), float(self.noise.sum()))


def find_evidence(start, other, judge, weight, known) -> Evidence:
    """`judge`: a render that is independent of what both pictures were made from; known (H, W): where to look."""
    step = (other - start) * known[..., None]
    gain = (weight * step * (judge - start)).sum(-1)
    return Evidence(*(_cells(image, CELL_PX) for image in (gain, (weight * step ** 2).sum(-1), gain ** 2)))


def best_share(evidence: Evidence, caution: float = 1.0) -> float:
    """The share of the way, 0 to 1, that is best for the whole shot, `caution` standard errors on the safe side."""
    found = evidence.total()
    return float(np.clip((found.gain - caution * found.noise ** 0.5) / max(found.reach, 1e-12), 0.0, 1.0))


def share_map(evidence: Evidence, usual: float, spread, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 1) in [0, 1], smooth: each region's best share as far as its evidence stands out of the noise, else `usual`.

    spread: how far a region's best share is usually from `usual`; a number, or one for each cell.
    """
    gain, reach, noise = (_smooth(image, SMOOTH_CELLS) for image in (evidence.gain, evidence.reach, evidence.noise))
    noise = np.maximum(noise, 1e-20)
    share = (gain * reach / noise + usual / spread ** 2) / (reach ** 2 / noise + 1 / spread ** 2)
    return _enlarge(np.clip(share, 0.0, 1.0).astype(np.float32), CELL_PX, size)[..., None]


def difference(one, two) -> np.ndarray:
    """(H, W): ½ |T(one) - T(two)|², mean over channels, for pictures made from two independent halves."""
    return ((encode_tonemap(one, np) - encode_tonemap(two, np)) ** 2).mean(-1) / 2


class Calibration:
    """How much larger the error is than what two independent pictures differ by; collected over frames."""

    def __init__(self):
        self.errors, self.differences = [], []

    def add(self, pictures, judges, pilot):
        """pictures: made from either half; judges: the *other* half of each. None of them may have been trained on it."""
        weight = tonemap_slope(pilot, np) ** 2
        pair = sum(weight * (picture - judge) ** 2 for picture, judge in zip(pictures, judges, strict=True)) / 2
        pair -= weight * (judges[0] - judges[1]) ** 2 / 2
        self.errors.append(_cells(pair.mean(-1), CELL_PX).ravel())
        self.differences.append(_cells(difference(*pictures), CELL_PX).ravel())

    def ratio(self) -> float:
        """The measured ratio and the usual one, each weighed by how sure it is; the usual one without any frame."""
        if not self.errors:
            return DIFFERENCE_TO_ERROR
        errors, differences = np.concatenate(self.errors), np.concatenate(self.differences)
        total = max(differences.sum(), 1e-12)
        measured = errors.sum() / total
        variance = ((errors - measured * differences) ** 2).sum() / total ** 2
        trust = DIFFERENCE_TO_ERROR_SPREAD ** 2 / (DIFFERENCE_TO_ERROR_SPREAD ** 2 + variance)
        return float(np.clip(trust * measured + (1 - trust) * DIFFERENCE_TO_ERROR, 1.0, 5.0))


def error_map(one, two, ratio: float) -> np.ndarray:
    """(H, W) expected squared error on T of the picture of all seeds, from those of its two halves."""
    apart = difference(one, two)
    means = _cells(apart, ERROR_CELL_PX) / _cells(np.ones_like(apart), ERROR_CELL_PX)
    small = _smooth(means, ERROR_SMOOTH_CELLS, keep_sum=False)
    return ratio * ERROR_OF_MEAN * _enlarge(small.astype(np.float32), ERROR_CELL_PX, one.shape[:2])


def noise_share_map(picture, mean, halves, pictures, weight, known, error) -> np.ndarray:
    """(H, W, 1) how much of the noisy mean is good in `picture`: next to nothing at few samples, much at many.

    gain needs independent renders: (A - f(A))(B - f(A)), and is less for the mean, whose picture is nearer to the truth;
    reach is that of the mean, which is less noisy than either half.
    More than the picture's expected squared error, `error` (H, W), over reach can hardly be good: that is how far the
    share is expected to be from nothing.
    """
    (one, two), (of_one, of_two) = halves, pictures
    evidence = find_evidence(of_one, one, two, weight, known) + find_evidence(of_two, two, one, weight, known)
    everywhere = np.ones_like(known)
    reach = find_evidence(picture, mean, mean, weight, everywhere).reach
    seen = _cells(known, CELL_PX) / _cells(everywhere, CELL_PX)
    plausible = _smooth(3 * _cells(error, CELL_PX), SMOOTH_CELLS) / np.maximum(_smooth(reach, SMOOTH_CELLS), 1e-12)
    evidence = Evidence(ERROR_OF_MEAN * evidence.gain, 2 * seen * reach, ERROR_OF_MEAN ** 2 * evidence.noise)  # both halves
    return share_map(evidence, 0.0, np.clip(plausible / 2, 1e-6, 1.0), picture.shape[:2])


def _cells(image, size: int) -> np.ndarray:
    """(H, W) → sums over size × size cells, the last ones smaller. float64."""
    rows, columns = (np.arange(0, length, size) for length in image.shape)
    return np.add.reduceat(np.add.reduceat(image, rows, axis=0, dtype=np.float64), columns, axis=1)


def _smooth(image, deviation: float, keep_sum: bool = True) -> np.ndarray:
    """Gaussian with 1 at its peak, nothing beyond the edges. keep_sum False: divided by the weight that lies within."""
    radius = int(np.ceil(3 * deviation))
    kernel = torch.exp(-torch.arange(-radius, radius + 1, dtype=torch.float64) ** 2 / (2 * deviation ** 2))

    def convolve(pixels):
        tensor = torch.from_numpy(np.ascontiguousarray(pixels, np.float64))[None, None]
        tensor = F.conv2d(tensor, kernel[None, None, :, None], padding=(radius, 0))
        return F.conv2d(tensor, kernel[None, None, None], padding=(0, radius))[0, 0].numpy()
    return convolve(image) if keep_sum else convolve(image) / convolve(np.ones_like(image))


def _enlarge(cells, size: int, shape: tuple[int, int]) -> np.ndarray:
    """Cells → pixels (H, W), bilinear between the centres of the cells."""
    tensor = torch.from_numpy(cells)[None, None]
    large = F.interpolate(tensor, scale_factor=size, mode="bilinear", align_corners=False)[0, 0].numpy()
    return large[:shape[0], :shape[1]]
