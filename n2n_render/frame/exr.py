"""EXR files ⇄ Frame, with every other part, channel and attribute kept. The only module that knows OpenEXR."""
import os
from pathlib import Path

import numpy as np
import OpenEXR

from ..errors import N2NError
from ..files import first_line, write_beside
from .frame import Frame, sanitize
from .passes import PASSES, split_channel

HALF_MAX = 65504.0


class ExrImage:
    """A whole EXR file in memory: Blender 4.x' single part as well as 5.x' one part a pass."""

    def __init__(self, path: str | os.PathLike, header_only: bool = False):
        """Raises N2NError when the file is missing, truncated, deep, or not an EXR. header_only: names without pixels."""
        self.path = Path(path)
        if not self.path.is_file():
            raise N2NError(f"{path}: no such file", "Check the path; folders and frame_####.exr patterns work too.")
        try:
            headers = OpenEXR.File(str(path), header_only=True).parts
            parts = headers if header_only else OpenEXR.File(str(path), separate_channels=True).parts
            self.parts = [(dict(part.header), {channel.name: None for channel in part.header["channels"]} if header_only
                           else dict(part.channels)) for part in parts]
        except (RuntimeError, ValueError, TypeError) as error:
            raise N2NError(f"{path}: cannot be read as an EXR image ({first_line(error)})",
                           "The file is damaged or of another kind; render it again.") from None
        if len(parts) < len(headers):  # OpenEXR 3.5 leaves out parts whose pixels it cannot read
            raise N2NError(f"{path}: is incomplete or damaged", "Render or copy it again.")
        if any("deep" in str(header.get("type", "")) for header, _ in self.parts):
            raise N2NError(f"{path}: deep EXR images are not supported", "Render a flat multilayer EXR.")

    def _where(self) -> dict[str, int]:
        """Channel name → index of its part."""
        return {name: index for index, (_, channels) in enumerate(self.parts) for name in channels}

    @property
    def layers(self) -> list[str]:
        """View layers that hold a Combined pass, in file order; `Composite` too, where compositing was on."""
        found = [split_channel(name) for name in self._where()]
        layers = [layer for layer, pass_name, channel in found if pass_name == "Combined" and channel == "R"]
        return list(dict.fromkeys(layers))

    @property
    def rendered_layers(self) -> list[str]:
        return [layer for layer in self.layers if layer != "Composite"]

    def layer(self, wanted: str | None, features: tuple[str, ...] = ()) -> str:
        """The view layer to denoise: the wanted one, or the first that has all the features."""
        layers = self.layers
        if not layers:
            raise N2NError(f"{self.path}: holds no Combined pass, so it is not a multilayer render of Blender's",
                           "Set the output to OpenEXR MultiLayer with View Layer > Passes > Denoising Data on.")
        if wanted is None:
            rendered = self.rendered_layers or layers
            usable = [layer for layer in rendered if all(self.find(layer, feature) for feature in features)]
            return (usable or rendered)[0]
        if wanted not in layers:
            raise N2NError(f"{self.path}: has no view layer {wanted!r}", f"It has: {', '.join(layers)}.")
        return wanted

    def find(self, layer: str, feature: str) -> list[str] | None:
        """The channel names of one feature of a layer, or None."""
        where = self._where()
        for pass_name in PASSES[feature].names:
            for channels in PASSES[feature].channels:
                names = [f"{layer}.{pass_name}.{channel}" for channel in channels]
                if all(name in where for name in names):
                    return names
        return None

    def has(self, name: str) -> bool:
        return name in self._where()

    def pixels(self, names: list[str]) -> np.ndarray:
        """(H, W, len(names)) float32."""
        where = self._where()
        return np.stack([self.parts[where[name]][1][name].pixels for name in names], axis=-1, dtype=np.float32)

    def frame(self, layer: str | None = None, features: tuple[str, ...] = ()) -> Frame:
        """The layer's colour and the named features. Raises N2NError that names a missing pass."""
        layer = self.layer(layer, features)
        self.check(layer, features)
        return Frame(**{feature: sanitize(feature, self.pixels(self.find(layer, feature))) for feature in ("color", *features)})

    def check(self, layer: str, features: tuple[str, ...]):
        """Raises N2NError that names a pass that the layer lacks."""
        for feature in ("color", *features):
            if self.find(layer, feature) is None:
                raise N2NError(f"{self.path}: view layer {layer!r} has no {PASSES[feature].names[-1]!r} pass",
                               _how_to_get(feature))

    def replace_color(self, layer: str, color: np.ndarray, noisy: np.ndarray | None = None):
        """Puts `color` (H, W, 3) into the layer's Combined RGB, in the data type that the file has there. Where nothing was
        rendered (outside a border, and transparent without light) nothing is put.

        noisy: what was denoised (H, W, 3), if it is to be kept as the pass `<layer>.Noisy`.
        """
        names = [f"{layer}.Combined.{channel}" for channel in "RGB"]
        where = self._where()
        if noisy is not None:
            dtype = self.parts[where[names[0]]][1][names[0]].pixels.dtype
            self.add_pass(layer, "Noisy", {letter: _stored(noisy[..., index], dtype) for index, letter in enumerate("RGB")})
            where = self._where()
        alpha = f"{layer}.Combined.A"
        empty = np.logical_and.reduce([self.parts[where[name]][1][name].pixels == 0 for name in (*names, alpha)]) \
            if alpha in where else None
        for index, name in enumerate(names):
            channel = self.parts[where[name]][1][name]
            values = color[..., index]
            if empty is not None and empty.any():
                values = np.where(empty, 0, values)
            channel.pixels = _stored(values, channel.pixels.dtype)

    def add_pass(self, layer: str, name: str, channels: dict[str, np.ndarray]):
        """Adds the pass `<layer>.<name>`, channel letter → (H, W), or replaces it where the file has it already."""
        where = self._where()
        added = {f"{layer}.{name}.{letter}": np.ascontiguousarray(pixels) for letter, pixels in channels.items()}
        added = {full: OpenEXR.Channel(full, pixels) for full, pixels in added.items()}
        if len(self.parts) == 1 or next(iter(added)) in where:  # into the only part, or over an earlier pass
            for full, channel in added.items():
                self.parts[where.get(full, 0)][1][full] = channel
        else:
            header, _ = self.parts[where[f"{layer}.Combined.R"]]
            self.parts.append(({**header, "name": f"{layer}.{name}"}, added))

    def write(self, path: str | os.PathLike):
        """Writes all parts to `path`: first beside it, then moved into place."""
        parts = []
        for header, channels in self.parts:
            kept = {key: value for key, value in header.items() if key != "channels"}
            parts.append(OpenEXR.Part(kept, channels, header.get("name", "")))
        write_beside(path, lambda temporary: OpenEXR.File(parts).write(temporary))


def _stored(values: np.ndarray, dtype) -> np.ndarray:
    """One channel as a file holds it: half floats end at 65504."""
    if dtype == np.float16:
        values = np.clip(values, -HALF_MAX, HALF_MAX)
    return np.ascontiguousarray(values, dtype=dtype)


def _how_to_get(feature: str) -> str:
    if feature == "vector":
        return ("Turn on View Layer > Passes > Data > Vector (and Motion Blur off) and render again (`sample`: into a new "
                "folder), or leave out --temporal.")
    return ("Turn on View Layer > Passes > Data > Denoising Data and render again, or use a model without the feature "
            f"{feature!r} (`n2n-render models` lists them; oidn-color needs none).")


def read_size(path) -> tuple[int, int]:
    """(height, width) by the header alone. Raises N2NError like `ExrImage`."""
    if not Path(path).is_file():
        raise N2NError(f"{path}: no such file", "Check the path; folders and frame_####.exr patterns work too.")
    try:
        low, high = OpenEXR.File(str(path), header_only=True).parts[0].header["dataWindow"]
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise N2NError(f"{path}: cannot be read as an EXR image ({first_line(error)})",
                       "The file is damaged or of another kind; render it again.") from None
    return int(high[1] - low[1] + 1), int(high[0] - low[0] + 1)


def read_frame(path, features: tuple[str, ...] = (), layer: str | None = None) -> Frame:
    """One call for readers that need no pass-through; see `ExrImage.frame`."""
    return ExrImage(path).frame(layer, features)


def write_frame(path, frame: Frame, layer: str = "ViewLayer"):
    """Writes a Frame as a single-part multilayer EXR with Blender's channel names, 32-bit, ZIP."""
    channels = {}
    for feature, entry in PASSES.items():
        image = getattr(frame, feature)
        if image is not None:
            for index, channel in enumerate(entry.channels[0]):
                name = f"{layer}.{entry.names[-1]}.{channel}"
                channels[name] = np.ascontiguousarray(image[..., index], dtype=np.float32)
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    write_beside(path, lambda temporary: OpenEXR.File(header, channels).write(temporary))


def write_picture(path, pixels: np.ndarray):
    """(H, W, 4) float32, premultiplied, as a plain RGBA image, 32-bit. Not compressed: it is read again at once."""
    header = {"compression": OpenEXR.NO_COMPRESSION, "type": OpenEXR.scanlineimage}
    write_beside(path, lambda temporary: OpenEXR.File(header, {"RGBA": np.ascontiguousarray(pixels)}).write(temporary))


def is_readable(path) -> bool:
    """Whether the file is a complete EXR: all pixels are decoded."""
    try:
        ExrImage(path)
    except N2NError:
        return False
    return True
