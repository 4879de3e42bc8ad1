"""Mirrored, transposed and recoloured crops: pixels move, and camera-space normals turn with them."""
import numpy as np


def augment(color: list[np.ndarray], guides: dict[str, np.ndarray], rng: np.random.Generator):
    """One random choice for all images of a crop. color: images (h, w, 3); guides: feature → (h, w, C).

    Returns new (color, guides). Channel permutations recolour colour and albedo alike.
    """
    mirror_x, mirror_y, transpose = rng.integers(0, 2, 3).astype(bool)
    permutation = rng.permutation(3)
    color = [_move(image, mirror_x, mirror_y, transpose)[..., permutation] for image in color]
    guides = {feature: _move(image, mirror_x, mirror_y, transpose) for feature, image in guides.items()}
    if "albedo" in guides:
        guides["albedo"] = guides["albedo"][..., permutation]
    if "normal" in guides:
        guides["normal"] = turn_normals(guides["normal"], mirror_x, mirror_y, transpose)
    return color, guides


def _move(image, mirror_x, mirror_y, transpose):
    if mirror_x:
        image = image[:, ::-1]
    if mirror_y:
        image = image[::-1]
    return image.swapaxes(0, 1) if transpose else image


def turn_normals(normal: np.ndarray, mirror_x: bool, mirror_y: bool, transpose: bool) -> np.ndarray:
    """Camera-space normals (x right, y up) of an image whose pixels were moved by the same three switches.

    A transpose maps right to down, so that (x, y) becomes (-y, -x).
    """
    x, y, z = np.moveaxis(normal, -1, 0)
    if mirror_x:
        x = -x
    if mirror_y:
        y = -y
    if transpose:
        x, y = -y, -x
    return np.stack([x, y, z], axis=-1)
