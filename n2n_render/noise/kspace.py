"""Magnetic resonance: an image measured frequency by frequency, of which most are left out (Noise2Noise §3.4).

A spectrum is (H, W, 2) float32, real and imaginary parts of the orthonormal transform of a signal, in the layout of
`np.fft.fft2`: frequency 0 is at [0, 0]. What was not measured is 0 there. A mask is Hermitian, so that what it leaves of a
real image's spectrum is a real image's: the frequencies k and -k are measured together. Images of odd and of even sizes
are treated alike.
"""

import functools
from typing import Any

import numpy as np
from numpy.random import Generator

from ..errors import N2NError
from ..frame.arrays import Array
from .observation import Observation

BISECTIONS = 60  # of λ: to the precision of a double


@functools.lru_cache(maxsize=64)
def sampling_probability(height: int, width: int, fraction: float) -> Array:
    """How probable it is that a frequency is measured: e^(-λ|k|), λ such that the mean over all of them is `fraction`.

    |k| is in cycles per pixel, so that an image and a crop of it are measured by nearly the same λ. It is 1 at frequency 0,
    which holds the mean: that one is always measured. With 255² pixels and a tenth of all it is 0.0226 in the middle of an
    edge; the 0.025 of the official code would keep 10.5 %.

    Args:
        fraction: (1 / (height · width), 1].

    Returns:
        (H, W) float64, read-only. Raises N2NError where not even frequency 0 can be measured.
    """
    if not 1 < fraction * height * width <= height * width:
        raise N2NError(
            f"a fraction of {fraction:g} of {height} × {width} frequencies cannot be measured",
            "Take a larger fraction, at most 1, or larger images.",
        )
    distance = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    low, high = 0.0, 1.0
    while np.mean(np.exp(-high * distance)) > fraction:
        high *= 2
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if np.mean(np.exp(-middle * distance)) > fraction else (low, middle)
    probability: Array = np.exp(-low * distance)
    probability.setflags(write=False)
    return probability


def undersample(signal: Array, fraction: float, rng: Generator) -> Observation:
    """Measures a `fraction` of the frequencies of a signal (H, W, 1), in the mean over many masks.

    Returns:
        The zero-filled image, see `zero_filled`, with the facts "measured" (H, W, 1) and "spectrum" (H, W, 2).
    """
    height, width, _ = signal.shape
    probability = sampling_probability(height, width, round(fraction, 3))  # few enough to be remembered
    measured = _hermitian_mask(probability, rng).astype(np.float32)[..., None]
    transform = np.fft.fft2(signal[..., 0], norm="ortho")
    spectrum = measured * np.stack([transform.real, transform.imag], -1).astype(np.float32)
    return Observation(zero_filled(spectrum, measured, probability), {"measured": measured, "spectrum": spectrum})


def _hermitian_mask(probability: Array, rng: Generator) -> Array:
    """(H, W) bool; k and -k by one draw, that of the one which comes first."""
    draws = rng.random(probability.shape)
    order = np.arange(draws.size).reshape(draws.shape)
    drawn = draws.ravel()[np.minimum(order, _negated(order))]
    mask: Array = drawn < probability
    return mask


def _negated(values: Array) -> Array:
    """Of each frequency k, what `values` (H, W) holds at -k."""
    return np.roll(values[::-1, ::-1], (1, 1), (0, 1))


def zero_filled(spectrum: Array, measured: Array, probability: Array) -> Array:
    """The image of what was measured, each frequency divided by its probability: its mean over all masks is the true image.

    Args:
        spectrum: (H, W, 2), see the module.
        measured: (H, W, 1), 0 or 1.
        probability: (H, W), see `sampling_probability`.

    Returns:
        Signal (H, W, 1) float32.
    """
    weighted = np.where(measured > 0, spectrum / probability[..., None], 0)
    image = np.fft.ifft2(weighted[..., 0] + 1j * weighted[..., 1], norm="ortho")
    return image.real.astype(np.float32)[..., None]


def put_back(signal: Any, spectrum: Any, measured: Any, xp: Any) -> Any:
    """Data consistency: the signal with its measured frequencies replaced by what was measured, all others as they are.

    Where the mask and the spectrum are Hermitian, the measured frequencies of the result are exact.

    Args:
        signal: NumPy (H, W, 1) or torch (N, 1, H, W), whole images and not crops of them; gradients go through.
        spectrum: (H, W, 2) or (N, 2, H, W), see the module.
        measured: (H, W, 1) or (N, 1, H, W), 0 or 1.
        xp: numpy or torch, the module that the arrays belong to.
    """
    channel = -1 if xp is np else -3
    real, imaginary = (xp.take(spectrum, part, channel) if xp is np else spectrum.select(channel, part) for part in (0, 1))
    image, mask = signal.squeeze(channel), measured.squeeze(channel) > 0
    consistent = xp.where(mask, real + 1j * imaginary, xp.fft.fft2(image, norm="ortho"))
    restored = xp.fft.ifft2(consistent, norm="ortho").real.reshape(signal.shape)
    return restored.astype(signal.dtype) if xp is np else restored  # NumPy's are of double precision
