"""An image against a reference becomes numbers. Keyword arguments only; every image (H, W, 3) linear radiance, exposed.

Squared errors take two independent reference halves: mean((y - r1)(y - r2)) is the squared error against the true
image, without the references' own noise. One reference may be passed twice: then its noise is counted in. On a tone
curve it is the error against E[T(half)], a little darker than T(true) where the halves are noisy: spend samples on them.
"""

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import N2NError, missing_library
from .arrays import Array
from .motion import follow, warp
from .signal import from_signal
from .transfer import encode_tonemap

RELMSE_EPSILON = 1e-2
SSIM_PX = 7  # side of scikit-image's window


def squared_error(*, image: Array, reference_a: Array, reference_b: Array) -> Array:
    """Per pixel (H, W), mean over channels; single pixels may be negative, the mean is unbiased."""
    error: Array = ((image - reference_a) * (image - reference_b)).mean(axis=-1)
    return error


def psnr(*, image: Array, reference_a: Array, reference_b: Array) -> float:
    """dB on T(v) = (v / (1 + v))^(1/2.2), peak 1. NaN where the error is lost in the references' noise (negative)."""
    mapped = {"image": image, "reference_a": reference_a, "reference_b": reference_b}
    mse = squared_error(**{key: encode_tonemap(value, np) for key, value in mapped.items()}).mean()
    return float(-10.0 * np.log10(mse)) if mse > 0 else float("nan")


def relmse(*, image: Array, reference_a: Array, reference_b: Array) -> float:
    """Mean of squared error / (reference² + 0.01)."""
    mean = (reference_a + reference_b) / 2
    return float(((image - reference_a) * (image - reference_b) / (mean**2 + RELMSE_EPSILON)).mean())


def smape(*, image: Array, reference: Array) -> float:
    """Mean of |y - r| / (|y| + |r| + 0.01), in [0, 1)."""
    return float((np.abs(image - reference) / (np.abs(image) + np.abs(reference) + 1e-2)).mean())


def ssim(*, image: Array, reference: Array) -> float:
    """Structural similarity on T(v) (scikit-image: 7×7 window)."""
    mapped = encode_tonemap(image, np), encode_tonemap(reference, np)
    return float(_need("skimage.metrics").structural_similarity(*mapped, channel_axis=-1, data_range=1.0))


def ssim_8bit(signal: Array, truth: Array) -> float:
    """The same of two signals (H, W, C), see signal.py, rounded to 8 bits; NaN for images smaller than the window."""
    if min(truth.shape[:2]) < SSIM_PX:
        return float("nan")
    pixels = from_signal(signal, np.uint8), from_signal(truth, np.uint8)
    return float(_need("skimage.metrics").structural_similarity(*pixels, channel_axis=-1, data_range=255))


def flip(*, image: Array, reference: Array) -> tuple[float, Array]:
    """HDR-FLIP (Andersson et al. 2021; flip-evaluator): its mean and the error map (H, W)."""
    images = [np.ascontiguousarray(pixels, np.float32) for pixels in (reference, image)]
    error_map, mean, _ = _need("flip_evaluator").evaluate(*images, "HDR", applyMagma=False)
    return float(mean), np.asarray(error_map).reshape(image.shape[:2] + (-1,))[..., 0]


def flip_shown(*, image: Array, reference: Array) -> float:
    """FLIP (Andersson et al. 2020) of two pictures as a screen shows them, [0, 1], which it takes for sRGB."""
    images = [np.ascontiguousarray(pixels, np.float32) for pixels in (reference, image)]
    _, mean, _ = _need("flip_evaluator").evaluate(*images, "LDR", applyMagma=False, computeMeanError=True)
    return float(mean)


def check_packages() -> None:
    """Raises N2NError unless all metrics can be computed here: asked before any expensive step."""
    for name in ("skimage.metrics", "flip_evaluator"):
        _need(name)


def check_ssim() -> None:
    """The same for structural similarity alone."""
    _need("skimage.metrics")


def _need(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise missing_library(error) or N2NError(
            f"comparing images needs a package that is missing ({error})", 'Run pip install "n2n-render[evaluate]".'
        ) from None


def change_error(
    *, images: Sequence[Array], references_a: Sequence[Array], references_b: Sequence[Array], vectors: Sequence[Array]
) -> float:
    """Temporal stability: mean squared error on T of the change from one frame to the next, along the motion.

    images, references_a, references_b: exposed radiance (H, W, 3) of the two frames; vectors: their Vector passes. The
    second frame is brought to the pixels of the first; where a surface is hidden or new, nothing is compared. Like `psnr`
    the product of the errors against two independent reference halves.
    """
    rows, columns, trust = follow(list(vectors), forward=True)

    def change(first: Array, second: Array) -> Any:
        return encode_tonemap(np.maximum(warp(second, rows, columns), 0), np) - encode_tonemap(np.maximum(first, 0), np)

    shown, against_a, against_b = change(*images), change(*references_a), change(*references_b)
    product = ((shown - against_a) * (shown - against_b)).mean(-1)
    return float((trust * product).sum() / max(trust.sum(), 1e-9))
