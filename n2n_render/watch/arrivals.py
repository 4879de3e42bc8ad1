"""Folders that are being written into → which of their files are complete.

Folders are asked, for no network disk tells of changes. A file is complete when it has not changed for a while and all its
pixels can be decoded: renderers write in place, some with long pauses.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import N2NError, doubt
from ..io.exr import ExrImage
from ..io.patterns import match_pattern

CHECK_S = 1.0  # of reading files between two looks at most, so that frames are denoised before all of many are read
Facts = tuple[int, int]  # of a file: its size, and when it was written


@dataclass
class _Seen:
    """since: when it was seen to change last. is_complete: None while it may be changing."""

    facts: Facts
    since: float
    is_complete: bool | None = None


class Arrivals:
    """What came so far.

    Attributes:
        changed: When a file came or changed last, on the clock of `time.monotonic`.
    """

    def __init__(self, places: Sequence[str], settle_s: float, is_known: Callable[[Path, Facts], bool]):
        """places: folders or patterns. is_known: whether a file was complete earlier, so that it need not be read again."""
        self._places, self._settle_s, self._is_known = places, settle_s, is_known
        self._seen: dict[str, dict[Path, _Seen]] = {place: {} for place in places}
        self._is_there: dict[str, bool] = {}  # of folders
        self.changed = time.monotonic()

    def look(self) -> bool:
        """Asks the folders; whether something is other than it was."""
        changes = [self._look_at(place) for place in self._places]
        return any(changes)

    def complete(self, place: str) -> Mapping[Path, Facts]:
        """Its complete files."""
        return {path: seen.facts for path, seen in self._seen[place].items() if seen.is_complete}

    def arriving(self, place: str) -> list[Path]:
        """Its files that may still be changing, or were not read yet."""
        return [path for path, seen in self._seen[place].items() if seen.is_complete is None]

    def broken(self, place: str) -> list[Path]:
        """Its files that cannot be read, though they have not changed for a while."""
        return [path for path, seen in self._seen[place].items() if seen.is_complete is False]

    def _is_away(self, place: str) -> bool:
        """Whether it was a folder and is none now: the disk may come back, so nothing is forgotten."""
        is_there = os.path.isdir(place)
        if not is_there and self._is_there.get(place):
            doubt(f"{place}: is not there any more; what came is known, and it is looked for again")
        if is_there or place in self._is_there:
            self._is_there[place] = is_there
        return not is_there and place in self._is_there

    def _look_at(self, place: str) -> bool:
        if self._is_away(place):
            return False
        now, before, after = time.monotonic(), self._seen[place], _list(place)
        until, has_read = now + CHECK_S / len(self._places), False
        changed = before.keys() != after.keys()
        for path in before.keys() - after.keys():
            del before[path]
        for path, facts in after.items():
            seen = before.get(path)
            if seen is None or seen.facts != facts:
                before[path], self.changed, changed = _Seen(facts, now), now, True
            elif seen.is_complete is None and now - seen.since >= self._settle_s:
                if has_read and time.monotonic() > until:
                    continue
                has_read = True
                seen.is_complete, changed = self._is_known(path, facts) or _can_be_read(path), True
        return changed


def _list(place: str) -> dict[Path, Facts]:
    """EXR files that are not hidden, as `denoise` finds them."""
    try:
        if not os.path.isdir(place):
            return {path: facts for path in match_pattern(place) if (facts := _facts(path)) is not None}
        with os.scandir(place) as entries:
            names = [entry.name for entry in entries if entry.name.lower().endswith(".exr") and not entry.name.startswith(".")]
    except OSError as error:
        raise N2NError(f"{place}: cannot be read ({error.strerror})", "Check that it is still there and may be read.") from None
    found = {Path(place) / name: _facts(Path(place) / name) for name in sorted(names)}
    return {path: facts for path, facts in found.items() if facts is not None}


def _facts(path: Path) -> Facts | None:
    """None for what is gone, or is no file."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return None if path.is_dir() else (facts.st_size, facts.st_mtime_ns)


def _can_be_read(path: Path) -> bool:
    try:
        ExrImage.open(path)
    except N2NError as error:
        doubt(f"{error.what}; it is left until it changes")
        return False
    return True
