"""Radiance and errors → 8-bit pixels for people."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Array
from .transfer import encode_tonemap


@dataclass(frozen=True)
class View:
    """How radiance is shown to people.

    Attributes:
        name: What captions say: "T", "AgX".
        encode: Scene-linear radiance (…, 3) float32 → what a screen shows, [0, 1] float32 of the same shape.
        as_rendered: It takes radiance as the renderer gave it, whose exposure the artist chose; else after auto-exposure.
    """

    name: str
    encode: Callable[[Array], Array]
    as_rendered: bool = True

    def pixels(self, radiance: Array) -> NDArray[np.uint8]:
        """Radiance (H, W, 3) → (H, W, 3) uint8."""
        return (np.clip(self.encode(radiance), 0, 1) * 255 + 0.5).astype(np.uint8)


def display(radiance: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Exposed radiance (H, W, 3) → T(v) = (v / (1 + v))^(1/2.2), uint8."""
    shown: NDArray[np.float32] = encode_tonemap(np.maximum(radiance, 0), np)
    return (shown * 255 + 0.5).astype(np.uint8)


def _tone_mapped(radiance: Array) -> Array:
    shown: Array = encode_tonemap(np.maximum(radiance, 0), np)
    return shown


TONE_MAP = View("T", _tone_mapped, as_rendered=False)  # where there is no other view: the curve of the numbers


def heat_map(error: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """(H, W) in [0, 1] → (H, W, 3) uint8: black, violet, orange, white; three straight ramps."""
    ramps = np.stack([np.clip(error * 3, 0, 1), np.clip(error * 3 - 1, 0, 1), np.clip(error * 3 - 2, 0, 1)], axis=-1)
    ramps[..., 2] = np.maximum(ramps[..., 2], np.clip(0.5 - np.abs(error * 3 - 0.6), 0, 0.5))
    return (ramps * 255 + 0.5).astype(np.uint8)
