"""How a verb tells what it is doing, and when it doubts: the protocol. Silent by default; cli/console.py speaks to people."""

import contextlib
from collections.abc import Callable
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


def part(on_fraction: OnFraction, index: int, count: int) -> OnFraction:
    """For the piece of work `index` of `count` equal ones: its fraction becomes that of the whole."""
    return lambda fraction: on_fraction((index + fraction) / count)


# reporter(title of a stage) → a context that yields its Progress. Every verb takes one.
Reporter = Callable[[str], contextlib.AbstractContextManager[Progress]]


def silent(title: str) -> contextlib.AbstractContextManager[Progress]:
    """The Reporter that says nothing."""
    return contextlib.nullcontext(Silent())
