"""Pixels of 16 bits in PNG and TIFF files: the door to OpenImageIO, because Pillow has no colours of more than 8 bits.

OpenImageIO (Apache-2.0, with wheels for Linux, Windows and macOS) decodes what cameras and editors write, LZW and planar TIFF
files too. Only pixels go through it: it would translate EXIF, and lose a part.
"""

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import N2NError, missing_library
from ..frame.arrays import Array

BITS, PHOTOMETRIC, EXTRA, SAMPLE_FORMAT = 258, 262, 338, 339  # tags of a TIFF file
_WHITE_IS_ZERO, _COLORS = 0, {0: 1, 1: 1, 2: 3}  # of PHOTOMETRIC; how many channels grey and RGB have
_MULTIPLIED = 1  # of EXTRA: alpha that the colours are multiplied by


def tiff_problem(tags: Any) -> str | None:
    """Why the pixels of a TIFF file would be taken for others than they are; None: they are whole numbers, grey or RGB."""
    if set(tags.get(SAMPLE_FORMAT, (1,))) != {1} or max(tags.get(BITS, (1,))) not in (1, 2, 4, 8, 16):
        return "has pixels that are no whole numbers of 8 or 16 bits"
    if max(tags.get(BITS, (1,))) > 8 and tags.get(PHOTOMETRIC) not in _COLORS:
        return "has 16 bits in other colours than grey and RGB"
    return None


def tiff_doubt(tags: Any) -> str | None:
    """What of a TIFF file's channels is not taken as it is stored."""
    if _MULTIPLIED in tags.get(EXTRA, ()):
        return "its colours are multiplied by alpha; they are divided by it"
    return "has a channel beside colours and alpha, which is left out" if 0 in tags.get(EXTRA, ()) else None


def as_displayed(pixels: Array, tags: Any) -> Array:
    """Pixels of `read_deep` of a TIFF file with these tags: black is 0, and colours are not multiplied by alpha."""
    extra = tags.get(EXTRA, ())
    if tags.get(PHOTOMETRIC) == _WHITE_IS_ZERO:
        pixels = np.concatenate([65535 - pixels[..., :1], pixels[..., 1:]], axis=-1)
    count = _COLORS[tags[PHOTOMETRIC]]
    if not extra or extra[0] == 0:
        return pixels[..., :count]
    if extra[0] == _MULTIPLIED:
        share = np.maximum(pixels[..., count : count + 1], 1) / 65535
        pixels = np.concatenate([np.rint(np.minimum(pixels[..., :count] / share, 65535)), pixels[..., count:]], axis=-1)
    return pixels[..., : count + 1].astype(np.uint16)


def is_deep(image: Any) -> bool:
    """Whether an image that Pillow has opened has more than 8 bits a channel."""
    if image.format == "TIFF":
        return bool(max(image.tag_v2.get(BITS, (1,))) > 8)
    return image.mode.startswith("I;16") or any(";16" in str(tile[3]) for tile in image.tile)


def read_deep(path: Path) -> Array:
    """(H, W, C) uint16; alpha as stored. Raises OSError."""
    oiio = _oiio()
    config = oiio.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)
    file = oiio.ImageInput.open(str(path), config)
    if file is None:
        raise OSError(oiio.geterror() or "it is damaged")
    pixels = file.read_image(oiio.UINT16)
    error = file.geterror()
    file.close()
    if pixels is None or error:
        raise OSError(error or "it is damaged")
    return np.asarray(pixels)


def write_deep(path: Path, kind: str, pixels: Array) -> None:
    """(H, W, C) uint16 → a PNG or TIFF file, losslessly compressed. Raises OSError."""
    oiio = _oiio()
    height, width, channels = pixels.shape
    spec = oiio.ImageSpec(width, height, channels, oiio.UINT16)
    spec.channelnames = [("Y", "A"), ("R", "G", "B", "A")][channels > 2][:channels]
    spec.alpha_channel = channels - 1 if channels in (2, 4) else -1
    spec.attribute("oiio:UnassociatedAlpha", 1)
    file = oiio.ImageOutput.create(kind.lower())
    done = file.open(str(path), spec) and file.write_image(np.ascontiguousarray(pixels))
    if not (file.close() and done):
        raise OSError(file.geterror() or "OpenImageIO does not say why")


def _oiio() -> Any:
    try:
        import OpenImageIO
    except ImportError as error:
        raise missing_library(error) or N2NError(
            "pictures with 16 bits need OpenImageIO, which is not installed", 'Run pip install "n2n-render[images]".'
        ) from None
    return OpenImageIO
