"""What the fields of options may hold: ranges and choices that several verbs share."""

import dataclasses
from typing import Annotated, Any, Protocol

from . import plugins
from .schema import OneOf, Range

Count = Annotated[int, Range(1, 10**12)]
Positive = Annotated[float, Range(0, 10**9, above=True)]
Fraction = Annotated[float, Range(0, 1)]
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
Feature = Annotated[str, plugins.Named(("albedo", "normal", "depth"), plugins.CHANNELS)]
TrainPrecision = Annotated[str, OneOf(("auto", "float32", "bfloat16"))]
PRECISIONS = ("auto", "float32", "float16", "bfloat16")
Precision = Annotated[str, OneOf(PRECISIONS)]
ENGINES = plugins.Named(("auto", "torch", "oidn", "openvino"), plugins.ENGINES)
Engine = Annotated[str, ENGINES]
Seeds = Annotated[int, Range(1, 9999)]
Views = Annotated[int, Range(1, 9999)]
Network = Annotated[str, OneOf(("paper", "oidn-small", "oidn", "oidn-large"))]
Norm = Annotated[str, OneOf(("batch", "none"))]
Head = Annotated[str, OneOf(("gated", "direct"))]
Encoding = Annotated[str, OneOf(("log", "tonemap", "linear"))]
RADIANCE_LOSSES = ("relative_l2", "l2", "l2_display", "l2_tonemapped")
SIGNAL_LOSSES = ("l2", "masked_l2", "l1", "annealed_l0", "data_consistency")
LOSSES = tuple(dict.fromkeys(("auto", *RADIANCE_LOSSES, *SIGNAL_LOSSES)))
Loss = Annotated[str, OneOf(LOSSES)]
Target = Annotated[str, OneOf(("noisy", "reference", "clean"))]
SignalChannels = Annotated[int, OneOf((1, 3))]
Crop = Annotated[int, Range(8, 65536)]
Schedule = Annotated[str, OneOf(("cosine", "step", "ramp_down", "constant"))]
Steps = Annotated[int, Range(0, 10**12)]
Limit = Annotated[float, Range(0, 10**9)]
Times = Annotated[int, Range(1, 10**6)]
Orientations = Annotated[int, OneOf((1, 2, 4, 8))]
RENDERED_PASSES = ("none", "scene", "all")  # scene: what the view layer has on; all: every pass of light, too
RenderedPasses = Annotated[str, OneOf(RENDERED_PASSES)]
RenderDevice = Annotated[str, OneOf(("auto", "cpu", "cuda", "optix", "hip", "oneapi", "metal"))]


class WithShots(Protocol):
    """Options of a verb that takes in neighbouring frames."""

    @property
    def shots(self) -> Shots: ...
    @property
    def temporal(self) -> int: ...


def wrong_shots(options: WithShots) -> str | None:
    """What is wrong with the shots: a contradiction of options; None: nothing."""
    if options.shots and not options.temporal:
        return "shots are for temporal, which is 0"
    return "a shot ends before it begins" if any(first > last for first, last in options.shots) else None


def to_dict(options: Any) -> dict[str, Any]:
    """Options as they are stored in files; `schema.from_dict` is the inverse."""
    return dataclasses.asdict(options)
