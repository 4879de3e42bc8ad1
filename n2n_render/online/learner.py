"""Frames as they come → what the network makes of each, and the network after it has learned from the newest ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..engines.options import EngineOptions
from ..errors import N2NError
from ..frame.arrays import Array
from ..guides.prefilter import Prefilter
from ..judge.error import DIFFERENCE_TO_ERROR, ERROR_OF_MEAN, Calibration, Pictures, SharedError, difference
from ..judge.evidence import limit_fireflies
from ..learn.arrays import combine
from ..learn.loop import Loop
from ..learn.protocols import Weights
from ..learn.running import denoise_array
from ..learn.samplers import Crops, ShotSampler
from ..learn.schedule import Advice, Schedule
from ..learn.shot import FrameLoader, ShotFrame
from ..learn.shot_loop import open_shot_loop
from ..learn.start import ShotStart, initial_estimate_maker
from ..network.device import Float32
from .past import Past

CALIBRATED_BY = 8  # newest frames: what one alone says of the error may be as uncertain as the error is large
NORM_STEPS = 64  # from nothing: after so many BatchNorm's statistics are fixed
ADVICE = Advice("Learn with a lower --learning-rate.", "Learn with a smaller --batch or --crop.")


@dataclass(frozen=True)
class Arrived:
    """A frame that was read.

    Attributes:
        alone: What the network that judges neighbours makes of each seed without them, exposed radiance (H, W, 3); None where
            no frame before it is taken in.
    """

    arrays: ShotFrame
    alone: Pictures | None


@dataclass(frozen=True)
class Painted:
    """What the network, as it was before it learned from a frame, made of it.

    Attributes:
        picture: (H, W, 3), exposed radiance.
        squared_error: That is expected of it, on T, mean over the frame.
    """

    picture: Array
    squared_error: float


class Learner:
    """A network that goes on learning from the newest frames; its loop begins with the first one.

    Attributes:
        past: The frames that came so far, to take them in; None where each is denoised by itself.
        calibration: Of the newest frames without any before them.
        shared_error: Of the newest frames that have some.
        newest: The frames that are learned from.
        trained_on: Names of all that were.
    """

    def __init__(
        self,
        start: ShotStart,
        loader: FrameLoader,
        past: Past | None,
        schedule: Schedule,
        crops: Crops,
        count: int,
        device: str,
    ):
        """count: of the newest frames that are learned from."""
        self.start, self.loader, self.past, self.schedule, self.crops = start, loader, past, schedule, crops
        self.count, self.device = count, device
        self.loop: Loop | None = None
        self.calibration, self.shared_error = Calibration(), SharedError()
        self.newest: list[ShotFrame] = []
        self.trained_on: list[str] = []

    @classmethod
    def open(
        cls,
        start: ShotStart,
        schedule: Schedule,
        crops: Crops,
        count: int,
        engine: EngineOptions,
        cache: Path,
        frames: Sequence[int],
    ) -> "Learner":
        """cache: the folder of the arrays. frames: the numbers of all that will come, in order."""
        prefilter = Prefilter.open(start.model, engine) if start.model.clean_guides else None
        features = start.model.features
        loader = FrameLoader(cache, features, initial_estimate_maker(start.checkpoint, engine), prefilter)
        past = Past.open(start.model, frames, prefilter, engine) if start.model.reach else None
        return cls(start, loader, past, schedule, crops, count, engine.device)

    @property
    def steps(self) -> int:
        return self.loop.steps if self.loop else 0

    def read(self, files: Sequence[Path]) -> Arrived | None:
        """The next frame, by its two seeds; None for one without noise."""
        take_in = self.past.add(files) if self.past else None
        arrays = self.loader.load(files, None, "online", (lambda _: take_in()) if take_in else None)
        if arrays is None:
            return None
        return Arrived(arrays, [take_in().alone([seed]) for seed in range(2)] if take_in else None)

    @Float32()
    def denoise(self, frame: Arrived) -> Painted:
        """By the network as it is now. What its error is expected by is measured on the newest frames *before* they are
        learned from, this one included.

        Alone, the picture is the mean of what is made of each seed. With others taken in, which both halves have in common,
        it is what is made of all samples: there the mean is worse.
        """
        arrays = frame.arrays
        loop = self.loop = self.loop or open_shot_loop([arrays], self.start, self.schedule, self.crops, self.device, ADVICE)
        loop.settle()
        halves = [self._picture(loop, combine(arrays.images, [seed])) for seed in range(2)]
        one, two = arrays.colors.astype(np.float32)
        targets, estimate = (limit_fireflies(two, one), limit_fireflies(one, two)), arrays.initial_estimate.astype(np.float32)
        if frame.alone is None:
            self.calibration.add(halves, targets, estimate)
            self.calibration.forget_all_but(CALIBRATED_BY)
            ratio = self.calibration.ratio() - 0.5  # than one half, the mean of both is half a difference better
            return Painted((halves[0] + halves[1]) / 2, ratio * _mean_difference(halves))
        self.shared_error.add(halves, frame.alone, targets, estimate)
        self.shared_error.forget_all_but(CALIBRATED_BY)
        own = DIFFERENCE_TO_ERROR * ERROR_OF_MEAN * _mean_difference(halves)
        squared_error = own + self.shared_error.factor() * _mean_difference(frame.alone)
        return Painted(self._picture(loop, combine(arrays.images, range(2))), squared_error)

    def _picture(self, loop: Loop, image: Array) -> Array:
        """(H, W, 3), exposed radiance."""
        picture = denoise_array(loop.average, loop.model, image, loop.device)
        if not np.isfinite(picture).all():
            raise N2NError("the network's pictures are not finite any more", ADVICE.gradient)
        return picture

    def learn(self, frame: ShotFrame, name: str, steps: int) -> None:
        """From the newest frames, this one included."""
        assert self.loop is not None, "a frame is denoised before it is learned from"
        self.newest = [*self.newest, frame][-self.count :]
        self.loop.sample_from(ShotSampler(self.newest, self.start.model.features, self.crops))
        for _ in range(steps):
            self.loop.learn(1)
            if not self.loop.norms_fixed and self.loop.steps >= NORM_STEPS:
                self.loop.fix_norms()
        self.trained_on.append(name)
        for path in self.loader.folder.glob("*.npy"):
            if not any(path.name.startswith(kept.images_file.path.stem) for kept in self.newest):
                path.unlink()

    def weights(self) -> Weights:
        """Of the running mean, with BatchNorm's statistics."""
        assert self.loop is not None
        if not self.loop.norms_fixed:
            self.loop.fix_norms()
        return self.loop.weights()

    def close(self) -> None:
        if self.loop:
            self.loop.close()


def _mean_difference(halves: Pictures) -> float:
    return float(difference(*halves).mean())
