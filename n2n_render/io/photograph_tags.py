"""What belongs to a photograph beside its pixels: read from any kind of file, written into any kind."""

import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .images import pillow

_XMP_NAME = "XML:com.adobe.xmp"  # of a text in a PNG file
_ICC, _XMP = 34675, 700  # tags of a TIFF file
_EXIF_MARK = b"Exif\0\0"
_BYTE, _UNDEFINED = 1, 7  # their types
# Of a TIFF file's tags, those that do not say how its pixels lie: texts, orientation, resolution, rating, EXIF, GPS, XP texts.
_DESCRIPTIVE = (269, 270, 271, 272, 274, 282, 283, 296, 305, 306, 315, 316, 18246, 33432, 34665, 34853, *range(40091, 40096))
_SUB_TAGS = (34665, 34853)  # EXIF and GPS have tags of their own
_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")


@dataclass(frozen=True)
class Kept:
    """icc, exif (behind its mark), xmp: as files hold them. dpi: horizontal, vertical. chunks: of PNG, the colours' curve."""

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()


NOTHING = Kept()


def read_kept(image: Any) -> Kept:
    """What an image that Pillow has opened carries."""
    info = image.info
    if image.format == "TIFF":
        tags = image.tag_v2
        return Kept(info.get("icc_profile"), _exif_of_tiff(image), _as_bytes(tags.get(_XMP)), info.get("dpi"))
    chunks = []
    if image.format == "PNG" and "srgb" in info:
        chunks.append((b"sRGB", bytes([info["srgb"]])))
    if image.format == "PNG" and "gamma" in info:
        chunks.append((b"gAMA", struct.pack(">I", round(info["gamma"] * 100000))))
    xmp, exif = info.get("xmp") or info.get(_XMP_NAME), info.get("exif")
    if exif and not exif.startswith(_EXIF_MARK):  # as in WebP files
        exif = _EXIF_MARK + exif
    return Kept(info.get("icc_profile"), exif, _as_bytes(xmp), info.get("dpi"), tuple(chunks))


def save_options(kind: str, kept: Kept) -> dict[str, Any]:
    """What Pillow is told for a file of this kind; of TIFF `add_tags` writes what belongs to the pixels."""
    if kind == "TIFF":
        return {"compression": "tiff_adobe_deflate"}
    options: dict[str, Any] = {"icc_profile": kept.icc, "exif": kept.exif, "dpi": kept.dpi}
    if kind == "PNG":
        options["pnginfo"] = _png_info(kept)
    elif kept.xmp:
        options["xmp"] = kept.xmp
    if kind == "JPEG":
        options |= {"quality": 95, "subsampling": 0}
    if kind == "WebP":
        options |= {"lossless": True, "quality": 100, "method": 4, "exact": True}
    return {name: value for name, value in options.items() if value is not None}


def add_tags(path: Path, kind: str, kept: Kept) -> None:
    """Puts it into a PNG or TIFF file that holds pixels only."""
    if kind == "TIFF":
        _add_to_tiff(path, kept)
    else:
        _add_to_png(path, kept)


def _as_bytes(value: Any) -> bytes | None:
    if isinstance(value, tuple):  # a tag's numbers, or one block
        value = value[0] if value and isinstance(value[0], bytes) else bytes(value)
    return value.encode() if isinstance(value, str) else value or None


def _exif_of_tiff(image: Any) -> bytes | None:
    """Its descriptive tags, as an EXIF block of other kinds."""
    own, exif = image.getexif(), pillow()[0].Exif()
    for tag in _DESCRIPTIVE:
        if tag in own:
            exif[tag] = dict(own.get_ifd(tag)) if tag in _SUB_TAGS else own[tag]
    return exif.tobytes() if len(exif) else None


def _png_info(kept: Kept) -> Any:
    from PIL import PngImagePlugin

    info = PngImagePlugin.PngInfo()
    for name, data in kept.chunks:
        if name != b"sRGB" or not kept.icc:  # a file has one of them
            info.add(name, data)
    if kept.xmp:
        info.add_itxt(_XMP_NAME, kept.xmp.decode("utf-8", "replace"))
    return info


def _add_to_png(path: Path, kept: Kept) -> None:
    """Pillow writes a file of one pixel with it; its chunks are put behind the header of ours."""
    bearer = io.BytesIO()
    pillow()[0].new("L", (1, 1)).save(bearer, format="PNG", **save_options("PNG", kept))
    carried = b"".join(chunk for name, chunk in _chunks(bearer.getvalue()) if name not in _PIXEL_CHUNKS)
    data = path.read_bytes()
    (_, header), *pixels = [(name, chunk) for name, chunk in _chunks(data) if name in _PIXEL_CHUNKS]
    path.write_bytes(data[:8] + header + carried + b"".join(chunk for _, chunk in pixels))


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """(name, the whole chunk) of a PNG file."""
    chunks, place = [], 8
    while place < len(data):
        end = place + 12 + struct.unpack(">I", data[place : place + 4])[0]
        chunks.append((data[place + 4 : place + 8], data[place:end]))
        place = end
    return chunks


def _add_to_tiff(path: Path, kept: Kept) -> None:
    """A header and a new directory with these tags come before the file as it was, where the pixels are.

    Pillow adds the directory's end to the places of the pixels, because it writes them there.
    """
    from PIL import TiffImagePlugin

    with pillow()[0].open(path, formats=["TIFF"]) as image:
        tags, prefix = image.tag_v2, image.tag_v2.prefix
        header = prefix + struct.pack("<HI" if prefix == b"II" else ">HI", 42, 8)
        directory = TiffImagePlugin.ImageFileDirectory_v2(header)
        for tag, value in tags.items():
            if tag not in (_XMP, *_DESCRIPTIVE):
                directory.tagtype[tag] = tags.tagtype[tag]
                directory[tag] = value
    if kept.exif:
        exif = pillow()[0].Exif()
        exif.load(kept.exif)
        for tag in exif:
            directory[tag] = dict(exif.get_ifd(tag)) if tag in _SUB_TAGS else exif[tag]
    if kept.dpi:
        directory[282], directory[283], directory[296] = *kept.dpi, 2
    for tag, kind, block in ((_ICC, _UNDEFINED, kept.icc), (_XMP, _BYTE, kept.xmp)):
        if block:
            directory.tagtype[tag] = kind
            directory[tag] = block
    path.write_bytes(header + directory.tobytes(len(header)) + path.read_bytes())
