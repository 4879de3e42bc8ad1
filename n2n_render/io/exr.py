"""EXR files ⇄ Frame, with every other part, channel and attribute kept.

A channel is (part, view, name): Blender writes the two eyes of a stereo render under the same names in parts of their own,
or under names that hold the view into one part. A pixel has its place in the data window of its part.
"""

import os
from collections import ChainMap
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import N2NError, UnreadableFile, doubt
from ..frame.channels import Kind, kind_of
from ..frame.frame import Frame, sanitize
from ..frame.repair import repair
from ..frame.windows import Window, common, place
from .exr_parts import make_channel, read_parts, write_image, write_parts
from .passes import PASSES, split_channel, split_view

HALF_MAX = 65504.0
COMPOSITE = "Composite"
Place = tuple[int, str]  # of a channel: index of its part, and its full name there


@dataclass(frozen=True)
class LayerName:
    """A view layer as one view (eye) shows it; view "" in files of a single one. As text, which is how callers name it:
    "Layer", and "Layer.left" in stereo files.
    """

    layer: str
    view: str

    def __str__(self) -> str:
        return f"{self.layer}.{self.view}" if self.view else self.layer


class ExrImage:
    """A whole EXR file in memory: Blender 4.x' single part as well as 5.x' one part a pass, mono and stereo.

    parts: [(header, channels)], see io/exr_parts.py.
    """

    def __init__(self, path: str | os.PathLike, header_only: bool = False):
        """Raises N2NError when the file is missing, truncated, deep, or not an EXR. header_only: names without pixels."""
        self.path = Path(path)
        self.parts, self._text = read_parts(path, header_only)
        self._passes: dict[tuple[str, str], list[dict[str, Place]]] = {}  # (layer, pass) → letter → place, a dict a part
        for index, (_, channels) in enumerate(self.parts):
            for name in channels:
                self._index(index, name)

    def _index(self, index: int, name: str):
        header = self.parts[index][0]
        view = header.get("view") or ""
        plain, named = split_view(name, list(header.get("multiView") or ()))
        if "." not in plain and header.get("name"):  # the other convention: the part bears the name of the pass
            plain = f"{str(header['name']).removesuffix(f'-{view}' if view else '')}.{plain}"
        layer, pass_name, letter = split_channel(plain)
        places = self._passes.setdefault((str(LayerName(layer, view or named)), pass_name), [])
        here = next((found for found in places if any(place[0] == index for place in found.values())), None)
        if here is None:
            here = {}
            places.append(here)
        here[letter] = index, name

    @property
    def layers(self) -> list[str]:
        """View layers that hold a Combined pass, in file order; `Composite` too, where compositing was on. Each view of a
        stereo file is one of its own.
        """
        return [layer for layer, pass_name in self._passes if pass_name == "Combined" and self.find(layer, "picture")]

    @property
    def rendered_layers(self) -> list[str]:
        return [layer for layer in self.layers if layer != COMPOSITE and not layer.startswith(f"{COMPOSITE}.")]

    def layer(self, wanted: str | None, features: tuple[str, ...] = ()) -> str:
        """The first of `layers_with`."""
        return self.layers_with(wanted, features)[0]

    def layers_with(self, wanted: str | None, features: tuple[str, ...] = ()) -> list[str]:
        """The view layers to denoise: the wanted one (all its views), or all that have all the features; where none has, the
        first, so that what it lacks can be named. Raises N2NError when there is none.
        """
        layers = self.layers
        if not layers:
            partial = next(((layer, parts) for (layer, name), parts in self._passes.items() if name == "Combined"), None)
            what = "holds no Combined pass, so it is not a multilayer render of Blender's"
            if partial:
                what = f"Combined of {partial[0]!r} has the channels {', '.join(sorted(ChainMap(*partial[1])))}, not R, G, B"
            raise N2NError(
                f"{self.path}: {what}", "Set the output to OpenEXR MultiLayer with View Layer > Passes > Denoising Data on."
            )
        if wanted is not None:
            views = [
                layer
                for layer in layers
                if layer == wanted or (layer.startswith(f"{wanted}.") and layer[len(wanted) + 1 :] in self._views())
            ]
            if not views:
                raise N2NError(f"{self.path}: has no view layer {wanted!r}", f"It has: {', '.join(layers)}.")
            return views
        rendered = self.rendered_layers or layers
        usable = [layer for layer in rendered if all(self.find(layer, feature) for feature in features)]
        return usable or rendered[:1]

    def _views(self) -> set[str]:
        return {view for header, _ in self.parts for view in (header.get("view"), *(header.get("multiView") or ())) if view}

    def find(self, layer: str, feature: str) -> list[Place] | None:
        """Where the channels of one feature of a layer are, or None: in one part where one has all. feature: of passes.py."""
        for pass_name in PASSES[feature].names:
            parts = self._passes.get((layer, pass_name), [])
            for letters in PASSES[feature].channels:
                for places in [*parts, dict(ChainMap(*parts))]:
                    if all(letter in places for letter in letters):
                        return [places[letter] for letter in letters]
        return None

    def _places(self, layer: str, feature: str) -> list[Place]:
        """As `find`, of a feature that is known to be there."""
        found = self.find(layer, feature)
        assert found is not None
        return found

    def pixels(self, places: list) -> np.ndarray:
        """(H, W, len(places)) float32, for places of one part, or full names (of the first part that has each)."""
        found = [self._place(name) if isinstance(name, str) else name for name in places]
        shapes = {self.parts[part][1][name].pixels.shape for part, name in found}
        if len(shapes) > 1 or shapes != {self._size(found[0][0])}:
            raise UnreadableFile(f"{self.path}: {found[0][1]} has fewer pixels than its part", "Write it without subsampling.")
        return np.stack([self.parts[part][1][name].pixels for part, name in found], axis=-1, dtype=np.float32)

    def _size(self, part: int) -> tuple[int, int]:
        window = Window.of(self.parts[part][0])
        return window.height, window.width

    def _place(self, name: str) -> Place:
        return next((index, name) for index, (_, channels) in enumerate(self.parts) if name in channels)

    def window(self, layer: str) -> Window:
        """The data window of the layer's picture."""
        return Window.of(self.parts[self._places(layer, "picture")[0][0]][0])

    def common(self, layer: str, other: "ExrImage") -> Window:
        """What this file's layer and the same layer of another render of the frame share; see windows.py."""
        displays = [Window.of(image.parts[0][0], "displayWindow") for image in (self, other)]
        return common(self.window(layer), other.window(other.layer(layer)), self.path, other.path, displays[0] == displays[1])

    def picture(self, layer: str) -> np.ndarray:
        """(H, W, 4) of the Combined pass as it is: what the compositor sees, and what a finished file shows. Alpha is 1 where
        the file has none.
        """
        color, alpha = self.pixels(self._places(layer, "picture")), self.find(layer, "alpha")
        return np.concatenate([color, self.pixels(alpha) if alpha else np.ones_like(color[..., :1])], axis=-1)

    def frame(self, layer: str | None = None, features: tuple[str, ...] = (), window: Window | None = None) -> Frame:
        """What there is to denoise: the layer's noisy colour, alpha where it has one, and the named features, on the pixels of
        `window`, by default the layer's own. Pixels that carry no information are filled, and that is said.

        Raises N2NError that names a missing pass, or one that lies elsewhere.
        """
        layer = self.layer(layer, features)
        self.check(layer, features)
        window = window or self.window(layer)
        found = ("color", *features, *(("alpha",) if self.find(layer, "alpha") else ()))
        return Frame(**{feature: self._feature(layer, feature, window) for feature in dict.fromkeys(found)})

    def _feature(self, layer: str, feature: str, window: Window) -> np.ndarray:
        places = self._places(layer, feature)
        there = Window.of(self.parts[places[0][0]][0])
        if there.overlap(window) is None:
            raise N2NError(
                f"{self.path}: {_name_of(feature)} of {layer!r} ({there}) lies beside the picture ({window})",
                "Render both with the same border.",
            )
        pixels = self.pixels(places)
        try:
            count = repair(kind_of(feature), pixels)
        except ValueError as error:
            raise UnreadableFile(f"{self.path}: {_name_of(feature)} of {layer!r}: {error}", "Render it again.") from None
        if count:
            doubt(
                f"{self.path}: {count} pixel(s) of {_name_of(feature)} of {layer!r} hold no number that can be meant (NaN, "
                "infinity, or beyond all light); they were filled from their neighbours"
            )
        return place(sanitize(kind_of(feature), pixels), there, window, np.inf if kind_of(feature) is Kind.DISTANCE else 0.0)

    def check(self, layer: str, features: tuple[str, ...]):
        """Raises N2NError that names a pass that the layer lacks."""
        for feature in ("color", *features):
            if self.find(layer, feature) is None:
                raise N2NError(
                    f"{self.path}: view layer {layer!r} has no {PASSES[feature].names[-1]!r} pass", _how_to_get(feature)
                )

    def replace_color(self, layer: str, color: np.ndarray, noisy: np.ndarray | None = None, alpha: np.ndarray | None = None):
        """Puts `color` (H, W, 3), and `alpha` (H, W, 1) if it is given, into the layer's Combined pass, in the data type that
        the file has there.

        noisy: what was denoised (H, W, 3), if it is to be kept as the pass `<layer>.Noisy`. Raises N2NError for a picture
        that is not finite.
        """
        places = self._places(layer, "picture")
        if noisy is not None:
            dtype = self.parts[places[0][0]][1][places[0][1]].pixels.dtype
            self.add_pass(
                layer,
                "Noisy",
                {letter: self._stored(plane, dtype) for letter, plane in zip("RGB", np.moveaxis(noisy, -1, 0), strict=True)},
            )
        planes = list(np.moveaxis(color, -1, 0))
        if alpha is not None:
            places, planes = [*places, *self._places(layer, "alpha")], [*planes, alpha[..., 0]]
        for (part, name), plane in zip(places, planes, strict=True):
            channel = self.parts[part][1][name]
            channel.pixels = self._stored(plane, channel.pixels.dtype)

    def add_pass(self, layer: str, name: str, channels: dict[str, np.ndarray]):
        """Adds the pass `<layer>.<name>`, channel letter → (H, W) in the picture's window, or replaces it where the file has
        it already. Raises N2NError for numbers that are not finite.
        """
        index, combined = self._places(layer, "picture")[0]
        header, plain = self.parts[index][0], LayerName(layer, "")
        view = header.get("view") or split_view(combined, list(header.get("multiView") or ()))[1]
        if view:
            plain = LayerName(layer.removesuffix(f".{view}"), view)
        inside = f".{view}" if view and not header.get("view") else ""  # of a name in a part that several views share
        earlier = self._passes.get((layer, name))
        target = next(iter(earlier[0].values()))[0] if earlier else index if len(self.parts) == 1 else len(self.parts)
        if target == len(self.parts):
            suffix = f"-{view}" if view else ""
            self.parts.append(({**header, "name": f"{plain.layer}.{name}{suffix}"}, {}))
        for letter, plane in channels.items():
            full = earlier[0][letter][1] if earlier and letter in earlier[0] else f"{plain.layer}.{name}{inside}.{letter}"
            self.parts[target][1][full] = make_channel(full, self._stored(plane, plane.dtype))
            if not earlier or letter not in earlier[0]:
                self._index(target, full)

    def write(self, path: str | os.PathLike):
        """Writes all parts to `path`: first beside it, read back, then moved into place."""
        write_parts(path, self.parts, self._text)

    def _stored(self, values: np.ndarray, dtype) -> np.ndarray:
        """One channel as a file holds it: half floats end at 65504."""
        return _stored(values, dtype, self.path)


def _stored(values: np.ndarray, dtype, path) -> np.ndarray:
    if not np.isfinite(values.sum(dtype=np.float64)) and not np.isfinite(values).all():
        raise N2NError(
            f"{path}: its denoised picture would hold pixels that are no numbers, so it was not written",
            "Please report this; --precision float32 or another model may help.",
        )
    if dtype == np.float16:
        values = np.clip(values, -HALF_MAX, HALF_MAX)
    return np.ascontiguousarray(values, dtype=dtype)


def _name_of(feature: str) -> str:
    return f"{PASSES[feature].names[-1]}{' alpha' if feature == 'alpha' else ''}"


def _how_to_get(feature: str) -> str:
    if feature == "vector":
        return (
            "Turn on View Layer > Passes > Data > Vector (and Motion Blur off) and render again (`sample`: into a new "
            "folder), or leave out --temporal."
        )
    return (
        "Turn on View Layer > Passes > Data > Denoising Data and render again, or use a model without the feature "
        f"{feature!r} (`n2n-render models` lists them; oidn-color needs none)."
    )


def read_frame(path, features: tuple[str, ...] = (), layer: str | None = None) -> Frame:
    """One call for readers that need no pass-through; see `ExrImage.frame`."""
    return ExrImage(path).frame(layer, features)


def write_frame(path, frame: Frame, layer: str = "ViewLayer"):
    """Writes a Frame as a single-part multilayer EXR with Blender's channel names, 32-bit, ZIP."""
    channels = {}
    for feature, entry in PASSES.items():
        image = frame.get(feature)
        if image is not None:
            for index, channel in enumerate(entry.channels[0]):
                name = f"{layer}.{entry.names[-1]}.{channel}"
                channels[name] = np.ascontiguousarray(image[..., index], dtype=np.float32)
    write_image(path, channels)


def write_picture(path, pixels: np.ndarray):
    """(H, W, 4) float32, premultiplied, as a plain RGBA image, 32-bit. Not compressed: it is read again at once."""
    write_image(path, {"RGBA": np.ascontiguousarray(pixels)}, compressed=False)


def is_readable(path) -> bool:
    """Whether the file is a complete EXR: all pixels are decoded."""
    try:
        ExrImage(path)
    except N2NError:
        return False
    return True
