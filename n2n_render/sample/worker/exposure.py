"""How bright a camera's picture is and how much of it is not the world: a render of some hundred pixels, never on a GPU."""

import contextlib
import math
import os
import tempfile
from collections import namedtuple
from collections.abc import Iterator
from typing import Any

import bpy
import settings

WIDTH = 32  # pixels of a probe; its height follows the picture's
PROBE_SPP = 8
SEED = 20180  # of every probe: a view's place must not depend on chance or on the other views

# Share of the picture that shows geometry, and its brightness: the squared mean of the square roots of luminance, which
# rare bright pixels move little.
Exposure = namedtuple("Exposure", "coverage brightness")


@contextlib.contextmanager
def meter(scene: Any, layer: Any) -> Iterator[Any]:
    """measure(camera object) → Exposure, while the scene's settings are the probe's; they are put back afterwards."""
    render, cycles = scene.render, scene.cycles
    width, height = settings.size(scene)
    wanted = [
        (render, "resolution_x", WIDTH),
        (render, "resolution_y", max(1, round(WIDTH * height / width))),
        (render, "resolution_percentage", 100),
        (render, "film_transparent", True),
        (render, "use_motion_blur", False),
        (cycles, "device", "CPU"),
        (cycles, "seed", SEED),
        (cycles, "use_guiding", False),
        (render, "filepath", ""),
        (scene, "camera", scene.camera),
        (layer, "use_pass_vector", False),  # which costs the frames beside this one
        (layer.cycles, "denoising_store_passes", False),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in wanted]
    with tempfile.TemporaryDirectory(prefix="probe_") as folder:
        try:
            for owner, name, value in wanted:
                setattr(owner, name, value)
            settings.use_samples(scene, PROBE_SPP, PROBE_SPP, 2 * PROBE_SPP)
            settings.use_plain_output(render)
            yield lambda camera: _measure(scene, camera, os.path.join(folder, "probe.exr"))
        finally:
            for owner, name, value in before:
                setattr(owner, name, value)
            settings.use_output(render)


def _measure(scene: Any, camera: Any, path: str) -> Any:
    scene.camera = camera
    scene.render.filepath = path
    bpy.ops.render.render(write_still=True, scene=scene.name)
    image = bpy.data.images.load(path)
    try:
        image.colorspace_settings.is_data = True
        pixels = image.pixels[:]
    finally:
        bpy.data.images.remove(image)
    luminance = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in zip(pixels[0::4], pixels[1::4], pixels[2::4], strict=True)]
    roots = [math.sqrt(value) if 0 < value < math.inf else 0.0 for value in luminance]  # NaN too is dark
    alpha = [min(max(value, 0.0), 1.0) if value == value else 0.0 for value in pixels[3::4]]
    return Exposure(sum(alpha) / len(alpha), (sum(roots) / len(roots)) ** 2)
