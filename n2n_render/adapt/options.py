"""What `adapt` is asked."""

from dataclasses import dataclass

from ..config import (
    Batch,
    Count,
    Crop,
    Engine,
    Kept,
    Orientations,
    Positive,
    Precision,
    Reach,
    Seed,
    Shots,
    Steps,
    Threads,
    wrong_shots,
)
from ..denoise.options import PAINTED_AVERAGE
from ..io.sources import RECOGNISED, SourceOptions
from ..schema import Checked


@dataclass(frozen=True)
class AdaptOptions(Checked):
    """What `adapt` does to the frames of a shot."""

    inputs: tuple[str, ...]  # datasets of `sample`, or files, folders and patterns of frames
    output: str  # folder of the denoised frames, error maps, report and model
    pairs: tuple[str, ...] = ()  # the same frames with other seeds; datasets hold them already
    learn_from: tuple[str, ...] = ()  # datasets of `sample`, of other views of the shot: trained on, not denoised
    init: str = "oidn-large"  # model to start from: built-in, checkpoint, run, .tza file; "nothing"
    minutes: Positive | None = None  # of training; None: 20 on a CPU, 5 on a GPU
    steps: Count | None = None  # optimiser steps instead of minutes
    batch: Batch = 4  # crops a step
    crop_px: Crop = 128
    learning_rate: Positive | None = None  # None: 3e-5 from a model, 1e-3 from nothing
    warmup_steps: Steps = 30
    ema: Kept = 0.99  # weights that are judged and kept are this running mean
    checks: Steps = 0  # how often the held-out tiles are asked, evenly; 0: at the end of each round; from nothing 8 times
    patience: Steps = 2  # checks in a row without progress end the training; 0: they never do, as from nothing
    temporal: Reach = 0  # frames before and after each one whose samples are taken in
    shots: Shots = ()  # first and last frame of each: beyond a cut there are no neighbours
    train_frames: Count = 48  # at most so many, evenly spaced, are trained on; all are denoised
    average: Orientations = PAINTED_AVERAGE  # orientations that the picture of all seeds is the mean of
    fast: bool = False  # paint the mean of all seeds only: nothing is told of the error then
    layer: str | None = None  # the only view layer; None: all that have the passes
    keep_noisy: bool = False
    sources: SourceOptions = RECOGNISED  # where albedo, normal, … lie
    device: str = "auto"
    engine: Engine = "auto"  # for denoising
    precision: Precision = "auto"  # for denoising
    threads: Threads | None = None
    seed: Seed = 1

    def contradiction(self) -> str | None:
        if self.steps and self.minutes:
            return "steps and minutes both say when to stop"
        if self.learn_from and self.temporal:
            return "learn_from is for stills: there are no frames before and after other views"
        return wrong_shots(self)
