"""Mirrored, transposed and recoloured crops."""

import numpy as np

from ..frame.orient import move, turn_normals


def augment(color: list[np.ndarray], guides: dict[str, np.ndarray], rng: np.random.Generator):
    """One random choice for all images of a crop. color: images (h, w, 3); guides: feature → (h, w, C).

    Returns new (color, guides). Channel permutations recolour colour and albedo alike.
    """
    switches = rng.integers(0, 2, 3).astype(bool)
    permutation = rng.permutation(3)
    color = [move(image, *switches)[..., permutation] for image in color]
    guides = {feature: move(image, *switches) for feature, image in guides.items()}
    if "albedo" in guides:
        guides["albedo"] = guides["albedo"][..., permutation]
    if "neighbors" in guides:  # two colours, and a share
        guides["neighbors"] = guides["neighbors"][..., [*permutation, *(permutation + 3), 6]]
    if "normal" in guides:
        guides["normal"] = turn_normals(guides["normal"], *switches)
    return color, guides
