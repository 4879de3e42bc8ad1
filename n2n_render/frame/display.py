"""Radiance and errors → 8-bit pixels for people."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Array
from .transfer import RADIANCE_MAX, encode_tonemap


@dataclass(frozen=True)
class View:
    """How radiance is shown to people.

    Attributes:
        name: What captions say: "T", "AgX".
        encode: Scene-linear radiance (…, 3) float32 → what a screen shows, [0, 1] float32 of the same shape. Any thread may.
        as_rendered: It takes radiance as the renderer gave it, whose exposure the artist chose; else after auto-exposure.
        origin: Where it comes from, or why there is no better one, for people: "Blender's configuration".
    """

    name: str
    encode: Callable[[Array], Array]
    as_rendered: bool = True
    origin: str = ""

    def pixels(self, radiance: Array) -> NDArray[np.uint8]:
        """Radiance (H, W, 3) → (H, W, 3) uint8."""
        return (np.clip(self.encode(radiance), 0, 1) * 255 + 0.5).astype(np.uint8)

    def exposed(self, radiance: Array, exposure: float | np.floating[Any]) -> Array:
        """Radiance that was multiplied by `exposure` → radiance that this view takes: that, or as it was rendered."""
        return radiance / np.float32(exposure) if self.as_rendered else radiance

    @property
    def told(self) -> dict[str, str]:
        """For JSON."""
        return {"view": self.name, "configuration": self.origin}

    @property
    def described(self) -> str:
        """For people: "AgX (Blender's configuration)"."""
        name = "T(v)" if self.name == TONE_MAP.name else self.name
        return f"{name} ({self.origin})" if self.origin else name


def _tone_mapped(radiance: Array) -> Array:
    shown: Array = encode_tonemap(np.maximum(np.nan_to_num(radiance, posinf=RADIANCE_MAX), 0), np)
    return shown


TONE_MAP = View("T", _tone_mapped, as_rendered=False)  # where there is no other view: the curve of the numbers


def heat_map(error: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """(H, W) in [0, 1] → (H, W, 3) uint8: black, violet, orange, white; three straight ramps."""
    ramps = np.stack([np.clip(error * 3, 0, 1), np.clip(error * 3 - 1, 0, 1), np.clip(error * 3 - 2, 0, 1)], axis=-1)
    ramps[..., 2] = np.maximum(ramps[..., 2], np.clip(0.5 - np.abs(error * 3 - 0.6), 0, 0.5))
    return (ramps * 255 + 0.5).astype(np.uint8)
