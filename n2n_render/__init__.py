"""Noise2Noise denoising for path-traced images: noisy renders in, a trained denoiser out."""

__version__ = "0.1.0"
