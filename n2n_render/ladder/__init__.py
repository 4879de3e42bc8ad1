"""Radiance → denoised radiance by one network, for everybody who denoises, and what to do where memory is short."""
