"""The whole road on a scene of our own."""

from typing import TYPE_CHECKING

from ..lazy import names_from
from .options import DemoOptions

if TYPE_CHECKING:
    from .road import Shown as Shown
    from .road import demo as demo

__all__ = ["DemoOptions", "Shown", "demo"]

__getattr__ = names_from(__name__, {"Shown": "road", "demo": "road"})
