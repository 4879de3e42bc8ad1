"""A view's passes of light → one picture for people: a row for each pass, a column for each method."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..frame.arrays import Array
from ..frame.display import TONE_MAP, View
from ..io.atomic import write_beside
from ..io.images import pillow
from .pictures import CAPTION_PX, picture_path
from .scores import Scores

WIDEST_PX = 480  # of a column: there is one row for every pass


class PassSheet:
    """Grows row by row; keeps pixels of 8 bits, none wider than WIDEST_PX.

    rows: pass → method → image of Pillow, with its caption.
    """

    def __init__(self, view: View = TONE_MAP) -> None:
        self._view = view
        self.rows: dict[str, dict[str, tuple[Any, str]]] = {}

    def add(self, name: str, images: Mapping[str, Array], scores: Mapping[str, Scores], exposure: float = 1.0) -> None:
        """images: method → radiance (H, W, 3), times the exposure of the pass's own reference; "reference" too."""
        self.rows[name] = {
            method: (_small(self._view.pixels(self._view.exposed(image, exposure))), self._caption(scores.get(method)))
            for method, image in images.items()
        }

    def _caption(self, scores: Scores | None) -> str:
        """Of the reference, which has no scores, the view, where it is not T."""
        if scores is None:
            return "" if self._view is TONE_MAP else f"   {self._view.name}"
        return "" if math.isnan(scores["psnr_db"]) else f"   {scores['psnr_db']:.2f} dB"

    def picture(self) -> Any:
        """All rows; a method has the same column in each, which is black where it lacks the pass."""
        image_module, draw_module = pillow()
        methods = list(dict.fromkeys(method for row in self.rows.values() for method in row if method != "reference"))
        columns = [*methods, "reference"]
        width, height = next(iter(self.rows.values()))["reference"][0].size
        height += CAPTION_PX
        picture = image_module.new("RGB", (width * len(columns), height * len(self.rows)), "black")
        draw = draw_module.Draw(picture)
        for index, (name, row) in enumerate(self.rows.items()):
            for column, method in enumerate(columns):
                if method in row:
                    shown, caption = row[method]
                    picture.paste(shown, (column * width, index * height + CAPTION_PX))
                    draw.text((column * width + 4, index * height + 3), f"{name}, {method}{caption}", fill="white")
        return picture

    def write(self, view: str, folder: str | Path) -> None:
        """As a PNG in `folder`, if a pass was scored. Raises N2NError where it cannot be written."""
        if self.rows:
            picture = self.picture()
            write_beside(pass_picture_path(view, folder), lambda temporary: picture.save(temporary, format="png"))


def pass_picture_path(view: str, folder: str | Path) -> Path:
    """Where the picture of a view's passes lies, beside that of the view."""
    path = picture_path(view, folder)
    return path.with_name(f"{path.stem}_passes.png")


def _small(pixels: Array) -> Any:
    image_module, _ = pillow()
    shown = image_module.fromarray(pixels)
    if shown.width <= WIDEST_PX:
        return shown
    size = (WIDEST_PX, max(1, shown.height * WIDEST_PX // shown.width))
    return shown.resize(size, image_module.Resampling.BOX)
