"""A request in hand: its answers, and how a verb's progress becomes them."""

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..progress import Progress, Reporter
from .request import Identity, Request

PROGRESS_S = 0.1  # between two lines of progress

Answer = Callable[[dict[str, Any]], None]  # is given one line


class Cancelled(Exception):
    """Raised inside the work that was cancelled."""


class Job:
    """A request in hand: its answers, and whether it is still wanted. Warnings of the library reach it, each once."""

    def __init__(self, identity: Identity, request: Request, answer: Answer):
        self.identity, self.request, self.is_cancelled = identity, request, False
        self._answer, self._told = answer, 0.0
        self._warned: set[str] = set()

    def tell(self, event: str, **values: Any) -> None:
        self._answer({"id": self.identity, "event": event, **values})

    def expect(self, message: str) -> None:
        """That doubt is none to who asks."""
        self._warned.add(message)

    def warn(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            self.tell("warning", message=message)

    def check(self) -> None:
        """Raises Cancelled in the work that nobody wants any more."""
        if self.is_cancelled:
            raise Cancelled

    def on_fraction(self, fraction: float) -> None:
        self.on_progress(fraction)

    def on_progress(self, share: float, at_once: bool = False, **facts: str) -> None:
        """at_once: it is told, however short the last one is ago."""
        self.check()
        if at_once or time.monotonic() > self._told + PROGRESS_S:
            self._told = time.monotonic()
            self.tell("progress", share=share, **facts)


class _Stage:
    """A stage of a verb's work → lines of progress; implements `progress.Progress`."""

    def __init__(self, job: Job, facts: Mapping[str, str]):
        self._job, self._facts = job, facts
        self._total, self._done, self._count, self._finished = 1.0, 0.0, 0, 0

    def start(self, total: float, count: int = 0) -> None:
        self._total, self._done, self._count, self._finished = max(total, 1e-9), 0.0, count, 0
        self._tell("", at_once=True)

    def advance(self, amount: float, text: str = "", finished: bool = True) -> None:
        self._done += amount
        self._finished += finished
        self._tell(text or (f"{self._finished} of {self._count}" if self._count else ""))

    def note(self, message: str) -> None:
        self._tell(message, at_once=True)

    def warn(self, message: str) -> None:
        self._job.warn(message)

    def _tell(self, text: str, at_once: bool = False) -> None:
        share = min(max(self._done / self._total, 0.0), 1.0)
        self._job.on_progress(share, at_once, **self._facts, text=text)


def reporter_of(job: Job, stages: Mapping[str, str] | None = None) -> Reporter:
    """The Reporter that tells who asks. stages: title of a stage → what it is called there; None: nothing is told of stages."""

    def report(title: str) -> contextlib.AbstractContextManager[Progress]:
        stage = _Stage(job, {"stage": stages[title]} if stages else {})
        stage.start(1.0)
        return contextlib.nullcontext(stage)

    return report
