"""The whole road on a scene of our own."""

from typing import TYPE_CHECKING, Any

from .options import DemoOptions

if TYPE_CHECKING:
    from .road import Shown, demo

__all__ = ["DemoOptions", "Shown", "demo"]


def __getattr__(name: str) -> Any:  # what needs torch is imported when it is asked for
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import road

    return getattr(road, name)
