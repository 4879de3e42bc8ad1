"""A fly-through → its frames denoised while it renders, by a network that learns from each frame as it comes."""

from typing import TYPE_CHECKING

from ..lazy import names_from
from .options import OnlineOptions

if TYPE_CHECKING:
    from .fly_through import CurveMeans as CurveMeans
    from .fly_through import FlyThrough as FlyThrough
    from .fly_through import Point as Point
    from .fly_through import online as online

__all__ = ["CurveMeans", "FlyThrough", "OnlineOptions", "Point", "online"]

__getattr__ = names_from(
    __name__, {"CurveMeans": "fly_through", "FlyThrough": "fly_through", "Point": "fly_through", "online": "fly_through"}
)
