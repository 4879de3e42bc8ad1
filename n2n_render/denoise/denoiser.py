"""Frame → denoised radiance: guides are cleaned, then the ladder is taken, once or in several orientations."""

from collections.abc import Iterator, Sequence

import numpy as np

from ..engines.options import ANY_ENGINE, EngineOptions
from ..engines.protocol import Engine
from ..frame.arrays import Array
from ..frame.frame import Frame
from ..frame.orient import ORIENTATIONS, Orientation, move_back, turn
from ..guides.prefilter import Prefilter
from ..ladder.memory import ResilientLadder
from ..network.checkpoint import Checkpoint
from ..network.registry import open_model
from ..network.specification import Specification
from ..progress import OnFraction, Warn, ignore, part
from .alpha import AlphaDenoiser


class Denoiser:
    """A checkpoint and all that is done around its network.

    Attributes:
        ladder: What the network makes of a frame.
        prefilter: What cleans albedo and normal first; None: they are taken as they are.
        alpha: What cleans the alpha of a frame.
        average: The picture is the mean over so many orientations (1, 2, 4 or 8) of each frame, at as many times the cost.
    """

    def __init__(self, ladder: ResilientLadder, prefilter: Prefilter | None, alpha: AlphaDenoiser, average: int = 1):
        self.ladder, self.prefilter, self.alpha, self.average = ladder, prefilter, alpha, average

    @classmethod
    def open(
        cls,
        checkpoint: Checkpoint,
        options: EngineOptions = ANY_ENGINE,
        prefilter: bool | None = None,
        average: int = 1,
        warn: Warn = ignore,
    ) -> "Denoiser":
        """Makes the engines.

        Args:
            prefilter: None: if the model was trained with clean albedo and normal.
            warn: Is told where memory or precision do not suffice.

        Raises:
            N2NError: What was asked for cannot run the model here.
        """
        model = checkpoint.model
        ladder = ResilientLadder.open(checkpoint, options, warn)
        wanted = model.clean_guides if prefilter is None else prefilter
        return cls(ladder, Prefilter.open(model, options, warn) if wanted else None, AlphaDenoiser(options, warn), average)

    @property
    def model(self) -> Specification:
        return self.ladder.model

    @property
    def engine(self) -> Engine:
        return self.ladder.engine

    @property
    def features(self) -> tuple[str, ...]:
        """The guides that the model takes beside colour."""
        return self.model.features

    @property
    def reach(self) -> int:
        """How many frames before and after each one the model was trained with."""
        return self.model.reach

    def denoise(self, frame: Frame, on_fraction: OnFraction = ignore) -> Array:
        """Denoised radiance (H, W, 3) float32, never negative, in the frame's own scale. `frame` is not changed."""
        if self.prefilter is None:
            return self.denoise_clean(frame, on_fraction)
        passes = len(self.prefilter.ladders) + 1
        frame = self.prefilter(frame, lambda fraction: on_fraction(fraction * (passes - 1) / passes))
        return self.denoise_clean(frame, part(on_fraction, passes - 1, passes))

    def denoise_clean(self, frame: Frame, on_fraction: OnFraction = ignore) -> Array:
        """The same for a frame whose albedo and normal are already as the model wants them."""
        if self.average == 1:
            return self.ladder.denoise(frame, on_fraction)
        total = np.zeros_like(frame.color)
        for picture in self.paint_each([(frame, switches) for switches in ORIENTATIONS[: self.average]], on_fraction):
            total += picture
        return total / np.float32(self.average)

    def paint_each(self, shown: Sequence[tuple[Frame, Orientation]], on_fraction: OnFraction = ignore) -> Iterator[Array]:
        """One pass for each frame, which is turned for it, and its picture turned back. Clean guides, as `denoise_clean`.

        Where the first is so clean that half precision would show, all are painted in float32.
        """
        ladder = self.ladder
        for index, (frame, switches) in enumerate(shown):
            turned = turn(frame, *switches) if any(switches) else frame
            picture, ladder = ladder.run(turned, part(on_fraction, index, len(shown)))
            yield move_back(picture, *switches)


def load_denoiser(
    name: str,
    options: EngineOptions = ANY_ENGINE,
    prefilter: bool | None = None,
    average: int = 1,
    warn: Warn = ignore,
) -> Denoiser:
    """A model by name, file or run folder (see network/registry.py), opened; arguments as of `Denoiser.open`."""
    return Denoiser.open(open_model(str(name)), options, prefilter, average, warn)
