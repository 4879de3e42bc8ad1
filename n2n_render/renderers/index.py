"""The channel names of a file → its passes, by layer and view, as a dialect splits them."""

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .dialect import ANY_PASS, Dialect, Source

PICTURE_PARTS = ("rgba", "rgb", "beauty", "c", "ci", "image")  # names of parts that hold the picture as plain channels
Place = tuple[int, str]  # of a channel: index of its part, and its full name there


@dataclass(frozen=True)
class LayerName:
    """A layer as one view (eye) shows it; view "" in files of a single one. As text, which is how callers name it: "Layer",
    and "Layer.left" in stereo files; "" is the only layer of a file without layers.
    """

    layer: str
    view: str

    def __str__(self) -> str:
        return ".".join(text for text in (self.layer, self.view) if text)


@dataclass(frozen=True)
class ChannelName:
    """Where a channel is, and what its name says. path: the name without letter and view; "" for a channel like R."""

    place: Place
    path: str
    letter: str
    view: str


def read_names(parts: Sequence[tuple[Mapping[str, Any], Iterable[str]]]) -> list[ChannelName]:
    """All channels of a file, (header, names) a part, in file order.

    A plain channel (R) of a named part is of the pass that the part names. In one part of each view it is there twice, where
    the picture lies: in the first that is called so, else in the first, whatever that one is called.
    """
    numbered = list(reversed(list(enumerate(header for header, _ in parts))))
    first = {header.get("view"): index for index, header in numbered}
    first |= {header.get("view"): index for index, header in numbered if _shown_pass(header).lower() in PICTURE_PARTS}
    return [
        found
        for index, (header, names) in enumerate(parts)
        for name in names
        for found in _read_name(index, name, header, first[header.get("view")] == index)
    ]


def _read_name(index: int, name: str, header: Mapping[str, Any], is_first: bool) -> Iterator[ChannelName]:
    view = header.get("view") or ""
    plain, named = split_view(name, list(header.get("multiView") or ()))
    path, _, letter = plain.rpartition(".")
    if not path and header.get("name"):
        yield ChannelName((index, name), _shown_pass(header), letter, view or named)
    if path or is_first or not header.get("name"):
        yield ChannelName((index, name), path, letter, view or named)


def _shown_pass(header: Mapping[str, Any]) -> str:
    """The name of a part without the view: "rgba" of "rgba-left" as Blender writes it, "rgba.left" (Nuke) and "rgba_left"."""
    name, view = str(header.get("name") or ""), header.get("view")
    return next((name.removesuffix(mark + view) for mark in "-._" if name.endswith(mark + view)), name) if view else name


def split_view(name: str, views: list[str]) -> tuple[str, str]:
    """ "Layer.Combined.left.R" → ("Layer.Combined.R", "left"), for a file of these views, the default one first.

    As Blender writes them into one part, and as OpenEXR's multi-view files do, whose default view may go without its name.
    """
    rest, _, channel = name.rpartition(".")
    before, _, view = rest.rpartition(".")
    if view in views:
        return f"{before}.{channel}" if before else channel, view
    return name, views[0] if views else ""


class PassIndex:
    """The passes of a file as one dialect names them."""

    def __init__(self, channels: Sequence[ChannelName], dialect: Dialect):
        # (layer and view, pass) → letter → place, a dict a part
        self.passes: dict[tuple[str, str], list[dict[str, Place]]] = {}
        for channel in channels:
            layer, name = dialect.split(channel.path)
            parts = self.passes.setdefault((str(LayerName(layer, channel.view)), name), [])
            here = next((one for one in parts if any(place[0] == channel.place[0] for place in one.values())), None)
            if here is None:
                here = {}
                parts.append(here)
            here.setdefault(channel.letter, channel.place)

    @property
    def layers(self) -> list[str]:
        """All layers and views, in file order."""
        return list(dict.fromkeys(layer for layer, _ in self.passes))

    def find(self, layer: str, source: Source | None) -> tuple[str, list[Place]] | None:
        """(pass, places) of the first alternative that is there: in one part where one has all its letters."""
        for name, letters in source.alternatives if source else ():
            wanted = [name] if name != ANY_PASS else [one for here, one in self.passes if here == layer]
            for one in wanted:
                parts = self.passes.get((layer, one), [])
                for places in [*parts, dict(ChainMap(*parts))]:
                    if all(letter in places for letter in letters):
                        return one, [places[letter] for letter in letters]
        return None
