"""The noisy renders of a shot → a network for this shot, and its frames denoised by it, without any reference."""

from typing import TYPE_CHECKING

from ..lazy import names_from
from .options import AdaptOptions

if TYPE_CHECKING:
    from .adaptation import adapt as adapt
    from .results import Adapted as Adapted
    from .results import Pictures as Pictures

__all__ = ["AdaptOptions", "Adapted", "Pictures", "adapt"]

__getattr__ = names_from(__name__, {"Adapted": "results", "Pictures": "results", "adapt": "adaptation"})
