"""Two shots of the same thing → means over windows of both: what is measured of them, in one reading, in strips."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..frame.arrays import Array
from ..frame.signal import PEAKS

WINDOW_PX, SMALL_PX = 16, 8  # of a window; in pictures of fewer than ENOUGH_PX pixels, small ones
ENOUGH_PX = 256 * 256
MARGIN_PX = 3  # around the windows: what the blur (2) and the gradient (1) look at
STRIP_PX = 1 << 20  # so many pixels are in memory at once
BLUR = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)  # before gradients: they hold for what is smooth


@dataclass(frozen=True)
class Windows:
    """Means over windows of two shots A and B, pixels in [0, 1]; (rows, columns) each, or (rows, columns, C).

    Attributes:
        level: Of (A + B) / 2, by channel.
        change: Of B - A, by channel.
        variance: Of B - A within the window, by channel.
        slope: (rows, columns, 2): of the gradient of the grey (A + B) / 2, down and right, per pixel.
        gradients: (rows, columns, 2, 2): of the products of the gradient of A with that of B; noise cancels from it.
        moments: (rows, columns, 2): of the gradient times A - B. A shift d solves gradients · d = moments.
        energy_a, energy_b, shared: Of the squares of A's and B's high passes, and of their product. Noise that is
            independent cancels from the last.
    """

    size: int
    level: Array
    change: Array
    variance: Array
    slope: Array
    gradients: Array
    moments: Array
    energy_a: Array
    energy_b: Array
    shared: Array


def look_at(a: Array, b: Array) -> Windows:
    """Measures two shots in windows that cover them, but for a margin."""
    size = WINDOW_PX if a.shape[0] * a.shape[1] >= ENOUGH_PX else SMALL_PX
    strips = [_look_at_strip(one, other, size) for one, other in _strips(a, b, size)]
    return Windows(size, *(np.concatenate(parts) for parts in zip(*strips, strict=True)))


def _strips(a: Array, b: Array, size: int) -> Iterator[tuple[Array, Array]]:
    """Both shots in strips of whole rows of windows with a margin, float32."""
    height, width = a.shape[:2]
    rows, columns = ((side - 2 * MARGIN_PX) // size for side in (height, width))
    step = max(1, STRIP_PX // (width * size))
    right = columns * size + 2 * MARGIN_PX
    scale = np.float32(1 / PEAKS.get(a.dtype.name, 1.0))
    for row in range(0, rows, step):
        strip = np.s_[row * size : min(row + step, rows) * size + 2 * MARGIN_PX, :right]
        yield a[strip].astype(np.float32) * scale, b[strip].astype(np.float32) * scale


def _look_at_strip(a: Array, b: Array, size: int) -> tuple[Array, ...]:
    """The arrays of `Windows`, in their order."""
    inner = np.s_[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
    change, level = (b - a)[inner], ((a + b) / 2)[inner]
    mean_change = _means(change, size)
    grey_a, grey_b = a.mean(-1), b.mean(-1)
    high_a, high_b = (_high_pass(grey[2:-2, 2:-2]) for grey in (grey_a, grey_b))
    smooth_a, smooth_b = _blur(grey_a), _blur(grey_b)  # each side 2 px less
    slope_a, slope_b = _gradient(smooth_a), _gradient(smooth_b)
    slope = (slope_a + slope_b) / 2
    apart = (smooth_a - smooth_b)[1:-1, 1:-1]
    cross = (slope_a[0] * slope_b[1] + slope_a[1] * slope_b[0]) / 2
    products = np.stack([slope_a[0] * slope_b[0], cross, cross, slope_a[1] * slope_b[1]], -1)
    gradients = _means(products, size)
    return (
        _means(level, size),
        mean_change,
        np.maximum(_means(change**2, size) - mean_change**2, 0),
        _means(np.moveaxis(slope, 0, -1), size),
        gradients.reshape(*gradients.shape[:2], 2, 2),
        _means(np.moveaxis(slope * apart, 0, -1), size),
        *(_means(product[..., None], size)[..., 0] for product in (high_a**2, high_b**2, high_a * high_b)),
    )


def _means(image: Array, size: int) -> Array:
    """(H, W, C) → (H / size, W / size, C), float64."""
    height, width, count = image.shape
    rows = image.reshape(height // size, size, width * count).sum(1, dtype=np.float64)
    means: Array = rows.reshape(height // size, width // size, size, count).sum(2) / size**2
    return means


def _high_pass(grey: Array) -> Array:
    """(h, w) → (h - 2, w - 2): second differences each way, scaled so that white noise keeps its variance."""
    grey = grey[:-2] - 2 * grey[1:-1] + grey[2:]
    passed: Array = (grey[:, :-2] - 2 * grey[:, 1:-1] + grey[:, 2:]) / 6
    return passed


def _blur(grey: Array) -> Array:
    """(h, w) → (h - 4, w - 4)."""
    for _ in (0, 1):  # down, then right, by a turned view
        blurred = np.zeros((grey.shape[0] - 4, grey.shape[1]), np.float32)
        for at, weight in enumerate(BLUR):
            blurred += np.float32(weight) * grey[at : at + len(blurred)]
        grey = blurred.T
    return grey


def _gradient(grey: Array) -> Array:
    """(h, w) → (2, h - 2, w - 2): down and right, per pixel."""
    gradient: Array = np.stack([grey[2:, 1:-1] - grey[:-2, 1:-1], grey[1:-1, 2:] - grey[1:-1, :-2]]) / 2
    return gradient
