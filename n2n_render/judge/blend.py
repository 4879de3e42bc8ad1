"""Pictures of a frame by two networks, and its noisy mean → the blend of all three, each where it is best; and its error."""

from dataclasses import dataclass

import numpy as np

from ..frame.arrays import Array, Mask
from ..frame.transfer import tonemap_slope
from .cells import smooth, sum_cells
from .error import ERROR_OF_MEAN, error_map, psnr_of, radiance_error_map
from .evidence import (
    CELL_PX,
    SMOOTH_CELLS,
    WEIGHT_SPREAD,
    Evidence,
    find_evidence,
    limit_fireflies,
    residual_on_display,
    step_on_display,
    weight_map,
)


@dataclass(frozen=True)
class Usual:
    """What is known of a shot before a frame of it is looked at.

    Attributes:
        weight: the blend weight of the adapted network that is best for the whole shot.
        ratio: of error and difference, see `Calibration`.
        shared: the factor of `SharedError`, of use with neighbours only.
    """

    weight: float
    ratio: float
    shared: float = 0.0


@dataclass(frozen=True)
class Versions:
    """Three pictures of one frame, exposed radiance (H, W, 3) each: of all seeds, and of both halves of them."""

    whole: Array
    halves: tuple[Array, Array]


@dataclass(frozen=True)
class Blended:
    """A frame's picture, and how wrong it is.

    Attributes:
        color: radiance (H, W, 3).
        error: (H, W), expected RMS error of the radiance; None where nothing is known of it.
        error_display: (H, W), the same on T.
        squared_error: the expected squared error on T, mean over the frame; 0 where there was no noise, or nothing is known.
        weights: how much of the picture is the adapted network's ("adapted") and the noisy mean's ("noisy"), means.
    """

    color: Array
    error: Array | None
    error_display: Array | None
    squared_error: float
    weights: dict[str, float]

    @property
    def psnr_db(self) -> float | None:
        """On T; None where there was no noise, or nothing is known."""
        return psnr_of(self.squared_error)


def without_noise(color: Array) -> Blended:
    """Of a frame that holds no noise: the frame."""
    nothing = np.zeros(color.shape[:2], np.float32)
    return Blended(color, nothing, nothing, 0.0, {"adapted": 0.0, "noisy": 1.0})


def without_error(color: Array, adapted: float) -> Blended:
    """Of a frame whose halves were not painted: nothing tells how wrong it is. adapted: its weight."""
    return Blended(color, None, None, 0.0, {"adapted": adapted, "noisy": 0.0})


def blend(
    adapted: Versions,
    start: Versions | None,
    noisy: Versions,
    held_out: Mask,
    usual: Usual,
    finished: Mask,
    alone: tuple[Array, Array] | None = None,
) -> Blended:
    """The best of three pictures, region by region, in exposed radiance.

    Args:
        adapted: by the adapted network.
        start: by the network that it started from; None where it began from nothing.
        noisy: the renders themselves.
        held_out: (H, W), pixels whose targets the adapted network was not trained on.
        usual: what the whole shot says.
        finished: (H, W), pixels without noise, which stay as they are.
        alone: with neighbours, pictures of the halves that do not know them.
    """
    if start:
        mixed, weight = mix(start, adapted, noisy, held_out, usual.weight)
    else:
        mixed, weight = adapted, np.ones((*held_out.shape, 1), np.float32)
    wrong_alike = (alone, usual.shared) if alone else (None, 0.0)
    squared = error_map(mixed.halves, usual.ratio, *wrong_alike)
    noise_weight = noise_weight_map(mixed, noisy, held_out, squared)
    color = mixed.whole + noise_weight * (noisy.whole - mixed.whole)
    radiance = radiance_error_map(mixed.halves, usual.ratio, *wrong_alike)
    color[finished], squared[finished], radiance[finished] = noisy.whole[finished], 0, 0
    weights = {"adapted": float(weight.mean()), "noisy": float(noise_weight.mean())}
    return Blended(color, np.sqrt(radiance), np.sqrt(squared), float(squared.mean()), weights)


def mix(start: Versions, adapted: Versions, noisy: Versions, held_out: Mask, usual: float) -> tuple[Versions, Array]:
    """Between start and adapted network: the mixed pictures, and the weight (H, W, 1) of the adapted one."""

    def of_half(half: int) -> Evidence[Array]:
        target = limit_fireflies(noisy.halves[1 - half], noisy.halves[half])
        residual = residual_on_display(start.halves[half], target, start.whole)
        return find_evidence(step_on_display(start.halves[half], adapted.halves[half]), residual, held_out)

    weight = weight_map(of_half(0) + of_half(1), usual, WEIGHT_SPREAD, (held_out.shape[0], held_out.shape[1]))
    whole, one, two = (
        begin + weight * (end - begin)
        for begin, end in zip((start.whole, *start.halves), (adapted.whole, *adapted.halves), strict=True)
    )
    return Versions(whole, (one, two)), weight


def noise_weight_map(pictures: Versions, noisy: Versions, held_out: Mask, error: Array) -> Array:
    """(H, W, 1) how much of the noisy mean is good in the picture: next to nothing at few samples, much at many.

    The gain needs independent renders: (A - f(A))(B - f(A)), and is less for the mean, whose picture is nearer to the
    truth. The reach is that of the mean, which is less noisy than either half. T is straightened here: E[T(noisy)] is too
    dark. More than the expected squared error over the reach can hardly be good: that is how far the weight is expected
    to be from nothing.

    Args:
        error: (H, W), the picture's expected squared error on T.
    """
    slope = tonemap_slope(pictures.whole, np)
    (one, two), (of_one, of_two) = noisy.halves, pictures.halves
    evidence = find_evidence(slope * (one - of_one), slope * (two - of_one), held_out) + find_evidence(
        slope * (two - of_two), slope * (one - of_two), held_out
    )
    everywhere = np.ones_like(held_out)
    reach = find_evidence(slope * (noisy.whole - pictures.whole), slope, everywhere).reach
    seen = sum_cells(held_out, CELL_PX) / sum_cells(everywhere, CELL_PX)
    plausible = smooth(3 * sum_cells(error, CELL_PX), SMOOTH_CELLS) / np.maximum(smooth(reach, SMOOTH_CELLS), 1e-12)
    both = Evidence(ERROR_OF_MEAN * evidence.gain, 2 * seen * reach, ERROR_OF_MEAN**2 * evidence.noise)
    return weight_map(both, 0.0, np.clip(plausible / 2, 1e-6, 1.0), (error.shape[0], error.shape[1]))
