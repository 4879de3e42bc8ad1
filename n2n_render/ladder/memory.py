"""A ladder that goes on where a device has too little memory, or its precision would show."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..engines.choice import make_engine
from ..engines.options import ANY_ENGINE, EngineOptions
from ..engines.protocol import Engine
from ..errors import N2NError
from ..frame.arrays import Array
from ..frame.channels import COLOR
from ..frame.frame import Frame
from ..frame.transfer import encode_tonemap, exposure
from ..network.checkpoint import Checkpoint
from ..network.specification import Specification
from ..progress import OnFraction, Warn, ignore
from .ladder import Ladder

SMALLEST_TILE_PX = 128  # below this, running out of memory is given up on
LITTLE_NOISE = 0.04  # RMS on T(v), or of a signal; bfloat16 rounds by 0.001, which costs more than 0.02 dB below this

Climb = Callable[[Ladder], Array]  # what a ladder makes of the picture in hand


class ResilientLadder:
    """The ladder of one checkpoint. Too little memory: smaller tiles, then the CPU. Little noise: float32.

    What is learned about the memory stays for the next frame.
    """

    def __init__(self, checkpoint: Checkpoint, options: EngineOptions, ladder: Ladder, warn: Warn = ignore):
        self.checkpoint, self.options, self.ladder, self.warn = checkpoint, options, ladder, warn
        self._in_float32: ResilientLadder | None = None

    @classmethod
    def open(cls, checkpoint: Checkpoint, options: EngineOptions = ANY_ENGINE, warn: Warn = ignore) -> "ResilientLadder":
        """Makes the engine. Raises N2NError where what was asked for cannot run the model here."""
        return cls(checkpoint, options, Ladder(checkpoint.model, make_engine(checkpoint, options), options.tile_px), warn)

    @property
    def model(self) -> Specification:
        return self.ladder.model

    @property
    def engine(self) -> Engine:
        return self.ladder.engine

    def use(self, engine: Engine, tile_px: int | None = None) -> None:
        """Goes on with another engine for the same network."""
        self.ladder = replace(self.ladder, engine=engine, tile_px=tile_px)

    def denoise(self, frame: Frame, on_fraction: OnFraction = ignore) -> Array:
        """Radiance (H, W, 3), as `Ladder.denoise` gives it. Raises N2NError where no memory suffices."""
        return self.run(frame, on_fraction)[0]

    def run(self, frame: Frame, on_fraction: OnFraction = ignore) -> tuple[Array, "ResilientLadder"]:
        """The picture, and the ladder that made it: this one, or the one in float32 where rounding would show.

        Rounding to bfloat16 is far below the noise of most frames, but not of nearly clean ones: those are denoised again,
        unless half precision was asked for.
        """
        return self._run(frame.color, lambda ladder: ladder.denoise(frame, on_fraction))

    def run_signal(self, signal: Array, on_fraction: OnFraction = ignore) -> tuple[Array, "ResilientLadder"]:
        """The same with `Ladder.denoise_signal`."""
        return self._run(signal, lambda ladder: ladder.denoise_signal(signal, on_fraction))

    def _run(self, noisy: Array, climb: Climb) -> tuple[Array, "ResilientLadder"]:
        picture = self._within_memory(noisy.shape, climb)
        if not self._rounds_visibly(noisy, picture):
            return picture, self
        exact = self._exact()
        return exact._within_memory(noisy.shape, climb), exact

    def _within_memory(self, shape: tuple[int, ...], climb: Climb) -> Array:
        while True:
            try:
                return climb(self.ladder)
            except MemoryError as error:
                self._take_less_memory(shape, error)

    def _take_less_memory(self, shape: tuple[int, ...], error: MemoryError) -> None:
        """Halves the tiles; where they are small already, goes to the CPU. Raises N2NError where that is tried already."""
        height, width = shape[:2]
        used = min(self.ladder.largest_tile_px(height, width), max(height, width))
        if used > SMALLEST_TILE_PX:
            self.ladder = replace(self.ladder, tile_px=used // 2)
        elif not self.engine.on_cpu:
            self.warn(f"{self.engine.description} has too little memory ({error}); going on on the CPU")
            self.use(make_engine(self.checkpoint, replace(self.options, device="cpu", engine="auto")))
        else:
            raise N2NError(
                f"not enough memory on {self.engine.description} ({error})",
                "Close other programs, or denoise on a machine with more.",
            ) from None

    def _rounds_visibly(self, noisy: Array, picture: Array) -> bool:
        if not self.engine.coarse or self.options.precision != "auto":
            return False
        if self.model.is_signal:
            return rms(noisy[::4, ::4] - picture[::4, ::4]) < LITTLE_NOISE
        return self.model.subject == COLOR and removed_noise(noisy, picture) < LITTLE_NOISE

    def _exact(self) -> "ResilientLadder":
        """The same in float32, on the CPU, where the engines that round are; made once."""
        if self._in_float32 is None:
            options = replace(
                self.options, device="cpu", engine=self.engine.name, precision="float32", tile_px=self.ladder.tile_px
            )
            self._in_float32 = ResilientLadder.open(self.checkpoint, options, self.warn)
            self.warn("there is so little noise that half precision would show: using float32 (--precision half is faster)")
        return self._in_float32


def removed_noise(noisy: Array, denoised: Array) -> float:
    """RMS difference of two pictures (H, W, 3) on T(v), after the exposure of the first; every fourth pixel each way."""
    factor = np.float32(exposure(noisy))
    shown = [encode_tonemap(image[::4, ::4] * factor, np) for image in (noisy, denoised)]
    return rms(shown[0] - shown[1])


def rms(difference: Array) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(difference**2, dtype=np.float64)))
