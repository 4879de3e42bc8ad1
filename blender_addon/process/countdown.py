"""Parts of a job with the seconds that each is expected to take → how much of the whole is done, and what is left. No bpy here.

A part that nobody can foresee counts as long as it takes; until it has told how far it is, what is left is a lower bound.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

SURE_SHARE, SURE_S = 0.1, 3.0  # of a part: from there on it tells better than what was expected how long it takes


@dataclass
class Part:
    """title: in words for the artist. seconds: expected; None: not known. most: no more than `seconds`, maybe less."""

    title: str
    seconds: float | None = None
    most: bool = False


@dataclass
class Countdown:
    """One job's. Parts come in order; each is entered by its number."""

    parts: Sequence[Part]
    clock: Callable[[], float] = time.monotonic
    at: int = 0
    share: float | None = None  # of the part in hand; None: it has not told, and goes by the clock
    entered: float = field(default=0.0)

    def __post_init__(self):
        self.entered = self.clock()

    @property
    def part(self) -> Part:
        return self.parts[self.at]

    def enter(self, index: int):
        """The parts before are over, however long they took."""
        if index != self.at:
            self.at, self.share, self.entered = index, None, self.clock()

    def reach(self, share: float):
        """How much of the part in hand is done."""
        self.share = min(max(share, 0.0), 1.0)

    def _done(self) -> float:
        if self.share is None:
            return min(self.passed() / self.part.seconds, 0.99) if self.part.seconds else 0.0
        return self.share

    def passed(self) -> float:
        """Seconds since the part in hand was entered."""
        return self.clock() - self.entered

    def _left_of_part(self) -> float | None:
        passed = self.passed()
        if self.share is not None and self.share >= SURE_SHARE and passed >= SURE_S:
            return passed * (1.0 - self.share) / self.share
        return None if self.part.seconds is None else max(self.part.seconds - passed, 0.0)

    def left(self) -> tuple[float, bool]:
        """(seconds, whether it may well be more)."""
        each = [self._left_of_part(), *(part.seconds for part in self.parts[self.at + 1 :])]
        return sum(seconds or 0.0 for seconds in each), None in each

    def whole(self) -> float:
        """How much of all parts is done, by the time that they take; what is not known counts as the mean of the others."""
        known = [part.seconds for part in self.parts if part.seconds]
        usual = sum(known) / len(known) if known else 1.0
        weights = [part.seconds or usual for part in self.parts]
        return (sum(weights[: self.at]) + weights[self.at] * self._done()) / sum(weights)

    def words(self) -> str:
        """ "1:05 left", or nothing when it cannot be told yet."""
        seconds, more = self.left()
        if more and seconds < 1.0:
            return ""
        return f"{'more than ' if more else ''}{clock_words(seconds)} left"


def clock_words(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}" if whole >= 3600 else f"{whole // 60}:{whole % 60:02}"


def duration_words(seconds: float) -> str:
    """ "40 s", "3 min", "1.5 h": for a sentence before it begins."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def total_words(parts: Sequence[Part]) -> str:
    """ "About 4 min: second render 40 s, learning at most 3 min, …"; what is not known is said."""
    known = [part for part in parts if part.seconds is not None]
    if not known:
        return "How long is not known before a first run"
    each = ", ".join(f"{part.title} {'at most ' if part.most else ''}{duration_words(part.seconds)}" for part in known)
    unknown = [part.title for part in parts if part.seconds is None]
    more = f", and {' and '.join(unknown)} (not measured yet)" if unknown else ""
    total = duration_words(sum(part.seconds for part in known))
    return f"{'More than' if unknown else 'About'} {total}: {each}{more}" if len(parts) > 1 else f"About {total}"
