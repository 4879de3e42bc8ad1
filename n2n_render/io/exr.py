"""EXR files ⇄ Frame, with every other part, channel and attribute kept.

A channel is (part, view, name): Blender writes the two eyes of a stereo render under the same names in parts of their own,
or under names that hold the view into one part. A pixel has its place in the data window of its part. Which channel is what,
a dialect says (renderers/), or the user (sources.py).
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import N2NError, UnreadableFile, doubt
from ..frame.arrays import Array
from ..frame.channels import ALPHA, COLOR, VECTOR, Kind, kind_of
from ..frame.frame import Frame, sanitize
from ..frame.repair import repair
from ..frame.windows import Window, common, overlaid, place
from ..renderers.convert import decoded, is_encoded, to_camera, to_vectors
from ..renderers.cycles import written_as
from ..renderers.dialect import PICTURE, Space
from ..renderers.index import LayerName, Place, split_view
from .exr_names import ExrNames, of_layer
from .exr_parts import make_channel, stack_pixels, write_image, write_parts
from .light import LightPass
from .sources import DETECT, Sources

HALF_MAX = 65504.0
NEGATIVE = -1e-4  # of the brightest: less is what filters and rounding leave


class ExrImage(ExrNames):
    """A whole EXR file in memory, of any renderer; `open` reads one. With header_only there are names and no pixels."""

    def pixels(self, places: list[Place] | list[str]) -> Array:
        """(H, W, len(places)) float32, for places of one part, or full names (of the first part that has each)."""
        return stack_pixels(self.path, self.parts, [self._place(name) if isinstance(name, str) else name for name in places])

    def _place(self, name: str) -> Place:
        return next((index, name) for index, (_, channels) in enumerate(self.parts) if name in channels)

    def window(self, layer: str) -> Window:
        """The data window of the layer's picture."""
        return Window.of(self.parts[self._places(layer, PICTURE)[0][0]][0])

    def common(self, layer: str, other: "ExrImage") -> Window:
        """What this file's layer and the same layer of another render of the frame share; see windows.py."""
        displays = [Window.of(image.parts[0][0], "displayWindow") for image in (self, other)]
        return common(self.window(layer), other.window(other.layer(layer)), self.path, other.path, displays[0] == displays[1])

    def picture(self, layer: str) -> Array:
        """(H, W, 4) of what the file shows: what the compositor sees, and what a finished file has. Alpha is 1 where the
        file has none.
        """
        color, alpha = self.shown_color(layer), self.find(layer, ALPHA)
        return np.concatenate([color, self.pixels(alpha) if alpha else np.ones_like(color[..., :1])], axis=-1)

    def pass_pixels(self, layer: str, name: str) -> Array | None:
        """(H, W, C) of the pass `<layer>.<name>`, its channels in alphabetical order; None where the layer has none."""
        parts = self._index.passes.get((layer, name))
        return self.pixels([place for _, place in sorted(parts[0].items())]) if parts else None

    def shown_color(self, layer: str) -> Array:
        """The colour (H, W, 3) of `picture`."""
        return self.pixels(self._places(layer, PICTURE))

    def frame(
        self,
        layer: str | None = None,
        features: tuple[str, ...] = (),
        window: Window | None = None,
        light: Sequence[LightPass] = (),
    ) -> Frame:
        """What there is to denoise: the layer's noisy colour, alpha where it has one, the named features, and passes of light
        as `light_pixels` gives them, on the pixels of `window`, by default the layer's own. Pixels that carry no information
        are filled, and that is said.

        Raises N2NError that names a missing pass, or one that lies elsewhere.
        """
        layer = self.layer(layer, features)
        self.check(layer, features)
        window = window or self.window(layer)
        found = (COLOR, *features, *((ALPHA,) if self.find(layer, ALPHA) else ()))
        images = {channel: self._channel(layer, channel, window) for channel in dict.fromkeys(found)}
        return Frame(**images, **self.light_pixels(layer, light, window))

    def _channel(self, layer: str, channel: str, window: Window) -> Array:
        file = self._beside.get(channel, self)
        places = self._beside[channel].places if channel in self._beside else self._places(layer, channel)
        there, kind = Window.of(file.parts[places[0][0]][0]), kind_of(channel)
        if file is not self and len({Window.of(one.parts[0][0], "displayWindow") for one in (self, file)}) > 1:
            raise N2NError(f"{file.path}: is of another size than {self.path}", "Pass the passes of one render.")
        if there.overlap(window) is None:
            raise N2NError(
                f"{file.path}: {self._title(channel)}{of_layer(layer)} ({there}) lies beside the picture ({window})",
                "Render both with the same border.",
            )
        pixels = _repaired(kind, file.pixels(places), f"{file.path}: {{}}{self._title(channel)}{of_layer(layer)}")
        pixels = sanitize(kind, self._meant(layer, channel, pixels))
        return place(pixels, there, window, np.inf if kind is Kind.DISTANCE else 0.0)

    def light_pixels(self, layer: str, light: Sequence[LightPass], window: Window | None = None) -> dict[str, Array]:
        """Channel of a frame → (H, W, 3) or (H, W, 1) of each pass, as it is in the picture: where it was divided by a colour,
        the product; and the colours themselves. A pass with negative numbers holds no light: it is left out, and that is said.
        """
        window, images = window or self.window(layer), dict[str, Array]()
        for one in light:
            pixels = self._light(layer, one, window)
            if pixels.min() < NEGATIVE * max(float(pixels.max()), 1.0):
                doubt(f"{self.path}: {one.name}{of_layer(layer)} stays as it is: it holds negative numbers, which are no light")
                continue
            if one.color:
                if one.color.channel not in images:
                    images[one.color.channel] = np.maximum(self._light(layer, one.color, window), 0)
                pixels = pixels * images[one.color.channel]
            images[one.channel] = np.maximum(pixels, 0)
        return images

    def _light(self, layer: str, one: LightPass, window: Window) -> Array:
        places = list(one.noisy)
        pixels = _repaired(Kind.RADIANCE, self.pixels(places), f"{self.path}: {{}}{one.name}{of_layer(layer)}")
        return place(pixels, Window.of(self.parts[places[0][0]][0]), window, 0.0)

    def _meant(self, layer: str, channel: str, pixels: Array) -> Array:
        """A channel as the renderer means it → as a frame means it."""
        if channel == "normal" and is_encoded(pixels):
            pixels = decoded(pixels)
            doubt(f"{self.path}: normals lie in 0…1, as in pictures of them; they are read as 2·n - 1")
        if channel == "normal" and self._space() is Space.WORLD and (rotation := self._rotation()) is not None:
            return to_camera(pixels, rotation)
        dialect = self._beside[channel].dialect if channel in self._beside else self.dialect
        if dialect is None or channel in self._named:
            return pixels
        source = dialect.source(channel)
        if source and source.undo:
            return source.undo(pixels)
        if channel == VECTOR and dialect.motion:
            display, alpha = Window.of(self.parts[0][0], "displayWindow"), self.find(layer, ALPHA)
            return to_vectors(pixels, dialect.motion, (display.width, display.height), self.pixels(alpha) if alpha else None)
        return pixels

    def replace_color(
        self,
        layer: str,
        color: Array,
        noisy: Array | None = None,
        alpha: Array | None = None,
    ) -> None:
        """Puts `color` (H, W, 3), and `alpha` (H, W, 1) if it is given, where the file has its picture, in the data type that
        it has there.

        noisy: what was denoised (H, W, 3), if it is to be kept as the pass `<layer>.Noisy`. Raises N2NError for a picture
        that is not finite.
        """
        places = self._places(layer, PICTURE)
        if noisy is not None:
            dtype = self.parts[places[0][0]][1][places[0][1]].pixels.dtype
            self.add_pass(
                layer,
                "Noisy",
                {letter: self._stored(plane, dtype) for letter, plane in zip("RGB", np.moveaxis(noisy, -1, 0), strict=True)},
            )
        planes = list(np.moveaxis(color, -1, 0))
        if alpha is not None:
            places, planes = [*places, *self._places(layer, ALPHA)], [*planes, alpha[..., 0]]
        for (part, name), plane in _means(places, planes).items():
            channel = self.parts[part][1][name]
            channel.pixels = self._stored(plane, channel.pixels.dtype)

    def replace_light(self, layer: str, light: LightPass, pixels: Array) -> None:
        """Puts (H, W, 3), or (H, W, 1) of a pass with one number, on the pixels of the layer's picture, where the file has it.

        Of a pass with another data window the pixels that both have are replaced. Light on those that it lacks is lost, and
        that is said. Raises N2NError as `replace_color`.
        """
        here, there = self.window(layer), Window.of(self.parts[light.places[0][0]][0])
        beside = overlaid(pixels, here, np.zeros((there.height, there.width, 1), pixels.dtype), there)
        if beside.max() > -NEGATIVE * max(float(pixels.max()), 1.0):
            doubt(
                f"{self.path}: {light.name}{of_layer(layer)} has fewer pixels than the picture ({there} of {here}): where it "
                "has none it shows no light, and does not add up"
            )
        for (part, name), plane in zip(light.places, np.moveaxis(pixels, -1, 0), strict=True):
            channel = self.parts[part][1][name]
            channel.pixels = overlaid(channel.pixels, there, self._stored(plane, channel.pixels.dtype), here)

    def stored_light(self, layer: str, light: LightPass) -> Array:
        """(H, W, 3) or (H, W, 1), the numbers of a pass as the file shows them, on the pixels of the layer's picture."""
        return place(self.pixels(list(light.places)), Window.of(self.parts[light.places[0][0]][0]), self.window(layer))

    def add_pass(self, layer: str, name: str, channels: dict[str, Array]) -> None:
        """Adds the pass `<layer>.<name>`, channel letter → (H, W) in the picture's window, or replaces it where the file has
        it already. Raises N2NError for numbers that are not finite.
        """
        index, shown = self._places(layer, PICTURE)[0]
        header, plain = self.parts[index][0], LayerName(layer, "")
        view = header.get("view") or split_view(shown, list(header.get("multiView") or ()))[1]
        if view:
            plain = LayerName(layer.removesuffix(view).removesuffix("."), view)
        inside = f".{view}" if view and not header.get("view") else ""  # of a name in a part that several views share
        path = f"{plain.layer}.{name}" if plain.layer else name
        split = self.dialect.split(path)
        earlier = self._index.passes.get((str(LayerName(split[0], view)), split[1]))
        target = next(iter(earlier[0].values()))[0] if earlier else index if len(self.parts) == 1 else len(self.parts)
        if target == len(self.parts):
            self.parts.append(({**header, "name": f"{path}{f'-{view}' if view else ''}"}, {}))
        for letter, plane in channels.items():
            full = earlier[0][letter][1] if earlier and letter in earlier[0] else f"{path}{inside}.{letter}"
            self.parts[target][1][full] = make_channel(full, self._stored(plane, plane.dtype))
        self._read_names()

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes all parts to `path`: first beside it, read back, then moved into place."""
        write_parts(path, self.parts, self._text)

    def _stored(self, values: Array, dtype: Any) -> Array:
        """One channel as a file holds it: half floats end at 65504."""
        return _stored(values, dtype, self.path)


def _repaired(kind: Kind, pixels: Array, what: str) -> Array:
    """Pixels that carry no information are filled, and that is said. what: they are of, with {} for how many."""
    try:
        count = repair(kind, pixels)
    except ValueError as error:
        raise UnreadableFile(f"{what.format('')}: {error}", "Render it again.") from None
    if count:
        doubt(
            f"{what.format(f'{count} pixel(s) of ')} hold no number that can be meant (NaN, infinity, or beyond all light); "
            "they were filled from their neighbours"
        )
    return pixels


def _means(places: list[Place], planes: list[Array]) -> dict[Place, Array]:
    """Place → what belongs there: the mean, where one channel of the file stands for several, as in a grey picture."""
    together: dict[Place, list[Array]] = {}
    for where, plane in zip(places, planes, strict=True):
        together.setdefault(where, []).append(plane)
    return {where: some[0] if len(some) == 1 else np.mean(some, axis=0) for where, some in together.items()}


def _stored(values: Array, dtype: Any, path: Path) -> Array:
    if not np.isfinite(values.sum(dtype=np.float64)) and not np.isfinite(values).all():
        raise N2NError(
            f"{path}: its denoised picture would hold pixels that are no numbers, so it was not written",
            "Please report this; --precision float32 or another model may help.",
        )
    if dtype == np.float16:
        values = np.clip(values, -HALF_MAX, HALF_MAX)
    elif np.issubdtype(dtype, np.integer):
        values = np.clip(np.rint(values.astype(np.float64)), 0, np.iinfo(dtype).max)
    return np.ascontiguousarray(values, dtype=dtype)


def read_frame(
    path: str | os.PathLike[str], features: tuple[str, ...] = (), layer: str | None = None, sources: Sources = DETECT
) -> Frame:
    """One call for readers that need no pass-through; see `ExrImage.frame`."""
    return ExrImage.open(path, sources=sources).frame(layer, features)


def write_frame(path: str | os.PathLike[str], frame: Frame, layer: str = "ViewLayer") -> None:
    """Writes a Frame as a single-part multilayer EXR with Blender's channel names, 32-bit, ZIP."""
    channels = {}
    for channel, image in frame.items():
        name, letters = written_as(channel) or ("", ())
        for index, letter in enumerate(letters):
            channels[f"{layer}.{name}.{letter}"] = np.ascontiguousarray(image[..., index], dtype=np.float32)
    write_image(path, channels)


def write_picture(path: str | os.PathLike[str], pixels: Array) -> None:
    """(H, W, 4) float32, premultiplied, as a plain RGBA image, 32-bit. Not compressed: it is read again at once."""
    write_image(path, {"RGBA": np.ascontiguousarray(pixels)}, compressed=False)


def is_readable(path: str | os.PathLike[str]) -> bool:
    """Whether the file is a complete EXR: all pixels are decoded."""
    try:
        ExrImage.open(path)
    except N2NError:
        return False
    return True
