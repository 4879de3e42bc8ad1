"""Text over a picture, which is noise where every observation has another one (Noise2Noise §3.2)."""

import functools
import string
from typing import Any

import numpy as np
from numpy.random import Generator

from ..errors import N2NError
from ..frame.arrays import Array
from .observation import Observation

SIZES_PX = (10, 14, 18, 22, 26, 30, 34)  # of the font; the same in a training crop and in a whole image
LENGTHS = (2, 8)  # letters in a string
STRINGS = 1000  # different ones, each drawn once a process: drawing takes longer than all the rest
LETTERS = string.ascii_letters + string.digits


def write_text(signal: Array, share: float, rng: Generator) -> Observation:
    """Writes random strings, of random sizes, styles, colours and places, until about this share of the pixels is covered.

    The mean of many observations is pulled towards grey; the median is the clean picture while the share is below ½.
    Letters have smooth edges. A pixel that a letter touches counts as covered, however little. The string that would lead
    past the share is left out where that comes nearer to it, so that the share is met to half a string, some 1 % of a crop
    of 128².

    Args:
        share: [0, 1) of the pixels.
    """
    picture = signal.copy()
    free = np.ones(signal.shape[:2], bool)
    wanted = share * free.size
    covered = 0
    while covered < wanted:
        ink = _string(int(rng.integers(STRINGS)))
        rows, ink_rows = _overlap(free.shape[0], ink.shape[0], rng)
        columns, ink_columns = _overlap(free.shape[1], ink.shape[1], rng)
        ink = ink[ink_rows, ink_columns]
        added = int(np.count_nonzero(free[rows, columns] & (ink > 0)))
        if covered + added - wanted > wanted - covered:
            break
        color = rng.random(signal.shape[-1], np.float32) - np.float32(0.5)
        picture[rows, columns] += ink[..., None] * (color - picture[rows, columns])
        free[rows, columns] &= ink == 0
        covered += added
    return Observation(picture)


@functools.cache
def _string(number: int) -> Array:
    """(h, w) float32, [0, 1]: how much of each pixel the letters of a random string cover; its number is its seed."""
    rng = np.random.default_rng(number)
    font = _font(SIZES_PX[rng.integers(len(SIZES_PX))])
    letters = rng.integers(len(LETTERS), size=rng.integers(*LENGTHS, endpoint=True))
    text = "".join(LETTERS[letter] for letter in letters)
    mask = font.getmask(text, mode="L", stroke_width=int(rng.integers(2)))  # filled or in outline
    width, height = mask.size
    return np.frombuffer(bytes(mask), np.uint8).reshape(height, width) / np.float32(255)


@functools.cache
def _font(size_px: int) -> Any:
    """Pillow's own font, which comes with it."""
    try:
        from PIL import ImageFont

        return ImageFont.load_default(size_px)
    except (ImportError, TypeError):  # not there; without FreeType; before it had a font of any size
        raise N2NError(
            "text noise needs Pillow 10.1 or later with FreeType, which is not installed",
            'Run pip install "n2n-render[report]".',
        ) from None


def _overlap(length: int, ink_length: int, rng: Generator) -> tuple[slice, slice]:
    """A string somewhere along a side, perhaps partly outside: its place there, and the part of it that is there."""
    start = int(rng.integers(1 - ink_length, length))
    first, last = max(start, 0), min(start + ink_length, length)
    return slice(first, last), slice(first - start, last - start)
