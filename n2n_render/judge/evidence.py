"""Two pictures and independent renders → how far to go from one to the other, for the whole shot and for each region."""

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from ..frame.arrays import Array, Mask
from ..frame.filters import box_mean
from ..frame.transfer import encode_tonemap, tonemap_secant
from .cells import enlarge, smooth, sum_cells

CELL_PX = 16  # evidence is summed over cells of this size
SMOOTH_CELLS = 1.5  # standard deviation of the Gaussian over which neighbouring cells help each other
WEIGHT_SPREAD = 0.3  # how far a region's best weight is usually from the shot's
FIREFLY_CLAMP = 16.0  # a target is limited to so many times the local mean of another seed; train's `firefly_clamp`
CLAMP_WINDOW_PX = 7  # the neighbourhood whose mean says what is a firefly
CLAMP_FLOOR = 0.1  # exposed radiance: in darkness the limit does not fall below FIREFLY_CLAMP times this

Sums = TypeVar("Sums", Array, float)


@dataclass(frozen=True)
class Evidence(Generic[Sums]):
    """Sums over pixels and channels for a step from one picture to another, by independent renders.

    Going the fraction w of the way changes the squared error by w² reach - 2 w gain.

    Attributes:
        gain: step times residual.
        reach: the step squared.
        noise: the variance of `gain`, as the sum of its squares.
            Each is an array of cells (H / 16, W / 16), or a number.
    """

    gain: Sums
    reach: Sums
    noise: Sums

    def __add__(self, other: "Evidence[Sums]") -> "Evidence[Sums]":
        return Evidence(self.gain + other.gain, self.reach + other.reach, self.noise + other.noise)

    def change(self, weight: float) -> Sums:
        """Of the squared error, going that fraction of the way."""
        return weight**2 * self.reach - 2 * weight * self.gain

    def total(self) -> "Evidence[float]":
        return Evidence(*(float(np.sum(values)) for values in (self.gain, self.reach, self.noise)))


def limit_fireflies(render: Array, other: Array) -> Array:
    """The render (H, W, 3), limited by the local mean of another seed as targets are in training; float32."""
    mean = box_mean(other, CLAMP_WINDOW_PX).astype(np.float32)
    limit = np.float32(FIREFLY_CLAMP) * np.maximum(mean.max(-1, keepdims=True), np.float32(CLAMP_FLOOR))
    limited: Array = np.minimum(render, limit).astype(np.float32, copy=False)
    return limited


def step_on_display(start: Array, other: Array) -> Array:
    """From one picture to another, on T."""
    step: Array = encode_tonemap(other, np) - encode_tonemap(start, np)
    return step


def residual_on_display(start: Array, target: Array, initial_estimate: Array) -> Array:
    """What is missing in `start`, on T, with the noise of `target`."""
    residual: Array = tonemap_secant(start, initial_estimate, np) * (target - start)
    return residual


def find_evidence(step: Array, residual: Array, held_out: Mask) -> Evidence[Array]:
    """What the residual says of the step, both (H, W, 3).

    Args:
        held_out: (H, W), where to look: pixels whose targets nobody was trained on.
    """
    step = step * held_out[..., None]
    gain = (step * residual).sum(-1)
    return Evidence(*(sum_cells(image, CELL_PX) for image in (gain, (step**2).sum(-1), gain**2)))


def best_weight(evidence: "Evidence[Array] | Evidence[float]", caution: float = 1.0) -> float:
    """The fraction of the way, 0 to 1, that is best for the whole shot, `caution` standard errors on the safe side."""
    total = evidence.total()
    return float(np.clip((total.gain - caution * total.noise**0.5) / max(total.reach, 1e-12), 0.0, 1.0))


def weight_map(evidence: Evidence[Array], usual: float, spread: float | Array, size: tuple[int, int]) -> Array:
    """(H, W, 1) in [0, 1], smooth: each region's best weight as far as its evidence stands out of the noise, else `usual`.

    Args:
        spread: how far a region's best weight is usually from `usual`; a number, or one for each cell.
        size: (H, W).
    """
    gain, reach, noise = (smooth(image, SMOOTH_CELLS) for image in (evidence.gain, evidence.reach, evidence.noise))
    noise = np.maximum(noise, 1e-20)
    weight = (gain * reach / noise + usual / spread**2) / (reach**2 / noise + 1 / spread**2)
    return enlarge(np.clip(weight, 0.0, 1.0).astype(np.float32), CELL_PX, size)[..., None]
