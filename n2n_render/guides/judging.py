"""The denoiser whose pictures are no result: neighbours, and parts of one render, are judged by them."""

from collections.abc import Sequence

from ..engines.options import EngineOptions
from ..ladder.memory import ResilientLadder
from ..network.checkpoint import Checkpoint
from ..network.registry import open_model
from ..progress import Warn
from .prefilter import Prefilter


def judge_model(features: Sequence[str]) -> Checkpoint:
    """Of frames with these features: Open Image Denoise's small network. Judged by the large one the pictures of animations
    are the same within 0.05 dB, at four times the cost.
    """
    if {"albedo", "normal"} <= set(features):
        return open_model("oidn-small")
    return open_model("oidn-small-albedo" if "albedo" in features else "oidn-small-color")


def open_judging(
    features: Sequence[str], prefilter: Prefilter | None, options: EngineOptions, warn: Warn
) -> tuple[ResilientLadder, Prefilter | None]:
    """What paints with `judge_model`, and what cleans the guides for it, if it wants that.

    Args:
        features: Of the frames.
        prefilter: What cleans guides for another model; it is shared if it cleans all that is needed here.
        options: Of the network that is opened.
    """
    pictures = judge_model(features)
    ladder = ResilientLadder.open(pictures, options, warn)
    if not pictures.model.clean_guides:
        return ladder, None
    if prefilter is None or not set(pictures.model.features) <= set(prefilter.ladders):
        prefilter = Prefilter.open(pictures.model, options, warn)
    return ladder, prefilter
