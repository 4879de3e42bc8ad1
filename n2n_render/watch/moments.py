"""Complete files of several folders → the moments of the animation: the files of each, and what may still come beside it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..io.dataset import parse_name
from ..io.numbering import Place, Stem, place_files
from ..io.sources import KEYS
from .arrivals import Arrivals, Facts
from .options import WatchOptions


@dataclass(frozen=True)
class Moment:
    """A frame whose files are all complete.

    Attributes:
        sequence: That it belongs to.
        number: Of the frame; None for a still.
        group: Its renders, one of each seed; the output is named as the first.
        beside: A render → a frame's channel → the file of its own that holds it.
        facts: Of all these files; others, where one was written again.
    """

    sequence: Stem
    number: int | None
    group: tuple[Path, ...]
    beside: Mapping[Path, Mapping[str, Path]] = field(hash=False)
    facts: tuple[tuple[Path, Facts], ...] = ()

    @property
    def path(self) -> Path:
        return self.group[0]

    @property
    def files(self) -> list[Path]:
        return [*self.group, *(file for channels in self.beside.values() for file in channels.values())]


def find_moments(arrivals: Arrivals, options: WatchOptions) -> list[Moment]:
    """Those that are complete, by sequence and number."""
    renders = [_Folder(arrivals.complete(place)) for place in (options.folder, *options.pairs)]
    passes = {key: [_Folder(arrivals.complete(place)) for place in places] for key, places in options.sources.passes.items()}
    found = {}
    for path, place in zip(renders[0].files, renders[0].places, strict=True):
        moment = _moment(path, place, renders[1:], passes)
        if moment:
            facts = {
                file: folder.files[file]
                for folder in (*renders, *(folder for folders in passes.values() for folder in folders))
                for file in moment.files
                if file in folder.files
            }
            found[str(place.sequence), place.frame or 0, path.name] = replace(moment, facts=tuple(facts.items()))
    return [found[key] for key in sorted(found)]


def _moment(path: Path, place: Place, others: Sequence["_Folder"], passes: Mapping[str, list["_Folder"]]) -> Moment | None:
    """Of this first render, without facts; None where another of its files is still to come."""
    group = [path]
    for folder in others:
        partner = folder.partner(path, place)
        if partner is None:
            return None
        group.append(partner)
    beside: dict[Path, dict[str, Path]] = {render: {} for render in group}
    for key, folders in passes.items():
        for index, render in enumerate(group):
            file = folders[min(index, len(folders) - 1)].partner(path, place)
            if file is None:
                return None
            beside[render][KEYS[key]] = file
    return Moment(place.sequence, place.frame, tuple(group), beside)


class _Folder:
    """Complete files, to be found by name or number."""

    def __init__(self, files: Mapping[Path, Facts]):
        self.files, self.places = files, place_files(list(files))
        self._by_name = {path.name: path for path in files}
        self._by_number: dict[int | None, list[Path]] = {}
        for path, place in zip(files, self.places, strict=True):
            self._by_number.setdefault(place.frame, []).append(path)

    def partner(self, path: Path, place: Place) -> Path | None:
        """The file of the same name, else the only one of the same frame (and view, as far as names tell)."""
        same, ours = self._by_name.get(path.name), parse_name(path.name)
        if same or place.frame is None:
            return same
        found = self._by_number.get(place.frame, [])
        if ours and len(found) > 1:
            found = [file for file in found if (theirs := parse_name(file.name)) is None or theirs.view == ours.view]
        return found[0] if len(found) == 1 else None


@dataclass(frozen=True)
class Expected:
    """Which numbers may still come.

    Attributes:
        there: Those that came, of every sequence.
        arriving: Those of files that are being written.
        broken: Those of files that cannot be read: nobody waits for them.
        frames: All that will come; None: not known, so that none is the last.
        is_over: Nothing came for so long that nothing is expected.
    """

    there: frozenset[int]
    arriving: frozenset[int]
    broken: frozenset[int]
    frames: frozenset[int] | None
    is_over: bool

    @classmethod
    def now(cls, arrivals: Arrivals, there: frozenset[int], options: WatchOptions, is_over: bool) -> "Expected":
        def numbers(files: Callable[[str], list[Path]]) -> frozenset[int]:
            places = [place for folder in (options.folder, *options.pairs) for place in place_files(files(folder))]
            return frozenset(place.frame for place in places if place.frame is not None)

        frames = frozenset(options.frames) if options.frames is not None else None
        return cls(there, numbers(arrivals.arriving), numbers(arrivals.broken), frames, is_over)

    def may_come(self, number: int) -> bool:
        if number in self.arriving:
            return True
        if self.is_over or number in self.there or number in self.broken:
            return False
        if self.frames is not None:
            return number in self.frames
        return number > min(self.there, default=number)

    @property
    def missing(self) -> list[int]:
        """Of the frames that were to come."""
        return sorted((self.frames or frozenset()) - self.there)

    @property
    def is_complete(self) -> bool:
        """Whether all frames that were to come are there, and none of them is being written again."""
        return self.frames is not None and not self.missing and not self.frames & self.arriving
