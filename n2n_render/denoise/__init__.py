"""Noisy frames become clean ones: Frame + Denoiser → radiance, and EXR files through it."""

from .denoiser import Denoiser, Prefilter, load_denoiser, removed_noise
from .files import FileOptions, denoise_files, mix

__all__ = ["Denoiser", "FileOptions", "Prefilter", "denoise_files", "load_denoiser", "mix", "removed_noise"]
