"""What a channel of a frame is: its name, its kind, and how many numbers a pixel of it has.

Everything that is done to a channel is decided by its kind: which values are meant, how it is encoded, filtered, warped,
averaged and written.
"""

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import plugins
from ..errors import N2NError
from .arrays import Array


class Kind(enum.Enum):
    """What the numbers of a channel mean."""

    RADIANCE = "radiance"  # scene-linear light, [0, ∞)
    UNIT_COLOR = "unit colour"  # a fraction of the light, [0, 1]: albedo
    DIRECTION = "direction"  # a vector of length 1, or 0 where nothing was hit
    DISTANCE = "distance"  # scene units along the ray; +inf where nothing was hit
    MOTION = "motion"  # pixels, see frame/motion.py
    COVERAGE = "coverage"  # a fraction, [0, 1]: alpha, and weights
    VARIANCE = "variance"  # of a radiance, [0, ∞)
    SIGNAL = "signal"  # display-referred, [-½, ½], noisy ones beyond: photographs and slices, see frame/signal.py


@dataclass(frozen=True)
class Channel:
    """count: numbers a pixel. passes: of a channel that a package brings, names of the passes that hold it in any renderer's
    files, the usual one first; (): its own name.
    """

    name: str
    kind: Kind
    count: int
    passes: tuple[str, ...] = ()


COLOR, ALPHA, VECTOR = "color", "alpha", "vector"
PHOTOGRAPH, GREY = "photograph", "grey"  # signals with three channels, and with one
FEATURES = ("albedo", "normal", "depth")  # our guides, in the order of a network's channels; `guide_names` has all
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


# A guide of a package: kind → numbers a pixel. Others would need the frame's own depth or motion to be understood.
GUIDE_COUNTS = {Kind.RADIANCE: 3, Kind.UNIT_COLOR: 3, Kind.DIRECTION: 3, Kind.COVERAGE: 1}
USERS_NAMES = ("beauty", "motion", "picture", "none")  # of our channels: what is typed, or means something else
_NAME = re.compile("[a-z][a-z0-9_]*")


def _wrong_guide(channel: Channel) -> str | None:
    if not _NAME.fullmatch(channel.name):
        return "its name must be of small letters, digits and _"
    if GUIDE_COUNTS.get(channel.kind) != channel.count:
        known = ", ".join(f"{kind.name} with {count}" for kind, count in GUIDE_COUNTS.items())
        return f"a guide has one of these kinds, and as many numbers a pixel: {known}"
    if not isinstance(channel.passes, tuple) or not all(isinstance(name, str) and name for name in channel.passes):
        return "its passes are no tuple of names"
    return None


BROUGHT = plugins.Table(plugins.CHANNELS, "channel", Channel, (*CHANNELS, *USERS_NAMES), _wrong_guide)


def guide_names() -> tuple[str, ...]:
    """All guides that there are, in the order of a network's channels: ours, then those of packages."""
    return (*FEATURES, *BROUGHT.rows())


def brought_guides() -> tuple[str, ...]:
    """Those of packages."""
    return tuple(BROUGHT.rows())


def find_channel(name: str) -> Channel | None:
    """A channel of ours or of a package; None for a name of the user's own, as those of passes of light, which hold a /."""
    return CHANNELS.get(name) or (None if "/" in name else BROUGHT.rows().get(name))


def channel_of(name: str) -> Channel:
    """The same of a name that must be known. Raises N2NError where it is not."""
    if found := find_channel(name):
        return found
    package = plugins.package_of(plugins.CHANNELS, name)
    raise N2NError(
        f"there is no channel {name!r}" + (f" that can be used: {package} brings a broken one" if package else ""),
        "Install the package that brings it, or another version of it.",
    )


def kind_of(name: str) -> Kind:
    """The kind of a channel by its name; a name of the user's own is one more radiance."""
    found = find_channel(name)
    return found.kind if found else Kind.RADIANCE


@dataclass(frozen=True)
class Layout:
    """Which channels lie one after the other in a stacked image, and where.

    names: of channels, in order.
    """

    names: tuple[str, ...]

    @property
    def count(self) -> int:
        """Numbers a pixel."""
        return sum(channel_of(name).count for name in self.names)

    def places(self) -> dict[str, slice]:
        """Name → where it lies."""
        places, start = {}, 0
        for name in self.names:
            places[name] = slice(start, start + channel_of(name).count)
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
