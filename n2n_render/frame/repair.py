"""Pixels that carry no information are filled from their neighbours: NaN, ±Inf, numbers that cannot be meant, lone suns."""

import numpy as np

from .arrays import Array, Mask
from .channels import Kind

# Beyond these a number means nothing. Radiance: the sun's disc in cd/m², 1.6e9, is the brightest thing that is rendered.
MEANT = {
    Kind.RADIANCE: 1e10,
    Kind.VARIANCE: 1e20,
    Kind.UNIT_COLOR: 100.0,
    Kind.DIRECTION: 100.0,
    Kind.MOTION: 1e5,
    Kind.COVERAGE: 100.0,
    Kind.SIGNAL: 1e5,  # of few photons, one is a thousand times white
}
BRIGHT = 65504.0  # radiance, the largest half float: a brighter pixel …
ALONE = 1e-3  # … beside which no other has this fraction of it was never seen: the pixel filter spreads what is there
RINGS = 8  # so many pixels from the edge of a hole each one is the mean of its neighbours; a larger hole is filled coarsely


def without_information(kind: Kind, pixels: Array) -> Mask:
    """(H, W), of an image (H, W, C). A distance may be infinite: that is the background."""
    if kind is Kind.DISTANCE:
        unknown: Mask = np.isnan(pixels).any(-1)
        return unknown
    most = BRIGHT if kind is Kind.RADIANCE else MEANT[kind]
    if np.abs(pixels).max(initial=0.0) <= most:  # one fast pass, which NaN fails; most images end here
        return np.zeros(pixels.shape[:2], bool)
    holes: Mask = ~(np.abs(pixels) <= MEANT[kind]).all(-1)
    if kind is Kind.RADIANCE:
        holes |= _alone(np.where(holes[..., None], 0, pixels).max(-1))
    return holes


def _alone(light: Array) -> Mask:
    """(H, W): pixels brighter than BRIGHT whose eight neighbours are all dark beside them."""
    alone: Mask = light > BRIGHT
    padded = np.pad(light, 1)
    rows, columns = np.nonzero(alone)
    for down in (0, 1, 2):
        for across in (0, 1, 2):
            if (down, across) != (1, 1):
                alone[rows, columns] &= padded[rows + down, columns + across] < ALONE * light[rows, columns]
    return alone


def fill(pixels: Array, holes: Mask) -> None:
    """Fills the holes (H, W) of an image (H, W, C) from around them, in place. Some pixel must be none.

    Depths are averaged as 1 / depth, so that a background beside a surface does not swallow it: pass them like that.
    """
    height, width = holes.shape
    holes = np.pad(holes, 1, constant_values=True)
    for _ in range(RINGS):
        rows, columns = np.nonzero(holes[1:-1, 1:-1])
        if not rows.size:
            return
        total = np.zeros((rows.size, pixels.shape[-1]), np.float64)
        count = np.zeros((rows.size, 1))
        for down in (0, 1, 2):
            for across in (0, 1, 2):
                there = ~holes[rows + down, columns + across]
                total[there] += pixels[rows[there] + down - 1, columns[there] + across - 1]
                count[there] += 1
        rim = count[:, 0] > 0
        pixels[rows[rim], columns[rim]] = total[rim] / count[rim]
        holes[rows[rim] + 1, columns[rim] + 1] = False
    _fill_coarsely(pixels, holes[1 : height + 1, 1 : width + 1])


def _fill_coarsely(pixels: Array, holes: Mask) -> None:
    """Each pixel in a hole becomes the mean of the smallest square around it, of the squares of a pyramid, that has any."""
    sums, counts = np.where(holes[..., None], 0, pixels).astype(np.float64), (~holes).astype(np.float64)
    rows, columns = np.nonzero(holes)
    size = 1
    while rows.size:
        edges = [np.arange(0, length, 2) for length in counts.shape]
        sums = np.add.reduceat(np.add.reduceat(sums, edges[0], axis=0), edges[1], axis=1)
        counts = np.add.reduceat(np.add.reduceat(counts, edges[0], axis=0), edges[1], axis=1)
        size *= 2
        places = rows // size, columns // size
        there = counts[places] > 0
        pixels[rows[there], columns[there]] = (sums[places] / np.maximum(counts[places], 1)[:, None])[there]
        rows, columns = rows[~there], columns[~there]


def repair(kind: Kind, pixels: Array) -> int:
    """Fills what carries no information in an image (H, W, C), in place; returns how many pixels that were.

    Raises ValueError where no pixel carries any.
    """
    holes = without_information(kind, pixels)
    count = int(holes.sum())
    if count == holes.size:
        raise ValueError("no pixel holds a number")
    if count and kind is Kind.DISTANCE:
        with np.errstate(divide="ignore"):
            nearness = 1 / np.where(holes[..., None], 1, np.abs(pixels))
            fill(nearness, holes)
            pixels[holes] = 1 / nearness[holes]
    elif count:
        fill(pixels, holes)
    return count
