"""Frames as they come → what the network makes of each, and the network after it has learned from the newest ones."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..engines.options import EngineOptions
from ..errors import N2NError
from ..frame.arrays import Array
from ..guides.prefilter import Prefilter
from ..judge.error import Calibration
from ..judge.evidence import limit_fireflies
from ..learn.held_out import calibrate, pictures_by, validation_samples
from ..learn.loop import Advice, Loop, Schedule
from ..learn.protocols import Weights
from ..learn.running import denoise_array
from ..learn.samplers import Crops, ShotSampler
from ..learn.shot import FrameLoader, ShotFrame
from ..learn.shot_loop import open_shot_loop
from ..learn.start import ShotStart, initial_estimate_maker
from ..network.device import Float32

NORM_STEPS = 64  # from nothing: after so many BatchNorm's statistics are fixed
ADVICE = Advice("Learn with a lower --learning-rate.", "Learn with a smaller --batch or --crop.")


class Learner:
    """A network that goes on learning from the newest frames; its loop begins with the first one.

    Attributes:
        newest: The frames that are learned from.
        trained_on: Names of all that were.
    """

    def __init__(self, start: ShotStart, loader: FrameLoader, schedule: Schedule, crops: Crops, count: int, device: str):
        """count: of the newest frames that are learned from and calibrated by."""
        self.start, self.loader, self.schedule, self.crops = start, loader, schedule, crops
        self.count, self.device = count, device
        self.loop: Loop | None = None
        self.calibration = Calibration()
        self.newest: list[ShotFrame] = []
        self.trained_on: list[str] = []

    @classmethod
    def open(
        cls, start: ShotStart, schedule: Schedule, crops: Crops, count: int, engine: EngineOptions, cache: Path
    ) -> "Learner":
        """cache: the folder of the arrays."""
        prefilter = Prefilter.open(start.model, engine) if start.model.clean_guides else None
        features = start.model.features
        loader = FrameLoader(cache, features, initial_estimate_maker(start.checkpoint, engine), prefilter)
        return cls(start, loader, schedule, crops, count, engine.device)

    @property
    def steps(self) -> int:
        return self.loop.steps if self.loop else 0

    def load(self, files: Sequence[Path]) -> ShotFrame | None:
        """None for a frame without noise."""
        return self.loader.load(files, None, "online")

    @Float32()
    def denoise(self, frame: ShotFrame) -> tuple[list[Array], float]:
        """What the network, as it is now, makes of each of two seeds, exposed radiance (H, W, 3); and how much larger the
        error of one is than half the squared difference of both, measured on the newest frames *before* they are learned from.
        """
        loop = self.loop = self.loop or self._begin(frame)
        loop.settle()
        pictures = [denoise_array(loop.average, loop.model, image, loop.device) for image in frame.images]
        if not all(np.isfinite(picture).all() for picture in pictures):
            raise N2NError("the network's pictures are not finite any more", ADVICE.gradient)
        one, two = frame.colors.astype(np.float32)
        targets = limit_fireflies(two, one), limit_fireflies(one, two)
        self.calibration.add(pictures, targets, frame.initial_estimate.astype(np.float32))
        self.calibration.forget_all_but(self.count)
        return pictures, self.calibration.ratio()

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

    def _begin(self, frame: ShotFrame) -> Loop:
        """The start's pictures of the first frame are the first to calibrate by."""
        loop = open_shot_loop([frame], self.start, self.schedule, self.crops, self.device, ADVICE)
        checkpoint = self.start.checkpoint
        if checkpoint:
            calibrate(self.calibration, *validation_samples(frame, pictures_by(checkpoint, loop.device)))
        return loop
