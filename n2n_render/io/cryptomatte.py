"""Cryptomatte: the header's list of names, and the ranks of (id, coverage) of each pixel → the coverage of a name.

Source: Cryptomatte specification 1.2 (J. Friedman, A. Jones, Psyop). A list `<name>` lies in the passes `<name>00`,
`<name>01`, …; each has two ranks: red is an id and green its coverage, blue an id and alpha its coverage. An id is the
MurmurHash3 (32 bits) of a name, its bits taken as those of a float.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import N2NError, doubt
from ..frame.arrays import Array
from ..frame.windows import Window, place
from ..renderers.dialect import Dialect
from ..renderers.index import ChannelName, LayerName, Place
from .exr_parts import Header, Part, stack_pixels

KINDS = ("object", "material", "asset")
FEW = 32  # ids
RANKS_OF_A_PASS = 2
LARGEST_MANIFEST = 2**26  # bytes of a file of names
_ATTRIBUTE = re.compile(r"cryptomatte/([^/]+)/(\w+)")
_UNTOLD = re.compile(rf"(.*crypto_?(?:{'|'.join(KINDS)}))\d\d", re.IGNORECASE)  # passes of a list that no header tells of
_LETTERS = {"r": 0, "red": 0, "g": 1, "green": 1, "b": 2, "blue": 2, "a": 3, "alpha": 3}


@dataclass(frozen=True)
class Cryptomatte:
    """One list of names of a layer.

    Attributes:
        name: Of the list, as the header has it: "ViewLayer.CryptoObject".
        kind: What its names are of: one of KINDS, or, of lists of a user's own, `name`.
        ids: Name → id; empty where the file has no manifest.
        ranks: Where an id lies, and where its coverage.
        is_whole: There are all passes from 00 on, with all their channels.
    """

    name: str
    kind: str
    ids: Mapping[str, int]
    ranks: tuple[tuple[Place, Place], ...]
    is_whole: bool = True

    def coverage(self, path: Path, parts: list[Part], ids: Collection[int], window: Window) -> Array:
        """How much of each pixel of `window` bears one of these ids: (H, W, 1), 0 to 1.

        Raises N2NError where the file does not hold ids as they were made.
        """
        if not self.is_whole:
            doubt(f"{path}: passes or channels of {self.name} are missing: what they may cover counts as not covered")
        total = np.zeros((window.height, window.width, 1), np.float32)
        for numbers, covered in self._ranks(path, parts, window):
            here = _is_among(numbers, ids)
            total[here] += covered[here]
        return np.clip(np.nan_to_num(total), 0, 1)

    def holds(self, path: Path, parts: list[Part], number: int) -> bool:
        """Whether any pixel bears this id; by the header alone nobody knows of one."""
        part, name = self.ranks[0][0]
        if parts[part][1][name] is None:
            return False
        ranks = self._ranks(path, parts, Window.of(parts[part][0]))
        return any(bool((covered[ids == number] > 0).any()) for ids, covered in ranks)

    def _ranks(self, path: Path, parts: list[Part], window: Window) -> Iterator[tuple[Array, Array]]:
        """Of each rank the ids (H, W, 1) uint32, and their coverage (H, W, 1)."""
        for places in self.ranks:
            part, name = places[0]
            if parts[part][1][name].pixels.dtype != np.float32:
                raise N2NError(
                    f"{path}: the ids of {self.name} are not of 32 bits: no name can be told from another",
                    "Write Cryptomatte as 32-bit float, or leave the names out of --strength.",
                )
            there = Window.of(parts[part][0])
            number, covered = (place(stack_pixels(path, parts, [one]), there, window) for one in places)
            yield number.view(np.uint32), covered


def find_cryptomattes(
    path: Path, headers: Sequence[Header], names: Sequence[ChannelName], dialect: Dialect, layer: str
) -> list[Cryptomatte]:
    """Those of a layer (of one view), in the order of the header; those that it does not tell of, after them."""
    lists = _told(headers)
    for one in names:
        if (match := _UNTOLD.fullmatch(one.path)) and not any(_is_of(one.path, name) for name in lists):
            lists[match[1]] = {}
    found = []
    for name, attributes in lists.items():
        here = [one for one in names if _is_of(one.path, name) and _is_in(layer, one, dialect)]
        if ranks := _ranks(here):
            kind = next((kind for kind in KINDS if kind in name.rpartition(".")[2].lower()), name)
            last = max(int(one.path[-2:]) for one in here)
            is_whole = len(ranks) == RANKS_OF_A_PASS * (last + 1)
            found.append(Cryptomatte(name, kind, _manifest(path, name, attributes), ranks, is_whole))
    return found


def hash_of(name: str) -> int:
    """The id of a name: bits that are a finite float."""
    return _as_float(murmur3(name.encode()))


def murmur3(data: bytes) -> int:
    """MurmurHash3, x86, 32 bits, seed 0 (A. Appleby; public domain)."""
    state = 0
    for start in range(0, len(data), 4):
        chunk = data[start : start + 4]
        mixed = _rotated(int.from_bytes(chunk, "little") * 0xCC9E2D51, 15) * 0x1B873593 & 0xFFFFFFFF
        state ^= mixed
        if len(chunk) == 4:
            state = _rotated(state, 13) * 5 + 0xE6546B64 & 0xFFFFFFFF
    state ^= len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        state = (state ^ state >> shift) * factor & 0xFFFFFFFF
    return state ^ state >> 16


def _rotated(value: int, by: int) -> int:
    value &= 0xFFFFFFFF
    return (value << by | value >> (32 - by)) & 0xFFFFFFFF


def _as_float(number: int) -> int:
    """`uint32_to_float32`: bits that would be no number, infinite or denormal differ in the exponent's last one."""
    return number ^ 1 << 23 if number >> 23 & 0xFF in (0, 0xFF) else number


def _is_among(numbers: Array, ids: Collection[int]) -> Array:
    """Where one of the ids is, bool. To compare them one by one is the faster way for a few."""
    if len(ids) > FEW:
        return np.isin(numbers, np.array(sorted(ids), np.uint32))
    found = np.zeros(numbers.shape, bool)
    for one in ids:
        found |= numbers == np.uint32(one)
    return found


def _told(headers: Sequence[Header]) -> dict[str, dict[str, str]]:
    """Name of a list → its attributes."""
    by_key: dict[str, dict[str, str]] = {}
    for header in headers:
        for attribute, value in header.items():
            if match := _ATTRIBUTE.fullmatch(attribute):
                by_key.setdefault(match[1], {}).setdefault(match[2], str(value))
    return {attributes["name"]: attributes for attributes in by_key.values() if attributes.get("name")}


def _is_of(path: str, name: str) -> bool:
    """Whether this is one of the passes that hold the ranks of a list; other programs may put a layer's name before it."""
    rest, digits = path[:-2], path[-2:]
    return digits.isdigit() and (rest == name or rest.endswith(f".{name}"))


def _is_in(layer: str, one: ChannelName, dialect: Dialect) -> bool:
    """Whether a channel is of this layer. A file may have named layers, and a Cryptomatte of none: then it is of them all."""
    own = dialect.split(one.path)[0]
    if own:
        return str(LayerName(own, one.view)) == layer
    return not one.view or layer == one.view or layer.endswith(f".{one.view}")


def _ranks(channels: Sequence[ChannelName]) -> tuple[tuple[Place, Place], ...]:
    by_pass: dict[str, dict[int, Place]] = {}
    for one in channels:
        if (number := _LETTERS.get(one.letter.lower())) is not None:
            by_pass.setdefault(one.path[-2:], {}).setdefault(number, one.place)
    places = [by_pass[digits] for digits in sorted(by_pass)]
    return tuple((here[first], here[first + 1]) for here in places for first in (0, 2) if {first, first + 1} <= set(here))


def _manifest(path: Path, name: str, attributes: Mapping[str, str]) -> dict[str, int]:
    """Name → id, of the header or of a file beside the image; empty where neither can be read, which is said."""
    try:
        text = attributes.get("manifest") or _sidecar(path, attributes.get("manif_file"))
        values: Any = json.loads(text) if text else {}
        return {str(one): _as_float(int(number, 16) & 0xFFFFFFFF) for one, number in values.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        why = error if isinstance(error, _Refused) else "it cannot be read"
        doubt(f"{path}: the list of the names of {name} is not used: {why}; a name is found by its hash all the same")
        return {}


class _Refused(ValueError):
    """Why a file of names is not read."""


def _sidecar(path: Path, named: str | None) -> str:
    """The text of the file of names. Raises _Refused for one that lies elsewhere: who sends a picture must not say what of this
    computer is read.
    """
    if not named:
        return ""
    folder = path.resolve().parent
    place = (folder / named).resolve()
    if not place.is_relative_to(folder):
        raise _Refused(f"{named} would lie outside of the file's folder")
    if not place.is_file():
        raise _Refused(f"{named} is not there")
    if place.stat().st_size > LARGEST_MANIFEST:
        raise _Refused(f"{named} is too large for a list of names")
    return place.read_text(encoding="utf-8")
