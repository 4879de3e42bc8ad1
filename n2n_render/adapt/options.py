"""What `adapt` is asked."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from ..config import (
    Batch,
    Count,
    Crop,
    Engine,
    Fraction,
    Frames,
    Kept,
    Orientations,
    Positive,
    Precision,
    Reach,
    Seed,
    Shots,
    Steps,
    Threads,
    to_dict,
    wrong_shots,
)
from ..denoise.options import PAINTED_AVERAGE, PictureOptions, Strengths, wrong_strengths
from ..io.ranges import WHOLE, Chunk
from ..io.sources import RECOGNISED, SourceOptions
from ..schema import Checked, OneOf, from_dict

Stage = Annotated[str, OneOf(("all", "train", "paint", "merge"))]
# What is no setting: nobody else's business.
PLACES = (
    "inputs",
    "output",
    "pairs",
    "learn_from",
    "sources",
    "stage",
    "frames",
    "chunk",
    "shared",
    "report",
    "ocio",
    "view",
)
# Of the settings those that leave the weights the same.
HOW_TO_PAINT = (
    "average",
    "fast",
    "keep_noisy",
    "strength",
    "strengths",
    "exact_sums",
    "passes",
    "engine",
    "precision",
    "threads",
    "device",
)
# Of those the ones that leave the pictures the same, but for rounding: machines differ in them.
WHERE = ("threads", "device")


@dataclass(frozen=True)
class AdaptOptions(Checked):
    """What `adapt` does to the frames of a shot."""

    inputs: tuple[str, ...]  # datasets of `sample`, or files, folders and patterns of frames
    output: str  # folder of the denoised frames, error maps, report and model
    pairs: tuple[str, ...] = ()  # the same frames with other seeds; datasets hold them already
    stage: Stage = "all"  # "train" only, "paint" by a model that is there, or "merge" what was painted: for many machines
    frames: Frames | None = None  # of the inputs those that are painted; None: all
    chunk: tuple[Count, Count] = WHOLE  # of these this machine's share, and of how many
    shared: bool = False  # other processes paint the same frames: each takes the next that nobody has taken
    report: bool = True  # write report.html when all frames are painted
    learn_from: tuple[str, ...] = ()  # datasets of `sample`, of other views of the shot: trained on, not denoised
    init: str = "oidn-large"  # model to start from: built-in, checkpoint, run, .safetensors or .tza file; "nothing"
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
    strength: Fraction = 1.0  # 0 leaves the noisy mean, 1 takes the denoised picture
    strengths: Strengths = ()  # of what masks name, as of `denoise`
    exact_sums: bool = False  # the picture is the sum of the denoised groups, or light passes, as the file has them, rounded
    passes: tuple[str, ...] = ()  # of light that are denoised too: "all", "light-groups", "light-passes", "aovs", or names
    sources: SourceOptions = RECOGNISED  # where albedo, normal, … lie
    ocio: str | None = None  # how previews are shown, as of `io.scene_view.open_shown_view`
    view: str | None = None
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
        if self.stage != "paint" and (self.frames is not None or self.chunk != WHOLE or self.shared):
            return "frames, chunk and shared are for painting alone"
        if self.chunk[0] > self.chunk[1]:
            return f"chunk {self.chunk[0]} of {self.chunk[1]} is none"
        if self.exact_sums and not self.passes:
            return "exact_sums is for passes, which are not asked for"
        return wrong_shots(self) or wrong_strengths(self.strengths)

    @property
    def picture(self) -> PictureOptions:
        """What is put into the files."""
        return PictureOptions(self.keep_noisy, self.strength, self.passes, self.strengths, self.exact_sums)

    def settings(self) -> dict[str, Any]:
        """As the model and the report tell them; the names of channels only where there are any."""
        settings = {name: value for name, value in to_dict(self).items() if name not in PLACES}
        return {**settings, "channels": self.sources.channels} if self.sources.channels else settings

    def of_training(self) -> list[str]:
        """Names of those that concern the training and are not as they are by themselves."""
        return [
            field.name
            for field in dataclasses.fields(self)
            if field.name not in (*PLACES, *HOW_TO_PAINT) and getattr(self, field.name) != field.default
        ]

    def of_painting(self, chunk: Chunk) -> "AdaptOptions":
        """Those that paint a share of the frames."""
        own = {name: getattr(self, name) for name in (*PLACES, *HOW_TO_PAINT)}
        return AdaptOptions(**{**own, "stage": "paint", "chunk": chunk})

    def trained_with(self, settings: Mapping[str, Any], where: str) -> "AdaptOptions":
        """To paint as a training with these settings is painted; where: the file that they are from."""
        training = {name: value for name, value in settings.items() if name not in (*PLACES, *HOW_TO_PAINT)}
        channels = training.pop("channels", None)
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        sources = dataclasses.replace(self.sources, channels=channels)
        return from_dict(AdaptOptions, {**own, **training, "sources": sources}, where, "Train again with this version.")
