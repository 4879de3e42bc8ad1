"""Makes the pictures of the extension's page from the project's own demo scene: python pictures.py FOLDER [SAMPLES].

For a Python that has n2n-render, bpy and pyoidn. featured.jpg, 1920×1080: the render, and right of a slanted line the denoised
one. icon.png, 256×256: a place of it, in the same way.
"""

import sys
import tempfile
from pathlib import Path

import bpy
import numpy as np

import n2n_render as n2n
from n2n_render.sample.worker import demo_scene

SIZE, ICON = (1920, 1080), 256
SPHERES = (1400, 600)  # the middle of the icon in the picture, from the left and from above
SLANT, LINE = 0.18, 3.0  # of the line between the two: its lean, and its half width in pixels of the featured picture
WHITE = 0.9


def main(folder, samples="8"):
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        scene, frame = _render(Path(work), int(samples))
        clean = n2n.denoise(frame, model="oidn-large", device="cpu")
    _save(scene, wiped(frame.color, clean), out / "featured.jpg", "JPEG")
    column, row = (middle - ICON for middle in SPHERES)
    place = (slice(row, row + 2 * ICON), slice(column, column + 2 * ICON))
    icon = wiped(frame.color[place], clean[place])
    icon = icon.reshape(ICON, 2, ICON, 2, 3).mean((1, 3))
    _save(scene, icon, out / "icon.png", "PNG")


def wiped(noisy, clean):
    """(H, W, 3), scene-linear: `noisy` left of a white slanted line through the middle, `clean` right of it."""
    height, width = noisy.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    right = (x - width / 2) + SLANT * (y - height / 2)
    picture = np.where(right[..., None] < 0, noisy, clean)
    picture[np.abs(right) < LINE] = WHITE
    return picture


def _render(folder, samples):
    """The scene, and its frame with albedo and normal."""
    demo_scene.build(str(folder / "demo.blend"))
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    scene.cycles.device, scene.cycles.samples = "CPU", samples
    scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = False
    scene.view_layers[0].cycles.denoising_store_passes = True
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):  # from Blender 5.0
        settings.media_type = "MULTI_LAYER_IMAGE"
    settings.file_format = "OPEN_EXR_MULTILAYER"
    scene.render.filepath = str(folder / "render.exr")
    bpy.ops.render.render(write_still=True)
    return scene, n2n.read(folder / "render.exr")


def _save(scene, picture, path, kind):
    """With the scene's view transform, as Blender would save it."""
    height, width = picture.shape[:2]
    image = bpy.data.images.new(path.name, width, height, float_buffer=True)
    rgba = np.concatenate([picture, np.ones_like(picture[..., :1])], -1)
    image.pixels.foreach_set(np.ascontiguousarray(rgba[::-1], np.float32).ravel())
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format, settings.quality, settings.color_mode = kind, 80, "RGB"
    image.save_render(str(path), scene=scene)


if __name__ == "__main__":
    main(*sys.argv[1:])
