"""Frames with references become numbers and pictures."""

from typing import TYPE_CHECKING, Any

from .options import EvaluateOptions

if TYPE_CHECKING:
    from .evaluation import Evaluated, evaluate

__all__ = ["EvaluateOptions", "Evaluated", "evaluate"]


def __getattr__(name: str) -> Any:  # what needs torch is imported when it is asked for
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import evaluation

    return getattr(evaluation, name)
