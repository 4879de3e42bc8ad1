"""Frames with references, and images with noise, become numbers and pictures."""

from typing import TYPE_CHECKING

from ..lazy import names_from
from .options import EvaluateOptions

if TYPE_CHECKING:
    from .evaluation import Evaluated as Evaluated
    from .evaluation import EvaluatedChunk as EvaluatedChunk
    from .evaluation import evaluate as evaluate
    from .images import EvaluatedImages as EvaluatedImages

__all__ = ["EvaluateOptions", "Evaluated", "EvaluatedChunk", "EvaluatedImages", "evaluate"]

__getattr__ = names_from(
    __name__,
    {
        "Evaluated": "evaluation",
        "EvaluatedChunk": "evaluation",
        "EvaluatedImages": "images",
        "evaluate": "evaluation",
    },
)
