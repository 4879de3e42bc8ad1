"""Every knob once, as frozen dataclasses; each to and from JSON."""
import dataclasses
from dataclasses import dataclass

from .errors import N2NError


@dataclass(frozen=True)
class SampleConfig:
    """What `sample` renders. Lists are tuples so that a config can be compared and hashed."""
    scene: str
    spp: int
    out: str | None = None                          # None: datasets/<scene's name>
    seeds: int = 2                                  # any two of them are a training pair
    frames: tuple[int, ...] | None = None           # None: the frame that the scene was saved at
    views: int = 1                                  # cameras around the authored one, which is view 0
    size: tuple[int, int] | float | None = None     # (width_px, height_px), a percentage, or as authored
    camera: str | None = None
    scene_name: str | None = None
    view_layer: str | None = None
    device: str = "auto"
    reference_spp: int | None = None                # samples of each of the two reference halves
    reference_frames: tuple[int, ...] | None = None
    blender: str | None = None
    chunk: tuple[int, int] = (1, 1)


@dataclass(frozen=True)
class TrainConfig:
    """What `train` does. The network's own knobs are in network/model.py's ModelConfig."""
    data: tuple[str, ...] = ("datasets",)
    out: str | None = None              # run folder; None: runs/<date>-<name>
    name: str | None = None             # None: the dataset's name
    hdr: bool = False                   # relative L2 on linear radiance; else L2 on display-referred images
    features: tuple[str, ...] = ()
    temporal: int = 0                   # frames before and after each one that are looked at too
    shots: tuple[tuple[int, int], ...] = ()  # first and last frame of each: beyond a cut there are no neighbours
    network: str = "paper"              # or "oidn-small", "oidn", "oidn-large"; a model to start from decides for itself
    init: str | None = None             # model to start from: one of those names, a checkpoint, a .tza file; None: from nothing
    prefilter: bool | None = None       # clean albedo and normal first; None: what the model to start from was trained with
    norm: str = "batch"
    norm_batch_share: float = 0.1       # of the run that BatchNorm uses batch statistics; then they are fixed
    head: str = "gated"
    encoding: str = "log"
    loss: str = "auto"                  # auto: relative_l2 with hdr, l2_display without; see train/losses.py
    target: str = "noisy"               # "reference": noise-to-clean, for comparison
    levels: int = 5
    encoder_width: int = 48
    decoder_width: int = 96
    steps: int | None = None            # optimiser steps; None: `minutes` decide
    minutes: float = 20.0
    batch: int = 4                      # crops a step; paper: 4
    crop_px: int = 128
    learning_rate: float | None = None  # None: 3e-4 from nothing (paper, Monte Carlo), 1e-4 from a trained model
    schedule: str = "cosine"            # or "step" (× 0.55, six times), "constant"
    warmup_steps: int = 100
    ema: float = 0.998                  # weights that are kept are this running mean
    firefly_clamp: float = 16.0         # noisy targets: at most this many times the input's local mean; 0: off
    validation_share: float = 0.1       # of each dataset's views
    validations: int = 20               # a run
    device: str = "auto"
    precision: str = "auto"             # float32, bfloat16; auto: what is faster here
    threads: int | None = None          # CPU threads; None: torch's choice
    seed: int = 1


@dataclass(frozen=True)
class AdaptConfig:
    """What `adapt` does to the frames of a shot."""
    init: str = "oidn-large"            # model to start from: built-in, checkpoint, run, .tza file; "nothing"
    minutes: float | None = None        # of training; None: 20 on a CPU, 5 on a GPU
    steps: int | None = None            # optimiser steps instead of minutes
    batch: int = 4                      # crops a step
    crop_px: int = 128
    learning_rate: float | None = None  # None: 3e-5 from a model, 1e-3 from nothing
    warmup_steps: int = 30
    ema: float = 0.99                   # weights that are judged and kept are this running mean
    checks: int = 8                     # how often the held-out tiles are asked
    temporal: int = 0                   # frames before and after each one that are looked at too
    shots: tuple[tuple[int, int], ...] = ()  # first and last frame of each: beyond a cut there are no neighbours
    train_frames: int = 48              # at most so many, evenly spaced, are trained on; all are denoised
    average: int = 4                    # orientations that each picture is the mean of
    layer: str | None = None            # view layer; None: the file's first
    keep_noisy: bool = False
    device: str = "auto"
    engine: str = "auto"                # for denoising
    precision: str = "auto"             # for denoising
    threads: int | None = None
    seed: int = 1


@dataclass(frozen=True)
class OnlineConfig:
    """What `online` does: renders a fly-through, denoises and learns from it as it comes."""
    scene: str
    spp: int
    frames: tuple[int, ...]
    out: str
    size: tuple[int, int] | float | None = None
    camera: str | None = None
    reference_spp: int | None = None    # of each half, for every frame, after all of them: for the curve only
    init: str = "oidn"
    steps_per_frame: int = 8
    newest: int = 4                     # frames that are learned from
    batch: int = 4
    crop_px: int = 128
    learning_rate: float | None = None  # None: as `adapt`
    ema: float = 0.98
    blender: str | None = None
    render_device: str = "auto"
    device: str = "auto"
    engine: str = "auto"
    seed: int = 1


@dataclass(frozen=True)
class DemoConfig:
    """What `demo` does; sized for two CPU cores and about ten minutes."""
    out: str = "demo"
    minutes: float = 5.0
    blender: str | None = None
    spp: int = 8
    views: int = 16
    reference_spp: int = 192            # of each half
    size: tuple[int, int] = (320, 180)
    learning_rate: float = 1e-3         # a short run learns more with it than with train's default
    device: str = "auto"


def to_dict(config) -> dict:
    return dataclasses.asdict(config)


def from_dict(kind, values: dict):
    """The inverse of `to_dict`. Unknown keys are refused; lists become tuples."""
    known = {field.name for field in dataclasses.fields(kind)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise N2NError(f"unknown setting {unknown[0]!r}", f"Known ones: {', '.join(sorted(known))}.")
    return kind(**{key: _as_tuples(value) for key, value in values.items()})


def _as_tuples(value):
    return tuple(_as_tuples(item) for item in value) if isinstance(value, list) else value
