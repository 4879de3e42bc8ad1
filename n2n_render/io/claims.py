"""What an EXR's headers claim against what its file can hold: refused before memory is taken for it."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import UnreadableFile

LEAST_BYTES = 2  # of a pixel in a channel: half floats
LINES = {"NO": 1, "RLE": 1, "ZIPS": 1, "ZIP": 16, "PXR24": 16, "PIZ": 32, "B44": 32, "B44A": 32, "DWAA": 32, "HTJ2K32": 32}
MOST_LINES = 256  # of a block: DWAB, HTJ2K256, and what is not known
# Bytes of pixels that one byte of a file can be at most. zlib: 1032, of which PXR24 makes 4 for 3; PIZ codes runs of 255
# shorts in 10 bits at least. DWA keeps one value of a flat block of 8×8 pixels, and puts zlib over that.
MOST_PACKED = 1400
MOST_PACKED_OTHERS = 140_000
WELL_KNOWN = ("NO", "RLE", "ZIPS", "ZIP", "PXR24", "PIZ", "B44", "B44A")
ENTRY_BYTES = 8  # of the table of offsets


def check_claims(
    file: str | os.PathLike[str], headers: Sequence[dict[str, Any]], path: str | os.PathLike[str] | None = None
) -> None:
    """Raises UnreadableFile where the headers of all parts claim more blocks or pixels than the file or the memory can hold.

    path: what the file is called, if that is another.
    """
    path = path or file
    there, needed = Path(file).stat().st_size, 0
    for header in headers:
        (low_x, low_y), (high_x, high_y) = (map(int, corner) for corner in header["dataWindow"])
        width, height = high_x - low_x + 1, high_y - low_y + 1
        method = _name(header.get("compression", "")).removesuffix("_COMPRESSION")
        values = sum(width * height // max(1, channel.xSampling * channel.ySampling) for channel in header["channels"])
        needed += LEAST_BYTES * values
        packed = LEAST_BYTES * values / (MOST_PACKED if method in WELL_KNOWN else MOST_PACKED_OTHERS)
        if width < 1 or height < 1 or packed > there or ENTRY_BYTES * _blocks(header, method, width, height) > there:
            raise UnreadableFile(
                f"{path}: claims {width}×{height} pixels, which a file of {there:,} bytes cannot hold",
                "The file is damaged or not all there; render or copy it again.",
            )
    memory = _memory_bytes()
    if needed > memory:
        raise UnreadableFile(
            f"{path}: its pixels take at least {needed / 2**30:.0f} GiB, and this machine has {memory / 2**30:.0f}",
            "Render it in parts, or denoise it on a machine with more memory.",
        )


def _name(value: object) -> str:
    return str(getattr(value, "name", value))


def _blocks(header: dict[str, Any], method: str, width: int, height: int) -> int:
    """Entries of the part's table of offsets, at the least."""
    tiles = header.get("tiles")
    if tiles is not None and "tiled" in _name(header.get("type", "")):
        across, down = width / max(1, int(tiles.xSize)), height / max(1, int(tiles.ySize))
        return math.ceil(across) * math.ceil(down)
    return math.ceil(height / LINES.get(method, MOST_LINES))


def _memory_bytes() -> float:
    """Of the machine; where that cannot be asked, no limit."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return math.inf
