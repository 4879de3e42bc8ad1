"""report.json beside the frames: what a run of `adapt` says in numbers, and which frames are done."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..denoise.artist import FrameResult
from ..errors import N2NError, doubt
from ..io.atomic import read_json, write_text
from ..network.checkpoint import Checkpoint
from ..schema import check_items
from ..version import __version__


class Report:
    """Everything that the run says in numbers, as JSON beside the frames; also which frames are done."""

    def __init__(self, path: Path, content: dict[str, Any]):
        """content: all but the frames."""
        self.path, self.content = path, content
        self._text = ""
        self.frames: dict[str, FrameResult] = {}
        self.sources: dict[str, list[Any]] = {}

    @classmethod
    def open(cls, path: Path, settings: Mapping[str, Any], adapted: Checkpoint | None) -> "Report":
        """With the frames that an earlier run has made.

        Args:
            settings: Those of the run; frames of a run with others are made again.
        """
        content = {"n2n_render": __version__, "config": dict(settings), **_told(adapted)}
        report = cls(path, json.loads(json.dumps(content)))  # tuples are lists there
        earlier = read_report(path)
        if all(earlier.get(name) == report.content[name] for name in ("adapt_key", "config")):
            for frame in earlier["frames"]:
                output = path.parent / frame.pop("file")
                report.sources[output.name] = frame.pop("sources")
                report.frames[output.name] = FrameResult(output, frame.pop("expected_psnr_db"), frame)
        return report

    def has(self, output: Path, files: Sequence[Path]) -> bool:
        """Whether the frame was denoised from these very files, its neighbours' included."""
        return output.exists() and self.sources.get(output.name) == facts(files)

    def add(self, frame: FrameResult, files: Sequence[Path]) -> None:
        self.frames[frame.output.name], self.sources[frame.output.name] = frame, facts(files)
        frames = [
            {"file": name, "expected_psnr_db": done.psnr_db, **done.weights, "sources": self.sources[name]}
            for name, done in self.frames.items()
        ]
        self._text = json.dumps({**self.content, "frames": frames}, indent=1) + "\n"
        with contextlib.suppress(N2NError):  # the frames are painted all the same; `finish` tells
            write_text(self.path, self._text)

    def finish(self) -> None:
        """Raises N2NError where the last state could not be written, and still cannot."""
        if self._text:
            write_text(self.path, self._text)


def read_report(path: Path) -> dict[str, Any]:
    """What an earlier run wrote; {} without one. A damaged one is told of: its frames are denoised again."""
    if not path.exists():
        return {}
    try:
        report: dict[str, Any] = read_json(path)
        check_items(
            report,
            {"adapt_key": str, "config": dict, "frames": list[dict[str, object]]},
            str(path),
            "",
            ("adapt_key", "config", "frames"),
        )
        for frame in report["frames"]:
            check_items(
                frame,
                {**dict.fromkeys(frame, float), "file": str, "sources": list, "expected_psnr_db": float | None},
                f"{path}: frames",
                "",
                ("file", "sources", "expected_psnr_db"),
            )
        return report
    except N2NError as error:
        doubt(f"{error.what}: frames that are there already are denoised again")
        return {}


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
    """What changes when a frame is rendered again."""
    return [[str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns] for path in files]
