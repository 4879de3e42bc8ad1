"""Mirrored, transposed and recoloured crops."""

from collections.abc import Callable

import numpy as np

from ..frame.arrays import Array
from ..frame.channels import Kind
from ..frame.orient import turn_image

COLORS = (Kind.RADIANCE, Kind.UNIT_COLOR)
Change = Callable[[Kind, Array], Array]  # kind and image (h, w, C) → the image of the same size or, transposed, (w, h, C)


def random_change(rng: np.random.Generator) -> Change:
    """One of the 8 orientations and 6 permutations of red, green and blue, to be done to all images of a crop.

    All that is a colour is recoloured alike; directions turn with the pixels.
    """
    turn = random_turn(rng)
    permutation = rng.permutation(3)

    def change(kind: Kind, image: Array) -> Array:
        turned = turn(kind, image)
        return turned[..., permutation] if kind in COLORS else turned

    return change


def random_turn(rng: np.random.Generator) -> Change:
    """One of the 8 orientations."""
    mirror_x, mirror_y, transpose = rng.integers(0, 2, 3).astype(bool).tolist()
    return lambda kind, image: turn_image(kind, image, mirror_x, mirror_y, transpose)


def no_change(kind: Kind, image: Array) -> Array:
    """The Change that leaves every image as it is."""
    return image
