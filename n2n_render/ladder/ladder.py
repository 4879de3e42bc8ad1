"""Radiance → denoised radiance, in eight rungs: expose, encode, cut, engine, blend, decode, un-expose; once, for everybody.

Denoising takes it with a frame; the validation and the judging of a training take it with channels that are exposed already.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engines.protocol import Engine
from ..errors import N2NError
from ..frame import tiles
from ..frame.arrays import Array
from ..frame.frame import Frame
from ..frame.transfer import depth_scale, encode, expose, exposure, unexpose
from ..network.specification import Specification, decode_output
from ..progress import OnFraction, ignore, part, still_wanted

BAND_ROWS = 16
LEAST_USUAL_TILE_PX = 768  # smaller ones are mostly overlap
LARGE_FRAME_PIXELS = 12_000_000  # such frames are read, denoised and written one after the other: three would not fit

See = Callable[[str, Array], Array]  # a channel's name and pixels → its exposed pixels, float32


def encode_channels(model: Specification, exposed: Mapping[str, Any], xp: Any) -> dict[str, Any]:
    """Exposed channels, NumPy arrays or torch tensors of any layout → as the network takes them, in its order."""
    names = model.layout.names
    return {name: encode(name, exposed[name], model.encoding, model.unit_normals, xp) for name in names}


@dataclass(frozen=True)
class Ladder:
    """What a network makes of whole images.

    Attributes:
        model: How the network is fed, and what it gives.
        engine: What runs it.
        tile_px: Largest side of a tile; None: what the engine likes. Tiled = untiled.
    """

    model: Specification
    engine: Engine
    tile_px: int | None = None

    def denoise(self, frame: Frame, on_fraction: OnFraction = ignore) -> Array:
        """Radiance (H, W, 3) float32, never negative, in the frame's own scale. `frame` is not changed.

        Exposure and depth scale are those of the whole image.

        Raises:
            MemoryError: The device has too little memory for a tile.
            N2NError: A channel is missing, or the picture is not finite.
        """
        self._check(frame)
        factor = exposure(frame.color) if self.model.subject == "color" else 1.0
        scale = depth_scale(frame["depth"]) if "depth" in self.model.layout.names else 1.0
        return _finite(self._climb(frame, lambda name, image: expose(name, image, factor, scale), factor, on_fraction))

    def denoise_signal(self, signal: Array, on_fraction: OnFraction = ignore) -> Array:
        """Of a model of signals, see frame/signal.py: noisy (H, W, C) → clean (H, W, C) float32. Nothing is clipped.

        Raises:
            MemoryError: The device has too little memory for a tile.
            N2NError: The picture is not finite.
        """
        return _finite(self.denoise_exposed({self.model.shown: signal}, on_fraction))

    def denoise_exposed(self, channels: Mapping[str, Array], on_fraction: OnFraction = ignore) -> Array:
        """The same between expose and un-expose: channels (H, W, C) as `expose` gives them, of any float type → exposed
        radiance (H, W, 3) float32; of a model of signals its signal (H, W, C), see frame/signal.py. What is not finite is left
        to the caller.
        """
        return self._climb(channels, lambda name, image: image.astype(np.float32, copy=False), 1.0, on_fraction)

    def largest_tile_px(self, height: int, width: int) -> int:
        """Where the frame itself takes much memory, the network gets less."""
        usual = self.engine.tile_px
        return self.tile_px or (usual if height * width <= LARGE_FRAME_PIXELS else max(usual // 2, LEAST_USUAL_TILE_PX))

    def _check(self, frame: Frame) -> None:
        missing = [name for name in self.model.layout.names if name not in frame]
        if missing:
            raise N2NError(f"the frame has no {missing[0]}, which the model needs", "Use a model without it.")

    def _climb(self, images: Mapping[str, Array], see: See, factor: float, on_fraction: OnFraction) -> Array:
        model = self.model
        height, width = images[model.shown].shape[:2]
        output, tile_px = np.empty((height, width, model.gives.count), np.float32), self.largest_tile_px(height, width)
        plan = list(tiles.cut(height, width, tile_px, model.receptive_radius, model.alignment))
        check = still_wanted()

        def tell(fraction: float) -> None:
            check()
            on_fraction(fraction)

        for index, tile in enumerate(plan):
            shown = {name: images[name][tile.outer] for name in model.layout.names}
            self._paint(shown, see, factor, tile.crop, output[tile.inner], part(tell, index, len(plan)))
            tell((index + 1) / len(plan))
        return output

    def _paint(
        self,
        shown: Mapping[str, Array],
        see: See,
        factor: float,
        crop: tuple[slice, slice],
        out: Array,
        on_fraction: OnFraction,
    ) -> None:
        """What the network is shown of one tile, channels (h, w, C) → the tile's own part of the picture, in `out`."""
        predicted = self.engine.run(self._encode(shown, see), on_fraction)
        self._decode(predicted[crop], factor, out)

    def _encode(self, images: Mapping[str, Array], see: See) -> Array:
        """Channels (h, w, C) → (h, w, sum of C) float32, contiguous."""
        height, width = images[self.model.shown].shape[:2]
        encoded = np.empty((height, width, self.model.layout.count), np.float32)

        def work(rows: slice) -> None:
            exposed = {name: see(name, image[rows]) for name, image in images.items()}
            self.model.layout.stack(encode_channels(self.model, exposed, np), out=encoded[rows])

        _in_bands(height, work)
        return encoded

    def _decode(self, predicted: Array, factor: float, out: Array) -> None:
        """Network output (h, w, C) → radiance, or what the model is for, into `out`."""

        def work(rows: slice) -> None:
            out[rows] = unexpose(self.model.shown, decode_output(self.model, predicted[rows], np), factor, 1.0)

        _in_bands(len(out), work)


def _finite(picture: Array) -> Array:
    if not np.isfinite(picture.sum(dtype=np.float64)):
        raise N2NError(
            "the model's output is not finite",
            "Its weights are damaged, or the picture's values are extreme; use another model, or --precision float32.",
        )
    return picture


def _in_bands(height: int, work: Callable[[slice], None]) -> None:
    """work(rows) for a few rows at a time, on all cores: what a curve needs in between stays in the processor's cache."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(work, [slice(start, start + BAND_ROWS) for start in range(0, height, BAND_ROWS)]))
