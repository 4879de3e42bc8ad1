"""Inside Blender: a box and a ball on transparent film, with Cryptomatte and an AOV, into the folder that is the last argument.

a.exr, b.exr: 4 spp with other seeds; stereo.exr, stereo_one_part.exr: both eyes, of which the left sees less of the ball.
"""

import os
import sys

import bpy

FOLDER = sys.argv[-1]


def paint(thing, name, haze):
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    node = material.node_tree.nodes.new("ShaderNodeOutputAOV")
    node.aov_name, node.inputs["Value"].default_value = "haze", haze
    thing.data.materials.clear()
    thing.data.materials.append(material)


def build():
    bpy.ops.wm.read_factory_settings()
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device, scene.cycles.use_denoising, scene.cycles.use_adaptive_sampling = "CPU", False, False
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 64, 36, 100
    scene.render.film_transparent, scene.render.use_compositing = True, False
    box = bpy.data.objects["Cube"]
    box.name = "box"
    paint(box, "paint", 0.25)
    bpy.ops.mesh.primitive_uv_sphere_add(radius=1.2, location=(2.5, 0, 0))
    bpy.context.object.name = "ball"
    paint(bpy.context.object, "ball", 2.0)
    layer = scene.view_layers[0]
    layer.cycles.denoising_store_passes = True
    layer.use_pass_cryptomatte_object = layer.use_pass_cryptomatte_material = layer.use_pass_z = True
    aov = layer.aovs.add()
    aov.name, aov.type = "haze", "VALUE"
    image = scene.render.image_settings
    if hasattr(image, "media_type"):
        image.media_type = "MULTI_LAYER_IMAGE"
    image.file_format, image.color_depth, image.color_mode = "OPEN_EXR_MULTILAYER", "32", "RGBA"
    return scene


def render(scene, name, seed):
    scene.cycles.samples, scene.cycles.seed = 4, seed
    scene.render.filepath = os.path.join(FOLDER, name)
    bpy.ops.render.render(write_still=True)


scene = build()
for name, seed in (("a.exr", 1), ("b.exr", 2)):
    render(scene, name, seed)
scene.render.use_multiview = True
scene.camera.data.stereo.interocular_distance = 1.0
scene.render.image_settings.views_format = "MULTIVIEW"
render(scene, "stereo.exr", 3)
if hasattr(scene.render.image_settings, "use_exr_interleave"):
    scene.render.image_settings.use_exr_interleave = True
render(scene, "stereo_one_part.exr", 3)
