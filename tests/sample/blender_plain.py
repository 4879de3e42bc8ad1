"""Runs inside Blender: renders a scene the plain way, written apart from n2n_render. The last argument is JSON:

{"scene": path, "renders": [{"path", "frame", "seed", "spp", "size", and if wanted "skip", "interleave",
"motion_blur", "depth_of_field"}]}; "skip": how many samples of Cycles' sequence are left out at its start, "sequence": how
many it has
"""

import json
import sys

import bpy


def main(request):
    bpy.ops.wm.open_mainfile(filepath=request["scene"])
    scene = bpy.context.scene
    scene.cycles.use_adaptive_sampling = scene.cycles.use_denoising = scene.render.use_compositing = False
    scene.view_layers[0].cycles.denoising_store_passes = True
    for layer in scene.view_layers[1:]:
        layer.use = False
    image = scene.render.image_settings
    if hasattr(image, "media_type"):
        image.media_type = "MULTI_LAYER_IMAGE"
    image.file_format, image.color_depth = "OPEN_EXR_MULTILAYER", "32"
    for wanted in request["renders"]:
        render(scene, wanted)


def render(scene, wanted):
    scene.render.resolution_x, scene.render.resolution_y = wanted["size"]
    scene.render.resolution_percentage = 100
    scene.render.filepath = wanted["path"]
    use_samples(scene.cycles, wanted["seed"], wanted["spp"], wanted.get("skip", 0), wanted.get("sequence"))
    image = scene.render.image_settings
    if hasattr(image, "use_exr_interleave"):
        image.use_exr_interleave = wanted.get("interleave", False)
    if "motion_blur" in wanted:
        scene.render.use_motion_blur = wanted["motion_blur"]
    if "depth_of_field" in wanted:
        scene.camera.data.dof.use_dof = wanted["depth_of_field"]
    scene.frame_set(wanted["frame"])
    bpy.ops.render.render(write_still=True)


def use_samples(cycles, seed, spp, skip, sequence):
    cycles.seed, cycles.samples, cycles.sample_offset = seed, spp, skip
    if hasattr(cycles, "use_sample_subset"):  # 5.0
        cycles.samples, cycles.use_sample_subset, cycles.sample_subset_length = sequence or spp + skip, True, spp


main(json.loads(sys.argv[-1]))
