"""A folder that a renderer writes into → its frames, denoised as they come."""

from typing import TYPE_CHECKING

from ..lazy import names_from
from .options import WatchOptions

if TYPE_CHECKING:
    from .watching import Watched as Watched
    from .watching import watch as watch

__all__ = ["WatchOptions", "Watched", "watch"]

__getattr__ = names_from(__name__, {"Watched": "watching", "watch": "watching"})
