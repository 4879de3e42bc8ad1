"""Radiance and error maps → short text; the script of the page takes it apart."""

import base64
import zlib

import numpy as np

from ..frame.arrays import Array
from ..frame.transfer import RADIANCE_MAX

DROPPED_BITS = 2  # of a half float's ten: what is left is within a quarter of a percent
LEVEL = 6  # of deflate: beyond, it takes much longer


def pack_radiance(radiance: Array) -> str:
    """(H, W, 3), [0, 65504]; what lies beyond is taken to the end. → base64 of deflated planes.

    Half floats without their two last bits, as whole numbers: green, red less green, blue less green; of each first all high
    bytes, then all low ones. Neighbours are alike in them, so that they deflate well.
    """
    halves = np.clip(np.nan_to_num(radiance), 0, RADIANCE_MAX).astype(np.float16).view(np.uint16).astype(np.int32)
    last = (int(np.float16(RADIANCE_MAX).view(np.uint16)) >> DROPPED_BITS) << DROPPED_BITS
    rounded = np.minimum(halves + (1 << DROPPED_BITS >> 1), last) >> DROPPED_BITS
    red, green, blue = np.moveaxis(rounded, -1, 0)
    planes = np.stack([green, red - green, blue - green]).astype(np.uint16)
    return _deflated(np.stack([planes >> 8, planes & 255], axis=1).astype(np.uint8))


def pack_map(error: Array, white: float) -> str:
    """(H, W) → base64 of deflated bytes: 255 is `white` or more."""
    return _deflated((np.clip(np.nan_to_num(error) / white, 0, 1) * 255 + 0.5).astype(np.uint8))


def pack_shorts(values: Array) -> str:
    """Any shape, [0, 1] → base64 of deflated little-endian unsigned shorts."""
    return _deflated((np.clip(values, 0, 1) * 65535 + 0.5).astype("<u2"))


def _deflated(values: Array) -> str:
    return base64.b64encode(zlib.compress(values.tobytes(), LEVEL)).decode("ascii")
