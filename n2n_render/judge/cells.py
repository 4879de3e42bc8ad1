"""Pixels become cells, which are smoothed and become pixels again: what evidence and errors are collected over."""

import numpy as np

from ..frame.arrays import Array


def sum_cells(image: Array, size: int) -> Array:
    """(H, W) → float64 sums over cells of size × size pixels; the last ones are smaller."""
    rows, columns = (np.arange(0, length, size) for length in image.shape)
    summed: Array = np.add.reduceat(np.add.reduceat(image, rows, axis=0, dtype=np.float64), columns, axis=1)
    return summed


def smooth(cells: Array, deviation: float, keep_sum: bool = True) -> Array:
    """A Gaussian with 1 at its peak; beyond the edges there is nothing.

    Args:
        cells: (h, w).
        deviation: its standard deviation, in cells.
        keep_sum: False divides by the weight that lies within the image.
    """
    radius = int(np.ceil(3 * deviation))
    kernel = np.exp(-(np.arange(-radius, radius + 1, dtype=np.float64) ** 2) / (2 * deviation**2))

    def convolve(image: Array) -> Array:
        for axis, length in enumerate(image.shape):
            widths = [(radius, radius) if index == axis else (0, 0) for index in (0, 1)]
            padded = np.moveaxis(np.pad(image.astype(np.float64), widths), axis, 0)
            total = sum(weight * padded[start : start + length] for start, weight in enumerate(kernel))
            image = np.moveaxis(np.asarray(total), 0, axis)
        return image

    return convolve(cells) if keep_sum else convolve(cells) / convolve(np.ones_like(cells))


def enlarge(cells: Array, size: int, shape: tuple[int, int]) -> Array:
    """Cells (h, w) → pixels `shape`, float32: bilinear between the centres of the cells, constant beyond the outer ones."""
    image = cells.astype(np.float32)
    for axis, (count, length) in enumerate(zip(cells.shape, shape, strict=True)):
        place = np.maximum((np.arange(length, dtype=np.float32) + np.float32(0.5)) / np.float32(size) - np.float32(0.5), 0)
        before = place.astype(int)
        after = np.minimum(before + 1, count - 1)
        part = (place - before).astype(np.float32)
        part = part[:, None] if axis == 0 else part
        image = (1 - part) * image.take(before, axis) + part * image.take(after, axis)
    return image
