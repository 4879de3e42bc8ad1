"""Signal → clean signal: photographs and grey images by a network of them, see frame/signal.py."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engines.options import ANY_ENGINE, EngineOptions
from ..engines.protocol import Engine
from ..frame.arrays import Array
from ..frame.given import as_pixels
from ..frame.orient import ORIENTATIONS, move, move_back
from ..frame.signal import from_signal, to_signal
from ..ladder.memory import ResilientLadder
from ..network.checkpoint import Checkpoint
from ..network.specification import Specification
from ..progress import OnFraction, Warn, ignore, part


class SignalDenoiser:
    """A checkpoint of signals and all that is done around its network.

    Attributes:
        ladder: What the network makes of a signal.
        average: The picture is the mean over so many orientations (1, 2, 4 or 8), at as many times the cost.
    """

    def __init__(self, ladder: ResilientLadder, average: int = 1):
        self.ladder, self.average = ladder, average

    @classmethod
    def open(
        cls, checkpoint: Checkpoint, options: EngineOptions = ANY_ENGINE, average: int = 1, warn: Warn = ignore
    ) -> "SignalDenoiser":
        """Makes the engine. Raises N2NError where what was asked for cannot run the model here."""
        return cls(ResilientLadder.open(checkpoint, options, warn), average)

    @property
    def model(self) -> Specification:
        return self.ladder.model

    @property
    def engine(self) -> Engine:
        return self.ladder.engine

    def denoise(self, signal: Array, on_fraction: OnFraction = ignore) -> NDArray[np.float32]:
        """Noisy (H, W, C), C as the model's, of any size → clean (H, W, C) float32.

        The image is continued by its own reflection to what the network's deepest level needs, as Noise2Noise does it.
        """
        height, width = signal.shape[:2]
        spare = [(0, -length % self.model.alignment) for length in (height, width)]
        padded = np.pad(signal, (*spare, (0, 0)), mode="reflect").astype(np.float32, copy=False)
        total, ladder = np.zeros_like(padded), self.ladder
        for index, switches in enumerate(ORIENTATIONS[: self.average]):
            picture, ladder = ladder.run_signal(move(padded, *switches), part(on_fraction, index, self.average))
            total += move_back(picture, *switches)
        return total[:height, :width] / np.float32(self.average)

    def denoise_array(self, pixels: Any) -> Array:
        """What a program hands over: (H, W, 1 or 3) or (H, W) uint8, uint16 or float [0, 1] → the same shape and type."""
        given = as_pixels(pixels)
        return self.denoise_pixels(given).reshape(np.shape(pixels))

    def denoise_pixels(self, pixels: Array, strength: float = 1.0, on_fraction: OnFraction = ignore) -> Array:
        """(H, W, 1 or 3) uint8, uint16 or float [0, 1] → the same shape and type, clean.

        Grey pixels are three equal colours to a network of photographs; colours go through one of grey images one by one.

        Args:
            strength: 0 leaves the picture, 1 takes the clean one.
        """
        given, count = pixels.shape[-1], self.model.gives.count
        if given > count:
            colors = [
                self.denoise_pixels(pixels[..., color, None], strength, part(on_fraction, color, given))
                for color in range(given)
            ]
            return np.concatenate(colors, axis=-1)
        noisy = to_signal(pixels, count)
        clean = noisy + np.float32(strength) * (self.denoise(noisy, on_fraction) - noisy)
        if given < count:
            clean = clean.mean(axis=-1, keepdims=True)
        return from_signal(clean, pixels.dtype)
