"""Frames of a shot → a loop that trains on one render against the other: what `adapt` and `online` have in common."""

from collections.abc import Sequence

from ..network.device import pick_device
from .loop import Loop
from .losses import ShotLoss
from .norms import check_crops
from .precision import native_precision
from .samplers import Crops, ShotSampler
from .schedule import Advice, Schedule
from .shot import ShotFrame
from .start import ShotStart
from .team import ALONE, Team


def open_shot_loop(
    frames: Sequence[ShotFrame],
    start: ShotStart,
    schedule: Schedule,
    crops: Crops,
    device: str,
    advice: Advice,
    team: Team = ALONE,
) -> Loop:
    """Builds the network. Its weights are float32, of which small steps need all bits; its convolutions are rounded where
    that is much faster.

    Raises N2NError where crops are too small for BatchNorm, from nothing.

    Args:
        team: Whose members do the same, each with its part of every batch.
    """
    weights = start.checkpoint.tensors() if start.checkpoint else None
    if weights is None:
        check_crops(start.model, crops.batch * team.size, crops.size_px)
    sampler = ShotSampler(frames, start.model.features, crops.of(team.rank))
    loss = ShotLoss(has_estimate=weights is not None)
    precision = "auto" if weights is None else team.agree(native_precision(pick_device(device)))
    loop = Loop.open(start.model, weights, sampler, loss, schedule, device, precision, crops.seed, team)
    loop.advice = advice
    return loop
