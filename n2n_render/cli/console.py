"""What the user sees while things run: the only module that knows rich. Talk goes to stderr, results to stdout."""

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from ..errors import LOGGER, N2NError
from ..progress import Progress
from .lines import JsonReporter, OpenJDReporter, fail_openjd, plain, write_event
from .start import end_event

_talk = Console(stderr=True, highlight=False)
_results = Console(highlight=False, soft_wrap=True)
LINE_EVERY_S = 30.0
_style, _only_errors = "bar", False


@contextlib.contextmanager
def speaking(style: str, only_errors: bool = False) -> Iterator[None]:
    """Inside, talk is as `reporter` of that style writes it.

    Args:
        only_errors: Neither talk nor results: another process says the same.
    """
    global _style, _only_errors
    before = _style, _only_errors
    _style, _only_errors = style, only_errors
    try:
        yield
    finally:
        _style, _only_errors = before


def say(message: str) -> None:
    """Talk: what helps now, and no program reads."""
    if _only_errors:
        return
    if _style == "json":
        write_event({"event": "note", "message": message})
    else:
        _talk.print(escape(message))


def end_with_error(error: N2NError, kind: str, show: Callable[[], object] | None = None) -> None:
    """The last thing that is said. kind: as in `start.end_event`; show(): what people read instead of the sentence."""
    if _style == "json":
        if kind == "unexpected":
            (show or (lambda: None))()
        with contextlib.suppress(OSError):
            sys.stderr.write(end_event(kind, error.what, error.hint))
            sys.stderr.flush()
        return
    if show:
        show()
    elif kind == "interrupted":
        say(error.what)
    else:
        show_error(error)
    if _style == "openjd":
        fail_openjd(f"{error.what} ({error.hint})" if error.hint else error.what)


def end_with_result(values: dict[str, Any]) -> None:
    """What a command made, numbers and paths by name, for programs; people have read it already."""
    if _style == "json" and not _only_errors:
        write_event({"event": "result", **{name: plain(value) for name, value in values.items()}})


def show_error(error: N2NError) -> None:
    """One red sentence, and what to do next."""
    _talk.print(f"[red]error:[/red] {escape(error.what)}", soft_wrap=True)
    if error.hint:
        _talk.print(f"  {escape(error.hint)}", soft_wrap=True)


def result(message: str) -> None:
    """A line of what the command found: to stdout."""
    _print_result(_results, escape(message))


def _print_result(console: Console, what: str | Table) -> None:
    if _only_errors:
        return
    try:
        console.print(what)
    except OSError as error:  # the disk that stdout was sent to
        raise OSError(error.errno, error.strerror, "standard output") from None


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: bool = True) -> None:
    """`numbers`: all columns but the first are; else they are text, which may wrap."""
    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(
            escape(column),
            justify="right" if numbers and index else "left",
            no_wrap=numbers,
            overflow="ellipsis" if numbers else "fold",
        )
    for row in rows:
        table.add_row(*[escape(cell) for cell in row])
    _print_result(Console(highlight=False, width=None if sys.stdout.isatty() else 160), table)


class BarReporter:
    """One live bar. Stations call start, advance, note and warn; they never print."""

    def __init__(self, title: str):
        self._title = title
        self._bar: Bar | None = None
        self._started = time.time()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._bar is not None and _talk.is_terminal:
            self._bar.stop()
        self._bar = None

    def start(self, total: float, count: int = 0) -> None:
        """`total`: amount of work in any unit; `count`: how many things it is made of, for the rate."""
        self._stop()
        self._started, self._done, self._count, self._rate = time.time(), 0, count, ""
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=_talk,
        )
        self._task = self._bar.add_task(self._title, total=max(total, 1e-9), rate="")
        self._next_line = time.time() + LINE_EVERY_S
        if _talk.is_terminal:
            self._bar.start()

    def advance(self, amount: float, text: str = "", finished: bool = True) -> None:
        """`finished`: one more of the `count` things is complete."""
        bar = self._bar
        assert bar is not None  # it was started
        self._done += finished
        rate = f"{self._done}/{self._count}, {self._done / max(time.time() - self._started, 1e-6):.2f}/s" if self._count else ""
        bar.update(self._task, advance=amount, rate=f"{rate} {text}".strip())
        if not _talk.is_terminal and time.time() > self._next_line:  # a log file: now and then a line
            self._next_line = time.time() + LINE_EVERY_S
            say(f"{self._title}: {bar.tasks[0].percentage:.0f} %, {bar.tasks[0].fields['rate']}")

    def note(self, message: str) -> None:
        say(message)

    def warn(self, message: str) -> None:
        _talk.print(f"[yellow]warning:[/yellow] {escape(message)}", soft_wrap=True)


_REPORTERS: dict[str, type[BarReporter] | type[JsonReporter] | type[OpenJDReporter]] = {
    "bar": BarReporter,
    "json": JsonReporter,
    "openjd": OpenJDReporter,
}


def reporter(title: str, style: str) -> AbstractContextManager[Progress]:
    """`style`: "bar", "json" or "openjd"."""
    return _REPORTERS[style](title)


class _Doubts(logging.Handler):
    """Warnings of the library, each sentence once."""

    def __init__(self, style: str):
        super().__init__(logging.WARNING)
        self._reporter = _REPORTERS[style]("doubts")
        self._told: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message not in self._told:
            self._told.add(message)
            self._reporter.warn(message)


def show_doubts(style: str) -> None:
    """From here on what the library doubts is shown, as `reporter` of that style shows warnings."""
    for handler in [handler for handler in LOGGER.handlers if isinstance(handler, _Doubts)]:
        LOGGER.removeHandler(handler)
    LOGGER.addHandler(_Doubts(style))
