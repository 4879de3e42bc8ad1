"""One noisy observation of an image."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..frame.arrays import Array


@dataclass(frozen=True)
class Observation:
    """What was observed of a signal (H, W, C), see frame/signal.py.

    Attributes:
        signal: (H, W, C) float32; it may leave [-½, ½].
        facts: What a loss, or the reconstruction, has to know besides, by name, (H, W, C) float32: "measured" (H, W, 1), 1
            where something was observed and 0 where nothing was; "spectrum" (H, W, 2), see kspace.py.
    """

    signal: Array
    facts: Mapping[str, Array] = field(default_factory=dict)
