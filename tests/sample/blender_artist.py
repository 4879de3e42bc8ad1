"""Runs inside Blender: renders the scene of the last argument as an artist would, with many passes and Cryptomatte."""

import json
import sys

import bpy


def main(scene_path, output, interleave):
    bpy.ops.wm.open_mainfile(filepath=scene_path)
    scene = bpy.context.scene
    scene.view_layers[0].name = "Beauty.Main"
    scene.view_layers.new("Second")
    for layer in scene.view_layers:
        layer.cycles.denoising_store_passes = True
        layer.use_pass_cryptomatte_object = layer.use_pass_cryptomatte_material = True
        layer.use_pass_diffuse_direct = layer.use_pass_object_index = layer.use_pass_z = layer.use_pass_vector = True
    scene.render.resolution_x, scene.render.resolution_y = 80, 45
    scene.cycles.samples, scene.cycles.use_adaptive_sampling, scene.cycles.use_denoising = 4, False, False
    image = scene.render.image_settings
    if hasattr(image, "media_type"):
        image.media_type = "MULTI_LAYER_IMAGE"
    image.file_format, image.color_depth, image.exr_codec = "OPEN_EXR_MULTILAYER", "16", "ZIPS"
    if hasattr(image, "use_exr_interleave"):
        image.use_exr_interleave = interleave
    scene.render.use_compositing = False
    scene.render.use_file_extension = False
    scene.render.filepath = output
    bpy.ops.render.render(write_still=True)


if __name__ == "__main__":
    main(*json.loads(sys.argv[-1]))
