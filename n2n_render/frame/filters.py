"""Box filters: the mean of what lies around each pixel."""

import numpy as np

from .arrays import Array


def box_mean(image: Array, size: int, extend: bool = False) -> Array:
    """The mean over a square of `size` × `size` pixels around each pixel, `size` being odd.

    Args:
        image: (H, W) or (H, W, C), any unit.
        size: width and height of the square in pixels.
        extend: The edge pixels go on outside of the image. Otherwise only pixels of the image count.

    Returns:
        float64, shaped like `image`.
    """
    if extend:
        return _sums(image, size, "edge") / size**2
    sums, counts = box_sum(image, size)
    return sums / counts


def box_sum(image: Array, size: int) -> tuple[Array, Array]:
    """The sum over a square around each pixel, and of how many pixels: fewer at the edges.

    Returns:
        (float64 shaped like `image`, float64 that divides it).
    """
    counts = np.multiply.outer(*(_count(length, size) for length in image.shape[:2]))
    return _sums(image, size, "constant"), counts.reshape(*counts.shape, *[1] * (image.ndim - 2))


def _count(length: int, size: int) -> Array:
    """(length,): how many pixels of a row lie within size // 2 of each."""
    places, near = np.arange(length), size // 2
    return np.minimum(places + near + 1, length) - np.maximum(places - near, 0).astype(np.float64)


def _sums(image: Array, size: int, outside: str) -> Array:
    near = size // 2
    widths = [(near + 1, near)] * 2 + [(0, 0)] * (image.ndim - 2)
    return _differences(np.pad(image, widths, mode=outside), size)  # type: ignore[call-overload]


def window_sums(image: Array, size: int) -> Array:
    """The sums over all squares of `size` × `size` pixels that lie in the image whole.

    Args:
        image: (H, W) or (H, W, C), any unit.
        size: width and height of the squares in pixels, not more than the image has.

    Returns:
        (H - size + 1, W - size + 1, …) float64; each sum lies at its square's top left corner.
    """
    return _differences(np.pad(image, [(1, 0)] * 2 + [(0, 0)] * (image.ndim - 2)), size)


def _differences(padded: Array, size: int) -> Array:
    """By differences of running sums: the cost does not depend on the size. The first row and column are in no square."""
    sums = padded.cumsum(0, dtype=np.float64).cumsum(1)
    squares: Array = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    return squares
