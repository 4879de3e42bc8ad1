"""An EXR file ⇄ its parts. The only module that knows OpenEXR.

A part is (header, channels): the attributes, and channel name → `OpenEXR.Channel` with its pixels; None by the header alone.
"""

import os
import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR

from ..errors import N2NError, UnreadableFile, doubt
from ..frame.arrays import Array
from ..frame.windows import Window
from .atomic import first_line, write_beside
from .claims import check_claims
from .exr_text import MAGIC, Carried, mask_text
from .owned import owned_folder, remove_abandoned

LOSSY = {OpenEXR.DWAA_COMPRESSION, OpenEXR.DWAB_COMPRESSION, OpenEXR.B44_COMPRESSION, OpenEXR.B44A_COMPRESSION}
COPIES = "n2n_exr_"  # of files whose text is masked, in the temporary folder
READ_BACK_BYTES = 2**29  # of pixels; a larger file is read back only in part: it would not fit twice
Header = dict[str, Any]
Part = tuple[Header, dict[str, Any]]  # its attributes, and channel name → OpenEXR.Channel, or None
HINT = "Check the path; folders and frame_####.exr patterns work too."


def read_parts(path: str | os.PathLike[str], header_only: bool = False) -> tuple[list[Part], Carried]:
    """All parts of a file, and the header text that is carried through.

    Raises UnreadableFile, which says what is wrong, when the file is missing, truncated, deep, or not an EXR.
    """
    path = Path(path)
    _check_kind(path)
    try:
        return _read(path, header_only), Carried()
    except UnicodeDecodeError:
        pass
    temporary = Path(tempfile.gettempdir())
    remove_abandoned(temporary, COPIES)
    with owned_folder(temporary, COPIES) as folder:
        try:
            masked = folder / path.name
            carried = mask_text(path, masked)
            return _read(masked, header_only, path), carried
        except (UnicodeDecodeError, ValueError, IndexError, struct.error, OSError) as error:
            raise UnreadableFile(
                f"{path}: its header cannot be read ({first_line(error)})",
                "Rename layers and attributes in plain letters, or render or copy it again.",
            ) from None


def _check_kind(path: Path) -> None:
    if not path.is_file():
        raise UnreadableFile(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}", HINT)
    try:
        with open(path, "rb") as file:
            begin = file.read(len(MAGIC))
    except OSError as error:
        raise UnreadableFile(f"{path}: cannot be read ({error.strerror})", "Check who may read it, and the disk.") from None
    if begin != MAGIC:
        is_scene = path.suffix.lower() == ".blend"
        raise UnreadableFile(
            f"{path}: cannot be read: it is {'empty' if not begin else 'not an EXR image'}",
            f"Render it first: `n2n-render sample --scene {path} --spp 8`." if is_scene else "Pass a multilayer EXR.",
        )


def _read(file: Path, header_only: bool, path: Path | None = None) -> list[Part]:
    """file: what is opened; path: what it is called, if that is another."""
    path = path or file
    try:
        headers = [dict(part.header) for part in OpenEXR.File(str(file), header_only=True).parts]
        channel_names = [[channel.name for channel in header["channels"]] for header in headers]
        if any("deep" in str(header.get("type", "")) for header in headers):
            raise UnreadableFile(f"{path}: deep EXR images are not supported", "Render a flat multilayer EXR.")
        check_claims(file, headers, path)
        if header_only:
            return [(header, dict.fromkeys(names)) for header, names in zip(headers, channel_names, strict=True)]
        parts = [(dict(part.header), dict(part.channels)) for part in OpenEXR.File(str(file), separate_channels=True).parts]
    except UnicodeDecodeError:
        raise
    except (RuntimeError, ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        said = first_line(error).replace(str(file), str(path))
        raise UnreadableFile(
            f"{path}: cannot be read as an EXR image ({said})",
            "If other programs open it, please report it; else render or copy it again.",
        ) from None
    if len(parts) < len(headers):  # OpenEXR 3.5 leaves out parts whose pixels it cannot read
        raise UnreadableFile(f"{path}: is incomplete or damaged", "Render or copy it again.")
    return parts


def stack_pixels(path: Path, parts: list[Part], places: Sequence[tuple[int, str]]) -> Array:
    """(H, W, len(places)) float32, of channels (index of the part, name) of one size. Raises UnreadableFile for others."""
    shapes = {parts[part][1][name].pixels.shape for part, name in places}
    first, name = places[0]
    window = Window.of(parts[first][0])
    if len(shapes) > 1 or shapes != {(window.height, window.width)}:
        raise UnreadableFile(f"{path}: {name} has fewer pixels than its part", "Write it without subsampling.")
    return np.stack([parts[part][1][name].pixels for part, name in places], axis=-1, dtype=np.float32)


def make_channel(name: str, pixels: Array) -> Any:
    """An `OpenEXR.Channel`."""
    return OpenEXR.Channel(name, np.ascontiguousarray(pixels))


def write_parts(path: str | os.PathLike[str], parts: list[Part], carried: Carried | None = None) -> None:
    """Writes all parts beside `path`, reads them back, and moves the file into place.

    Passes that are kept stay exactly what they were read as: a lossy compression would change them again at every writing,
    and Cryptomatte's numbers with them, so ZIP takes its place. Of mip-mapped tiles the full resolution is written.
    """
    made = []
    for header, channels in parts:
        coarse = next((name for name, channel in channels.items() if (channel.xSampling, channel.ySampling) != (1, 1)), None)
        if coarse:  # the library refuses shapes of several sizes
            raise N2NError(
                f"{path}: {coarse} has fewer pixels than its part (it is subsampled), which cannot be written",
                "Take it out of the input, or write it there at full size.",
            )
        kept = _writable(header)
        made.append(OpenEXR.Part(kept, channels, header.get("name", "")))

    def write(temporary: str) -> None:
        OpenEXR.File(made).write(temporary)
        if carried:
            carried.put_back(temporary)
        _read_back(temporary, parts)

    write_beside(path, write)


def _writable(header: Header) -> Header:
    kept = {key: value for key, value in header.items() if key != "channels"}
    if kept.get("compression") in LOSSY:
        doubt(
            f"lossy compression ({kept['compression'].name.removesuffix('_COMPRESSION')}) is written as ZIP: the passes that "
            "are kept would lose a little more each time"
        )
        kept["compression"] = OpenEXR.ZIP_COMPRESSION
        kept.pop("chunkCount", None)
    tiles = kept.get("tiles")
    if tiles is not None and tiles.mode != OpenEXR.ONE_LEVEL:
        doubt("mip-mapped tiles: only the full resolution is written")
        kept["tiles"] = OpenEXR.TileDescription()
        kept["tiles"].xSize, kept["tiles"].ySize, kept["tiles"].mode = tiles.xSize, tiles.ySize, OpenEXR.ONE_LEVEL
        kept.pop("chunkCount", None)
    return kept


def _read_back(path: str, parts: list[Part]) -> None:
    """Raises RuntimeError where the written file does not hold what was to be written."""
    size = sum(channel.pixels.nbytes for _, channels in parts for channel in channels.values())
    try:
        found, _ = read_parts(path, header_only=size > READ_BACK_BYTES)
    except UnreadableFile as error:
        raise RuntimeError(f"what was written cannot be read again: {error.what}") from None
    for (_, wanted), (_, channels) in zip(parts, found, strict=False):
        missing = [name for name in wanted if name not in channels]
        wrong = [
            name
            for name, channel in channels.items()
            if channel is not None and name in wanted and channel.pixels.shape != wanted[name].pixels.shape
        ]
        if missing or wrong:
            raise RuntimeError(f"the channel {[*missing, *wrong][0]} is not what was written")
    if len(found) != len(parts):
        raise RuntimeError(f"{len(found)} of {len(parts)} parts can be read again")
    if size > READ_BACK_BYTES:
        _decode_ends(path)


def _decode_ends(path: str) -> None:
    """The first and the last scanline of the first part's first channel. Raises RuntimeError where they cannot be decoded."""
    try:
        image = OpenEXR.InputFile(path)
        header = image.header()
        for row in (header["dataWindow"].min.y, header["dataWindow"].max.y):
            image.channel(next(iter(header["channels"])), scanLine1=row, scanLine2=row)
        image.close()
    except (OSError, TypeError, ValueError) as error:
        raise RuntimeError(f"what was written cannot be read again: {first_line(error)}") from None


def write_image(path: str | os.PathLike[str], channels: dict[str, Array], compressed: bool = True) -> None:
    """A file of one part: channel name → (H, W), or "RGBA" → (H, W, 4). Not compressed is faster to read again."""
    compression = OpenEXR.ZIP_COMPRESSION if compressed else OpenEXR.NO_COMPRESSION
    header = {"compression": compression, "type": OpenEXR.scanlineimage}
    write_beside(path, lambda temporary: OpenEXR.File(header, channels).write(temporary))
