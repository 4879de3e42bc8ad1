"""Photographs as files hold them: PNG, JPEG, TIFF, WebP and raw arrays (.npy), 8 and 16 bits.

Pixels are as stored: nothing is turned, linearised or converted between colour spaces. What belongs to them (colour profile,
EXIF, XMP, resolution) is carried along as the bytes that it is.
"""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UnreadableFile
from ..frame.arrays import Array
from .atomic import check_regular, first_line
from .images import pillow

KINDS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".tif": "tiff", ".tiff": "tiff", ".webp": "webp", ".npy": "npy"}


@dataclass(frozen=True)
class Photograph:
    """pixels: (H, W, C) uint8, uint16, or float32 [0, 1] of raw arrays; C is 1 or 3. alpha: (H, W, 1) of the same type."""

    pixels: Array
    alpha: Array | None = None
    kept: dict[str, Any] = field(default_factory=dict)

    def with_pixels(self, pixels: Array) -> "Photograph":
        """Other pixels of the same size; all that belongs to them stays."""
        return replace(self, pixels=pixels)


def is_photograph(path: Path) -> bool:
    """Whether its name is that of a kind that can be read."""
    return path.suffix.lower() in KINDS and not path.name.startswith(".")


def read_photograph(path: str | os.PathLike[str]) -> Photograph:
    """The pixels of an image file. Raises UnreadableFile."""
    path = Path(path)
    try:
        check_regular(path)
        if path.suffix.lower() == ".npy":
            array = np.load(path)
        else:
            with pillow()[0].open(path) as image:
                array = np.array(image)
    except (OSError, ValueError, SyntaxError) as error:
        raise UnreadableFile(f"{path}: cannot be read ({first_line(error)})") from None
    if array.ndim == 2:
        array = array[..., None]
    channels = array.shape[-1] // 2 * 2 + 1 - 2 * (array.shape[-1] in (2, 4)) if array.ndim == 3 else 0
    if array.dtype.name not in ("uint8", "uint16", "float32", "float64") or channels not in (1, 3):
        raise UnreadableFile(f"{path}: is no photograph (shape {array.shape}, {array.dtype})")
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    alpha = array[..., channels:] if array.shape[-1] > channels else None
    return Photograph(np.ascontiguousarray(array[..., :channels]), alpha)
