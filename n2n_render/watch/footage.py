"""The moments of an animation that came so far → frames of a work that grows, and which of them are to be denoised now.

Each version of a moment has an index of its own: what was read of an earlier one is never used for a later one.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ..errors import N2NError, UnwritableFile
from ..io.numbering import Stem, place_files
from ..io.selection import is_current
from ..io.sequence import find_windows_so_far
from ..io.sources import Sources, parse_channels
from .moments import Expected, Moment
from .options import WatchOptions

RETRY_S = 60.0
Window = list[int | None]  # of a frame: what its picture is made of


class Footage:
    """What is known of every frame, by its index.

    Attributes:
        groups: The files of each.
        outputs: Where each goes.
        windows: Those around each, itself in the middle; it alone where neighbours are not looked at.
        models: What each is denoised with.
        sources: Where the channels lie that are not where they are recognised.
        kept: Outputs that were there already.
        failed: First file → why its frame could not be denoised.
    """

    def __init__(self, options: WatchOptions, reach: int, choose: Callable[[Moment, Sources], str]):
        """choose: the model that a moment is for."""
        self.options, self.reach, self._choose = options, reach, choose
        self.groups: list[tuple[Path, ...]] = []
        self.outputs: list[Path] = []
        self.windows: list[Window] = []
        self.models: list[str] = []
        self._beside: dict[Path, dict[str, Path]] = {}
        self.sources = Sources(parse_channels(options.sources.channels), self._beside)
        self.kept: set[Path] = set()
        self.failed: dict[Path, N2NError] = {}
        self._numbers_done: set[tuple[Stem, int | None]] = set()
        self._there: dict[Moment, int] = {}
        self._moments: dict[int, Moment] = {}
        self._made: dict[Path, Window] = {}  # of what an output was made, or could not be
        self._ours: dict[Path, int | None] = {}  # output → when this process wrote it
        self._unwritten: dict[Path, float] = {}  # first file → when its picture could not be written
        self._last = 0  # number of the frame that was done last

    def update(self, moments: Sequence[Moment]) -> list[Path]:
        """These are there now, in their order. Returns the first files of those that had been done, and came again."""
        before, again = self._there, []
        self._there = {}
        for moment in moments:
            if moment not in before:
                again += [moment.path] if moment.path in self._made else []
                self._there[moment] = self._add(moment)
            else:
                self._there[moment] = before[moment]
        self._moments = {index: moment for moment, index in self._there.items()}
        self._look_around(list(self._there.values()))
        return again

    def _add(self, moment: Moment) -> int:
        index = len(self.groups)
        self._beside.update({render: dict(channels) for render, channels in moment.beside.items()})
        self.models.append(self._choose(moment, self.sources))
        self.outputs.append(Path(self.options.output) / moment.path.name)
        self.windows.append([index])
        self.groups.append(moment.group)
        return index

    def _look_around(self, indices: Sequence[int]) -> None:
        if not self.reach or not indices:
            return
        found = find_windows_so_far([self.groups[index] for index in indices], self.reach, list(self.options.shots))
        for index, window in zip(indices, found, strict=True):
            there = [None if place is None else indices[place] for place in window]
            self.windows[index] = [
                other if other is not None and self.models[other] == self.models[index] else None for other in there
            ]

    @property
    def numbers(self) -> frozenset[int]:
        """Of the frames that every sequence has, or had before its files were cleared away."""
        found: dict[Stem, set[int]] = {}
        for sequence, number in self._numbers_done | {(moment.sequence, moment.number) for moment in self._there}:
            if number is not None:
                found.setdefault(sequence, set()).add(number)
        return frozenset(set.intersection(*found.values())) if found else frozenset()

    @property
    def wanted(self) -> dict[int, Moment]:
        """Those whose pictures are asked for; others are neighbours."""
        frames = self.options.frames
        return {index: moment for index, moment in self._moments.items() if frames is None or moment.number in frames}

    @property
    def is_done(self) -> bool:
        """Of all that are there the pictures are what they would be now, or cannot be made."""
        return all(self._is_settled(index) for index in self.wanted)

    def pick(self, expected: Expected, is_quiet: bool) -> list[int]:
        """Frames to denoise now, from the last one on in the order of their numbers: those whose neighbours have come.

        What only its neighbours have changed of is done again last, where it is quiet.
        """
        todo = [index for index in self.wanted if not self._is_settled(index) and not self._waits(index, expected)]
        fresh = [index for index in todo if index not in self._made.get(self.groups[index][0], [])]
        return sorted(fresh or (todo if is_quiet else []), key=self._distance)

    def _is_settled(self, index: int) -> bool:
        """Whether nothing came that its picture is not made of. What is gone stays in it: inputs may be cleared away."""
        made = self._made.get(self.groups[index][0])
        return made is not None and all(now is None or now == then for now, then in zip(self.windows[index], made, strict=True))

    def keep(self, index: int) -> bool:
        """Whether the output of a frame stays as it is: it was there before, or another process has made it."""
        if self.groups[index][0] in self._made and not (self.options.shared and self._is_anothers(self.outputs[index])):
            return False
        files = [path for there in self.windows[index] if there is not None for path in self._moments[there].files]
        try:
            is_there = is_current(self.outputs[index], files)
        except OSError:  # one of them is gone, which the next look tells
            return False
        if is_there:
            self._make(index, self.windows[index])
            self.kept.add(self.outputs[index])
            self.failed.pop(self.groups[index][0], None)
        return is_there

    def alone(self, paths: Iterable[Path]) -> list[Path]:
        """First renders that nothing was made of: no other file of their frame came."""
        known = {moment.path for moment in self._there} | self._made.keys()
        frames = self.options.frames
        lone = [path for path in paths if path not in known]
        return [path for path, place in zip(lone, place_files(lone), strict=True) if frames is None or place.frame in frames]

    def settle(self, index: int, window: Window, error: N2NError | None) -> None:
        """The frame was denoised, of that window, or could not be."""
        path = self.groups[index][0]
        self._make(index, window)
        self._last = self._moments[index].number or 0
        self.kept.discard(self.outputs[index])
        self.failed.pop(path, None)
        if error:
            self.failed[path] = error
        else:
            self._ours[self.outputs[index]] = _written(self.outputs[index])
        if isinstance(error, UnwritableFile):
            self._unwritten[path] = time.monotonic()

    def retry(self) -> None:
        """Frames whose pictures could not be written a while ago are to be done once more: the disk may have room now."""
        for path in [path for path, when in self._unwritten.items() if time.monotonic() - when >= RETRY_S]:
            del self._unwritten[path]
            self._made.pop(path, None)

    def _is_anothers(self, output: Path) -> bool:
        """Whether it is not as this process wrote it. Of its own it knows what they are made of; their time says less, for a
        file may be replaced while it is denoised, or be moved here with a time of before.
        """
        return _written(output) != self._ours.get(output)

    def _make(self, index: int, window: Window) -> None:
        self._made[self.groups[index][0]] = list(window)
        self._numbers_done.add((self._moments[index].sequence, self._moments[index].number))

    def lacking(self, index: int) -> list[int]:
        """Numbers around a frame that are not there, though others are beyond them or should have come."""
        moment = self._moments[index]
        if moment.number is None or not self.reach:
            return []
        around = range(moment.number - self.reach, moment.number + self.reach + 1)
        return [
            number for number, there in zip(around, self.windows[index], strict=True) if there is None and self._belongs(number)
        ]

    def _belongs(self, number: int) -> bool:
        if self.options.frames is not None:
            return number in self.options.frames
        numbers = [moment.number for moment in self._moments.values() if moment.number is not None]
        return min(numbers) < number < max(numbers)

    def _waits(self, index: int, expected: Expected) -> bool:
        """Whether one of its neighbours may still come."""
        number = self._moments[index].number
        if number is None:
            return False
        around = range(number - self.reach, number + self.reach + 1)
        shot = next((range(first, last + 1) for first, last in self.options.shots if first <= number <= last), around)
        return any(expected.may_come(other) for other in around if other != number and other in shot)

    def _distance(self, index: int) -> tuple[bool, int]:
        number = self._moments[index].number or 0
        return number < self._last, number


def _written(output: Path) -> int | None:
    try:
        return output.stat().st_mtime_ns
    except OSError:
        return None
