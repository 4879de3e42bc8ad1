"""Mirrored, transposed and recoloured crops."""

from collections.abc import Mapping, Sequence

import numpy as np

from ..frame.arrays import Array
from ..frame.channels import Kind, kind_of
from ..frame.orient import turn_image

COLORS = (Kind.RADIANCE, Kind.UNIT_COLOR)


def augment(
    color: Sequence[Array], guides: Mapping[str, Array], rng: np.random.Generator
) -> tuple[list[Array], dict[str, Array]]:
    """One random choice for all images of a crop. A permutation of red, green and blue recolours all that is a colour alike.

    Args:
        color: Images (h, w, 3) of radiance.
        guides: Channel name → (h, w, C).

    Returns:
        New (color, guides).
    """
    switches = rng.integers(0, 2, 3).astype(bool)
    permutation = rng.permutation(3)

    def change(kind: Kind, image: Array) -> Array:
        turned: Array = turn_image(kind, image, *switches)
        return turned[..., permutation] if kind in COLORS else turned

    return [change(Kind.RADIANCE, image) for image in color], {
        name: change(kind_of(name), image) for name, image in guides.items()
    }
