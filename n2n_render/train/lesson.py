"""What a run learns, wherever it comes from: renders (renders.py) or observations of images (observations.py)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..frame.arrays import Array
from ..learn.loop import Loop
from ..learn.protocols import Judge, Loss, Sampler
from ..learn.start import Start
from ..network.provenance import Facts


class RankingJudge(Judge, Protocol):
    """A judge whose verdicts have one number."""

    best: float  # the least error so far


OpenJudge = Callable[[Loop], RankingJudge]  # which judges with the device and the precision of the training


@dataclass(frozen=True)
class Lesson:
    """All that `train` gives its loop.

    Attributes:
        start: The network to train.
        sampler: Where its batches come from.
        loss: What is asked of its predictions.
        open_judge: What is best so far, on what is held out.
        show: An image of the judge's verdicts → 8-bit pixels for people.
        trained_on: Names of what it learns from.
        datasets: What a model remembers of each.
        described: What there is, in words.
    """

    start: Start
    sampler: Sampler
    loss: Loss
    open_judge: OpenJudge
    show: Callable[[Array], Array]
    trained_on: Sequence[str]
    datasets: tuple[Facts, ...]
    described: str
