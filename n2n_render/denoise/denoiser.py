"""Frame → denoised radiance: guides are cleaned, then the ladder is taken, once or in several orientations."""

from collections.abc import Iterator, Sequence

import numpy as np

from ..engines.options import ANY_ENGINE, EngineOptions
from ..engines.protocol import Engine
from ..frame.arrays import Array
from ..frame.frame import Frame
from ..frame.orient import ORIENTATIONS, Orientation, move_back, turn
from ..guides.prefilter import Prefilter
from ..io.light import LightPass
from ..ladder.memory import ResilientLadder
from ..network.checkpoint import Checkpoint
from ..network.registry import open_model
from ..network.specification import Specification
from ..progress import OnFraction, Warn, ignore, part, share
from .alpha import AlphaDenoiser
from .passes import CleanColor, Painted, paint_light


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
        return self.paint(frame, (), on_fraction).color

    def paint(self, frame: Frame, light: Sequence[LightPass] = (), on_fraction: OnFraction = ignore) -> Painted:
        """The same, with the passes of light that the frame holds; guides are cleaned once for all."""
        if not self.prefilter:
            return self.paint_clean(frame, frame, light, on_fraction)
        cleaned, painted = len(self.prefilter.ladders), 1 + len(light)
        clean = self.prefilter(frame, share(on_fraction, 0, cleaned, cleaned + painted))
        return self.paint_clean(frame, clean, light, share(on_fraction, cleaned, cleaned + painted, cleaned + painted))

    def paint_clean(
        self, frame: Frame, clean: Frame, light: Sequence[LightPass] = (), on_fraction: OnFraction = ignore
    ) -> Painted:
        """The same where guides are cleaned already. clean: the frame with them, and with what its neighbours show."""
        color = self.denoise_clean(clean, share(on_fraction, 0, 1, 1 + len(light)))
        if not light:
            return Painted(color)
        told = share(on_fraction, 1, 1 + len(light), 1 + len(light))
        return paint_light(frame, clean, light, color, self.denoise_clean, self.clean_color, told)

    @property
    def clean_color(self) -> CleanColor | None:
        """What cleans the colours that passes are divided by, as it cleans albedo."""
        return self.prefilter.clean_color if self.prefilter and "albedo" in self.prefilter.ladders else None

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
