"""The error of radiance that a denoised file holds → as people see it; and the true one that it is held against."""

import numpy as np

from ..frame.arrays import Array
from ..frame.filters import box_mean
from ..frame.metrics import squared_error
from ..frame.transfer import encode_tonemap, tonemap_slope

TRUE_PX = 9  # side of the square that a true error is the mean over: single pixels of it are the references' noise


def expected_on_display(error: Array, radiance: Array) -> Array:
    """RMS error of radiance (H, W), and the radiance (H, W, 3), both exposed alike → about the RMS error on T (H, W)."""
    slope = tonemap_slope(np.maximum(radiance, 0), np)
    shown: Array = (error * np.sqrt((slope**2).mean(-1))).astype(np.float32)
    return shown


def true_on_display(image: Array, reference_a: Array, reference_b: Array) -> Array:
    """Exposed radiance (H, W, 3) of a picture and of two independent references → RMS error on T (H, W), mean of squares."""
    image, reference_a, reference_b = (
        encode_tonemap(np.maximum(values, 0), np) for values in (image, reference_a, reference_b)
    )
    squared = squared_error(image=image, reference_a=reference_a, reference_b=reference_b)
    error: Array = np.sqrt(np.maximum(box_mean(squared, TRUE_PX), 0)).astype(np.float32)
    return error
