"""A file that holds one pass of a frame, beside the file of its picture (`--albedo FILE`, …)."""

from dataclasses import dataclass
from pathlib import Path

from ..errors import N2NError
from ..frame.arrays import Array
from ..renderers.detect import detect
from ..renderers.dialect import Dialect
from ..renderers.index import ChannelName, PassIndex, Place, read_names
from .exr_parts import Part, read_parts, stack_pixels
from .sources import key_of, listing, resolve


@dataclass(frozen=True, eq=False)
class PassFile:
    """Where one channel of a frame lies in a file of its own: where a dialect has that channel, else in its first pass.

    dialect: whose names were recognised, or None.
    """

    path: Path
    parts: list[Part]
    dialect: Dialect | None
    places: list[Place]

    @classmethod
    def read(cls, path: Path, channel: str, header_only: bool = False) -> "PassFile":
        """Raises N2NError where the file cannot be read, or holds nothing that can be the channel."""
        parts, _ = read_parts(path, header_only)
        names = read_names(parts)
        detected = detect([header for header, _ in parts], names, channel)
        dialect = detected.dialect if detected else None
        places = _find(channel, names, dialect)
        if places is None:
            held = listing(name for _, channels in parts for name in channels)
            raise N2NError(
                f"{path}: holds nothing that could be {key_of(channel)}, but {held}",
                f"Pass the file of that pass with --{key_of(channel)}.",
            )
        return cls(path, parts, dialect, places)

    def pixels(self, places: list[Place]) -> Array:
        """(H, W, len(places)) float32."""
        return stack_pixels(self.path, self.parts, places)


def _find(channel: str, names: list[ChannelName], dialect: Dialect | None) -> list[Place] | None:
    if dialect:
        index = PassIndex(names, dialect)
        for layer in index.layers:
            if found := index.find(layer, dialect.source(channel)):
                return found[1]
    passes = dict.fromkeys(one.path for one in names)
    return next((places for path in passes if (places := resolve(channel, (path,), names))), None)
