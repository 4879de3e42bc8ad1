"""Pairs become a checkpoint."""

from typing import TYPE_CHECKING

from ..lazy import names_from
from .options import ResumeOptions, TrainOptions

if TYPE_CHECKING:
    from .training import Trained as Trained
    from .training import resume as resume
    from .training import train as train

__all__ = ["ResumeOptions", "TrainOptions", "Trained", "resume", "train"]

__getattr__ = names_from(__name__, {"Trained": "training", "resume": "training", "train": "training"})
