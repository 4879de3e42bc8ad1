"""Radiance and errors → 8-bit pixels for people."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .transfer import encode_tonemap


def display(radiance: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Exposed radiance (H, W, 3) → T(v) = (v / (1 + v))^(1/2.2), uint8."""
    shown: NDArray[np.float32] = encode_tonemap(np.maximum(radiance, 0), np)
    return (shown * 255 + 0.5).astype(np.uint8)


def heat_map(error: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """(H, W) in [0, 1] → (H, W, 3) uint8: black, violet, orange, white; three straight ramps."""
    ramps = np.stack([np.clip(error * 3, 0, 1), np.clip(error * 3 - 1, 0, 1), np.clip(error * 3 - 2, 0, 1)], axis=-1)
    ramps[..., 2] = np.maximum(ramps[..., 2], np.clip(0.5 - np.abs(error * 3 - 0.6), 0, 0.5))
    return (ramps * 255 + 0.5).astype(np.uint8)
