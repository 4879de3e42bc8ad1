"""The noise of coherent light: every pixel of a photograph times a number of mean 1."""

import numpy as np
from numpy.random import Generator

from n2n_render.frame.arrays import Array
from n2n_render.noise.observation import Observation
from n2n_render.noise.table import NoiseKind


def speckle(signal: Array, spread: float, rng: Generator) -> Observation:
    """A signal (H, W, C), [-½, ½] → the same with speckle, whose standard deviation is `spread` of what a pixel is."""
    if spread == 0:
        return Observation(signal.copy())
    looks = 1 / spread**2
    factor = rng.gamma(looks, 1 / looks, signal.shape[:2])[..., None]  # all colours alike; its mean is 1
    return Observation(((signal + 0.5) * factor - 0.5).astype(np.float32))


SPECKLE = NoiseKind(
    name="speckle",
    title="speckle",
    unit="standard deviation, of what a pixel is",
    least=0,
    most=1,
    usual=(0, 0.5),
    test=0.25,
    loss="l2",  # finds the mean of noisy targets, which is what is true here
    observe=speckle,
)
