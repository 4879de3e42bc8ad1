"""What a run of `adapt` says in numbers, and which frames are done: a fragment beside the frames for each, written by whoever
painted it, and report.json, which they are merged into.
"""

import contextlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..denoise.artist import FrameResult
from ..errors import N2NError, doubt
from ..io.atomic import read_json, write_text
from ..network.checkpoint import Checkpoint
from ..schema import check_items
from ..version import __version__
from .options import WHERE

REPORT, FRAGMENTS = "report.json", ".report"


class Report:
    """Everything that the run says in numbers, as JSON beside the frames; also which frames are done.

    Attributes:
        content: All but the frames, as JSON has it.
    """

    def __init__(self, folder: Path, content: dict[str, Any]):
        self.folder, self.content = folder, content
        self._merged: dict[str, dict[str, Any]] = {}
        self._unwritten: dict[str, dict[str, Any]] = {}

    @classmethod
    def open(cls, folder: Path, settings: Mapping[str, Any], adapted: Checkpoint | None) -> "Report":
        """With the frames that earlier runs have made.

        Args:
            settings: Those of the run; frames of a run with others are made again.
        """
        content = {"n2n_render": __version__, "config": dict(settings), **_told(adapted)}
        report = cls(folder, json.loads(json.dumps(content)))  # tuples are lists there
        earlier = read_report(folder / REPORT)
        if report._fits(earlier):
            report._merged = {frame["file"]: frame for frame in earlier["frames"]}
        return report

    def _fits(self, other: Mapping[str, Any]) -> bool:
        """Whether a report or a fragment is of this model and these settings, on whatever machine."""
        theirs, ours = (
            {name: value for name, value in told.get("config", {}).items() if name not in WHERE}
            for told in (other, self.content)
        )
        return other.get("adapt_key") == self.content["adapt_key"] and theirs == ours

    def find(self, output: Path, files: Sequence[Path]) -> FrameResult | None:
        """Of a frame that was denoised from these very files, its neighbours' included; another process may have done it."""
        frame = self._frame(output.name)
        if frame is None or not output.exists() or frame["sources"] != facts(files):
            return None
        weights = {name: value for name, value in frame.items() if name not in ("file", "expected_psnr_db", "sources")}
        return FrameResult(output, frame["expected_psnr_db"], weights)

    def _frame(self, name: str) -> dict[str, Any] | None:
        """What is written of a frame, by the newest that fits."""
        if name in self._unwritten:
            return self._unwritten[name]
        fragment = read_fragment(self.folder / FRAGMENTS / f"{name}.json")
        return fragment["frame"] if self._fits(fragment) else self._merged.get(name)

    def add(self, frame: FrameResult, files: Sequence[Path]) -> None:
        """A frame was denoised from these files."""
        name, told = frame.output.name, {"expected_psnr_db": frame.psnr_db, **frame.weights, "sources": facts(files)}
        self._unwritten[name] = {"file": name, **told}
        with contextlib.suppress(N2NError):  # the frames are painted all the same; `finish` tells
            self._write(name)

    def _write(self, name: str) -> None:
        made_by = {key: self.content[key] for key in ("adapt_key", "config")}
        text = json.dumps({**made_by, "frame": self._unwritten[name]}, indent=1) + "\n"
        write_text(self.folder / FRAGMENTS / f"{name}.json", text)
        del self._unwritten[name]

    def finish(self) -> None:
        """Raises N2NError where a fragment could not be written, and still cannot."""
        for name in list(self._unwritten):
            self._write(name)

    def merge(self, outputs: Sequence[Path]) -> None:
        """All fragments that fit → report.json, in the order of the outputs; they are gone then, as damaged ones are. Others
        are another run's.

        Raises N2NError where it cannot be written.
        """
        found = {path: read_fragment(path) for path in sorted((self.folder / FRAGMENTS).glob("*.json"))}
        written = [path.name.removesuffix(".json") for path, fragment in found.items() if not fragment or self._fits(fragment)]
        names = dict.fromkeys([*(output.name for output in outputs), *self._merged, *written, *self._unwritten])
        frames = [frame for name in names if (frame := self._frame(name)) is not None]
        text = json.dumps({**self.content, "frames": frames}, indent=1) + "\n"
        if not _holds(self.folder / REPORT, text):
            write_text(self.folder / REPORT, text)
        self._merged, self._unwritten = {frame["file"]: frame for frame in frames}, {}
        for name in written:
            with contextlib.suppress(OSError):
                (self.folder / FRAGMENTS / f"{name}.json").unlink()
        with contextlib.suppress(OSError):  # another process's new ones keep it
            (self.folder / FRAGMENTS).rmdir()


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except (OSError, ValueError):
        return False


def painted_with(folder: Path) -> dict[str, Any]:
    """The settings of most fragments; {} without any."""
    configs = [read_fragment(path).get("config") for path in sorted((folder / FRAGMENTS).glob("*.json"))]
    texts = Counter(json.dumps(config) for config in configs if config is not None)
    config: dict[str, Any] = json.loads(texts.most_common(1)[0][0]) if texts else {}
    return config


def read_report(path: Path) -> dict[str, Any]:
    """What an earlier run wrote, without fragments; {} without one. A damaged one is told of: its frames are denoised again."""
    if not path.exists():
        return {}
    try:
        report: dict[str, Any] = read_json(path)
        wanted = {"adapt_key": str, "config": dict, "frames": list[dict[str, object]]}
        check_items(report, wanted, str(path), "", tuple(wanted))
        for frame in report["frames"]:
            _check_frame(frame, f"{path}: frames")
        return report
    except N2NError as error:
        doubt(f"{error.what}: frames that are there already are denoised again")
        return {}


def read_fragment(path: Path) -> dict[str, Any]:
    """What is written of one frame; {} where nothing is, or where it is damaged, which is told."""
    if not path.exists():
        return {}
    try:
        fragment: dict[str, Any] = read_json(path)
        wanted = {"adapt_key": str, "config": dict, "frame": dict[str, object]}
        check_items(fragment, wanted, str(path), "", tuple(wanted))
        _check_frame(fragment["frame"], f"{path}: frame")
        return fragment
    except N2NError as error:
        if path.exists():  # else it was merged at this moment
            doubt(f"{error.what}: the frame is denoised again")
        return {}


def _check_frame(frame: dict[str, Any], where: str) -> None:
    wanted = {**dict.fromkeys(frame, float), "file": str, "sources": list, "expected_psnr_db": float | None}
    check_items(frame, wanted, where, "", ("file", "sources", "expected_psnr_db"))


def _told(adapted: Checkpoint | None) -> dict[str, Any]:
    """What the model says of its training."""
    if adapted is None:
        return {"adapt_key": ""}
    told = adapted.provenance
    return {
        "adapt_key": told.key,
        "share": told.blend_weight,
        "error_ratio": told.error_ratio,
        "shared_error": told.shared_error,
        "steps": told.step,
        "seconds": told.seconds,
        "stopped": told.stopped,
        "checks": [dict(zip(("step", "change", "uncertainty"), check, strict=True)) for check in told.checks or ()],
    }


def facts(files: Sequence[Path]) -> list[Any]:
    """What changes when a frame is rendered again; the same on every machine that has the folder under another name."""
    return [[_name_of(path), path.stat().st_size, path.stat().st_mtime_ns // 1_000_000] for path in files]


def _name_of(path: Path) -> str:
    """With the folder's name, which tells datasets apart."""
    path = path.absolute()
    return f"{path.parent.name}/{path.name}"
