"""Channels as a renderer means them → as a frame means them: normals to camera space, motion to Cycles' vectors."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..frame.arrays import Array
from .dialect import Motion, Unit

MATRIX = "worldToCamera"  # the standard attribute: row vectors are multiplied from the left, translation in the last row
ENCODED = 0.05  # so near to 1 is the length of most normals; where several are averaged, at edges of surfaces, it is less
ENOUGH_PX = 256  # so many rows and columns, evenly spaced, tell how normals are written
SKEWED = 1e-3  # a matrix whose axes are farther from right angles than this is no camera's


def camera_rotation(headers: Sequence[Mapping[str, Any]]) -> Array | None:
    """The rotation (3, 3) from world to camera that a file's headers hold, for row vectors; None where they hold none."""
    matrix = next((header[MATRIX] for header in headers if header.get(MATRIX) is not None), None)
    try:
        found = np.asarray(matrix, np.float64).reshape(4, 4)
    except (TypeError, ValueError):
        return None
    if not found[3, :3].any() and found[:3, 3].any():  # written for column vectors
        found = found.T
    linear = found[:3, :3]
    scale = np.cbrt(abs(np.linalg.det(linear))) if np.isfinite(linear).all() else 0.0
    if scale == 0.0:
        return None
    rotation: Array = linear / scale
    return rotation if np.abs(rotation @ rotation.T - np.eye(3)).max() < SKEWED else None


def is_encoded(normals: Array) -> bool:
    """Whether normals (H, W, 3) are written as colours, n/2 + 1/2: none is negative, and only decoded most have length 1."""
    if normals.min() < 0:
        return False
    step = max(1, max(normals.shape[:2]) // ENOUGH_PX)
    some = normals[::step, ::step]
    hit = some[(some != 0).any(-1)].astype(np.float64)
    if not hit.size:
        return False
    off = [np.median(np.abs(np.linalg.norm(vectors, axis=-1) - 1)) for vectors in (hit, 2 * hit - 1)]
    return bool(off[1] < ENCODED <= off[0])


def decoded(normals: Array) -> Array:
    """Normals (H, W, 3) written as colours → normals; black, where nothing was hit, stays 0."""
    return np.where((normals == 0).all(-1, keepdims=True), normals, 2 * normals - 1)


def to_camera(normals: Array, rotation: Array) -> Array:
    """Normals (H, W, 3) in world space → in the space of the camera: x right, y up, z away from it, as Cycles has it.

    Renderers disagree whether their camera looks along z or against it. What is seen faces the camera, which tells.
    """
    turned: Array = (normals.astype(np.float64) @ rotation).astype(np.float32)
    if turned[..., 2].sum(dtype=np.float64) > 0:
        turned[..., 2] *= -1
    return turned


def to_vectors(pixels: Array, motion: Motion, size: tuple[int, int], alpha: Array | None) -> Array:
    """Motion (H, W, 2) → a frame's vectors (H, W, 4): pixels, y up; X, Y to where the surface was, -Z, -W to where it will be.

    Only one direction is in the file: surfaces are taken to go on as they come. Where that is wrong the way back leads
    elsewhere, and nothing is taken from there (frame/motion.py). size: width and height of the whole picture. alpha: (H, W, 1).
    """
    way = pixels[..., :2].astype(np.float32)
    if motion.premultiplied and alpha is not None:
        way = np.divide(way, alpha, out=np.zeros_like(way), where=alpha > 0)
    if motion.unit is Unit.SCREEN:
        way = way * np.asarray([size[0] / 2, size[1] / 2], np.float32)
    if not motion.y_up:
        way = way * np.asarray([1, -1], np.float32)
    back = -way if motion.forward else way
    return np.concatenate([back, back], axis=-1)
