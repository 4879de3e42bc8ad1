"""Noisy frames become clean ones: Frame + Denoiser → radiance, and EXR files through it; photographs and slices too."""

from typing import TYPE_CHECKING

from ..lazy import names_from

if TYPE_CHECKING:
    from .denoiser import Denoiser, load_denoiser
    from .loading import load_any
    from .options import DenoiseOptions, PictureOptions
    from .verb import Denoised, denoise

__all__ = ["DenoiseOptions", "Denoised", "Denoiser", "PictureOptions", "denoise", "load_any", "load_denoiser"]

__getattr__ = names_from(
    __name__,
    {
        "Denoised": "verb",
        "DenoiseOptions": "options",
        "Denoiser": "denoiser",
        "PictureOptions": "options",
        "denoise": "verb",
        "load_any": "loading",
        "load_denoiser": "denoiser",
    },
)
