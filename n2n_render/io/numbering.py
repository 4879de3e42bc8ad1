"""Names and headers of files → which frame each one is, and which files make one sequence.

A header's `Frame` decides; without one the name does. In a name a hyphen before the number may be a sign or only a hyphen:
see `_is_sign`.
"""

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import N2NError, doubt
from .dataset import parse_name
from .exr import ExrImage

Stem = tuple[Path, str, str]  # folder, name before the number, name after it
_NUMBER = re.compile(r"-?\d+")
_BEFORE_A_SIGN = re.compile(r"(^|[_.\s-]|(^|\D)v\d{3,}_f)\Z")  # the last: what `adapt` writes
_BEFORE_A_SEED = re.compile(r"(?i)(^|[\W_])(s|seed[_.-]?)\Z")
_HEADER_NAMES = ("frame", "framenumber")


@dataclass(frozen=True)
class Place:
    """Where a file stands in an animation.

    frame: its number, None for a still. named, stated: what the name and the header say, None if nothing. by_header: `frame`
    is the header's, as for all files of the sequence.
    """

    sequence: Stem
    frame: int | None
    named: int | None
    stated: int | None
    by_header: bool = False


def frame_of_header(path: str | os.PathLike[str]) -> int | None:
    """The frame that an EXR's header names ("12" or "0012" of Blender's metadata, numbers of others), or None.

    None also for what cannot be read: whoever reads the pixels says what is wrong with it.
    """
    try:
        facts = os.stat(path)
    except (OSError, ValueError):
        return None
    return _read_header(str(path), facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=100_000)
def _read_header(path: str, _size: int, _time: int) -> int | None:
    try:
        header = ExrImage.open(path, header_only=True).parts[0][0]
    except (N2NError, IndexError):
        return None
    values = {key.lower(): value for key, value in header.items() if isinstance(key, str)}
    return next((number for name in _HEADER_NAMES for number in [_whole(values.get(name))] if number is not None), None)


def _whole(value: Any) -> int | None:
    """A number of any type, or its text; None for what is no whole number."""
    try:
        number = float(value.decode() if isinstance(value, bytes) else value)
        return int(number) if number == int(number) else None
    except (TypeError, ValueError, OverflowError):
        return None


def place_files(paths: Sequence[Path]) -> list[Place]:
    """The place of each file among all of them. The names of a dataset say all themselves; headers of others are read."""
    places: list[Place | None] = [None] * len(paths)
    families: dict[tuple[Any, ...], list[int]] = {}
    for index, path in enumerate(paths):
        own = parse_name(path.name)
        if own:
            places[index] = Place((path.parent, own.view, ""), own.frame, own.frame, None)
        else:
            families.setdefault((path.parent, *_pieces(path.stem)), []).append(index)
    for (folder, *pieces), indices in families.items():
        placed = _place_family(
            folder, pieces, [paths[index].stem for index in indices], [frame_of_header(paths[index]) for index in indices]
        )
        for index, place in zip(indices, placed, strict=True):
            places[index] = place
    return [place for place in places if place]


def _pieces(stem: str) -> list[str]:
    return _NUMBER.split(stem)


def _place_family(folder: Path, pieces: list[str], stems: list[str], stated: list[int | None]) -> list[Place]:
    """Files of one folder whose names are equal but for the numbers in them."""
    if len(pieces) == 1:
        return [Place((folder, stem, ""), frame, None, frame) for stem, frame in zip(stems, stated, strict=True)]
    numbers = [_NUMBER.findall(stem) for stem in stems]
    position = _frame_position(pieces, numbers, stated)
    signed = _read_signs(folder, pieces, position, numbers, stated)
    read = []
    for stem, texts, minus in zip(stems, numbers, signed, strict=True):
        text, value = texts[position], abs(int(texts[position]))
        hyphen = "-" if text.startswith("-") and not minus else ""
        before, after = _before(pieces, texts, position) + hyphen, stem[len(_before(pieces, texts, position) + text) :]
        read.append(((folder, before, after), -value if minus else value))
    sequences: dict[Stem, list[int | None]] = {}
    for (sequence, _), frame in zip(read, stated, strict=True):
        sequences.setdefault(sequence, []).append(frame)
    trusted = {
        sequence
        for sequence, frames in sequences.items()  # a constant that a program writes everywhere tells nothing
        if None not in frames and len(set(frames)) == len(frames)
    }
    return [
        Place(sequence, frame if sequence in trusted else named, named, frame, sequence in trusted)
        for (sequence, named), frame in zip(read, stated, strict=True)
    ]


def _frame_position(pieces: list[str], numbers: list[list[str]], stated: list[int | None]) -> int:
    """Which of the numbers in the names is the frame: the last one that agrees with all headers; else the last one, or the
    last that differs between the files if it has more digits (frame_0001_v2). A seed or a number of samples never is.
    """
    possible = [
        index
        for index in range(len(numbers[0]))
        if not (_BEFORE_A_SEED.search(pieces[index]) or pieces[index + 1].lower().startswith("spp"))
    ]
    possible = possible or list(range(len(numbers[0])))
    stating = [(texts, abs(frame)) for texts, frame in zip(numbers, stated, strict=True) if frame is not None]
    for index in reversed(possible):
        if stating and all(abs(int(texts[index])) == frame for texts, frame in stating):
            return index
    last = possible[-1]
    differing = [index for index in possible if len({texts[index] for texts in numbers}) > 1]
    best = differing[-1] if differing else last
    return best if len(numbers[0][best].lstrip("-")) > len(numbers[0][last].lstrip("-")) else last


def _read_signs(
    folder: Path, pieces: list[str], position: int, numbers: list[list[str]], stated: list[int | None]
) -> list[bool]:
    """For each file whether its number is negative."""

    def others(texts: list[str]) -> tuple[str, ...]:
        return (*texts[:position], *texts[position + 1 :])

    told: dict[tuple[str, ...], bool] = {}  # what headers say of hyphens in this sequence
    for texts, frame in zip(numbers, stated, strict=True):
        if texts[position].startswith("-") and frame and abs(frame) == -int(texts[position]):
            told[others(texts)] = told.get(others(texts), False) or frame < 0
    siblings = None
    signed = []
    for texts, frame in zip(numbers, stated, strict=True):
        text = texts[position]
        if not text.startswith("-"):
            signed.append(False)
        elif frame and abs(frame) == -int(text):
            signed.append(frame < 0)
        elif others(texts) in told:
            signed.append(told[others(texts)])
        else:
            siblings = _sibling_numbers(folder, pieces, numbers) if siblings is None else siblings
            signed.append(
                _is_sign(
                    _before(pieces, texts, position),
                    text,
                    {there[position] for there in siblings if others(there) == others(texts)},
                )
            )
    return signed


def _before(pieces: list[str], texts: list[str], position: int) -> str:
    """The name up to one of its numbers."""
    return "".join(piece + text for piece, text in zip(pieces, texts[:position], strict=False)) + pieces[position]


def _sibling_numbers(folder: Path, pieces: list[str], numbers: list[list[str]]) -> list[list[str]]:
    """The numbers in all names of the folder that are equal to these but for the numbers."""
    try:
        names = [Path(name) for name in os.listdir(folder)]
    except OSError:
        names = []
    return numbers + [
        _NUMBER.findall(name.stem) for name in names if name.suffix.lower() == ".exr" and _pieces(name.stem) == pieces
    ]


def _is_sign(before: str, text: str, siblings: set[str]) -> bool:
    """Whether the hyphen of `text` ("-0001") is a sign. `before`: the name up to it; siblings: such numbers in the folder.

    It is one at the start of a name, after a separator (frame_-0001, shot--0001), and where the folder also holds the name
    with a number without hyphen, written alike (shot0001): so Blender names frames before 0. Else shot-0001 is frame 1.
    """
    if _BEFORE_A_SIGN.search(before):
        return True
    if any(number.startswith("-") and int(number) == 0 for number in siblings):
        return False
    return any(not number.startswith("-") and _padded_alike(text[1:], number) for number in siblings)


def _padded_alike(negative: str, positive: str) -> bool:
    """Whether one counter writes both digits: Blender pads -1 to -0001, printf and Python to -001, beside 0001."""
    width, other = (len(text) if len(text) > 1 and text[0] == "0" else 0 for text in (negative, positive))
    if width and other:
        return other in (width, width + 1)
    return len(positive) >= width and len(negative) >= other - 1


def doubt_places(paths: Sequence[Path], places: Sequence[Place]) -> None:
    """Says where the headers of a sequence contradict its names, once for each sequence."""
    for sequence in dict.fromkeys(place.sequence for place in places):
        members = [
            (path, place, place.stated, place.named)
            for path, place in zip(paths, places, strict=True)
            if place.sequence == sequence and place.named is not None and place.stated is not None
        ]
        if len({stated - named for _, _, stated, named in members}) < 2:
            continue
        path, place, stated, named = next(member for member in members if member[2] != member[3])
        if place.by_header:
            doubt(f"{path}: the header says frame {stated}, the name {named}; the headers are believed")
        else:
            doubt(f"{path}: the header says frame {stated}, as that of another file does; the names are believed")


def doubt_gaps(paths: Sequence[Path], places: Sequence[Place]) -> None:
    """Says which frames are missing in the middle of a sequence, and which are there twice."""
    sequences: dict[Stem, dict[int, list[str]]] = {}
    for path, place in zip(paths, places, strict=True):
        if place.frame is not None:
            sequences.setdefault(place.sequence, {}).setdefault(place.frame, []).append(path.name)
    for (folder, *_), frames in sequences.items():
        twice = next((names for names in frames.values() if len(names) > 1 and not parse_name(names[0])), None)
        if twice:
            doubt(f"{folder}: {twice[0]} and {twice[1]} are the same frame of one sequence; each is taken for itself")
        missing = _missing(sorted(frames))
        if missing:
            doubt(
                f"{folder}: {_listed(missing)} of a sequence from {min(frames)} to {max(frames)} "
                f"{'is' if len(missing) == 1 else 'are'} not there; the others are done"
            )


def _missing(frames: list[int]) -> list[int]:
    """What a regular sequence lacks. Most steps between its frames must be equal, and the others multiples of them."""
    steps = [after - before for before, after in zip(frames, frames[1:], strict=False)]
    if len(steps) < 2:
        return []
    step, count = Counter(steps).most_common(1)[0]
    if 2 * count < len(steps) or any(other % step for other in steps) or max(steps) > 1000 * step:
        return []
    there = set(frames)
    return [frame for frame in range(frames[0], frames[-1], step) if frame not in there]


def _listed(frames: list[int]) -> str:
    some = ", ".join(map(str, frames[:3])) + (f" … {frames[-1]} ({len(frames)} frames)" if len(frames) > 3 else "")
    return f"frame{'s' if len(frames) > 1 else ''} {some}"
