"""8-bit pixels → PNG files, whole or not at all. The door to Pillow for everything that writes pictures."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import N2NError, missing_library
from ..frame.display import TONE_MAP, View, heat_map
from .atomic import write_beside

CAPTION_PX = 18  # height
CAPTION_WIDTH_PX = 220  # so that names and numbers are read beside each other
ERROR_WHITE = 0.1  # RMS error on T: 25 of 255, which everybody sees


def pillow() -> tuple[Any, Any]:
    """The modules Image and ImageDraw of Pillow.

    Raises:
        N2NError: Pillow is not installed. Asked before any expensive step that ends in pictures.
    """
    try:
        from PIL import Image, ImageDraw
    except ImportError as error:
        raise missing_library(error) or N2NError(
            "pictures need Pillow, which is not installed", 'Run pip install "n2n-render[report]".'
        ) from None
    return Image, ImageDraw


def write_png(path: str | os.PathLike[str], pixels: NDArray[np.uint8]) -> None:
    """(H, W, 3) uint8 → a PNG. Raises N2NError where it cannot be written."""
    image = pillow()[0].fromarray(pixels)
    write_beside(path, lambda temporary: image.save(temporary, format="png"))


def write_captioned(path: str | os.PathLike[str], images: Mapping[str, NDArray[np.uint8]]) -> None:
    """Caption → image (H, W, 3) uint8 of one size, side by side as a PNG. Raises N2NError where it cannot be written."""
    image_module, draw_module = pillow()
    height, width = next(iter(images.values())).shape[:2]
    column = max(width, CAPTION_WIDTH_PX)
    picture = image_module.new("RGB", (column * len(images), height + CAPTION_PX), "black")
    draw = draw_module.Draw(picture)
    for index, (caption, image) in enumerate(images.items()):
        picture.paste(image_module.fromarray(image), (index * column, CAPTION_PX))
        draw.text((index * column + 4, 3), caption, fill="white")
    write_beside(path, lambda temporary: picture.save(temporary, format="png"))


def write_strip(
    path: str | os.PathLike[str], images: Sequence[NDArray[np.float32]], view: View = TONE_MAP, exposure: float = 1.0
) -> None:
    """Radiance images of one size (H, W, 3), multiplied by `exposure`, side by side as a PNG."""
    write_png(path, np.concatenate([view.pixels(view.exposed(image, exposure)) for image in images], axis=1))


def write_error_map(path: str | os.PathLike[str], error_display: NDArray[np.float32]) -> None:
    """Expected RMS error on T (H, W) as a PNG: black is none, white is ERROR_WHITE or more."""
    write_png(path, heat_map(np.clip(error_display / ERROR_WHITE, 0, 1)))
