"""Every knob once, as frozen dataclasses that check themselves; each to and from JSON (schema.from_dict)."""

import dataclasses
from dataclasses import dataclass
from typing import Annotated

from .schema import Checked, OneOf, Range

Count = Annotated[int, Range(1, 10**12)]
Positive = Annotated[float, Range(0, 10**9, above=True)]
Share = Annotated[float, Range(0, 1)]
Kept = Annotated[float, Range(0, 0.999999999)]  # of a running mean: 1 would never learn
Batch = Annotated[int, Range(1, 4096)]
Pixels = Annotated[int, Range(1, 65536)]
Size = tuple[Pixels, Pixels] | Annotated[float, Range(0, 1000, above=True)]
Samples = Annotated[int, Range(1, 2**24)]  # Cycles has no more
Number = Annotated[int, Range(-1048574, 1048574)]  # of a frame: Blender has no others
Frames = tuple[Number, ...]
Shots = tuple[tuple[int, int], ...]
Threads = Annotated[int, Range(1, 1024)]
Seed = Annotated[int, Range(0, 2**63 - 1)]
Reach = Annotated[int, Range(0, 8)]
Width = Annotated[int, Range(1, 4096)]  # channels of a convolution
Levels = Annotated[int, Range(1, 7)]
Feature = Annotated[str, OneOf(("albedo", "normal", "depth"))]
TrainPrecision = Annotated[str, OneOf(("auto", "float32", "bfloat16"))]
Precision = Annotated[str, OneOf(("auto", "half", "float32", "bfloat16"))]
Engine = Annotated[str, OneOf(("auto", "torch", "oidn", "openvino"))]
Seeds = Annotated[int, Range(2, 9999)]
Views = Annotated[int, Range(1, 9999)]
Network = Annotated[str, OneOf(("paper", "oidn-small", "oidn", "oidn-large"))]
Norm = Annotated[str, OneOf(("batch", "none"))]
Head = Annotated[str, OneOf(("gated", "direct"))]
Encoding = Annotated[str, OneOf(("log", "tonemap", "linear"))]
Loss = Annotated[str, OneOf(("auto", "relative_l2", "l2", "l2_display", "l2_tonemapped"))]
Target = Annotated[str, OneOf(("noisy", "reference"))]
Crop = Annotated[int, Range(8, 65536)]
Schedule = Annotated[str, OneOf(("cosine", "step", "constant"))]
Steps = Annotated[int, Range(0, 10**12)]
Limit = Annotated[float, Range(0, 10**9)]
Times = Annotated[int, Range(1, 10**6)]
Orientations = Annotated[int, OneOf((1, 2, 4, 8))]
RenderDevice = Annotated[str, OneOf(("auto", "cpu", "cuda", "optix", "hip", "oneapi", "metal"))]


@dataclass(frozen=True)
class SampleConfig(Checked):
    """What `sample` renders. Lists are tuples so that a config can be compared and hashed."""

    scene: str
    spp: Samples
    out: str | None = None  # None: datasets/<scene's name>
    seeds: Seeds = 2  # any two of them are a training pair
    frames: Frames | None = None  # None: the frame that the scene was saved at
    views: Views = 1  # cameras around the authored one, which is view 0
    size: Size | None = None  # (width_px, height_px), a percentage, or as authored
    camera: str | None = None
    scene_name: str | None = None
    view_layer: str | None = None
    device: RenderDevice = "auto"
    reference_spp: Samples | None = None  # samples of each of the two reference halves
    reference_frames: Frames | None = None
    blender: str | None = None
    chunk: tuple[Count, Count] = (1, 1)

    def contradiction(self):
        return f"chunk {self.chunk[0]} of {self.chunk[1]} is none" if self.chunk[0] > self.chunk[1] else None


@dataclass(frozen=True)
class TrainConfig(Checked):
    """What `train` does. The network's own knobs are in network/model.py's ModelConfig."""

    data: tuple[str, ...] = ("datasets",)
    out: str | None = None  # run folder; None: runs/<date>-<name>
    name: str | None = None  # None: the dataset's name
    hdr: bool = False  # relative L2 on linear radiance; else L2 on display-referred images
    features: tuple[Feature, ...] = ()
    temporal: Reach = 0  # frames before and after each one that are looked at too
    shots: Shots = ()  # first and last frame of each: beyond a cut there are no neighbours
    network: Network = "paper"  # a model to start from decides for itself
    init: str | None = None  # model to start from: as `network`, a checkpoint, a .tza file; None: nothing
    prefilter: bool | None = None  # clean albedo and normal first; None: as the model to start from
    norm: Norm = "batch"
    norm_batch_share: Share = 0.1  # of the run that BatchNorm uses batch statistics; then they are fixed
    head: Head = "gated"
    encoding: Encoding = "log"
    loss: Loss = "auto"  # auto: relative_l2 with hdr, l2_display without; see train/losses.py
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
    validation_share: Share = 0.1  # of each dataset's views
    validations: Times = 20  # a run
    device: str = "auto"
    precision: TrainPrecision = "auto"  # float32, bfloat16; auto: what is faster here
    threads: Threads | None = None  # CPU threads; None: torch's choice
    seed: Seed = 1

    def contradiction(self):
        return _wrong_shots(self)


@dataclass(frozen=True)
class AdaptConfig(Checked):
    """What `adapt` does to the frames of a shot."""

    init: str = "oidn-large"  # model to start from: built-in, checkpoint, run, .tza file; "nothing"
    minutes: Positive | None = None  # of training; None: 20 on a CPU, 5 on a GPU
    steps: Count | None = None  # optimiser steps instead of minutes
    batch: Batch = 4  # crops a step
    crop_px: Crop = 128
    learning_rate: Positive | None = None  # None: 3e-5 from a model, 1e-3 from nothing
    warmup_steps: Steps = 30
    ema: Kept = 0.99  # weights that are judged and kept are this running mean
    checks: Times = 8  # how often the held-out tiles are asked
    temporal: Reach = 0  # frames before and after each one that are looked at too
    shots: Shots = ()  # first and last frame of each: beyond a cut there are no neighbours
    train_frames: Count = 48  # at most so many, evenly spaced, are trained on; all are denoised
    average: Orientations = 4  # orientations that each picture is the mean of
    layer: str | None = None  # the only view layer; None: all that have the passes
    keep_noisy: bool = False
    device: str = "auto"
    engine: Engine = "auto"  # for denoising
    precision: Precision = "auto"  # for denoising
    threads: Threads | None = None
    seed: Seed = 1

    def contradiction(self):
        if self.steps and self.minutes:
            return "steps and minutes both say when to stop"
        return _wrong_shots(self)


@dataclass(frozen=True)
class OnlineConfig(Checked):
    """What `online` does: renders a fly-through, denoises and learns from it as it comes."""

    scene: str
    spp: Samples
    frames: Frames
    out: str
    size: Size | None = None
    camera: str | None = None
    reference_spp: Samples | None = None  # of each half, for every frame, after all of them: for the curve only
    init: str = "oidn"
    steps_per_frame: Count = 8
    newest: Count = 4  # frames that are learned from
    batch: Batch = 4
    crop_px: Crop = 128
    learning_rate: Positive | None = None  # None: as `adapt`
    ema: Kept = 0.98
    blender: str | None = None
    render_device: RenderDevice = "auto"
    device: str = "auto"
    engine: Engine = "auto"
    seed: Seed = 1


@dataclass(frozen=True)
class DemoConfig(Checked):
    """What `demo` does; sized for two CPU cores and about ten minutes."""

    out: str = "demo"
    minutes: Positive = 5.0
    blender: str | None = None
    spp: Samples = 8
    views: Views = 16
    reference_spp: Samples = 192  # of each half
    size: tuple[Pixels, Pixels] = (320, 180)
    learning_rate: Positive = 1e-3  # a short run learns more with it than with train's default
    device: str = "auto"


def _wrong_shots(config) -> str | None:
    if config.shots and not config.temporal:
        return "shots are for temporal, which is 0"
    return "a shot ends before it begins" if any(first > last for first, last in config.shots) else None


def to_dict(config) -> dict:
    return dataclasses.asdict(config)
