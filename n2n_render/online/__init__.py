"""A fly-through → its frames denoised while it renders, by a network that learns from each frame as it comes."""

from typing import TYPE_CHECKING, Any

from .options import OnlineOptions

if TYPE_CHECKING:
    from .fly_through import CurveMeans as CurveMeans
    from .fly_through import FlyThrough as FlyThrough
    from .fly_through import Point as Point
    from .fly_through import online as online

__all__ = ["CurveMeans", "FlyThrough", "OnlineOptions", "Point", "online"]


def __getattr__(name: str) -> Any:
    """The verb needs PyTorch, its options do not."""
    if name in ("CurveMeans", "FlyThrough", "Point", "online"):
        from . import fly_through

        return getattr(fly_through, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
