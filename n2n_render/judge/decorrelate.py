"""Parts of one render → as good as independent renders: what their noise takes back of each other's is measured and undone.

A renderer spreads the samples of one render: where some fell too bright, the others fall too dark. So the mean of its parts is
better than that of independent renders of as many samples. But one part says something of the other's noise: a network that
is trained on one against the other learns E[B | A], which is not the truth, and pair errors are wrong.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from ..frame.arrays import Array
from ..frame.filters import high_pass
from ..frame.transfer import tonemap_slope
from .cells import sum_cells
from .evidence import CELL_PX, CLAMP_FLOOR, Evidence, best_weight, weight_map

SPREAD = 0.1  # how far a region's correlation is usually from the frame's
MOST = 0.9  # of a correlation, as its negative: more cannot be
ALIKE = 3.8  # high-passed white noise is alike in neighbouring pixels: of so many, one tells something new
ORDINARY = 0.3  # times the picture: noise that is about so large is taken back; a firefly is luck, and no other part knows it
BORDER = (1, 1), (1, 1), (0, 0)  # pixels that the high pass takes away
DARKEST = 1e-3  # exposed radiance: below, the slope of T is that of here


def decorrelate(parts: Sequence[Array], pictures: Sequence[Array]) -> list[Array]:
    """Draws parts together until their ordinary noise is uncorrelated; their mean stays.

    With n parts of noise σ² and correlation ρ < 0 the mean's noise is σ² (1 + (n - 1) ρ) / n, and what parts have beside it
    goes with σ² (1 - ρ). Times s, s² = (1 + (n - 1) ρ) / (1 - ρ), the two are as those of independent renders. Where noise
    is large, it is rare and bright: what is far from the mean stays there, or it would get into the other parts.

    Args:
        parts: Two or more, exposed radiance (H, W, 3) each.
        pictures: Of each part, by a denoiser that saw that part only.

    Returns:
        As `parts`, float32.
    """
    measured, count = correlation(parts, pictures), len(parts)
    scale = np.sqrt((1 + (count - 1) * measured) / (1 - measured)).astype(np.float32)
    mean, usual = np.mean(parts, axis=0, dtype=np.float32), _ordinary(pictures)
    beside = [_limit(part - mean, usual) for part in parts]
    middle = np.mean(beside, axis=0)
    return [np.maximum(part - (1 - scale) * (apart - middle), 0) for part, apart in zip(parts, beside, strict=True)]


def correlation(parts: Sequence[Array], pictures: Sequence[Array]) -> Array:
    """(H, W, 1) in (-1, 0], smooth: of the ordinary noise of two parts at the same pixel; nearer to 0 where it is uncertain.

    The noise is what a part has beside its own picture. What pictures get wrong alike is smooth, noise is not: second
    differences each way leave the noise.
    """
    slope = tonemap_slope(np.maximum(np.mean(pictures, axis=0), np.float32(DARKEST)), np)
    usual = _ordinary(pictures)
    noise = [
        slope * high_pass(np.pad(_limit(part - picture, usual), BORDER, mode="edge"))
        for part, picture in zip(parts, pictures, strict=True)
    ]
    own = np.mean([(one**2).sum(-1) for one in noise], axis=0)
    gain = -np.mean([(one * two).sum(-1) for one, two in combinations(noise, 2)], axis=0)
    evidence = Evidence(*(sum_cells(image, CELL_PX) for image in (gain, own, ALIKE * gain**2)))
    height, width = own.shape
    most = np.float32(MOST / (len(parts) - 1))
    return -np.minimum(weight_map(evidence, best_weight(evidence), SPREAD, (height, width)), most)


def _ordinary(pictures: Sequence[Array]) -> Array:
    """(H, W, 1), exposed radiance: noise of about this size is ordinary. A firefly is in one of the pictures at most."""
    level: Array = np.min(pictures, axis=0).max(-1, keepdims=True)
    return np.float32(ORDINARY) * (level + np.float32(CLAMP_FLOOR))


def _limit(noise: Array, ordinary: Array) -> Array:
    """Ordinary noise as it is, of extraordinary noise the less the larger it is."""
    limited: Array = noise / (1 + (noise / ordinary) ** 2)
    return limited
