"""A file that holds one pass of a frame, beside the file of its picture (`--albedo FILE`, …)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import N2NError
from ..renderers.detect import detect
from ..renderers.index import ChannelName, PassIndex, Place, read_names
from .exr_parts import read_parts, stack_pixels
from .sources import key_of, listing, resolve


class PassFile:
    """Where one channel of a frame lies in a file of its own: where a dialect has that channel, else in its only pass.

    dialect: whose names were recognised, or None.
    """

    def __init__(self, path: Path, channel: str, header_only: bool = False):
        """Raises N2NError where the file cannot be read, or holds nothing that can be the channel, or several passes."""
        self.path = path
        self.parts, _ = read_parts(path, header_only)
        names = read_names(self.parts)
        detected = detect([header for header, _ in self.parts], names, channel)
        self.dialect = detected.dialect if detected else None
        self.places = self._find(channel, names)

    def _find(self, channel: str, names: list[ChannelName]) -> list[Place]:
        if self.dialect:
            index = PassIndex(names, self.dialect)
            for layer in index.layers:
                if found := index.find(layer, self.dialect.source(channel)):
                    return found[1]
        passes = [places for path in dict.fromkeys(one.path for one in names) if (places := resolve(channel, (path,), names))]
        if not passes:
            raise N2NError(
                f"{self.path}: holds nothing that could be {key_of(channel)}, but {self._listing()}",
                f"Pass the file of that pass with --{key_of(channel)}.",
            )
        return passes[0]

    def _listing(self) -> str:
        return listing(name for _, channels in self.parts for name in channels)

    def pixels(self, places: list[Place]) -> NDArray[np.float32]:
        """(H, W, len(places)) float32."""
        return stack_pixels(self.path, self.parts, places)
