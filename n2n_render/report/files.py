"""What a denoised file holds of its own error."""

from pathlib import Path

import numpy as np

from ..frame.arrays import Array
from ..io.exr import ExrImage


def read_denoised(path: Path, layer: str | None, error_pass: str) -> tuple[Array, Array | None]:
    """What the file shows (H, W, 3), ≥ 0, and its expected RMS error of radiance (H, W), ≥ 0: None where it does not say.

    Raises N2NError where it cannot be read.
    """
    image = ExrImage.open(path)
    layer = image.layer(layer)
    color, error = np.maximum(image.shown_color(layer), 0), image.pass_pixels(layer, error_pass)
    if error is None or error.shape != (*color.shape[:2], 1) or not np.isfinite(error).all():
        return color, None
    return color, np.maximum(error[..., 0], 0)
