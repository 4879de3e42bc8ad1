"""What `train` is asked, and what resuming a run is."""

from dataclasses import dataclass

from ..config import (
    Batch,
    Count,
    Crop,
    Encoding,
    Feature,
    Fraction,
    Head,
    Kept,
    Levels,
    Limit,
    Loss,
    Network,
    Norm,
    Positive,
    Reach,
    Schedule,
    Seed,
    Shots,
    Steps,
    Target,
    Threads,
    Times,
    TrainPrecision,
    Width,
    wrong_shots,
)
from ..schema import Checked


@dataclass(frozen=True)
class TrainOptions(Checked):
    """What `train` does. The network's own knobs are in network/specification.py."""

    data: tuple[str, ...] = ("datasets",)
    out: str | None = None  # run folder; None: runs/<date>-<name>
    name: str | None = None  # None: the dataset's name
    hdr: bool = False  # relative L2 on linear radiance; else L2 on display-referred images
    features: tuple[Feature, ...] = ()
    temporal: Reach = 0  # frames before and after each one whose samples are taken in
    shots: Shots = ()  # first and last frame of each: beyond a cut there are no neighbours
    network: Network = "paper"  # a model to start from decides for itself
    init: str | None = None  # model to start from: as `network`, a checkpoint, a .tza file; None: nothing
    prefilter: bool | None = None  # clean albedo and normal first; None: as the model to start from
    norm: Norm = "batch"
    norm_batch_fraction: Fraction = 0.1  # of the run that BatchNorm uses batch statistics; then they are fixed
    head: Head = "gated"
    encoding: Encoding = "log"
    loss: Loss = "auto"  # auto: relative_l2 with hdr, l2_display without; see learn/losses.py
    target: Target = "noisy"  # "reference": noise-to-clean, for comparison
    levels: Levels = 5
    encoder_width: Width = 48
    decoder_width: Width = 96
    steps: Count | None = None  # optimiser steps; None: `minutes` decide
    minutes: Positive = 20.0
    batch: Batch = 4  # crops a step; paper: 4
    crop_px: Crop = 128
    learning_rate: Positive | None = None  # None: 3e-4 from nothing (paper, Monte Carlo), 1e-4 from a trained model
    schedule: Schedule = "cosine"  # or "step" (× 0.55, six times), "constant"
    warmup_steps: Steps = 100
    ema: Kept = 0.998  # weights that are kept are this running mean
    firefly_clamp: Limit = 16.0  # noisy targets: at most this many times the input's local mean; 0: off
    validation_fraction: Fraction = 0.1  # of each dataset's views
    validations: Times = 20  # a run
    device: str = "auto"
    precision: TrainPrecision = "auto"  # float32, bfloat16; auto: what is faster here
    threads: Threads | None = None  # CPU threads; None: torch's choice
    seed: Seed = 1

    def contradiction(self) -> str | None:
        return wrong_shots(self)


@dataclass(frozen=True)
class ResumeOptions(Checked):
    """What is to be otherwise when a run goes on; None: as it was. Everything else stays what it was."""

    run: str  # the run folder
    steps: Count | None = None
    minutes: Positive | None = None
    device: str | None = None
    threads: Threads | None = None

    def contradiction(self) -> str | None:
        return "steps and minutes both say when to stop" if self.steps and self.minutes else None
