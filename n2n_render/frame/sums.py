"""Parts of a picture that were denoised one by one → parts that add up to it again, each changed as far as it may be wrong."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .arrays import Array

BAND_ROWS = 16  # shared out at a time, on all cores; in between they take four times as much memory as their parts
CLOSE = np.float32(1e-6)  # of the total: sums of float32 are no nearer
HOLDS = 1e-3  # of the picture: parts whose sum differs by less add up
DARK = 1e-3  # of the picture counts as this: half floats round dark parts by 3e-8 each, whatever they are


def summed(parts: Sequence[Array]) -> Array:
    """Σ parts, float64; one after the other: all of them are not in memory twice."""
    total = np.zeros(parts[0].shape, np.float64)
    for part in parts:
        total += part
    return total


def unsummed(parts: Sequence[Array], total: Array) -> Array:
    """What the parts (H, W, 3) leave of the total: total - Σ parts."""
    rest: Array = total - summed(parts)
    return rest.astype(np.float32)


def adds_up(parts: Sequence[Array], total: Array) -> Array:
    """(H, W): where Σ parts = total, but for HOLDS of the total, or of DARK where that is more."""
    off = np.abs(unsummed(parts, total))
    held: Array = (off <= HOLDS * np.maximum(total, DARK)).all(-1)
    return held


def share_out(parts: Sequence[Array], errors: Sequence[Array], total: Array) -> list[Array]:
    """The nearest parts ≥ 0 that add up to the total, counting each one's change in units of its expected error.

    Minimises Σ (x_i - part_i)² / error_i subject to Σ x_i = total and x_i ≥ 0, pixel by pixel and colour by colour: what is
    left over goes to the parts by their errors; a part that would become negative becomes 0, and the others share what is left
    again. A part without error stays exactly as it is, unless all the others together are too little: then all are scaled.
    Where all parts are black and none may be wrong, they stay black.

    Args:
        parts: (H, W, 3) float32 each, ≥ 0.
        errors: Expected squared errors, (H, W, 1) or (H, W, 3) each, ≥ 0; only their ratios matter.
        total: (H, W, 3) float32, ≥ 0.
    """
    shared = [np.empty_like(total) for _ in parts]

    def work(rows: slice) -> None:
        shown = _share_rows([part[rows] for part in parts], [error[rows] for error in errors], total[rows])
        for part, pixels in zip(shared, shown, strict=True):
            part[rows] = pixels

    with ThreadPoolExecutor() as pool:
        list(pool.map(work, [slice(start, start + BAND_ROWS) for start in range(0, len(total), BAND_ROWS)]))
    return shared


def _share_rows(parts: Sequence[Array], errors: Sequence[Array], total: Array) -> Array:
    """(parts, h, W, 3) of some rows."""
    shared, precision = np.stack(parts), CLOSE * (total + np.float32(1e-6))
    weights = np.stack([np.broadcast_to(error, total.shape) for error in errors]).astype(np.float32)
    rest = total - shared.sum(0)
    for _ in parts:  # each round one part or more reaches 0
        weights[(rest < 0) & (shared <= 0)] = 0
        whole = weights.sum(0)
        shared += weights * np.divide(rest, whole, out=np.zeros_like(rest), where=whole > 0)
        np.maximum(shared, 0, out=shared)
        rest = total - shared.sum(0)
        if not (np.abs(rest) > precision).any():
            return shared
    found = shared.sum(0)
    shared *= np.divide(total, found, out=np.ones_like(found), where=(np.abs(rest) > precision) & (found > 0))
    return shared
