"""Views, one after the other → report.html: each goes to the disk as it comes, so that few are in memory."""

import html
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from ..errors import UnwritableFile
from ..frame.display import View, heat_map
from ..io.atomic import write_beside
from ..version import __version__
from .content import MAPS, METRICS, ReportView, Row, Summary
from .lookup import Lookup
from .pixels import pack_map, pack_radiance

REPORT_PAGE = "report.html"
SCRIPTS = ("pixels.js", "stage.js", "report.js")
TITLE, KEY, STYLE, DATA, SCRIPT = (f"<!--{name}-->" for name in ("TITLE", "KEY", "STYLE", "DATA", "SCRIPT"))
MADE_OF = re.compile(rb'<meta name="made-of" content="(\w+) (\d+) (\d+)">')
HEAD_BYTES = 4096  # hold that
WHOLE, CROPPED = (f'<div class="view-data {name}" hidden>'.encode() for name in ("whole", "cropped"))


@dataclass(frozen=True)
class Written:
    """A page that was written.

    views: so many there are numbers of. whole, cropped: so many of these are shown so. item: what a view is called.
    """

    path: Path
    views: int
    whole: int
    cropped: int
    item: str = "view"

    def __str__(self) -> str:
        others = self.views - self.whole - self.cropped
        parts = [f"{self.cropped} as crops of their worst places"] * bool(self.cropped)
        parts += [f"{others} by numbers alone"] * bool(others)
        return f"{self.path}: {', '.join([f'{self.whole} of {self.views} {self.item}(s) whole', *parts])}"


class ReportPage:
    """A page that is being made. Use as a context; without `finish` nothing is left of it.

    What a write cannot do is an UnwritableFile, after which nothing more is added.
    """

    def __init__(self, path: Path, view: View, key: str = "anything"):
        """view: how radiance is shown. key: a word that says what the page is made of, for `find_written`."""
        self.path, self._view, self._key = path, view, key
        self._views: IO[bytes] | None = None
        self._failed: UnwritableFile | None = None
        self._whole = self._cropped = 0

    def __enter__(self) -> "ReportPage":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._views:
            self._views.close()

    def add(self, view: ReportView) -> None:
        """Its pictures; its numbers come with `finish`."""
        self._add(fragment(view), view.crop is None)

    def add_fragment(self, path: Path) -> None:
        """What `write_fragment` left."""
        try:
            with path.open("rb") as file:
                self._add(file, file.readline().startswith(WHOLE))
        except OSError as error:
            raise UnwritableFile(f"{path}: cannot be read ({error.strerror or error})", "Run its chunk again.") from None

    def _add(self, lines: Iterator[bytes] | IO[bytes], whole: bool) -> None:
        if self._failed:
            return
        try:
            if self._views is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._views = tempfile.TemporaryFile(dir=self.path.parent)  # nothing is left of it, however this ends
            if hasattr(lines, "seek"):
                lines.seek(0)
            self._views.writelines(lines)
        except OSError as error:
            self._failed = UnwritableFile(
                f"{self.path}: cannot be written ({error.strerror or error})",
                "Check that the folder is writable and the disk is not full.",
            )
            raise self._failed from None
        self._whole, self._cropped = self._whole + whole, self._cropped + (not whole)

    def finish(self, summary: Summary) -> Written | None:
        """Writes the page beside its place, then puts it there. None: a view could not be added, which was told then."""
        if self._failed:
            return None
        write_beside(self.path, lambda temporary: self._write(Path(temporary), summary))
        return Written(self.path, len(summary.rows), self._whole, self._cropped, summary.item)

    def _write(self, temporary: Path, summary: Summary) -> None:
        head, tail = _text("report.html").split(DATA)
        before, rest = head.split(TITLE)
        middle, after = rest.split(STYLE)
        middle = middle.replace(KEY, f"{self._key} {self._whole} {self._cropped}")
        lookup = Lookup.bake(self._view)
        with temporary.open("wb") as page:
            page.write(_bytes(before, html.escape(summary.title), middle, f"<style>\n{_text('report.css')}</style>", after))
            if self._views:
                self._views.seek(0)
                shutil.copyfileobj(self._views, page)
            page.write(_json("page", self._told(summary, lookup)))
            page.write(_blob(lookup.packed(), "lookup"))
            scripts = "\n".join(f"<script>\n{_text(name)}</script>" for name in SCRIPTS)
            page.write(_bytes(tail.replace(SCRIPT, scripts)))

    def _told(self, summary: Summary, lookup: Lookup) -> dict[str, Any]:
        ramp = np.linspace(0, 1, 256)[None]
        return {
            "title": summary.title,
            "facts": list(summary.facts),
            "notes": list(summary.notes),
            "opens": summary.opens,
            "item": summary.item,
            "version": __version__,
            "view": {"name": self._view.name, **lookup.told()},
            "heat": heat_map(ramp).ravel().tolist(),
            "metrics": [asdict(metric) | {"title": metric.title.format(view=self._view.name)} for metric in METRICS],
            "maps": [asdict(kind) for kind in MAPS],
            "rows": [_row(row) for row in summary.rows],
            "mean": summary.mean,
        }


def find_written(path: Path, key: str, views: int, item: str) -> Written | None:
    """The page that is there, if it was made of this; views, item: as they would be written."""
    try:
        with path.open("rb") as page:
            found = MADE_OF.search(page.read(HEAD_BYTES))
    except OSError:
        return None
    if not found or found[1].decode() != key:
        return None
    return Written(path, views, int(found[2]), int(found[3]), item)


def write_fragment(path: Path, view: ReportView) -> None:
    """The pictures of one view, for a page that is put together later. Raises UnwritableFile."""

    def write(temporary: str) -> None:
        with open(temporary, "wb") as file:
            file.writelines(fragment(view))

    write_beside(path, write)


def fragment(view: ReportView) -> Iterator[bytes]:
    """The pictures of one view as HTML: what they are, and after it their pixels."""
    blobs: list[str] = []
    pictures: list[dict[str, Any]] = []
    whites = {kind.key: kind.white for kind in MAPS}
    for picture in view.pictures:
        first = len(blobs)
        blobs += [
            pack_radiance(picture.radiance),
            *(pack_map(error, whites[key]) for key, error in picture.maps.items()),
        ]
        maps = {key: first + 1 + number for number, key in enumerate(picture.maps)}
        pictures.append({"name": picture.name, "pixels": first, "maps": maps})
    height, width = view.pictures[0].radiance.shape[:2]
    about = {"name": view.name, "width": width, "height": height, "gain": view.gain, "crop": view.crop, "pictures": pictures}
    yield (WHOLE if view.crop is None else CROPPED) + _json("", about)
    for blob in blobs:
        yield _blob(blob)
    yield b"</div>\n"


def _row(row: Row) -> dict[str, Any]:
    return {"name": row.name, "note": row.note, "scores": row.scores}


def _json(name: str, content: Any) -> bytes:
    """No name or number in it can end the element."""
    text = json.dumps(_finite(content), allow_nan=False).replace("<", "\\u003c")
    return _bytes(f'<script type="application/json"{_id(name)}>', text, "</script>\n")


def _blob(text: str, name: str = "") -> bytes:
    return _bytes(f'<script type="text/plain"{_id(name)}>', text, "</script>\n")


def _id(name: str) -> str:
    return f' id="{name}"' if name else ""


def _finite(value: Any) -> Any:
    """JSON has no NaN: null."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _bytes(*texts: str) -> bytes:
    return "".join(texts).encode("utf-8", "replace")  # names of files may be no UTF-8
