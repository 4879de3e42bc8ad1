"""Progress as lines for programs: JSON events on stderr, or what Open Job Description reads on stdout."""

import contextlib
import json
import math
import os
import sys
import time
from typing import Any, Self

PROGRESS_EVERY_S = 1.0
STATUS_EVERY_S = 30.0


def write_event(values: dict[str, Any]) -> None:
    """One JSON line on stderr."""
    sys.stderr.write(json.dumps(values) + "\n")
    sys.stderr.flush()


def plain(value: Any) -> Any:
    """As JSON has it: paths are texts, what is not finite is null."""
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    value = value.item() if hasattr(value, "item") else value  # of NumPy
    return None if isinstance(value, float) and not math.isfinite(value) else value


class JsonReporter:
    """The progress of a stage as JSON lines on stderr."""

    def __init__(self, title: str):
        self._title = title

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def _write(self, **values: Any) -> None:
        write_event({"task": self._title, **values})

    def start(self, total: float, count: int = 0) -> None:
        self._total, self._done = total, 0.0
        self._write(event="start", total=total, count=count)

    def advance(self, amount: float, text: str = "", finished: bool = True) -> None:
        self._done += amount
        self._write(event="progress", done=self._done, total=self._total, text=text)

    def note(self, message: str) -> None:
        self._write(event="note", message=message)

    def warn(self, message: str) -> None:
        self._write(event="warning", message=message)


def write_openjd(kind: str, message: str) -> None:
    """One line `openjd_KIND: MESSAGE` on stdout, where a worker of Open Job Description looks for it (Template Schemas
    2023-09, "Standard Output Messages").
    """
    try:
        sys.stdout.write(f"openjd_{kind}: {' '.join(message.split()) or '-'}\n")
        sys.stdout.flush()
    except OSError as error:  # the disk that stdout was sent to
        raise OSError(error.errno, error.strerror, "standard output") from None


def fail_openjd(message: str) -> None:
    """The last line of a command that went wrong. A worker that reads no more is not told."""
    with contextlib.suppress(OSError, ValueError):
        write_openjd("fail", message)


class OpenJDReporter:
    """The progress of a stage as Open Job Description has it: percent of that stage, which never go back.

    How many stages a command will have is not known at its first: a status names each at its beginning, and its percent begin
    at 0. Warnings are statuses, and on stderr for the log.
    """

    def __init__(self, title: str):
        self._title = title
        self._total, self._done, self._told = 1.0, 0.0, -1.0
        self._count = self._finished = 0
        self._next_progress = self._next_status = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def start(self, total: float, count: int = 0) -> None:
        self._total, self._done, self._told = max(total, 1e-9), 0.0, -1.0
        self._count, self._finished = count, 0
        write_openjd("status", self._title)
        self._next_status = time.monotonic() + STATUS_EVERY_S
        self._tell_progress()

    def advance(self, amount: float, text: str = "", finished: bool = True) -> None:
        self._done += amount
        self._finished += finished
        now = time.monotonic()
        if now >= self._next_progress or (self._done >= self._total * (1 - 1e-9) and self._told < 100.0):
            self._tell_progress()
        if now >= self._next_status:
            self._next_status = now + STATUS_EVERY_S
            count = f"{self._finished}/{self._count}" if self._count else ""
            write_openjd("status", f"{self._title}: " + ", ".join(filter(None, (count, text))))

    def _tell_progress(self) -> None:
        self._next_progress = time.monotonic() + PROGRESS_EVERY_S
        percent = round(100.0 * min(max(self._done / self._total, 0.0), 1.0), 1)
        if percent > self._told:  # a frame that is done again takes its part back
            self._told = percent
            write_openjd("progress", str(percent))

    def note(self, message: str) -> None:
        write_openjd("status", message)

    def warn(self, message: str) -> None:
        write_openjd("status", f"warning: {message}")
        sys.stderr.write(f"warning: {' '.join(message.split())}\n")
        sys.stderr.flush()
