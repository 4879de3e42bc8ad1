"""How much of an evaluation a page holds: a browser takes it whole. Decided for each view by itself, so that machines that
each compare a share come to the same.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from ..frame.filters import window_sums
from ..io.dataset import spaced
from .content import ReportView

WHOLE_VIEWS, CROPPED_VIEWS = 8, 24
PAGE_PX = 32_000_000  # of all pictures of the whole views together: about 80 MB
MAP_PX = 0.25  # what a pixel of an error map takes of that
CROP_PX = 256


@dataclass(frozen=True)
class Room:
    """Which of the views, by number, are shown whole and which as crops, evenly spaced; of others there are numbers only."""

    whole: Collection[int]
    cropped: Collection[int]

    @classmethod
    def of(cls, count: int) -> "Room":
        """For so many views."""
        whole = spaced(list(range(count)), WHOLE_VIEWS)
        others = [index for index in range(count) if index not in set(whole)]
        return cls(frozenset(whole), frozenset(spaced(others, CROPPED_VIEWS)))

    def has(self, index: int) -> bool:
        """Whether any picture of this view is shown."""
        return index in self.whole or index in self.cropped

    def fit(self, index: int, view: ReportView) -> ReportView:
        """What is shown of a view: all of it, or its worst square."""
        height, width = view.pictures[0].radiance.shape[:2]
        size = CROP_PX
        if index in self.whole:
            a_pixel = sum(1 + MAP_PX * len(picture.maps) for picture in view.pictures)
            area = PAGE_PX / len(self.whole) / a_pixel
            if height * width <= area:
                return view
            size = int(math.sqrt(area))
        size = min(size, height, width)
        if (height, width) == (size, size):
            return view
        y, x = _worst_place(view, size, height, width)
        pictures = [picture.cropped(y, x, size) for picture in view.pictures]
        return replace(view, pictures=pictures, crop=(y, x, height, width), worst=None)


def _worst_place(view: ReportView, size: int, height: int, width: int) -> tuple[int, int]:
    if view.worst is None:
        return (height - size) // 2, (width - size) // 2
    windows = window_sums(np.nan_to_num(view.worst).astype(np.float64), size)
    y, x = np.unravel_index(int(windows.argmax()), windows.shape)
    return int(y), int(x)
