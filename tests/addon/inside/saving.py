"""Save Denoised and Write to Output Path: in the scene's format, under a readable name, whole or not at all."""

import os
from pathlib import Path

import bpy
import numpy as np
import room
from room import denoised_room, pixels, sentence


def _set_format(scene, name, **values):
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "MULTI_LAYER_IMAGE" if name == "OPEN_EXR_MULTILAYER" else "IMAGE"
    settings.file_format = name
    for key, value in values.items():
        setattr(settings, key, value)


def _as_blender_saves(scene, path):
    """What Blender itself makes of the render that is composited with the denoised picture."""
    bpy.ops.render.render()
    bpy.data.images["Render Result"].save_render(str(path), scene=scene)
    return room.read(path)


def each_format_is_written_as_blender_writes_a_render(folder):
    """The view transform is in PNG and JPEG, and not in EXR."""
    scene = denoised_room()
    scene.view_settings.exposure, scene.render.dither_intensity = 1.0, 0.0
    for name, suffix, values, tolerance in (
        ("PNG", ".png", {"color_mode": "RGB", "color_depth": "8"}, 0.005),
        ("JPEG", ".jpg", {"color_mode": "RGB", "quality": 95}, 0.02),
        ("TIFF", ".tif", {"color_mode": "RGBA", "color_depth": "16"}, 1e-3),
        ("OPEN_EXR", ".exr", {"color_mode": "RGBA", "color_depth": "32"}, 1e-6),
    ):
        _set_format(scene, name, **values)
        wanted = _as_blender_saves(scene, f"{folder}/blender{suffix}")
        assert bpy.ops.n2n.save_as(filepath=f"{folder}/mine{suffix}") == {"FINISHED"}
        found = room.read(f"{folder}/mine{suffix}")
        assert room.same(found, wanted, tolerance), (name, float(np.abs(found - wanted).max()))
        assert room.same(found, pixels("Denoised")) == (name == "OPEN_EXR"), name
    assert not [file for file in os.listdir(folder) if file.startswith(".")]


def a_multilayer_file_has_all_passes(folder):  # nightly
    scene = denoised_room()
    _set_format(scene, "OPEN_EXR_MULTILAYER")
    assert bpy.ops.n2n.save_as(filepath=f"{folder}/all.exr") == {"FINISHED"}
    _set_format(scene, "PNG")
    scene.n2n.keep_noisy = False
    tree, _, result = room.compositor(scene)
    picture = tree.nodes.new("CompositorNodeImage")
    picture.image = bpy.data.images.load(f"{folder}/all.exr")
    sockets = {socket.name: socket for socket in picture.outputs if socket.enabled}
    assert {"Denoising Albedo", "Denoising Normal"} <= set(sockets), set(sockets)
    tree.links.new(sockets.get("Combined") or sockets["Image"], result)
    assert room.same(room.composite(scene), pixels("Denoised"))


def names_are_readable_and_free(folder):  # nightly
    scene = denoised_room()
    _set_format(scene, "PNG")
    saving, images = room.addon().saving, room.addon().images
    image = images.picture_to_show(scene)
    assert saving.free_path(scene, image) == os.path.expanduser("~/untitled_denoised_0001.png")
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/my shot.blend")
    assert saving.free_path(scene, image) == f"{folder}/my_shot_denoised_0001.png"
    Path(folder, "my_shot_denoised_0001.png").write_text("")
    assert saving.free_path(scene, image) == f"{folder}/my_shot_denoised_0001_2.png"
    _set_format(scene, "OPEN_EXR")
    assert saving.free_path(scene, image) == f"{folder}/my_shot_denoised_0001.exr"
    scene.frame_set(7)  # the picture is still that of the first frame
    assert saving.free_path(scene, image) == f"{folder}/my_shot_denoised_0001.exr"


def each_of_several_layers_can_be_saved(folder):  # nightly
    scene = room.build()
    first = scene.view_layers[0].name
    scene.view_layers.new("Second Layer").use_pass_z = True
    scene.view_layers["Second Layer"].samples = 1
    bpy.ops.n2n.enable_passes()
    bpy.ops.render.render()
    assert bpy.ops.n2n.denoise() == {"FINISHED"}
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/shot.blend")
    saving, images = room.addon().saving, room.addon().images
    _set_format(scene, "OPEN_EXR", color_mode="RGBA", color_depth="32")
    for layer in (first, "Second Layer"):
        image = images.of_layer(scene, images.DENOISED, layer)
        path = saving.free_path(scene, image)
        assert path == f"{folder}/shot_{layer.replace(' ', '_')}_denoised_0001.exr", path
        assert bpy.ops.n2n.save_as(filepath=path, picture=image["n2n"]) == {"FINISHED"}
        assert room.same(room.read(path), pixels(image))
    assert not room.same(pixels(f"Denoised: {first}"), pixels("Denoised: Second Layer"), 1e-3)
    _set_format(scene, "OPEN_EXR_MULTILAYER")
    assert bpy.ops.n2n.save_as(filepath=f"{folder}/all.exr") == {"FINISHED"}
    tree, _, _ = room.compositor(scene)
    picture = tree.nodes.new("CompositorNodeImage")
    picture.image = bpy.data.images.load(f"{folder}/all.exr")
    for layer in (first, "Second Layer"):
        picture.layer = layer  # refused where the file has no such layer


def the_composited_picture_goes_to_the_output_path(folder):
    scene = room.build()
    tree, layers, result = room.compositor(scene)
    glare = room.glare(tree)
    tree.links.new(layers.outputs["Image"], glare.inputs[0])
    tree.links.new(glare.outputs[0], result)
    _set_format(scene, "OPEN_EXR", color_mode="RGBA", color_depth="32")
    scene.render.filepath = f"{folder}/out/still_"
    bpy.ops.render.render()
    assert bpy.ops.n2n.denoise(write_still=False) == {"FINISHED"}
    scene.frame_set(5)  # what was rendered is the first frame
    assert bpy.ops.n2n.write_output() == {"FINISHED"} and os.listdir(f"{folder}/out") == ["still_0001.exr"]
    found = room.read(f"{folder}/out/still_0001.exr")
    assert room.same(found, pixels("Composited"), 1e-6) and not room.same(found, pixels("Denoised"), 0.01)
    scene.render.use_overwrite = False
    said = sentence(bpy.ops.n2n.write_output)
    assert "still_0001.exr is there already" in said, said


def both_eyes_of_a_stereo_scene_are_written(folder):  # nightly
    scene = room.build()
    scene.render.use_multiview, scene.render.filepath = True, f"{folder}/eyes_"
    bpy.ops.render.render()
    assert bpy.ops.n2n.denoise(write_still=False) == {"FINISHED"}
    _set_format(scene, "OPEN_EXR", color_mode="RGBA", color_depth="32")
    assert bpy.ops.n2n.write_output() == {"FINISHED"}
    assert sorted(os.listdir(folder)) == ["eyes_0001_L.exr", "eyes_0001_R.exr"]
    layer = scene.view_layers[0].name
    for eye, suffix in (("left", "L"), ("right", "R")):
        assert room.same(room.read(f"{folder}/eyes_0001_{suffix}.exr"), pixels(f"Denoised: {layer}.{eye}"))
    assert scene.render.image_settings.views_format == "INDIVIDUAL"
    scene.n2n_compare.use_wipe = True
    assert not room.addon().compare.what_is_wrong(scene)


def a_movie_format_becomes_a_picture(folder):  # nightly
    scene = denoised_room()
    if hasattr(scene.render.image_settings, "media_type"):
        scene.render.image_settings.media_type = "VIDEO"
    scene.render.image_settings.file_format = "FFMPEG"
    assert bpy.ops.n2n.save_as(filepath=f"{folder}/a.mp4") == {"FINISHED"}
    assert os.listdir(folder) == ["a.exr"] and room.same(room.read(f"{folder}/a.exr"), pixels("Denoised"))
    assert scene.render.image_settings.file_format == "FFMPEG"


def what_cannot_be_saved_is_one_sentence(folder):  # nightly
    scene = room.build()
    _set_format(scene, "PNG")
    assert not bpy.ops.n2n.save_as.poll() and not bpy.ops.n2n.write_output.poll()
    bpy.ops.render.render()
    bpy.ops.n2n.denoise(write_still=False)
    Path(folder, "file").write_text("mine")
    said = sentence(bpy.ops.n2n.save_as, filepath=f"{folder}/file/a.png")
    assert f"{folder}/file/a.png cannot be written" in said and "another folder" in said, said
    Path(folder, "folder.png").mkdir()
    said = sentence(bpy.ops.n2n.save_as, filepath=f"{folder}/folder.png")
    assert "folder.png cannot be written" in said, said
    said = sentence(bpy.ops.n2n.save_as, filepath="/proc/nowhere/a.png")
    assert "cannot be written" in said, said
    assert sorted(os.listdir(folder)) == ["file", "folder.png"] and Path(folder, "file").read_text() == "mine"
    kept = Path(room.addon().images.picture_folder(scene))
    for file in kept.iterdir():
        file.unlink()
    for image in bpy.data.images:
        if image.get("n2n"):
            image.reload()
    said = sentence(bpy.ops.n2n.save_as, filepath=f"{folder}/a.png")
    assert "not there any more" in said and "Denoise again" in said, said
    _set_format(scene, "OPEN_EXR_MULTILAYER")
    said = sentence(bpy.ops.n2n.save_as, filepath=f"{folder}/a.exr")
    assert "all passes" in said, said


def a_full_disk_leaves_the_file_as_it_was(folder):
    """/dev/full stands in for the disk: whatever is written to it fails as on a full one."""
    scene = denoised_room()
    _set_format(scene, "PNG")
    target = Path(folder, "a.png")
    target.write_text("mine")
    os.symlink("/dev/full", f"{folder}/.partial_a.png")
    said = sentence(bpy.ops.n2n.save_as, filepath=str(target))
    assert "a.png cannot be written" in said and target.read_text() == "mine", said
