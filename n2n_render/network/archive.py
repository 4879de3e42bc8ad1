"""Open Image Denoise's weight archives (.tza): bytes ⇄ {tensor name: array}. Format: its `training/tza.py` (Apache-2.0)."""

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import N2NError
from ..io.atomic import check_regular, write_beside

MAGIC = b"\xd7\x41"  # 0x41D7, little-endian
MAJOR, MINOR = 2, 0
HEADER = struct.Struct("<2sBBQ")  # magic, major, minor, offset of the table
ALIGNMENT = 64  # bytes: where tensors may start
LAYOUTS = {4: b"oihw", 1: b"x"}  # by number of dimensions
Array = np.ndarray[Any, np.dtype[Any]]
DTYPES: dict[bytes, np.dtype[Any]] = {b"h": np.dtype("<f2"), b"f": np.dtype("<f4")}
MOST_TENSORS = 1000  # more than any network has: bytes that only look like an archive


def parse_tza(data: bytes, start: int = 0) -> tuple[dict[str, Array], int]:
    """The archive that begins at `start`: its tensors (float16 or float32, views of `data`), and where it ends.

    Raises ValueError when the bytes there are no complete archive.
    """
    try:
        magic, major, _, table = HEADER.unpack_from(data, start)
        if magic != MAGIC or major != MAJOR:
            raise ValueError("no archive of this version begins here")
        at = start + table
        (count,) = struct.unpack_from("<I", data, at)
        at += 4
        if not 0 < count <= MOST_TENSORS:
            raise ValueError(f"{count} tensors")
        tensors = {}
        for _ in range(count):
            name, tensor, at = _parse_entry(data, start, at)
            tensors[name] = tensor
        return tensors, at
    except (struct.error, UnicodeDecodeError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"damaged table ({error})") from None


def _parse_entry(data: bytes, start: int, at: int) -> tuple[str, Array, int]:
    (length,) = struct.unpack_from("<H", data, at)
    name = data[at + 2 : at + 2 + length].decode("ascii")
    at += 2 + length
    (dimensions,) = struct.unpack_from("<B", data, at)
    shape = struct.unpack_from(f"<{dimensions}I", data, at + 1)
    at += 1 + 4 * dimensions
    layout, dtype = data[at : at + dimensions], DTYPES[data[at + dimensions : at + dimensions + 1]]
    if layout != LAYOUTS[dimensions]:
        raise ValueError(f"{name} has the layout {layout!r}")
    (offset,) = struct.unpack_from("<Q", data, at + dimensions + 1)
    values = np.frombuffer(data, dtype, math.prod(shape), start + offset)
    return name, values.reshape(shape), at + dimensions + 9


def find_archives(data: bytes) -> list[dict[str, Array]]:
    """All archives inside a file of another kind, in the order of their places."""
    archives, at = [], data.find(MAGIC)
    while at >= 0:
        try:
            tensors, end = parse_tza(data, at)
            archives.append(tensors)
        except ValueError:
            end = at + 1
        at = data.find(MAGIC, end)
    return archives


def read_tza(path: str | Path) -> dict[str, Array]:
    """Raises N2NError for a missing or damaged file."""
    try:
        check_regular(path)
        return parse_tza(Path(path).read_bytes())[0]
    except OSError as error:
        raise N2NError(f"{path}: cannot be read ({error.strerror or error})", "Pass a .tza file.") from None
    except ValueError as error:
        raise N2NError(
            f"{path}: is not a .tza archive, or is damaged ({error})",
            "Pass one that `n2n-render export --format tza` or Open Image Denoise's training wrote.",
        ) from None


def format_tza(tensors: dict[str, Array]) -> bytes:
    """The inverse of `parse_tza`; arrays must be float16 or float32 and have one or four (OIHW) dimensions."""
    data, entries = bytearray(HEADER.size), []
    for name, tensor in tensors.items():
        data += bytes(-len(data) % ALIGNMENT)
        dtype = {2: b"h", 4: b"f"}[tensor.dtype.itemsize]
        entries.append(
            struct.pack("<H", len(name))
            + name.encode("ascii")
            + struct.pack("<B", tensor.ndim)
            + struct.pack(f"<{tensor.ndim}I", *tensor.shape)
            + LAYOUTS[tensor.ndim]
            + dtype
            + struct.pack("<Q", len(data))
        )
        data += np.ascontiguousarray(tensor, DTYPES[dtype]).tobytes()
    data += bytes(-len(data) % ALIGNMENT)
    HEADER.pack_into(data, 0, MAGIC, MAJOR, MINOR, len(data))
    return bytes(data + struct.pack("<I", len(entries)) + b"".join(entries))


def write_tza(path: str | Path, tensors: dict[str, Array]) -> None:
    """Writes one archive. Raises N2NError where that cannot be."""
    write_beside(path, lambda temporary: Path(temporary).write_bytes(format_tza(tensors)))
