"""Noisy albedo and normal → clean ones, for models that were trained with such."""

from collections.abc import Mapping

import numpy as np

from ..engines.options import ANY_ENGINE, EngineOptions
from ..frame.arrays import Array
from ..frame.channels import Kind, kind_of
from ..frame.frame import Frame
from ..ladder.memory import ResilientLadder
from ..network.oidn_weights import oidn_checkpoint
from ..network.specification import Specification
from ..progress import OnFraction, Warn, ignore, part

RANGES = {Kind.UNIT_COLOR: (0.0, 1.0), Kind.DIRECTION: (-1.0, 1.0)}


class Prefilter:
    """Cleans a frame's albedo and normal with Open Image Denoise's models for them.

    Attributes:
        name: What it does to a frame depends on this alone.
        ladders: Channel name → what cleans it.
    """

    def __init__(self, name: str, ladders: Mapping[str, ResilientLadder]):
        self.name, self.ladders = name, ladders

    @classmethod
    def open(cls, model: Specification, options: EngineOptions = ANY_ENGINE, warn: Warn = ignore) -> "Prefilter":
        """For those of `model`'s guides that can be cleaned; for Open Image Denoise's large network with its large ones."""
        size = "_large" if model.network.topology == "oidn_large" else ""
        archives = {"albedo": f"alb{size}", "normal": f"nrm{size}"}
        archives = {feature: archive for feature, archive in archives.items() if feature in model.features}
        ladders = {
            feature: ResilientLadder.open(oidn_checkpoint(archive), options, warn) for feature, archive in archives.items()
        }
        return cls("+".join(archives.values()), ladders)

    def __call__(self, frame: Frame, on_fraction: OnFraction = ignore) -> Frame:
        """The frame with clean guides; albedo in [0, 1], each coordinate of the normal in [-1, 1]."""
        cleaned = {}
        for index, (feature, ladder) in enumerate(self.ladders.items()):
            image = ladder.denoise(Frame(frame[feature]), part(on_fraction, index, len(self.ladders)))
            cleaned[feature] = np.clip(image, *RANGES[kind_of(feature)], out=image)
        return frame.with_channels(**cleaned)

    def clean_color(self, color: Array) -> Array:
        """(H, W, 3), a fraction of the light, as albedo is cleaned."""
        clean: Array = np.maximum(self.ladders["albedo"].denoise(Frame(color)), 0)
        return clean
