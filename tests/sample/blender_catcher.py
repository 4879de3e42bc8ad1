"""Inside Blender: a thing and its shadow on transparent film, for both eyes, into the folder that is the last argument.

a.exr, b.exr: 8 spp with other seeds; r1.exr, r2.exr: 256 spp; stereo.exr, stereo_one_part.exr: two view layers, two views.
"""

import os
import sys

import bpy

FOLDER = sys.argv[-1]


def build():
    bpy.ops.wm.read_factory_settings()
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device, scene.cycles.use_denoising, scene.cycles.use_adaptive_sampling = "CPU", False, False
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 128, 72, 100
    scene.render.film_transparent = True
    bpy.ops.mesh.primitive_plane_add(size=20, location=(0, 0, -1))
    bpy.context.object.is_shadow_catcher = True
    bpy.data.lights["Light"].type = "AREA"
    light = bpy.data.lights["Light"]  # of another class now
    light.size, light.energy = 3.0, 800.0
    scene.view_layers[0].cycles.denoising_store_passes = True
    image = scene.render.image_settings
    if hasattr(image, "media_type"):
        image.media_type = "MULTI_LAYER_IMAGE"
    image.file_format, image.color_depth, image.color_mode = "OPEN_EXR_MULTILAYER", "32", "RGBA"
    return scene


def render(scene, name, spp, seed):
    scene.cycles.samples, scene.cycles.seed = spp, seed
    scene.render.filepath = os.path.join(FOLDER, name)
    bpy.ops.render.render(write_still=True)


scene = build()
for name, spp, seed in (("a.exr", 8, 1), ("b.exr", 8, 2), ("r1.exr", 256, 3), ("r2.exr", 256, 4)):
    render(scene, name, spp, seed)
second = scene.view_layers.new("Second")
second.cycles.denoising_store_passes = True
scene.render.use_multiview = True
scene.render.image_settings.views_format = "MULTIVIEW"
render(scene, "stereo.exr", 4, 5)
if hasattr(scene.render.image_settings, "use_exr_interleave"):
    scene.render.image_settings.use_exr_interleave = True
render(scene, "stereo_one_part.exr", 4, 5)
