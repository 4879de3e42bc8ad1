"""Pairs become a checkpoint."""

from typing import TYPE_CHECKING, Any

from .options import ResumeOptions, TrainOptions

if TYPE_CHECKING:
    from .training import Trained as Trained
    from .training import resume as resume
    from .training import train as train

__all__ = ["ResumeOptions", "TrainOptions", "Trained", "resume", "train"]


def __getattr__(name: str) -> Any:
    """The verb needs PyTorch, its options do not."""
    if name in ("Trained", "resume", "train"):
        from . import training

        return getattr(training, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
