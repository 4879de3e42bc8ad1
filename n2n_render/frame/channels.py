"""What a channel of a frame is: its name, its kind, and how many numbers a pixel of it has.

Everything that is done to a channel is decided by its kind: which values are meant, how it is encoded, filtered, warped,
averaged and written.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import Array


class Kind(enum.Enum):
    """What the numbers of a channel mean."""

    RADIANCE = "radiance"  # scene-linear light, [0, ∞)
    UNIT_COLOR = "unit colour"  # a fraction of the light, [0, 1]: albedo
    DIRECTION = "direction"  # a vector of length 1, or 0 where nothing was hit
    DISTANCE = "distance"  # scene units along the ray; +inf where nothing was hit
    MOTION = "motion"  # pixels, see frame/motion.py
    COVERAGE = "coverage"  # a fraction of the pixel, [0, 1]: alpha, and weights
    VARIANCE = "variance"  # of a radiance, [0, ∞)
    SIGNAL = "signal"  # display-referred, [-½, ½], noisy ones beyond: photographs and slices, see frame/signal.py


@dataclass(frozen=True)
class Channel:
    """count: numbers a pixel."""

    name: str
    kind: Kind
    count: int


COLOR, ALPHA, VECTOR = "color", "alpha", "vector"
PHOTOGRAPH, GREY = "photograph", "grey"  # signals with three channels, and with one
FEATURES = ("albedo", "normal", "depth")  # what `--features` may name, in the order of a network's channels
NEIGHBORS = ("neighbors_color", "neighbors_weight")  # what is taken in of neighbouring frames; no file holds it
CHANNELS = {
    channel.name: channel
    for channel in (
        Channel(COLOR, Kind.RADIANCE, 3),
        Channel(ALPHA, Kind.COVERAGE, 1),
        Channel("albedo", Kind.UNIT_COLOR, 3),
        Channel("normal", Kind.DIRECTION, 3),
        Channel("depth", Kind.DISTANCE, 1),
        Channel(VECTOR, Kind.MOTION, 4),
        Channel("variance", Kind.VARIANCE, 3),
        Channel(PHOTOGRAPH, Kind.SIGNAL, 3),
        Channel(GREY, Kind.SIGNAL, 1),
        Channel("neighbors_color", Kind.RADIANCE, 3),  # weighted mean of the neighbours' noisy colours
        Channel("neighbors_weight", Kind.COVERAGE, 1),  # how many frames' samples that mean holds
    )
}


def kind_of(name: str) -> Kind:
    """The kind of a channel by its name; a name of the user's own is one more radiance."""
    return CHANNELS[name].kind if name in CHANNELS else Kind.RADIANCE


@dataclass(frozen=True)
class Layout:
    """Which channels lie one after the other in a stacked image, and where.

    names: of CHANNELS, in order.
    """

    names: tuple[str, ...]

    @property
    def count(self) -> int:
        """Numbers a pixel."""
        return sum(CHANNELS[name].count for name in self.names)

    def places(self) -> dict[str, slice]:
        """Name → where it lies."""
        places, start = {}, 0
        for name in self.names:
            places[name] = slice(start, start + CHANNELS[name].count)
            start = places[name].stop
        return places

    def split(self, stacked: Any, axis: int = -1) -> dict[str, Any]:
        """A stacked image (NumPy array or torch tensor) → name → view of its channel along `axis`."""
        before = (slice(None),) * (axis % stacked.ndim)
        return {name: stacked[(*before, place)] for name, place in self.places().items()}

    def stack(self, images: Mapping[str, Array], out: Array | None = None) -> Array:
        """Name → image (H, W, C) → (H, W, count) float32; `out` to write it there."""
        height, width = images[self.names[0]].shape[:2]
        stacked = np.empty((height, width, self.count), np.float32) if out is None else out
        for name, place in self.places().items():
            stacked[..., place] = images[name]
        return stacked
