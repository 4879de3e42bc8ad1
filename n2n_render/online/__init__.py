"""A fly-through → its frames denoised while it renders, by a network that learns from each frame as it comes."""

from typing import TYPE_CHECKING

from ..lazy import names_from
from .options import OnlineOptions

if TYPE_CHECKING:
    from .fly_through import FlyThrough as FlyThrough
    from .fly_through import online as online
    from .points import CurveMeans as CurveMeans
    from .points import Point as Point

__all__ = ["CurveMeans", "FlyThrough", "OnlineOptions", "Point", "online"]

__getattr__ = names_from(
    __name__, {"CurveMeans": "points", "FlyThrough": "fly_through", "Point": "points", "online": "fly_through"}
)
