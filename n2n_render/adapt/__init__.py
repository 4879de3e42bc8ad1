"""The noisy renders of a shot → a network for this shot, and its frames denoised by it, without any reference."""

from typing import TYPE_CHECKING, Any

from .options import AdaptOptions

if TYPE_CHECKING:
    from .adaptation import Adapted as Adapted
    from .adaptation import Pictures as Pictures
    from .adaptation import adapt as adapt

__all__ = ["AdaptOptions", "Adapted", "Pictures", "adapt"]


def __getattr__(name: str) -> Any:
    """The verb needs PyTorch, its options do not."""
    if name in ("Adapted", "Pictures", "adapt"):
        from . import adaptation

        return getattr(adaptation, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
