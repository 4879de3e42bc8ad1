"""Frames with references become numbers and pictures."""

from typing import TYPE_CHECKING

from ..lazy import names_from
from .options import EvaluateOptions

if TYPE_CHECKING:
    from .evaluation import Evaluated as Evaluated
    from .evaluation import evaluate as evaluate

__all__ = ["EvaluateOptions", "Evaluated", "evaluate"]

__getattr__ = names_from(__name__, {"Evaluated": "evaluation", "evaluate": "evaluation"})
