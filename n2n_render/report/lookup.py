"""A view → tables that a script can look colours up in, for radiance on a logarithmic scale."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..frame.arrays import Array
from ..frame.display import View
from .pixels import pack_shorts

CURVE_SIZE, CURVE_STOPS = 2048, (-24.0, 16.0)
LATTICE_SIZE, LATTICE_STOPS = 65, (-16.0, 12.0)  # log2 of radiance, where AgX is within a level of 255 but for a hundredth
ALIKE = 0.25 / 255


@dataclass(frozen=True)
class Lookup:
    """How a view shows radiance.

    Attributes:
        kind: "curves": values (3, size), each channel by itself; "lattice": (size, size, size, 3), by red, green and blue.
        stops: log2 of the radiance at the first and the last place; the first one stands for black, too.
        values: [0, 1].
    """

    kind: str
    stops: tuple[float, float]
    values: Array

    @classmethod
    def bake(cls, view: View) -> "Lookup":
        """Curves where they say all of it, else a lattice."""
        ramp = _ramp(CURVE_SIZE, CURVE_STOPS)
        grey = view.encode(np.repeat(ramp[:, None], 3, axis=1))
        mixed = np.random.default_rng(0).integers(0, CURVE_SIZE, (4096, 3))
        alone = np.stack([grey[mixed[:, channel], channel] for channel in range(3)], axis=1)
        if np.abs(view.encode(ramp[mixed]) - alone).max() < ALIKE:
            return cls("curves", CURVE_STOPS, np.ascontiguousarray(grey.T))
        ramp = _ramp(LATTICE_SIZE, LATTICE_STOPS)
        colors = np.stack(np.meshgrid(ramp, ramp, ramp, indexing="ij"), axis=-1)
        return cls("lattice", LATTICE_STOPS, view.encode(colors.reshape(1, -1, 3)).reshape(colors.shape))

    def told(self) -> dict[str, Any]:
        """For the page: all but the values."""
        return {"kind": self.kind, "low": self.stops[0], "high": self.stops[1], "size": self.values.shape[1]}

    def packed(self) -> str:
        """The values."""
        return pack_shorts(self.values)


def _ramp(size: int, stops: tuple[float, float]) -> Array:
    ramp = np.exp2(np.linspace(*stops, size, dtype=np.float32))
    ramp[0] = 0  # black is black
    return ramp
