"""Photographs as files hold them: PNG, JPEG, TIFF, WebP and raw arrays (.npy), 8 and 16 bits.

Pixels are as stored: nothing is turned, linearised or converted between colour spaces. What belongs to them (colour profile,
EXIF with its orientation, XMP, resolution) goes along as it is. Pillow reads and writes the files; of colours it knows 8 bits
only, so the pixels of 16 bits go through OpenImageIO.
"""

import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import N2NError, UnreadableFile, doubt
from ..frame.arrays import Array
from ..frame.given import MOST_NOISY
from .atomic import check_regular, first_line, write_beside
from .images import pillow
from .photograph_tags import NOTHING, Kept, add_tags, read_kept, save_options
from .sixteen_bits import as_displayed, is_deep, read_deep, tiff_doubt, tiff_problem, write_deep

KINDS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WebP", ".npy": "NumPy"}
FORMATS = ("PNG", "JPEG", "TIFF", "WEBP")  # as Pillow names them; what phones write (MPO) comes with JPEG
DEEP = ("PNG", "TIFF")  # kinds that hold 16 bits
JPEG_OFF = 8.0  # of 255, in the mean: no picture is changed so much by JPEG at quality 95
_MODES = ("L", "LA", "RGB", "RGBA")
_REFUSED = {
    "1": "has black and white pixels only",
    "CMYK": "has the inks of a printer (CMYK), not colours of light",
    "LAB": "has Lab colours",
}
_ORIENTATION = 274  # tag of EXIF
_TURNED_BACK = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow turns TIFF files, and only these: its number of the way back
_HINT = "Save it as a PNG or TIFF file in RGB or grey, with 8 or 16 bits."


@dataclass(frozen=True)
class Photograph:
    """pixels: (H, W, C) uint8, uint16, or float32 [0, 1] of raw arrays, whose noise may lead beyond; C is 1 or 3.
    alpha: (H, W, 1) of the same type.
    """

    pixels: Array
    alpha: Array | None = None
    kept: Kept = NOTHING

    def with_pixels(self, pixels: Array) -> "Photograph":
        """Other pixels of the same size; all that belongs to them stays."""
        return replace(self, pixels=pixels)


def is_photograph(path: Path) -> bool:
    """Whether its name is that of a kind that can be read."""
    return path.suffix.lower() in KINDS and not path.name.startswith(".")


def read_photograph(path: str | os.PathLike[str]) -> Photograph:
    """A picture with what belongs to it.

    A palette becomes colours, and a transparent colour an alpha channel.

    Raises:
        UnreadableFile: it is missing, damaged, of another kind, animated, or has pixels that are no display colours.
    """
    path = Path(path)
    try:
        check_regular(path)
        kind = KINDS.get(path.suffix.lower())
        return _read_array(path) if kind == "NumPy" else _read_image(path, kind)
    except pillow()[0].DecompressionBombError:
        raise UnreadableFile(f"{path}: says that it is larger than 350 million pixels", "Cut it into parts.") from None
    except (OSError, ValueError, SyntaxError, EOFError, OverflowError, TypeError) as error:
        said = getattr(error, "strerror", None) or first_line(error).replace(str(path), "it")
        if type(error).__name__ == "UnidentifiedImageError":
            said = "it is no PNG, JPEG, TIFF or WebP file with grey or RGB of 8 or 16 bits, or is damaged"
        raise UnreadableFile(f"{path}: cannot be read ({said})", _HINT) from None


def write_photograph(path: str | os.PathLike[str], photograph: Photograph) -> None:
    """Writes the kind that the name says: first beside its place, read back and compared, then moved there.

    16 bits stay so in PNG and TIFF files; JPEG (quality 95, no chroma subsampling) and WebP (lossless) have 8, which is said.
    Values in [0, 1] become 16 bits, or 8.

    Raises:
        N2NError: it cannot be written, the kind is unknown, or has no alpha where the picture has one.
    """
    path = Path(path)
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise N2NError(f"{path}: no picture can be written by this name", f"Name it {', '.join(sorted(KINDS))}.")
    pixels = photograph.pixels if photograph.alpha is None else np.concatenate([photograph.pixels, photograph.alpha], axis=-1)
    if kind == "JPEG" and photograph.alpha is not None:
        raise N2NError(f"{path}: JPEG files have no alpha, and the picture has", "Name it .png, .tif or .webp.")
    if kind != "NumPy":
        pixels = _rounded(pixels, kind, path)
    if kind == "TIFF" and pixels.dtype == np.uint16 and pixels.shape[-1] == 2:
        raise N2NError(f"{path}: grey of 16 bits with alpha is not written as TIFF", "Name it .png.")
    write_beside(path, lambda temporary: _write(Path(temporary), kind, pixels, photograph.kept))


def _read_array(path: Path) -> Photograph:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(array, np.ndarray) or array.ndim not in (2, 3) or not array.size:
        raise UnreadableFile(f"{path}: is no picture (H, W) or (H, W, channels)", _HINT)
    array = array[..., None] if array.ndim == 2 else array
    if array.dtype.kind == "f":
        array = array.astype(np.float32)
        if not (np.abs(array).max() <= MOST_NOISY and 0 <= array.mean() <= 1):  # neither is true of NaN
            raise UnreadableFile(
                f"{path}: its values are not in [0, 1], but for some noise, or are no numbers", "Divide it by what is white."
            )
    elif array.dtype.name not in ("uint8", "uint16"):
        raise UnreadableFile(f"{path}: its numbers are {array.dtype}", "Save uint8, uint16, or floats in [0, 1].")
    if array.shape[-1] not in (1, 2, 3, 4):
        raise UnreadableFile(f"{path}: has {array.shape[-1]} channels", "Save (H, W), or (H, W, 1 to 4).")
    return _split(np.array(array, array.dtype.newbyteorder("=")), NOTHING)


def _read_image(path: Path, kind: str | None) -> Photograph:
    with (
        warnings.catch_warnings(action="ignore"),
        pillow()[0].open(path, formats=FORMATS) as image,
    ):
        if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:  # the second picture of an MPO is a phone's preview
            raise UnreadableFile(f"{path}: is animated or has several pages ({image.n_frames})", "Save one picture a file.")
        deep, kept = is_deep(image), read_kept(image)
        tags = _looked_at(image, path) if image.format == "TIFF" else None
        if not deep:
            turned = _TURNED_BACK.get(image.getexif().get(_ORIENTATION)) if image.format == "TIFF" else None
            image = _in_colors(image, path)
            image.load()
            pixels = np.array(image if turned is None else image.transpose(turned))
    if deep:
        pixels = read_deep(path) if tags is None else as_displayed(read_deep(path), tags)
    if kind and image.format and kind.upper() != image.format.replace("MPO", "JPEG"):
        doubt(f"{path}: is a {image.format} file by its content, and is read as one")
    return _split(pixels if pixels.ndim == 3 else pixels[..., None], kept)


def _looked_at(image: Any, path: Path) -> Any:
    """The tags of a TIFF file, whose pixels may be other things than display colours."""
    problem, told = tiff_problem(image.tag_v2), tiff_doubt(image.tag_v2)
    if problem:
        raise UnreadableFile(f"{path}: {problem}", _HINT)
    if told:
        doubt(f"{path}: {told}")
    return image.tag_v2


def _in_colors(image: Any, path: Path) -> Any:
    """8 bits of grey or RGB, with alpha or without."""
    if image.mode in _REFUSED or image.mode not in (*_MODES, "P", "PA"):
        why = _REFUSED.get(image.mode, f"has pixels of a kind that is not taken ({image.mode})")
        raise UnreadableFile(f"{path}: {why}", _HINT)
    transparent = "transparency" in image.info or image.mode == "PA"
    if image.mode in ("P", "PA"):
        doubt(f"{path}: has a palette of {len(image.getpalette() or ()) // 3} colours; it is taken as RGB")
        return image.convert("RGBA" if transparent else "RGB")
    if transparent and image.mode in ("L", "RGB"):
        return image.convert("LA" if image.mode == "L" else "RGBA")
    return image


def _split(pixels: Array, kept: Kept) -> Photograph:
    channels = {1: 1, 2: 1, 3: 3, 4: 3}.get(pixels.shape[-1])
    if channels is None:
        raise ValueError(f"it has {pixels.shape[-1]} channels")
    alpha = pixels[..., channels:] if pixels.shape[-1] > channels else None
    return Photograph(np.ascontiguousarray(pixels[..., :channels]), alpha, kept)


def _rounded(pixels: Array, kind: str, path: Path) -> Array:
    """As the kind holds them: 8 or 16 bits; WebP has no grey."""
    if pixels.dtype.kind == "f":
        peak, wanted = (65535, np.uint16) if kind in DEEP else (255, np.uint8)
        pixels = np.rint(np.clip(pixels, 0, 1) * peak).astype(wanted)
    elif pixels.dtype == np.uint16 and kind not in DEEP:
        doubt(f"{path}: {kind} files have 8 bits; the picture's 16 are rounded")
        pixels = np.rint(pixels / 257).astype(np.uint8)
    if kind == "WebP" and pixels.shape[-1] < 3:
        pixels = np.concatenate([np.repeat(pixels[..., :1], 3, axis=-1), pixels[..., 1:]], axis=-1)
    return pixels


def _write(path: Path, kind: str, pixels: Array, kept: Kept) -> None:
    try:
        if kind == "NumPy":
            with open(path, "wb") as file:
                np.save(file, pixels)
        elif pixels.dtype == np.uint16:
            write_deep(path, kind, pixels)
            add_tags(path, kind, kept)
        else:
            image = pillow()[0].fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
            image.save(path, format=kind, **save_options(kind, kept))
            if kind == "TIFF":
                add_tags(path, kind, kept)
        _check(path, kind, pixels, kept)
    except ValueError as error:  # too large for the kind, or EXIF too long for it
        raise OSError(first_line(error)) from None


def _check(path: Path, kind: str, pixels: Array, kept: Kept) -> None:
    """Raises OSError unless the file holds these pixels and this colour profile."""
    try:
        read = _read_array(path) if kind == "NumPy" else _read_image(path, None)
    except N2NError as error:
        raise OSError(error.what) from None
    found = read.pixels if read.alpha is None else np.concatenate([read.pixels, read.alpha], axis=-1)
    right = found.shape == pixels.shape and found.dtype == pixels.dtype
    if right and kind == "JPEG":
        right = float(np.abs(found.astype(np.float32) - pixels).mean()) < JPEG_OFF
    elif right:
        right = np.array_equal(found, pixels)
    if not right or (kind != "NumPy" and read.kept.icc != kept.icc):
        raise OSError("what was written is not what the file holds")
