"""Mirrored, transposed and recoloured crops."""

import numpy as np

from ..frame.channels import Kind, kind_of
from ..frame.orient import turn_image

COLORS = (Kind.RADIANCE, Kind.UNIT_COLOR)


def augment(color: list[np.ndarray], guides: dict[str, np.ndarray], rng: np.random.Generator):
    """One random choice for all images of a crop. color: images (h, w, 3) of radiance; guides: channel name → (h, w, C).

    Returns new (color, guides). A permutation of red, green and blue recolours all that is a colour alike.
    """
    switches = rng.integers(0, 2, 3).astype(bool)
    permutation = rng.permutation(3)

    def change(kind: Kind, image: np.ndarray) -> np.ndarray:
        turned = turn_image(kind, image, *switches)
        return turned[..., permutation] if kind in COLORS else turned

    return [change(Kind.RADIANCE, image) for image in color], {
        name: change(kind_of(name), image) for name, image in guides.items()
    }
