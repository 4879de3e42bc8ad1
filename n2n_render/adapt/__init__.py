"""The noisy renders of a shot → a network for this shot, and its frames denoised by it, without any reference."""

from typing import TYPE_CHECKING

from ..lazy import names_from
from .options import AdaptOptions

if TYPE_CHECKING:
    from .adaptation import Adapted as Adapted
    from .adaptation import Pictures as Pictures
    from .adaptation import adapt as adapt

__all__ = ["AdaptOptions", "Adapted", "Pictures", "adapt"]

__getattr__ = names_from(__name__, {"Adapted": "adaptation", "Pictures": "adaptation", "adapt": "adaptation"})
