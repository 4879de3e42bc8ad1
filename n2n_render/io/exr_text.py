"""Header text of an EXR file that is not UTF-8 (Latin-1 from older programs): masked for reading, put back on writing.

The bytes are carried through as they are; nobody here knows what they mean. Layout: OpenEXR File Layout.
"""

import re
import shutil
import struct
from dataclasses import dataclass, field
from pathlib import Path

MAGIC = b"\x76\x2f\x31\x01"
MULTI_PART = 0x1000
TEXT_TYPES = (b"string", b"stringvector", b"chlist")
SPLIT = re.compile(rb"[^\0.]+")  # the parts of names
MASK = 0x7F  # stands for a byte that is no UTF-8; sorts after all ASCII, so that channels keep their order


@dataclass
class Carried:
    """The masked value of an attribute → its own bytes, for every attribute that was masked, in file order; and the same of
    the names in lists of channels and parts, for lists that are written longer than they were.
    """

    values: list[tuple[bytes, bytes, bytes]] = field(default_factory=list)  # attribute, masked, own
    names: dict[bytes, bytes] = field(default_factory=dict)  # masked, own

    def put_back(self, path: str) -> None:
        """Puts the bytes back into a file that was written with the masked values."""
        waiting = list(self.values)
        if not waiting:
            return
        with open(path, "r+b") as file:
            data = file.read()
            for name, start, end in text_attributes(data):
                if MASK not in data[start:end]:
                    continue
                found = next((entry for entry in waiting if entry[:2] == (name, data[start:end])), None)
                if found:
                    waiting.remove(found)
                file.seek(start)
                file.write(found[2] if found else SPLIT.sub(lambda token: self.names.get(token[0], token[0]), data[start:end]))


def mask_text(path: Path, masked_path: Path) -> Carried:
    """Copies the file with all text that is not UTF-8 masked, byte for byte. Raises ValueError for a broken header, and for
    names that are equal once they are masked.
    """
    shutil.copyfile(path, masked_path)
    carried = Carried()
    with open(masked_path, "r+b") as file:
        data = file.read()
        for name, start, end in text_attributes(data):
            own = data[start:end]
            masked = _masked(own)
            if masked != own:
                carried.values.append((name, masked, own))
                if name in (b"channels", b"name"):
                    _add_names(carried.names, masked, own)
                file.seek(start)
                file.write(masked)
    return carried


def _add_names(names: dict[bytes, bytes], masked: bytes, own: bytes) -> None:
    for found in SPLIT.finditer(masked):
        token = own[found.start() : found.end()]
        if MASK in found[0] and names.setdefault(found[0], token) != token:
            raise ValueError("two names differ only in letters that are not UTF-8")


def _masked(value: bytes) -> bytes:
    """Each byte that is part of no UTF-8 character becomes MASK; the length stays."""
    text = value.decode("utf-8", "surrogateescape")
    return "".join(chr(MASK) if "\udc80" <= letter <= "\udcff" else letter for letter in text).encode()


def text_attributes(data: bytes) -> list[tuple[bytes, int, int]]:
    """(name, start, end) of the value of every attribute of the headers that holds text.

    Raises ValueError where the headers are not complete.
    """
    if data[:4] != MAGIC:
        raise ValueError("this is not an EXR file")
    many = bool(struct.unpack_from("<I", data, 4)[0] & MULTI_PART)
    found: list[tuple[bytes, int, int]] = []
    at = 8
    while True:
        if data[at : at + 1] == b"\0":  # the end of one header; an empty one ends the list of a multi-part file
            at += 1
            if not many or data[at : at + 1] == b"\0":
                return found
        name_end = data.index(b"\0", at)
        type_end = data.index(b"\0", name_end + 1)
        size = struct.unpack_from("<i", data, type_end + 1)[0]
        start = type_end + 5
        if size < 0 or start + size > len(data):
            raise ValueError("an attribute reaches beyond the end of the file")
        if data[name_end + 1 : type_end] in TEXT_TYPES:
            found.append((data[at:name_end], start, start + size))
        at = start + size


PIXEL_TYPES = {0: "uint", 1: "half", 2: "float"}
HEADER_BYTES = 64 * 2**20  # more than any header has


def channel_types(path: Path) -> list[dict[str, str]]:
    """Channel → "uint", "half" or "float", of each part: what the library tells only together with the pixels.

    Raises ValueError, IndexError or struct.error where the headers are not complete.
    """
    with open(path, "rb") as file:
        data = file.read(HEADER_BYTES)
    parts = []
    for name, start, end in text_attributes(data):
        if name != b"channels":
            continue
        found, at = {}, start
        while at < end - 1:  # a zero ends the list
            stop = data.index(b"\0", at)
            found[data[at:stop].decode("utf-8", "replace")] = PIXEL_TYPES.get(struct.unpack_from("<i", data, stop + 1)[0], "?")
            at = stop + 17  # type, a flag with three reserved bytes, and the sampling
        parts.append(found)
    return parts
