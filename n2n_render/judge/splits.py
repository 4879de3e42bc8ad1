"""A frame's noise is held against pictures that have not seen it: the seeds of a pair, or pixels that were left out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..frame.arrays import Array, Mask
from ..frame.filters import box_sum
from .evidence import Evidence, best_weight, find_evidence, limit_fireflies, residual_on_display, step_on_display, weight_map

GRID_PX = 3  # of a single render, one pixel in each square of this size is left out
WEIGHT_SPREAD = 0.3  # how far a region's best weight is usually from the frame's


@dataclass(frozen=True)
class Split:
    """Noisy colours of which a picture is made, and others that judge it, exposed radiance (H, W, 3) each.

    Attributes:
        seen: what the picture is made of.
        target: noise that is independent of `seen` where `held_out` says so.
        held_out: (H, W), where to look.
        weight: how many of the frame's samples are seen, 0 to 1.
    """

    seen: Array
    target: Array
    held_out: Mask
    weight: float


def split(colors: Sequence[Array]) -> list[Split]:
    """Each seed of a frame, judged by the others; a single render without some pixels, judged by those.

    A pixel that is left out becomes the mean of the eight around it (Noise2Self, Batson and Royer 2019): the noise of
    renders is independent from pixel to pixel, where the renderer does not spread samples over several pixels.
    """
    if len(colors) == 1:
        return [_without_pixels(colors[0])]
    everywhere, total = np.ones(colors[0].shape[:2], bool), np.asarray(np.sum(colors, axis=0), np.float32)
    others = len(colors) - 1
    return [Split(color, (total - color) / np.float32(others), everywhere, 1 / len(colors)) for color in colors]


def _without_pixels(color: Array) -> Split:
    height, width = color.shape[:2]
    left_out = np.zeros((height, width), bool)
    left_out[GRID_PX // 2 :: GRID_PX, GRID_PX // 2 :: GRID_PX] = True
    sums, counts = box_sum(color, GRID_PX)
    around = np.maximum(sums - color, 0) / np.maximum(counts - 1, 1)  # around a lamp black is rounded to below nothing
    return Split(np.where(left_out[..., None], around, color).astype(np.float32), color, left_out, 1.0)


def step_weight(splits: Sequence[Split], before: Sequence[Array], after: Sequence[Array], initial_estimate: Array) -> Array:
    """(H, W, 1) in [0, 1], smooth: how far to go from one picture to another, region by region, by what was held out.

    Args:
        before: the picture of each split, exposed radiance (H, W, 3).
        after: the other picture of each split.
        initial_estimate: (H, W, 3), stands for the truth where the curve of T is straightened.
    """

    def look(part: Split, here: Array, there: Array) -> Evidence[Array]:
        target = limit_fireflies(part.target, part.seen)
        return find_evidence(step_on_display(here, there), residual_on_display(here, target, initial_estimate), part.held_out)

    evidence, *others = (look(*each) for each in zip(splits, before, after, strict=True))
    for other in others:
        evidence = evidence + other
    height, width = initial_estimate.shape[:2]
    return weight_map(evidence, best_weight(evidence), WEIGHT_SPREAD, (height, width))
