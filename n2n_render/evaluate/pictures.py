"""A compared view → one picture for people: images, error maps, and the places where the denoised ones are worst."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import N2NError
from ..frame.display import TONE_MAP, View, heat_map
from ..frame.filters import window_sums
from ..io.atomic import write_beside
from ..io.images import pillow
from .scores import ALONE, ComparedView

CAPTION_PX = 18
CROPS = 2  # magnified places in a comparison
MAGNIFIED = 4  # times


def comparison(compared: ComparedView, view: View = TONE_MAP) -> Any:
    """All images side by side with captions, below them their FLIP error maps (dark: no error), then magnified the places
    where the denoised ones are worst; every column is one image. The reference's caption names a view other than T. Returns an
    image of Pillow.
    """
    image_module, draw_module = pillow()
    names = [name for name in compared.images if name not in ALONE]
    height, width = compared.images[names[0]].shape[:2]
    size = max(1, min(width // (CROPS * MAGNIFIED), height))
    denoised = [name for name in compared.errors if not name.startswith("noisy, ")]
    places = worst_places([compared.errors[name] for name in denoised], size)
    picture = image_module.new("RGB", (width * len(names), 2 * height + CAPTION_PX + size * MAGNIFIED), "black")
    draw = draw_module.Draw(picture)
    for column, name in enumerate(names):
        left = column * width
        radiance = view.exposed(compared.images[name], compared.references.factor)
        shown = image_module.fromarray(view.pixels(radiance))
        picture.paste(shown, (left, CAPTION_PX))
        caption = name if name in compared.errors or view is TONE_MAP else f"{name}   {view.name}"
        if name in compared.errors:
            caption += f"   {compared.scores[name]['psnr_db']:.2f} dB"
            picture.paste(image_module.fromarray(heat_map(compared.errors[name])), (left, CAPTION_PX + height))
        draw.text((left + 4, 3), caption, fill="white")
        for index, (y, x) in enumerate(places):
            crop = shown.crop((x, y, x + size, y + size)).resize((size * MAGNIFIED,) * 2, image_module.Resampling.NEAREST)
            picture.paste(crop, (left + index * size * MAGNIFIED, CAPTION_PX + 2 * height))
            draw.rectangle((left + x, CAPTION_PX + y, left + x + size - 1, CAPTION_PX + y + size - 1), outline="white")
    return picture


def worst_places(errors: list[NDArray[np.float32]], size: int) -> list[tuple[int, int]]:
    """Top left corners (y, x) of the CROPS windows of `size` pixels, apart from each other, where the mean of the error maps
    (H, W) is largest.
    """
    if not errors:
        return []
    windows = window_sums(np.mean(errors, axis=0, dtype=np.float64), size)
    places: list[tuple[int, int]] = []
    while len(places) < CROPS and np.isfinite(windows).any():
        row, column = np.unravel_index(np.nanargmax(windows), windows.shape)
        y, x = int(row), int(column)
        places.append((y, x))
        windows[max(0, y - size + 1) : y + size, max(0, x - size + 1) : x + size] = np.nan
    return places


def write_comparison(compared: ComparedView, folder: str | Path, view: View = TONE_MAP) -> Path:
    """The comparison as a PNG in `folder`; returns its path. Raises N2NError where it cannot be written."""
    path = picture_path(compared.view.name, folder)
    picture = comparison(compared, view)
    write_beside(path, lambda temporary: picture.save(temporary, format="png"))
    return path


def missing(paths: Sequence[Path]) -> list[N2NError]:
    """One error for each of these pictures that is not there."""
    return [N2NError(f"{path}: is missing", "Run its chunk again.") for path in paths if not path.is_file()]


def picture_path(name: str, folder: str | Path) -> Path:
    """Where the picture of a view lies."""
    return Path(folder) / f"{name.replace('/', '_')}.png"
