"""Pixels of 16 bits in PNG and TIFF files: the door to OpenImageIO, because Pillow has no colours of more than 8 bits.

OpenImageIO (Apache-2.0, with wheels for Linux, Windows and macOS) decodes what cameras and editors write, LZW and planar TIFF
files too. Only pixels go through it: it would translate EXIF, and lose a part.
"""

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import N2NError
from ..frame.arrays import Array


def is_deep(image: Any) -> bool:
    """Whether an image that Pillow has opened has more than 8 bits a channel."""
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
    except ImportError:
        raise N2NError(
            "pictures with 16 bits need OpenImageIO, which is not installed", 'Run pip install "n2n-render[images]".'
        ) from None
    return OpenImageIO
