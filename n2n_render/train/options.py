"""What `train` is asked, and what resuming a run is."""

import dataclasses
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
    SignalChannels,
    Steps,
    Target,
    Threads,
    Times,
    TrainPrecision,
    Width,
    wrong_shots,
)
from ..schema import Checked

# Fields of TrainOptions that mean nothing where images are observed under a noise.
OF_RENDERS = ("hdr", "features", "temporal", "shots", "network", "prefilter", "encoding", "firefly_clamp", "ocio", "view")
SHOWN = ("ocio", "view")  # no settings of the result: how people see it


@dataclass(frozen=True)
class TrainOptions(Checked):
    """What `train` does. The network's own knobs are in network/specification.py."""

    data: tuple[str, ...] = ("datasets",)
    out: str | None = None  # run folder; None: runs/<date>-<name>
    name: str | None = None  # None: the dataset's name
    noise: str | None = None  # images without a renderer: as noise/table.py, "gaussian:0-50", "pairs" for bursts; None: renders
    channels: SignalChannels | None = None  # with noise: of the network; None: as the noise has, 1 where all images are grey
    hdr: bool = True  # relative L2 on linear radiance; else L2 on display-referred images
    features: tuple[Feature, ...] | None = None  # None: as the model to start from; from nothing all that every render holds
    temporal: Reach = 0  # frames before and after each one whose samples are taken in
    shots: Shots = ()  # first and last frame of each: beyond a cut there are no neighbours
    network: Network = "paper"  # a model to start from decides for itself
    init: str | None = None  # model to start from: as `network`, a checkpoint, a .safetensors or .tza file; None: nothing
    prefilter: bool | None = None  # clean albedo and normal first; None: as the model to start from
    norm: Norm | None = None  # None: "batch"; with noise "none"
    norm_batch_fraction: Fraction = 0.1  # of the run that BatchNorm uses batch statistics; then they are fixed
    head: Head | None = None  # None: "gated"; with noise "direct"
    encoding: Encoding = "log"
    loss: Loss = "auto"  # auto: relative_l2 with hdr, l2_display without; with noise its own; see learn/losses.py
    target: Target = "noisy"  # noise-to-clean, for comparison: "reference"; with noise "clean"
    levels: Levels = 5
    encoder_width: Width = 48
    decoder_width: Width = 96
    steps: Count | None = None  # optimiser steps; None: `minutes` decide
    minutes: Positive = 20.0
    batch: Batch = 4  # crops a step; paper: 4
    crop_px: Crop | None = None  # None: 128; of whole slices 256
    learning_rate: Positive | None = None  # None: 1e-3 from nothing, beyond an hour 3e-4; 1e-4 from a model; with noise its own
    schedule: Schedule | None = None  # see descent.learning_rate_factor; None: "cosine"; with noise its own
    warmup_steps: Steps = 100
    ema: Kept = 0.998  # weights that are kept are this running mean
    firefly_clamp: Limit = 16.0  # noisy targets: at most this many times the input's local mean; 0: off
    validation_fraction: Fraction = 0.1  # of each dataset's views
    validations: Times = 20  # a run
    device: str = "auto"
    precision: TrainPrecision = "auto"  # float32, bfloat16; auto: what is faster here
    threads: Threads | None = None  # CPU threads; None: torch's choice
    seed: Seed = 1
    ocio: str | None = None  # how previews of renders are shown, as of `io.scene_view.open_shown_view`
    view: str | None = None

    def contradiction(self) -> str | None:
        if self.noise is None:
            with_noise = {"channels": None, "target": "noisy"} | ({"target": "reference"} if self.target == "reference" else {})
            odd = [name for name, usual in with_noise.items() if getattr(self, name) != usual]
            return f"{odd[0]} {getattr(self, odd[0])!r} is for noise, which is not given" if odd else wrong_shots(self)
        usual = {field.name: field.default for field in dataclasses.fields(self) if field.name in OF_RENDERS}
        odd = [name for name, value in usual.items() if getattr(self, name) != value]
        if self.target == "reference":
            return "target is 'reference', but with noise it is 'noisy' or 'clean'"
        return f"{odd[0]} is for renders, and noise is given" if odd else None


@dataclass(frozen=True)
class ResumeOptions(Checked):
    """What is to be otherwise when a run goes on; None: as it was. Everything else stays what it was."""

    run: str  # the run folder
    steps: Count | None = None
    minutes: Positive | None = None
    device: str | None = None
    threads: Threads | None = None
    ocio: str | None = None  # None: as the scene is seen
    view: str | None = None

    def contradiction(self) -> str | None:
        return "steps and minutes both say when to stop" if self.steps and self.minutes else None
