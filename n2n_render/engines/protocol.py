"""What an engine is: anything that runs a denoiser over encoded pixels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..network.checkpoint import Checkpoint
from ..network.specification import Specification

Image = np.ndarray[Any, np.dtype[np.float32]]
OnProgress = Callable[[float], None]


class Engine(Protocol):
    """Runs one network on one device.

    An engine is made by a classmethod `open`, which does all the work; its constructor only keeps what it is given.
    """

    precision: str  # what it computes in: "float32", "float16" or "bfloat16"

    @property
    def name(self) -> str:
        """What `--engine` calls it."""

    @property
    def description(self) -> str:
        """Library, device and precision, in words."""

    @property
    def tile_px(self) -> int:
        """Pixels: side of the largest tile that it usually takes."""

    @property
    def on_cpu(self) -> bool:
        """Whether there is nothing with more memory to go to."""

    @property
    def coarse(self) -> bool:
        """Whether its rounding shows in nearly clean frames: bfloat16 keeps 8 bits of a number."""
        return self.precision == "bfloat16"

    def run(self, encoded: Image, on_progress: OnProgress | None = None) -> Image:
        """Network input (H, W, C_in) float32, encoded and contiguous, of any size → network output (H, W, C_out) float32.

        Args:
            on_progress: Is told fractions from 0 to 1, by engines that can; what it raises stops the work.

        Raises:
            MemoryError: When the device has too little memory.
        """


@dataclass(frozen=True)
class EngineKind:
    """A row of the table of engines, see choice.py.

    Attributes:
        name: What `--engine` calls it.
        runs: Which models, in words.
        find_devices: Kind of device ("cpu", "cuda", …) → its name; {} where it is not installed. Raises nothing.
        why_not: Why it cannot run a model, as the end of a sentence; None: it can.
        open: A checkpoint, device and precision as EngineOptions has them → the engine, ready to run. Raises N2NError.
    """

    name: str
    runs: str
    find_devices: Callable[[], Mapping[str, str]]
    why_not: Callable[[Specification], str | None]
    open: Callable[[Checkpoint, str, str], Engine]
