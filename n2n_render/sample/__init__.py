"""A .blend file becomes noisy pairs, rendered by a child process."""

from .options import SampleOptions
from .sampling import Sampled, sample

__all__ = ["SampleOptions", "Sampled", "sample"]
