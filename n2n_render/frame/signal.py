"""Pixels of photographs and slices ⇄ signal: the display-referred values that Noise2Noise's other networks take, [-½, ½].

A signal is as the file holds it, in its own curve and colour space: nothing is linearised, nothing is exposed. Noise leads
beyond the range, and is not clipped there: clipped noise has another mean.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Array
from .transfer import LUMINANCE

PEAKS = {"uint8": 255.0, "uint16": 65535.0}  # of integer pixels; float ones are [0, 1]


def to_signal(pixels: Array, channels: int) -> NDArray[np.float32]:
    """(H, W, C) uint8, uint16 or float [0, 1] → (H, W, channels) float32, [-½, ½].

    Args:
        channels: 3 or 1. Grey becomes three equal colours; colours become their luminance (Rec. 709 weights).

    Raises:
        ValueError: C is neither 1 nor 3, or the type is another.
    """
    if pixels.shape[-1] not in (1, 3) or not (pixels.dtype.kind == "f" or pixels.dtype.name in PEAKS):
        raise ValueError(f"no pixels of an image: shape {pixels.shape}, type {pixels.dtype}")
    signal = pixels.astype(np.float32) / np.float32(PEAKS.get(pixels.dtype.name, 1.0)) - np.float32(0.5)
    if signal.shape[-1] == channels:
        return signal
    if channels == 3:
        return np.repeat(signal, 3, axis=-1)
    grey: NDArray[np.float32] = (signal @ np.array(LUMINANCE, np.float32))[..., None]
    return grey


def from_signal(signal: Array, kind: Any) -> Array:
    """The inverse of `to_signal` for as many channels: clipped, and rounded where `kind` (a NumPy type) is an integer's.

    Raises:
        ValueError: The signal is not finite.
    """
    if not np.isfinite(signal).all():
        raise ValueError("the signal is not finite")
    peak = PEAKS.get(np.dtype(kind).name)
    unit = np.clip(signal + np.float32(0.5), 0, 1)
    pixels: Array = unit.astype(kind) if peak is None else np.rint(unit * np.float32(peak)).astype(kind)
    return pixels


def psnr_8bit(signal: Array, truth: Array) -> float:
    """dB, peak 255, of two signals rounded to 8 bits: Noise2Noise's rule. Infinity where they are equal."""
    error = from_signal(signal, np.uint8).astype(np.float64) - from_signal(truth, np.uint8)
    mse = float(np.mean(error**2))
    return float(20 * np.log10(255.0) - 10 * np.log10(mse)) if mse else float("inf")
