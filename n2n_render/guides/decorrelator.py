"""Renders of a frame that are parts of one → as good as independent ones, before one teaches or judges another."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from ..engines.options import ANY_ENGINE, EngineOptions
from ..frame.frame import Frame, mean_frame
from ..frame.transfer import RADIANCE_MAX, exposure
from ..io.renders import are_parts
from ..judge.decorrelate import decorrelate
from ..ladder.memory import ResilientLadder
from ..progress import Warn, ignore
from .judging import open_judging
from .prefilter import Prefilter

DECORRELATION_VERSION = 1  # counts what changes in what is made of parts: cached arrays are made anew


@dataclass(frozen=True)
class Decorrelator:
    """Opens its network when the first parts come: independent renders need none.

    Attributes:
        features: Of the frames.
        prefilter: What cleans guides for another model, to be shared if it cleans all that is needed here.
        engine: Of the network that makes the pictures by which parts are compared.
    """

    features: tuple[str, ...]
    prefilter: Prefilter | None = None
    engine: EngineOptions = field(default=ANY_ENGINE)
    warn: Warn = ignore

    def __call__(self, paths: Sequence[Path], frames: Sequence[Frame]) -> list[Frame]:
        """The renders of one frame; their mean stays. Independent ones are returned as they are.

        Args:
            paths: Their files, which say whether they are parts of one render.
        """
        if not are_parts(paths):
            return list(frames)
        ladder, prefilter = self._judging
        mean = mean_frame(list(frames))
        factor = np.float32(exposure(mean.color))
        clean = prefilter(mean) if prefilter else mean
        pictures = [ladder.denoise(clean.with_channels(color=frame.color)) * factor for frame in frames]
        colors = decorrelate([np.minimum(frame.color * factor, RADIANCE_MAX) for frame in frames], pictures)
        return [frame.with_channels(color=color / factor) for frame, color in zip(frames, colors, strict=True)]

    @cached_property
    def _judging(self) -> tuple[ResilientLadder, Prefilter | None]:
        return open_judging(self.features, self.prefilter, self.engine, self.warn)
