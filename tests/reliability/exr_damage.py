"""Small EXR files of every kind, and seeded damage to them: header, table of offsets, pixels, counts, order, length."""

import random
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import OpenEXR

SIZE = (26, 40)
PASSES = {"Combined": "RGBA", "Denoising Albedo": "RGB", "Denoising Normal": "XYZ", "Denoising Depth": "Z"}
COMPRESSIONS = ("NO", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB")
LAYOUTS = ("single", "parts", "tiled", "tiled parts")
KINDS = [(layout, compression, half) for layout in LAYOUTS for compression in COMPRESSIONS for half in (False, True)]
NUMBERS = (0, 1, -1, 2, 255, 32767, 65535, 2**24, 2**30, 2**31 - 1, -(2**31))
OFFSETS = (0, 1, 7, -1, 2**31, 2**40, 2**63 - 1)


def write_whole(path: Path, layout: str, compression: str, half: bool):
    """An image as Blender writes it: one part, or one a pass; scan lines, or tiles."""
    rng = np.random.default_rng(5)
    header = {
        "compression": getattr(OpenEXR, f"{compression}_COMPRESSION"),
        "Frame": "12",
        "Software": "Blender",
        "type": OpenEXR.tiledimage if "tiled" in layout else OpenEXR.scanlineimage,
    }
    if "tiled" in layout:
        header["tiles"] = OpenEXR.TileDescription()
    parts = {
        name: {
            f"ViewLayer.{name}.{letter}": rng.gamma(1.0, 0.5, SIZE).astype(np.float16 if half else np.float32)
            for letter in letters
        }
        for name, letters in PASSES.items()
    }
    if "parts" in layout:
        OpenEXR.File([OpenEXR.Part(dict(header), channels, name) for name, channels in parts.items()]).write(str(path))
    else:
        OpenEXR.File(header, {name: pixels for part in parts.values() for name, pixels in part.items()}).write(str(path))


@dataclass
class Layout:
    """Where things are: attributes as (name, type, start of the value, length), the table of offsets, and the chunks."""

    attributes: list[tuple[str, str, int, int]]
    header_end: int
    offsets: list[int]  # places of the table's entries
    chunks: list[int]  # places that they point to


def find_layout(data: bytes) -> Layout:
    """Of a whole file."""
    several, place, attributes = bool(data[5] & 0x10), 8, []
    while True:
        while data[place]:
            name_end = data.index(0, place)
            type_end = data.index(0, name_end + 1)
            (length,) = struct.unpack_from("<i", data, type_end + 1)
            attributes.append((data[place:name_end].decode(), data[name_end + 1 : type_end].decode(), type_end + 5, length))
            place = type_end + 5 + length
        place += 1
        if not several or not data[place]:
            break
    place += several
    (first,) = struct.unpack_from("<q", data, place)
    offsets = list(range(place, first, 8))
    return Layout(attributes, place, offsets, sorted({struct.unpack_from("<q", data, entry)[0] for entry in offsets}))


def damaged(data: bytes, rng: random.Random) -> tuple[str, bytes]:
    """(what was done, the damaged file)"""
    name = rng.choice(list(DAMAGES))
    changed = bytearray(data)
    result = DAMAGES[name](changed, find_layout(data), rng)
    return name, bytes(changed if result is None else result)


def _flip(data, low, high, rng):
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        data[rng.randrange(low, high)] = rng.randrange(256)


def _in_header(data, layout, rng):
    _flip(data, 0, layout.header_end, rng)


def _in_offsets(data, layout, rng):
    _flip(data, layout.offsets[0], layout.offsets[-1] + 8, rng)


def _in_pixels(data, layout, rng):
    _flip(data, layout.chunks[0], len(data), rng)


def _chunk_heads(data, layout, rng):
    """Line numbers, tile places, part numbers, packed sizes."""
    place = rng.choice(layout.chunks) + 4 * rng.randrange(6)
    struct.pack_into("<i", data, min(place, len(data) - 4), rng.choice(NUMBERS))


def _wrong_offset(data, layout, rng):
    value = rng.choice((*OFFSETS, len(data), len(data) - 3, layout.header_end, rng.choice(layout.chunks)))
    for entry in rng.sample(layout.offsets, rng.choice((1, len(layout.offsets)))):
        struct.pack_into("<q", data, entry, value)


def _swapped_offsets(data, layout, rng):
    """Chunks of other lines, tiles and parts."""
    one, two = rng.choice(layout.offsets), rng.choice(layout.offsets)
    data[one : one + 8], data[two : two + 8] = data[two : two + 8], data[one : one + 8]


def _of_type(layout, *kinds):
    return [attribute for attribute in layout.attributes if attribute[1] in kinds]


def _window(data, layout, rng):
    """Huge, empty and turned windows; also larger than the chunks that are there."""
    _, _, start, _ = rng.choice(_of_type(layout, "box2i"))
    for place in rng.sample(range(4), rng.choice((1, 2))):
        struct.pack_into("<i", data, start + 4 * place, rng.choice((*NUMBERS, 3, 25, 40, 41, 1000, 40_000)))


def _huge(data, layout, rng):
    """Every part claims 2^31 pixels or more, in a display window of its own."""
    wide, high = rng.choice(((2**30, 2), (65535, 65535), (2**31 - 2, 2**31 - 2), (2**20, 2**11), (39, 2**31 - 2)))
    for _, _, start, _ in _of_type(layout, "box2i"):
        struct.pack_into("<iiii", data, start, 0, 0, wide, high)


def _value(data, layout, rng):
    """One attribute's bytes: a compression, line order or level mode that is not known, channels, tiles, texts, counts."""
    _, _, start, length = rng.choice([attribute for attribute in layout.attributes if attribute[3]])
    _flip(data, start, start + length, rng)


def _compression(data, layout, rng):
    _, _, start, _ = rng.choice(_of_type(layout, "compression", "lineOrder"))
    data[start] = rng.choice((0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 127, 255))


def _tiles_or_count(data, layout, rng):
    places = [start for name, kind, start, _ in layout.attributes if kind == "tiledesc" or name == "chunkCount"]
    if not places:
        return _window(data, layout, rng)
    struct.pack_into("<i", data, rng.choice(places), rng.choice(NUMBERS))


def _length(data, layout, rng):
    """An attribute that says to be longer or shorter than it is."""
    _, _, start, _ = rng.choice(layout.attributes)
    struct.pack_into("<i", data, start - 4, rng.choice(NUMBERS))


def _channel(data, layout, rng):
    """Types, subsampling and names in a list of channels."""
    _, _, start, length = rng.choice(_of_type(layout, "chlist"))
    struct.pack_into("<i", data, start + rng.randrange(length - 4), rng.choice((*NUMBERS, 3, 4)))


def _subsampling(data, layout, rng):
    """A channel with fewer pixels than the others, as luminance and chroma have them."""
    _, _, place, _ = rng.choice(_of_type(layout, "chlist"))
    channels = []
    while data[place]:
        place = data.index(0, place) + 1
        channels.append(place)
        place += 16  # type, linearity, x and y sampling
    struct.pack_into("<i", data, rng.choice(channels) + rng.choice((8, 12)), rng.choice((2, 2, 4, 0, -1)))


def _version(data, layout, rng):
    data[rng.randrange(8)] = rng.choice((0, 1, 2, 3, 4, 0x10, 0x12, 0x20, 0x76, 255))


def _cut(data, layout, rng):
    place = rng.choice(
        (
            rng.randrange(len(data)),
            rng.randrange(layout.header_end),
            rng.choice(layout.chunks),
            len(data) - 1,
            0,
            3,
            8,
            layout.header_end,
            rng.choice(layout.offsets),
        )
    )
    return data[:place]


def _zeros(data, layout, rng):
    """As after a copy that was broken off, or a full disk."""
    place = rng.randrange(len(data))
    length = min(rng.choice((16, 512, 4096, len(data))), len(data) - place)
    data[place : place + length] = bytes([rng.choice((0, 255))]) * length


def _swapped_bytes(data, layout, rng):
    """Two blocks of the file in each other's place."""
    length = rng.choice((64, 512))
    one, two = sorted(rng.randrange(max(1, len(data) - length)) for _ in range(2))
    if two - one >= length:
        data[one : one + length], data[two : two + length] = data[two : two + length], data[one : one + length]


def _more(data, layout, rng):
    """Bytes that are put in, left out or added."""
    place = rng.choice((rng.randrange(len(data)), layout.header_end, len(data)))
    return data[:place] + rng.choice((rng.randbytes(rng.choice((1, 16, 1000))), b"")) + data[place + rng.choice((0, 1, 16)) :]


DAMAGES = {
    "header": _in_header,
    "offsets": _in_offsets,
    "pixels": _in_pixels,
    "chunk heads": _chunk_heads,
    "wrong offset": _wrong_offset,
    "swapped offsets": _swapped_offsets,
    "window": _window,
    "huge": _huge,
    "value": _value,
    "compression": _compression,
    "tiles or count": _tiles_or_count,
    "length": _length,
    "channel": _channel,
    "subsampling": _subsampling,
    "version": _version,
    "cut": _cut,
    "zeros": _zeros,
    "swapped bytes": _swapped_bytes,
    "more or less": _more,
}
