"""Pictures of a learning network → an image that the artist can judge meanwhile: noisy, before and after, in true pixels."""

import contextlib
import os

import bpy
import numpy as np

from ..process.errors import Problem
from . import editors, images, versions

TITLE, FILE = "Learning", "learning.exr"
GAP_PX = 4


@contextlib.contextmanager
def shown(context, place):
    """Yields what `learning.learn` calls with each look. The first one opens the picture; what fails costs only the look.
    At the end, however it comes, the picture goes.
    """
    seen = []

    def show(look):
        try:
            image = _side_by_side([look[name] for name in ("noisy", "before", "after")], place())
        except (Problem, RuntimeError, OSError):
            return
        if not seen:
            editors.show(context, image, fit=True)
        seen.append(image.name)

    try:
        yield show
    finally:
        scene = place.still_there()
        if scene:
            _forget(context, scene)


def _side_by_side(paths, scene):
    pictures = [_pixels(path) for path in paths]
    height = max(picture.shape[0] for picture in pictures)
    width = sum(picture.shape[1] for picture in pictures) + GAP_PX * (len(pictures) - 1)
    canvas = np.zeros((height, width, 4), np.float32)
    x = 0
    for picture in pictures:
        canvas[height - picture.shape[0] :, x : x + picture.shape[1]] = picture
        x += picture.shape[1] + GAP_PX
    path = os.path.join(images.picture_folder(scene), FILE)
    drawn = bpy.data.images.new(TITLE, width, height, alpha=True, float_buffer=True)
    try:
        drawn.pixels.foreach_set(canvas.ravel())
        images.store(drawn, path, scene)
    finally:
        bpy.data.images.remove(drawn)
    return images.load(TITLE, path, scene)


def _pixels(path) -> np.ndarray:
    """(H, W, 4), rows from below as Blender has them."""
    image = bpy.data.images.load(path)
    try:
        versions.set_working_space(image)
        found = np.empty(image.size[0] * image.size[1] * 4, np.float32)
        image.pixels.foreach_get(found)
        return found.reshape(image.size[1], image.size[0], 4)
    finally:
        bpy.data.images.remove(image)


def _forget(context, scene):
    """Nobody looks at the learning any more: who did sees the last result of a still, or the render."""
    for image in images.of_kind(scene, TITLE):
        instead = images.picture_to_show(scene) or bpy.data.images.get("Render Result")
        if instead is not None:
            editors.replace(context, image, instead)
        bpy.data.images.remove(image)
