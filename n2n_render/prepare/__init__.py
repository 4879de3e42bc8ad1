"""Images that no renderer made become a dataset to train on."""

from typing import TYPE_CHECKING

from ..lazy import names_from
from .options import PrepareOptions

if TYPE_CHECKING:
    from .preparing import Prepared as Prepared
    from .preparing import prepare as prepare

__all__ = ["PrepareOptions", "Prepared", "prepare"]

__getattr__ = names_from(__name__, {"Prepared": "preparing", "prepare": "preparing"})
