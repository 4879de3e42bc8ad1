"""Inside Blender: things on transparent film with two light groups and every pass, into the folder that is the last argument.

catcher: a shadow on a catcher; holdout: a thing cut out by another; hair: thin curves. Of each a.exr and b.exr: 8 spp with
other seeds; r1.exr, r2.exr: 256 spp. The file's name begins with the scene's.
"""

import math
import os
import random
import sys

import bpy

FOLDER, SIZE = sys.argv[-1], (96, 64)
GROUPS = {"key": (1.0, 0.6, 0.3), "fill light": (0.3, 0.5, 1.0)}


def build():
    bpy.ops.wm.read_factory_settings()
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device, scene.cycles.use_denoising, scene.cycles.use_adaptive_sampling = "CPU", False, False
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = *SIZE, 100
    scene.render.film_transparent = True
    image = scene.render.image_settings
    if hasattr(image, "media_type"):
        image.media_type = "MULTI_LAYER_IMAGE"
    image.file_format, image.color_depth, image.color_mode = "OPEN_EXR_MULTILAYER", "32", "RGBA"
    turn_on_passes(scene.view_layers[0])
    bpy.data.objects.remove(bpy.data.objects["Light"])
    for (name, color), x in zip(GROUPS.items(), (4, -4), strict=True):
        scene.view_layers[0].lightgroups.add(name=name)
        light = bpy.data.lights.new(name, "AREA")
        light.size, light.energy, light.color = 3.0, 400.0, color
        lamp = bpy.data.objects.new(name, light)
        scene.collection.objects.link(lamp)
        lamp.location, lamp.rotation_euler, lamp.lightgroup = (x, -2, 5), (0.4, math.copysign(0.6, x), 0), name
    return scene


def turn_on_passes(layer):
    for name in dir(layer):
        if name.startswith("use_pass_") and name != "use_pass_vector":
            setattr(layer, name, True)
    for name in ("use_pass_volume_direct", "use_pass_volume_indirect", "use_pass_shadow_catcher", "denoising_store_passes"):
        setattr(layer.cycles, name, True)


def add_plane(**properties):
    bpy.ops.mesh.primitive_plane_add(size=20, location=(0, 0, -1))
    for name, value in properties.items():
        setattr(bpy.context.object, name, value)


def add_holdout():
    bpy.ops.mesh.primitive_uv_sphere_add(radius=1.0, location=(1.2, -1.2, 0.5))
    bpy.context.object.is_holdout = True


def add_hair():
    """Thin curves that stand on the cube."""
    dice, curves = random.Random(1), bpy.data.curves.new("Hair", "CURVE")
    curves.dimensions, curves.bevel_depth = "3D", 0.004
    for _ in range(400):
        spline = curves.splines.new("POLY")
        spline.points.add(2)
        x, y = dice.uniform(-1, 1), dice.uniform(-1, 1)
        for step, point in enumerate(spline.points):
            point.co = (x + step * dice.uniform(-0.2, 0.2), y, 1 + 0.6 * step, 1)
    hair = bpy.data.objects.new("Hair", curves)
    bpy.context.scene.collection.objects.link(hair)


def render(scene, name, spp, seed):
    scene.cycles.samples, scene.cycles.seed = spp, seed
    scene.render.filepath = os.path.join(FOLDER, name)
    bpy.ops.render.render(write_still=True)


SCENES = {
    "catcher": lambda: add_plane(is_shadow_catcher=True),
    "holdout": lambda: (add_plane(), add_holdout()),
    "hair": add_hair,
}
for name, add in SCENES.items():
    scene = build()
    add()
    for end, spp, seed in (("a", 8, 1), ("b", 8, 2), ("r1", 256, 3), ("r2", 256, 4)):
        render(scene, f"{name}_{end}.exr", spp, seed)
