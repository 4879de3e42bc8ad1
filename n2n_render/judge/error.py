"""Pictures made from independent halves of a frame's seeds → how far from the truth they are, without any reference."""

from collections.abc import Callable, Sequence

import numpy as np

from ..frame.arrays import Array, Mask
from ..frame.transfer import SLOPE_SHIFT, encode_tonemap, tonemap_slope
from .cells import enlarge, smooth, sum_cells
from .evidence import CELL_PX

ERROR_CELL_PX = 4
ERROR_SMOOTH_CELLS = 1.5
DIFFERENCE_TO_ERROR = 1.8  # MSE of f(A) / (½ |f(A) - f(B)|²): the usual ratio; the rest is what both get wrong
DIFFERENCE_TO_ERROR_SPREAD = 0.3
SHARED_ERROR = 0.6  # with neighbours: what both get wrong alike, as a part of the difference of pictures without them
SHARED_ERROR_SPREAD = 0.4
ERROR_OF_MEAN = 0.7  # MSE of f(mean of both halves) / MSE of f(one half)
ERROR_OF_PICTURE = 0.65  # the same of a finished picture, of several passes, by halves that were turned otherwise

Pictures = Sequence[Array]  # one of each half


def difference(one: Array, two: Array) -> Array:
    """(H, W): ½ |T(one) - T(two)|², mean over channels, for pictures made from two independent halves."""
    apart: Array = ((encode_tonemap(one, np) - encode_tonemap(two, np)) ** 2).mean(-1) / 2
    return apart


class Calibration:
    """How much larger the error is than what two independent pictures differ by; collected over frames."""

    def __init__(self) -> None:
        self.errors: list[Array] = []
        self.differences: list[Array] = []

    def add(self, pictures: Pictures, targets: Pictures, initial_estimate: Array, held_out: Mask | float = 1.0) -> None:
        """One more frame.

        Args:
            pictures: made from either half.
            targets: the *other* half of each. No picture may have been trained on its target where `held_out` is.
            held_out: (H, W), where to look; everywhere by default.
        """
        held_out = np.broadcast_to(held_out, initial_estimate.shape[:2])
        self.errors.append(_pair_errors(pictures, targets, initial_estimate, held_out))
        self.differences.append(sum_cells(held_out * difference(pictures[0], pictures[1]), CELL_PX).ravel())

    def forget_all_but(self, newest: int) -> None:
        """Keeps the newest frames only."""
        del self.errors[:-newest], self.differences[:-newest]

    def ratio(self) -> float:
        """The measured ratio and the usual one, each weighed by how sure it is; the usual one without any frame."""
        measured = _weighed(self.errors, self.differences, DIFFERENCE_TO_ERROR, DIFFERENCE_TO_ERROR_SPREAD)
        return float(np.clip(measured, 1.0, 3 * DIFFERENCE_TO_ERROR))


class SharedError:
    """What the pictures of both halves get wrong alike, because they look at the same neighbours; collected over frames.

    MSE of f(one half) = usual ratio · ½ |f(A) - f(B)|² + factor · ½ |alone(A) - alone(B)|², alone being the pictures of the
    halves without any neighbour. The second part is as large for all seeds: more samples of a frame do not change what its
    neighbours show.
    """

    def __init__(self, usual: float = SHARED_ERROR):
        """usual: the factor where nothing is measured."""
        self.usual = usual
        self.errors: list[Array] = []
        self.differences: list[Array] = []

    def add(
        self,
        pictures: Pictures,
        alone: Pictures,
        targets: Pictures,
        initial_estimate: Array,
        held_out: Mask | float = 1.0,
    ) -> None:
        """As `Calibration.add`.

        Args:
            alone: pictures of either half that do not know the neighbours.
        """
        held_out = np.broadcast_to(held_out, initial_estimate.shape[:2])
        own = DIFFERENCE_TO_ERROR * sum_cells(held_out * difference(pictures[0], pictures[1]), CELL_PX).ravel()
        self.errors.append(_pair_errors(pictures, targets, initial_estimate, held_out) - own)
        self.differences.append(sum_cells(held_out * difference(alone[0], alone[1]), CELL_PX).ravel())

    def forget_all_but(self, newest: int) -> None:
        """Keeps the newest frames only."""
        del self.errors[:-newest], self.differences[:-newest]

    def factor(self) -> float:
        return float(np.clip(_weighed(self.errors, self.differences, self.usual, SHARED_ERROR_SPREAD), 0.0, 3.0))


def _pair_errors(pictures: Pictures, targets: Pictures, initial_estimate: Array, held_out: Mask) -> Array:
    """Squared error of pictures of halves, sums over cells: what the targets see, less their own noise."""
    weight = held_out[..., None] * tonemap_slope(initial_estimate, np) ** 2
    pair = sum(weight * (picture - target) ** 2 for picture, target in zip(pictures, targets, strict=True)) / 2
    pair -= weight * (targets[0] - targets[1]) ** 2 / 2
    return sum_cells(pair.mean(-1), CELL_PX).ravel()


def _weighed(errors: Pictures, differences: Pictures, usual: float, spread: float) -> float:
    """errors / differences, drawn towards the usual number as far as it is uncertain."""
    if not errors:
        return usual
    error, apart = np.concatenate(errors), np.concatenate(differences)
    total = max(float(apart.sum()), 1e-12)
    measured = float(error.sum()) / total
    variance = float(((error - measured * apart) ** 2).sum()) / total**2
    trust = spread**2 / (spread**2 + variance)
    return trust * measured + (1 - trust) * usual


def error_map(halves: Pictures, ratio: float, alone: Pictures | None = None, shared: float | Array = 0.0) -> Array:
    """(H, W) expected squared error on T of the picture of all seeds.

    Args:
        halves: the pictures of both halves of the seeds.
        ratio: of error and difference, see `Calibration`.
        alone: with neighbours, pictures of the halves that do not know them.
        shared: with neighbours, the factor of `SharedError`, a number or (H, W).
    """
    return _expected(difference, halves, ratio, alone, shared)


def radiance_error_map(halves: Pictures, ratio: float, alone: Pictures | None = None, shared: float | Array = 0.0) -> Array:
    """(H, W) the same of the radiance itself. Smoothed as a relative error: a lamp's error is not that of what it lights."""
    level = ((halves[0] + halves[1]) / 2).mean(-1) + SLOPE_SHIFT

    def relative(one: Array, two: Array) -> Array:
        apart: Array = ((one - two) ** 2).mean(-1) / 2 / level**2
        return apart

    squared: Array = _expected(relative, halves, ratio, alone, shared) * level**2
    return squared


def _expected(
    difference_of: Callable[[Array, Array], Array],
    halves: Pictures,
    ratio: float,
    alone: Pictures | None,
    shared: float | Array,
) -> Array:
    apart = ratio * ERROR_OF_PICTURE * difference_of(halves[0], halves[1])
    if alone is not None:
        apart = apart + shared * difference_of(alone[0], alone[1])
    means = sum_cells(apart, ERROR_CELL_PX) / sum_cells(np.ones_like(apart), ERROR_CELL_PX)
    return enlarge(smooth(means, ERROR_SMOOTH_CELLS, keep_sum=False), ERROR_CELL_PX, (apart.shape[0], apart.shape[1]))


def psnr_of(squared_error: float) -> float | None:
    """dB, of a squared error on T; None where there is no error to expect."""
    return float(-10 * np.log10(max(squared_error, 1e-12))) if squared_error > 0 else None
