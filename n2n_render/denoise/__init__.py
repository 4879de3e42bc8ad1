"""Noisy frames become clean ones: Frame + Denoiser → radiance, and EXR files through it.

Its names are loaded when they are asked for: nothing here is imported before.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .denoiser import Denoiser, load_denoiser
    from .options import DenoiseOptions, PictureOptions
    from .verb import Denoised, denoise

__all__ = ["DenoiseOptions", "Denoised", "Denoiser", "PictureOptions", "denoise", "load_denoiser"]

PLACES = {
    "Denoised": "verb",
    "DenoiseOptions": "options",
    "Denoiser": "denoiser",
    "PictureOptions": "options",
    "denoise": "verb",
    "load_denoiser": "denoiser",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{PLACES[name]}", __name__), name)
