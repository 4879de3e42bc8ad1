"""Where pixels lie: the data window of an image, and images placed from one window into another."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import N2NError, doubt
from .arrays import Array


@dataclass(frozen=True)
class Window:
    """Columns left … right - 1 and rows top … bottom - 1 of the pixel plane that all parts and all renders of a shot share."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def of(cls, header: Mapping[str, Any], kind: str = "dataWindow") -> "Window":
        """The data window of an EXR header, or its displayWindow."""
        (left, top), (right, bottom) = header[kind]
        return cls(int(left), int(top), int(right) + 1, int(bottom) + 1)

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    def __str__(self) -> str:
        return f"columns {self.left} to {self.right - 1}, rows {self.top} to {self.bottom - 1}"

    def overlap(self, other: "Window") -> "Window | None":
        """What both have; None where that is nothing."""
        both = Window(
            max(self.left, other.left), max(self.top, other.top), min(self.right, other.right), min(self.bottom, other.bottom)
        )
        return both if both.width > 0 and both.height > 0 else None

    def places(self, part: "Window") -> tuple[slice, slice]:
        """Rows and columns of `part`, counted from this window's corner."""
        return slice(part.top - self.top, part.bottom - self.top), slice(part.left - self.left, part.right - self.left)


def place(image: Array, window: Window, into: Window, fill: float = 0.0) -> Array:
    """(h, w, …), the pixels of `window` → the pixels of `into`; `fill` where the image has none.

    The image itself where both windows are one. 0 is what a pixel outside of a data window means in EXR.
    """
    if window == into:
        return image
    placed = np.full((into.height, into.width, *image.shape[2:]), fill, image.dtype)
    both = window.overlap(into)
    if both:
        placed[into.places(both)] = image[window.places(both)]
    return placed


def overlaid(image: Array, window: Window, other: Array, of: Window) -> Array:
    """The image, the pixels of `window`, with those of another one, the pixels of `of`, wherever both are.

    The other itself where both windows are one.
    """
    if window == of:
        return other
    whole, both = image.copy(), window.overlap(of)
    if both:
        whole[window.places(both)] = other[of.places(both)]
    return whole


def common(here: Window, there: Window, path: Path, other_path: Path, same_display: bool = False) -> Window:
    """What two renders of one frame share, `path` with the window `here` and `other_path` with `there`; both have that.

    same_display: they were rendered for one display window, so that another size is that of a border. Raises N2NError where
    they share nothing, or differ in size alone; says it where the second has less than the first.
    """
    if here == there:
        return here
    if (here.left, here.top) == (there.left, there.top) and not same_display:
        sizes = f"{other_path} is {there.width}×{there.height}, but {path} is {here.width}×{here.height}"
        raise N2NError(f"{sizes}: they differ in size", "A pair is the same frame rendered twice.")
    both = here.overlap(there)
    if both is None:
        raise N2NError(f"{other_path} ({there}) lies beside {path} ({here})", "Render both with the same border.")
    if both != here:
        doubt(f"{other_path} ({there}) covers only a part of {path} ({here})")
    return both
