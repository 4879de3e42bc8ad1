"""Frames of a shot → a loop that trains on one render against the other: what `adapt` and `online` have in common."""

from collections.abc import Sequence

from .loop import Advice, Loop, Schedule
from .losses import ShotLoss
from .norms import check_crops
from .samplers import Crops, ShotSampler
from .shot import ShotFrame
from .start import ShotStart


def open_shot_loop(
    frames: Sequence[ShotFrame], start: ShotStart, schedule: Schedule, crops: Crops, device: str, advice: Advice
) -> Loop:
    """Builds the network. From good weights it learns in float32: of a small step half precision would round most away.

    Raises N2NError where crops are too small for BatchNorm, from nothing.
    """
    weights = start.checkpoint.tensors() if start.checkpoint else None
    if weights is None:
        check_crops(start.model, crops.batch, crops.size_px)
    sampler, loss = ShotSampler(frames, start.model.features, crops), ShotLoss(has_estimate=weights is not None)
    precision = "auto" if weights is None else "float32"
    loop = Loop.open(start.model, weights, sampler, loss, schedule, device, precision, crops.seed)
    loop.advice = advice
    return loop
