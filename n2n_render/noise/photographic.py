"""What happens to photographs pixel by pixel: sensors' noise, missing pixels, wrong ones.

Each function takes a signal (H, W, C), see frame/signal.py, the strength, and a generator; it gives an Observation whose
randomness comes from the generator alone. Nothing is clipped, as clipped noise has another mean. Formulas: Noise2Noise
§3.1, §3.2 and its appendix.
"""

import functools

import numpy as np
from numpy.random import Generator

from ..frame.arrays import Array
from .observation import Observation

LEAST_EVENTS = 0.001  # λ; below it there is no light to count
BROWN_STD_PX = 1.5  # of the Gaussian that blurs white noise
BROWN_RADIUS_PX = 6  # four standard deviations


def add_gaussian(signal: Array, sigma: float, rng: Generator) -> Observation:
    """White noise of mean 0 and standard deviation `sigma` / 255 in each pixel and channel."""
    noise = rng.standard_normal(signal.shape, np.float32)
    return Observation(signal + np.float32(sigma / 255) * noise)


def add_brown(signal: Array, sigma: float, rng: Generator) -> Observation:
    """Noise that neighbouring pixels share: white noise blurred, mean 0, standard deviation `sigma` / 255, channel by channel.

    The paper does not say how wide its Gaussian is; ours has a standard deviation of 1.5 pixels. The white noise reaches
    beyond the edges, so that the statistics are the same everywhere.
    """
    height, width, channels = signal.shape
    reach = 2 * BROWN_RADIUS_PX
    noise = rng.standard_normal((height + reach, width + reach, channels), np.float32)
    kernel = _unit_power_kernel()
    rows = np.zeros((height, width + reach, channels), np.float32)
    both = np.zeros(signal.shape, np.float32)
    for at, weight in enumerate(kernel):
        rows += weight * noise[at : at + height]
    for at, weight in enumerate(kernel):
        both += weight * rows[:, at : at + width]
    return Observation(signal + np.float32(sigma / 255) * both)


@functools.cache
def _unit_power_kernel() -> Array:
    """A Gaussian whose squares sum to 1, so that it leaves the variance of white noise as it is."""
    kernel = np.exp(-0.5 * (np.arange(-BROWN_RADIUS_PX, BROWN_RADIUS_PX + 1) / BROWN_STD_PX) ** 2)
    scaled: Array = (kernel / np.sqrt(np.sum(kernel**2))).astype(np.float32)
    return scaled


def count_photons(signal: Array, events: float, rng: Generator) -> Observation:
    """Poisson(λ (x + ½)) / λ - ½, of which the mean is x and the variance (x + ½) / λ.

    Args:
        events: λ, how many are counted where the signal is white; at least 0.001. Less than no light cannot be counted:
            where x < -½ the count is 0.
    """
    peak = max(events, LEAST_EVENTS)
    counts = rng.poisson(peak * np.maximum(signal.astype(np.float64) + 0.5, 0))
    return Observation((counts / peak - 0.5).astype(np.float32))


def drop_pixels(signal: Array, probability: float, rng: Generator) -> Observation:
    """Each pixel is missing with this probability: black (-½) in all channels, and 0 in the fact "measured" (H, W, 1)."""
    kept = rng.random((*signal.shape[:2], 1), np.float32) >= np.float32(probability)
    return Observation(np.where(kept, signal, np.float32(-0.5)), {"measured": kept.astype(np.float32)})


def replace_pixels(signal: Array, probability: float, rng: Generator) -> Observation:
    """Each pixel is replaced with this probability by a colour that is even in [-½, ½]^C. The mode stays, the mean does not."""
    replaced = rng.random((*signal.shape[:2], 1), np.float32) < np.float32(probability)
    colors = rng.random(signal.shape, np.float32) - np.float32(0.5)
    return Observation(np.where(replaced, colors, signal))
