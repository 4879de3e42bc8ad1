"""What a training begins with: a network of somebody's, widened to what it is to see, or a new one."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..denoise import Denoiser
from ..engines.options import EngineOptions
from ..errors import N2NError
from ..frame.arrays import Array
from ..frame.filters import box_mean
from ..frame.frame import Frame
from ..network.checkpoint import Checkpoint
from ..network.oidn_weights import init_archive, oidn_checkpoint
from ..network.registry import open_model
from ..network.specification import OIDN_NETWORKS, Specification
from ..network.widen import widen
from ..progress import OnFraction
from .shot import Estimate

NOTHING = "nothing"
LEARNING_RATE = 3e-5  # for a shot, from a trained model; 1e-4 loses quality before it gains any
LEARNING_RATE_NEW = 1e-3  # from nothing
BLUR_PX = 7  # of the mean of all seeds: what stands for a denoised picture where there is no network yet


@dataclass(frozen=True)
class Start:
    """The network to train, and the checkpoint that its weights come from; None: from nothing."""

    model: Specification
    checkpoint: Checkpoint | None


def open_start(
    init: str, hdr: bool, features: tuple[str, ...] | None = None, temporal: int = 0, prefilter: bool | None = None
) -> Start:
    """A built-in model, a checkpoint, a run or an archive.

    Args:
        features: What it is to see; None or (): as it is.
        temporal: Frames before and after each one whose samples are taken in.
        prefilter: Clean albedo and normal first; None: as it was trained.
    """
    if init in OIDN_NETWORKS:
        features = features or ("albedo", "normal")  # as `--model` of the same name
        start = oidn_checkpoint(init_archive(init, features, prefilter is not False))
    else:
        start = open_model(init)
    if (start.model.output == "display") == hdr or start.model.subject != "color":
        raise N2NError(
            f"--init {init} is no model for {'--hdr' if hdr else '--ldr'}",
            "Pass --ldr for models of display-referred images, else --hdr, the default; or start from nothing.",
        )
    clean = start.model.clean_guides if prefilter is None else prefilter
    features = features or start.model.features
    start = widen(start, features)
    return Start(replace(start.model, clean_guides=clean, reach=temporal), start)


@dataclass(frozen=True)
class ShotStart:
    """What adapting to a shot begins with.

    Attributes:
        checkpoint: Whose weights are adapted, and whose pictures the adapted ones are compared and blended with; None: from
            nothing.
    """

    model: Specification
    checkpoint: Checkpoint | None

    @property
    def features(self) -> tuple[str, ...]:
        """What is read of each frame."""
        return self.model.features

    @property
    def learning_rate(self) -> float:
        """The usual one."""
        return LEARNING_RATE if self.checkpoint else LEARNING_RATE_NEW

    def digest(self) -> str:
        return digest(self.checkpoint)


def open_shot_start(init: str, temporal: int = 0) -> ShotStart:
    """Raises N2NError for a model of display-referred images.

    Args:
        init: As of `open_start`, or "nothing".
    """
    if init == NOTHING:
        return ShotStart(Specification(features=("albedo", "normal"), clean_guides=True, reach=temporal), None)
    model = None if init in OIDN_NETWORKS else open_model(init).model
    if model and model.output == "display":
        raise N2NError(f"--init {init} is a model of display-referred images", "Start from one of linear radiance.")
    start = open_start(init, hdr=True, temporal=temporal)
    assert start.checkpoint is not None
    checkpoint = replace(start.checkpoint, model=start.model)
    return ShotStart(checkpoint.model, checkpoint)


def initial_estimate_maker(start: Checkpoint | None, engine: EngineOptions) -> Estimate:
    """What denoises the mean of all seeds, guides cleaned: the start, or, from nothing, a blur."""
    if start is None:

        def blur(frame: Frame, on_fraction: OnFraction) -> Array:
            return box_mean(frame.color, BLUR_PX, extend=True).astype(np.float32)

        return blur
    return Denoiser.open(start, engine, prefilter=False).denoise


def digest(start: Checkpoint | None) -> str:
    """Of the weights: a file of the same name may hold others tomorrow."""
    total = hashlib.sha256()
    for name, tensor in sorted(start.tensors().items()) if start else []:
        total.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return total.hexdigest()


def is_trained_on(start: Checkpoint, names: Sequence[str]) -> bool:
    """Whether the start knows any of these frames."""
    return bool(set(names) & set(start.provenance.trained_on))
