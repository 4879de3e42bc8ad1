"""How a verb tells what it is doing, and when it doubts: the protocol. Silent by default; cli/console.py speaks to people."""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Protocol


class Progress(Protocol):
    """One stage of the work."""

    def start(self, total: float, count: int = 0) -> None:
        """The work is `total` units long, of any kind; `count` of items, where it is counted in items."""

    def advance(self, amount: float, text: str = "", finished: bool = True) -> None:
        """`amount` more units are done. text: what the work is at; finished: an item is done with them."""

    def note(self, message: str) -> None:
        """Says what was chosen or found."""

    def warn(self, message: str) -> None:
        """Says what the user should doubt."""


class Silent:
    """Says nothing."""

    def start(self, total: float, count: int = 0) -> None:
        pass

    def advance(self, amount: float, text: str = "", finished: bool = True) -> None:
        pass

    def note(self, message: str) -> None:
        pass

    def warn(self, message: str) -> None:
        pass


OnFraction = Callable[[float], None]  # is told how much of a piece of work is done, from 0 to 1; what it raises stops the work
Warn = Callable[[str], None]  # is told what the user should doubt


def ignore(told: object) -> None:
    """Does nothing with what it is told."""


Check = Callable[[], None]  # raises where the work is not wanted any more
_still_wanted: ContextVar[Check] = ContextVar("still_wanted", default=lambda: None)


@contextlib.contextmanager
def stopped_by(check: Check) -> Iterator[None]:
    """Inside, work that takes long asks `check` now and then, also where it tells nobody of its progress; what that raises
    ends the work. For this thread alone.
    """
    before = _still_wanted.set(check)
    try:
        yield
    finally:
        _still_wanted.reset(before)


def still_wanted() -> Check:
    """What work that takes long asks now and then, from any thread."""
    return _still_wanted.get()


def part(on_fraction: OnFraction, index: int, count: int) -> OnFraction:
    """For the piece of work `index` of `count` equal ones: its fraction becomes that of the whole."""
    return lambda fraction: on_fraction((index + fraction) / count)


def share(on_fraction: OnFraction, begin: int, end: int, count: int) -> OnFraction:
    """For the pieces of work from `begin` to `end` of `count` equal ones, as one."""
    return lambda fraction: on_fraction((begin + fraction * (end - begin)) / count)


class Fractions:
    """Fractions of one item of a stage → its progress."""

    def __init__(self, progress: Progress):
        self._progress, self._done = progress, 0.0

    def tell(self, fraction: float) -> None:
        """How much of it is done."""
        self._progress.advance(fraction - self._done, finished=False)
        self._done = fraction

    def end(self, text: str) -> None:
        """All of it."""
        self._progress.advance(1 - self._done, text)


# reporter(title of a stage) → a context that yields its Progress. Every verb takes one.
Reporter = Callable[[str], contextlib.AbstractContextManager[Progress]]


def silent(title: str) -> contextlib.AbstractContextManager[Progress]:
    """The Reporter that says nothing."""
    return contextlib.nullcontext(Silent())
