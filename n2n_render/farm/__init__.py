"""A shot becomes a job for a render farm."""

from typing import TYPE_CHECKING

from ..lazy import names_from
from .options import FarmOptions

if TYPE_CHECKING:
    from .verb import Farmed as Farmed
    from .verb import farm as farm

__all__ = ["FarmOptions", "Farmed", "farm"]

__getattr__ = names_from(__name__, {"Farmed": "verb", "farm": "verb"})
