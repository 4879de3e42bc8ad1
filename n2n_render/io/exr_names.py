"""The names and headers of an EXR file → its layers, and where each channel of a frame lies."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from ..errors import N2NError, doubt
from ..frame.arrays import Array
from ..frame.channels import ALPHA, COLOR, FEATURES, VECTOR, brought_guides, guide_names
from ..renderers.convert import camera_rotation
from ..renderers.cycles import CYCLES, written_as
from ..renderers.detect import detect
from ..renderers.dialect import PICTURE, Dialect, Source, Space, brought_source
from ..renderers.index import PassIndex, Place, read_names
from ..renderers.plain import PLAIN
from .cryptomatte import Cryptomatte, find_cryptomattes
from .exr_parts import Header, Part, read_parts
from .exr_text import Carried
from .light import LightPass, choose_light, colorless, find_light, plain_places, unknown_colors
from .pass_file import PassFile
from .sources import DETECT, EXAMPLE, Sources, key_of, listing, resolve

COMPOSITE = "Composite"
_MATTE_NAME = re.compile(r"cryptomatte/[^/]+/name")  # of the attribute that holds what a Cryptomatte's passes begin with
PICTURE_WORDS = ("beauty", "rgba", "rgb", "combined", "color", "image", "main", "final")  # names of pictures end so


class ExrNames:
    """What a file holds, whoever wrote it: one part or one a pass, mono and stereo.

    parts: [(header, channels)], see io/exr_parts.py. dialect: whose names it bears.
    """

    def __init__(
        self,
        path: Path,
        parts: list[Part],
        text: Carried,
        dialect: Dialect,
        named: Mapping[str, tuple[str, ...]],
        beside: Mapping[str, PassFile],
    ):
        """Keeps what it is given; `open` reads it.

        Args:
            text: the header's texts as they are stored, see io/exr_text.py.
            named: a frame's channel → the names that the user gave for it.
            beside: a frame's channel → the file of its own that holds it.
        """
        self.path, self.parts, self.dialect = path, parts, dialect
        self._text, self._named, self._beside = text, named, beside
        self._read_names()

    @classmethod
    def open(cls, path: str | os.PathLike[str], header_only: bool = False, sources: Sources = DETECT) -> Self:
        """Reads a file.

        Args:
            header_only: names without pixels.
            sources: what overrules detection.

        Raises:
            N2NError: the file, or one beside it, is missing, truncated, deep, or not an EXR, or a channel that was named is
                not there.
        """
        place = Path(path)
        parts, text = read_parts(path, header_only)
        beside = {channel: PassFile.read(other, channel, header_only) for channel, other in sources.beside(place).items()}
        detected = detect([header for header, _ in parts], read_names(parts))
        image = cls(place, parts, text, detected.dialect if detected else PLAIN, sources.channels, beside)
        image._check_named()
        if detected and detected.rivals and not sources.channels:
            doubt(
                f"channels bear names that could be those of {' or '.join((image.dialect.name, *detected.rivals))}; they are "
                f"taken as {image.dialect.name}'s (--channels names others)"
            )
        return image

    def _check_named(self) -> None:
        for channel, names in self._named.items():
            if resolve(channel, names, self._names) is None:
                raise N2NError(
                    f"{self.path}: has no {' and '.join(names)} that could be {key_of(channel)}",
                    f"It holds: {self._listing()}. {EXAMPLE}",
                )

    def _read_names(self) -> None:
        self._names = read_names(self.parts)
        self._index = PassIndex(self._names, self.dialect)

    @property
    def _headers(self) -> list[Header]:
        return [header for header, _ in self.parts]

    def _listing(self) -> str:
        return listing(name for _, channels in self.parts for name in channels)

    @property
    def layers(self) -> list[str]:
        """Layers that hold a picture, in file order; Blender's `Composite` too, where compositing was on. Each view of a
        stereo file is one of its own. A renderer without layers has one, "".
        """
        found = [layer for layer in self._index.layers if self._index.find(layer, self.dialect.source(PICTURE))]
        if COLOR not in self._named:
            return found
        found = [layer for layer in found or self._index.layers if self.find(layer, PICTURE)]
        if self._views():
            return found
        inside = [layer for layer in found if layer and self._named[COLOR][0].startswith(f"{layer}.")]
        return (inside or found)[:1]  # it is one picture, whatever layers there are

    @property
    def rendered_layers(self) -> list[str]:
        return [layer for layer in self.layers if layer != COMPOSITE and not layer.startswith(f"{COMPOSITE}.")]

    def layer(self, wanted: str | None, features: tuple[str, ...] = ()) -> str:
        """The first of `layers_with`."""
        return self.layers_with(wanted, features)[0]

    def layers_with(self, wanted: str | None, features: tuple[str, ...] = ()) -> list[str]:
        """The layers to denoise: the wanted one (all its views), or all that have all the features; where none has, the
        first, so that what it lacks can be named. Raises N2NError when there is none.
        """
        layers = self.layers
        if not layers:
            raise self._no_picture()
        if wanted is not None:
            views = [
                layer
                for layer in layers
                if layer == wanted or (layer.startswith(f"{wanted}.") and layer[len(wanted) + 1 :] in self._views())
            ]
            if not views:
                raise N2NError(f"{self.path}: has no view layer {wanted!r}", _layers_hint(layers))
            return views
        rendered = self.rendered_layers or layers
        usable = [layer for layer in rendered if all(self.has(layer, feature) for feature in features)]
        return usable or rendered[:1]

    def _no_picture(self) -> N2NError:
        passes = PassIndex(self._names, CYCLES).passes
        partial = next(((layer, parts) for (layer, name), parts in passes.items() if name == "Combined"), None)
        if partial:
            letters = ", ".join(sorted({letter for part in partial[1] for letter in part}))
            return N2NError(
                f"{self.path}: Combined of {partial[0]!r} has the channels {letters}, not R, G, B",
                "Set the output to OpenEXR MultiLayer with View Layer > Passes > Denoising Data on.",
            )
        what = f"{self.path}: no channel is known as its picture; it holds {self._listing()}"
        plain = {one.letter for one in self._names if not one.path}
        if {"Y", "RY", "BY"} <= plain:
            return N2NError(what, "That is luminance and chroma; convert it to R, G, B first, as OpenEXR's RgbaInputFile does.")
        if "Y" in plain:
            return N2NError(what, "If Y is a grey picture, pass --channels beauty=Y,Y,Y.")
        pictures = [path for path in dict.fromkeys(one.path for one in self._names) if resolve(COLOR, (path,), self._names)]
        likely = next((path for path in pictures if re.split(r"[^a-z]", path.lower())[-1] in PICTURE_WORDS), None)
        return N2NError(what, f'If {likely} is it, pass --channels "beauty={likely}".' if likely else EXAMPLE)

    def _views(self) -> set[str]:
        return {view for header, _ in self.parts for view in (header.get("view"), *(header.get("multiView") or ())) if view}

    def find(self, layer: str, channel: str) -> list[Place] | None:
        """Where a channel of a frame (or PICTURE) lies in the file for a layer, or None."""
        named = COLOR if channel == PICTURE else channel
        if named in self._named:
            here = [one for one in self._names if not one.view or layer == one.view or layer.endswith(f".{one.view}")]
            return resolve(named, self._named[named], here)
        found = self._index.find(layer, self._source(channel))
        return found[1] if found else None

    def _source(self, channel: str) -> Source | None:
        """Where the names say that a channel lies; of one that a package brings the dialect has the first word."""
        return self.dialect.source(channel) or brought_source(channel)

    def has(self, layer: str, channel: str) -> bool:
        """Whether there is such a channel for a layer, in the file or in one beside it."""
        return channel in self._beside or self.find(layer, channel) is not None

    def available(self, layer: str) -> tuple[str, ...]:
        """The features of a layer, in the order of `guide_names`, then motion vectors."""
        return tuple(name for name in (*guide_names(), VECTOR) if self.has(layer, name))

    def light(self, layer: str) -> list[LightPass]:
        """The passes of light of a layer, in file order; none where the names are not recognised. What the user names as the
        picture or a guide is none of them, nor is a guide that a package brings.
        """
        named = {place for channel in (*self._named, *brought_guides()) for place in self.find(layer, channel) or ()}
        return [one for one in find_light(self._index, self.dialect, layer) if named.isdisjoint(one.places)]

    def chosen_light(self, layer: str, wanted: Sequence[str]) -> list[LightPass]:
        """The wanted passes of light of a layer, see `choose_light`. Raises N2NError for a name that no layer has."""
        others = [one for other in self.rendered_layers if other != layer for one in self.light(other)] if wanted else []
        return choose_light(self.light(layer), wanted, f"{self.path}{of_layer(layer)}", others) if wanted else []

    def colorless(self, layer: str) -> dict[str, str]:
        """Passes of light of a layer that lack the colour which they are divided by → its name."""
        return colorless(self._index, self.dialect, layer)

    def unknown_colors(self, layer: str) -> list[str]:
        """Passes of a layer that hold a colour and may be light, though no table knows them."""
        mattes = [str(text) for header in self._headers for key, text in header.items() if _MATTE_NAME.fullmatch(key)]
        found = unknown_colors(self._index, self.dialect, layer)
        return [name for name in found if name not in self._views() and not name.startswith(tuple(mattes))]

    def cryptomattes(self, layer: str) -> list[Cryptomatte]:
        """The lists of names whose coverage the file has for a layer."""
        return find_cryptomattes(self.path, self._headers, self._names, self.dialect, layer)

    def plain_passes(self, layer: str) -> dict[str, tuple[Place, ...]]:
        """Passes of a layer with a colour or one number → where that lies."""
        own = {name: plain_places(parts) for (here, name), parts in self._index.passes.items() if here == layer and name}
        return {name: places for name, places in own.items() if places}

    def taken(self, layer: str, features: tuple[str, ...] = ()) -> str:
        """What is read for a layer and from whose names, as a sentence tells it: "Arnold's names: RGBA, denoise_albedo, N"."""
        shown = []
        for channel in (COLOR, *features):
            if channel in self._beside:
                shown.append(f"{channel} of {self._beside[channel].path.name}")
            elif channel in self._named:
                shown.append("+".join(self._named[channel]))
            elif found := self._index.find(layer, self._source(channel)):
                shown.append(found[0] or self._letters(layer, channel, found[1]))
            if channel == "normal" and self.has(layer, channel) and self._space() is Space.WORLD and self._rotation() is None:
                shown[-1] += " (in world space as it is: no camera matrix in the file)"
        whose = "plain" if self.dialect is PLAIN else f"{self.dialect.name}'" + "s" * (not self.dialect.name.endswith("s"))
        return f"{whose} names: {', '.join(shown)}"

    def _letters(self, layer: str, channel: str, places: list[Place]) -> str:
        """How channels without a pass are called: RGBA."""
        alpha = self.find(layer, ALPHA) if channel == COLOR else None
        return "".join(name for _, name in [*places, *(alpha or ())])

    def _space(self) -> Space:
        beside = self._beside.get("normal")
        return beside.dialect.normals if beside and beside.dialect else self.dialect.normals

    def _rotation(self) -> Array | None:
        beside = self._beside.get("normal")
        return camera_rotation([*([header for header, _ in beside.parts] if beside else []), *self._headers])

    def _places(self, layer: str, channel: str) -> list[Place]:
        """As `find`, of a channel that is known to be there."""
        found = self.find(layer, channel)
        assert found is not None
        return found

    def check(self, layer: str, features: tuple[str, ...]) -> None:
        """Raises N2NError that names a pass that the layer lacks."""
        for channel in (COLOR, *features):
            if self.has(layer, channel):
                continue
            if self.dialect is CYCLES and (written := written_as(channel)):
                raise N2NError(f"{self.path}: view layer {layer!r} has no {written[0]!r} pass", _how_to_get(channel))
            source, key = self._source(channel), key_of(channel)
            known = dict.fromkeys(name for name, _ in (source.alternatives if source else ()) if name.strip("*"))
            tried = f" ({', '.join(known)})" if known else ""
            or_file = "" if channel in brought_guides() else f"pass its file with --{key}, "
            raise N2NError(
                f"{self.path}: has no {key}{tried}{of_layer(layer)}; it holds {self._listing()}",
                f"Name it with --channels {key}=…, {or_file}or use a model that needs none (--model auto takes the one that "
                "fits).",
            )

    def _title(self, channel: str) -> str:
        if self.dialect is CYCLES and (written := written_as(channel)):
            return f"{written[0]}{' alpha' if channel == ALPHA else ''}"
        return key_of(channel)


def of_layer(layer: str) -> str:
    """ " of 'Layer'", as a sentence goes on; nothing where a file has no layers."""
    return f" of {layer!r}" if layer else ""


def _layers_hint(layers: Sequence[str]) -> str:
    named = ", ".join(filter(None, layers))
    return f"It has: {named}." if named else "It has no layers: leave the layer out, or name a pass with --channels beauty=…"


def _how_to_get(feature: str) -> str:
    if feature == VECTOR:
        return (
            "Turn on View Layer > Passes > Data > Vector (and Motion Blur off) and render again (`sample`: into a new "
            "folder), or pass --temporal 0."
        )
    if feature not in FEATURES:
        return f"Render it as an AOV of that name (`sample --passes scene`), or use a model without the feature {feature!r}."
    return (
        "Turn on View Layer > Passes > Data > Denoising Data and render again, or use a model without the feature "
        f"{feature!r} (`n2n-render models` lists them; oidn-color needs none)."
    )
