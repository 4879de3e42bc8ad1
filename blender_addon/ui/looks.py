"""Pictures of a learning network → an image that the artist can judge meanwhile, in true pixels: noisy, and beside it before
and after, with a wipe between them.
"""

import contextlib
import os

import bpy
import numpy as np

from ..process.errors import Problem
from . import editors, images, versions
from .wipe import wipe

TITLE, FILE = "Learning", "learning.exr"
GAP_PX = 4
_pictures = {}  # noisy, before, after: of the last look


@contextlib.contextmanager
def shown(context, place):
    """Yields what `learning.learn` calls with each look. The first one opens the picture; what fails costs only the look.
    At the end, however it comes, the picture goes.
    """

    def show(look):
        first = not _pictures
        with contextlib.suppress(Problem, RuntimeError, OSError):
            _pictures.update({name: _pixels(look[name]) for name in ("noisy", "before", "after")})
            paint(place())
            if first:
                editors.show(context, images.of_kind(place(), TITLE)[0], fit=True)

    try:
        yield show
    finally:
        _pictures.clear()
        scene = place.still_there()
        if scene:
            _forget(context, scene)


def paint(scene):
    """The last look, with the wipe where the slider has it. Nothing where nothing is learned."""
    if not _pictures:
        return
    wiped = _pictures["after"].copy()
    wipe(wiped, _pictures["before"], scene.n2n_compare.wipe)
    gap = np.zeros((wiped.shape[0], GAP_PX, 4), np.float32)
    canvas = np.concatenate([_pictures["noisy"], gap, wiped], axis=1)
    size = (canvas.shape[1], canvas.shape[0])
    image = next((image for image in images.of_kind(scene, TITLE) if tuple(image.size) == size), None)
    if image is None:
        image = _load(canvas, scene)
    image.pixels.foreach_set(canvas.ravel())
    image.update()


def _load(canvas, scene):
    """An image that is displayed with the view transform: one that is read from a file."""
    path = os.path.join(images.picture_folder(scene), FILE)
    drawn = bpy.data.images.new(TITLE, canvas.shape[1], canvas.shape[0], alpha=True, float_buffer=True)
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
