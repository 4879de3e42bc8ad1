"""What is looked at: the eye, the wipe, the error map, the result before the last one; and which editor shows it."""

import os
import types
from pathlib import Path

import addon_utils
import bpy
import numpy as np
import room
from room import denoised_room, pixels

MODULE = "bl_ext.user_default.n2n_denoise"


def _parts():
    return room.addon().compare, room.addon().images, room.addon().editors


def _lines(width):
    """Columns that the line takes at most, on each side of it."""
    return max(width // 960, 1)


def _put_error(scene, values):
    """An error picture, as learning leaves one. values: (H, W)."""
    _, images, _ = _parts()
    height, width = values.shape
    path = os.path.join(images.picture_folder(scene), "0.error.exr")
    made = bpy.data.images.new("made", width, height, alpha=True, float_buffer=True)
    made.pixels.foreach_set(np.dstack((values, values, values, np.ones_like(values))).astype(np.float32).ravel())
    images.store(made, path, scene)
    bpy.data.images.remove(made)
    return images.load(images.ERROR, path, scene, scene.view_layers[0].name)


def the_wipe_shows_one_picture_left_and_the_other_right(folder):
    scene = denoised_room()
    settings, noisy, clean = scene.n2n_compare, pixels("Rendered"), pixels("Denoised")
    settings.use_wipe = True
    for position in (0.5, 0.25, 1.0, 0.0):
        settings.wipe = position
        found, line = pixels("Compare"), round(position * 96)
        assert np.array_equal(found[:, : max(line - _lines(96), 0)], noisy[:, : max(line - _lines(96), 0)])
        assert np.array_equal(found[:, line + _lines(96) :], clean[:, line + _lines(96) :])
        assert (0 < line < 96) == (not np.array_equal(found, noisy if line else clean)), position
    image = bpy.data.images["Compare"]
    assert image.is_float and image.alpha_mode == "PREMUL" and image.use_view_as_render
    settings.use_wipe = False
    assert "Compare" not in bpy.data.images and np.array_equal(pixels("Denoised"), clean)


def alpha_goes_with_the_wipe(folder):  # nightly
    scene = room.build()
    scene.render.film_transparent = True
    bpy.ops.render.render()
    bpy.ops.n2n.denoise()
    scene.n2n_compare.use_wipe = True
    scene.n2n_compare.wipe = 0.0
    found = pixels("Compare")
    assert found[..., 3].min() == 0.0 and np.array_equal(found, pixels("Denoised"))


def a_new_result_keeps_the_one_before(folder):  # nightly
    """So that two strengths, models or qualities can be compared."""
    scene = denoised_room()
    first = pixels("Denoised")
    assert "Previous" not in bpy.data.images
    scene.n2n.strength = 0.5
    scene.n2n_compare.use_wipe, scene.n2n_compare.wipe = True, 1.0
    assert bpy.ops.n2n.denoise() == {"FINISHED"}
    assert np.array_equal(pixels("Previous"), first) and not np.array_equal(pixels("Denoised"), first)
    for side, picture in (("left", "Previous"), ("right", "Rendered")):
        assert bpy.ops.n2n.choose_picture(side=side, picture=picture) == {"FINISHED"}
    assert np.array_equal(pixels("Compare"), first)
    scene.n2n_compare.wipe = 0.0
    assert np.array_equal(pixels("Compare"), pixels("Rendered"))
    second = pixels("Denoised")
    scene.n2n.strength = 0.2
    assert bpy.ops.n2n.denoise() == {"FINISHED"}
    assert np.array_equal(pixels("Previous"), second)


def pictures_of_different_sizes_are_refused(folder):  # nightly
    scene = denoised_room()
    scene.render.resolution_percentage = 50
    bpy.ops.render.render()
    assert bpy.ops.n2n.denoise() == {"FINISHED"}
    compare, _, _ = _parts()
    scene.n2n_compare.use_wipe = True
    assert not compare.what_is_wrong(scene) and pixels("Compare").shape == (27, 48, 4)
    bpy.ops.n2n.choose_picture(side="left", picture="Previous")
    said = compare.what_is_wrong(scene)
    assert "96 × 54" in said and "48 × 27" in said and "same size" in said, said
    assert "Compare" not in bpy.data.images
    bpy.ops.n2n.choose_picture(side="left", picture="Rendered")
    assert not compare.what_is_wrong(scene) and "Compare" in bpy.data.images


def the_wipe_follows_a_new_size(folder):  # nightly
    scene = denoised_room()
    scene.n2n_compare.use_wipe = True
    assert pixels("Compare").shape == (54, 96, 4)
    scene.render.resolution_percentage = 50
    bpy.ops.render.render()
    assert bpy.ops.n2n.denoise() == {"FINISHED"}
    assert pixels("Compare").shape == (27, 48, 4)
    assert [image.name for image in bpy.data.images if image.get("n2n") == "Compare"] == ["Compare"]


def the_error_map_is_hot_where_the_error_is(folder):
    scene = denoised_room()
    compare, images, _ = _parts()
    scene.n2n_compare.show_error = True
    assert "no error map" in compare.what_is_wrong(scene) and "Compare" not in bpy.data.images
    scene.n2n_compare.show_error = False
    values = np.zeros((54, 96))
    values[10:20, 30:40] = 50.0
    _put_error(scene, values)
    scene.n2n_compare.show_error = True
    assert not compare.what_is_wrong(scene)
    found, clean = pixels("Compare"), pixels("Denoised")
    assert found[10:20, 30:40, :3].min() >= 1.0, "not white"
    assert np.allclose(found[30:, :, :3], clean[30:, :, :3] * compare.DIMMED, atol=1e-6)
    assert np.array_equal(found[30:, :, 3], clean[30:, :, 3])
    mild = values * 0 + 0.02
    _put_error(scene, mild)
    compare.refresh(scene)
    red = pixels("Compare")[..., :3] - clean[..., :3] * compare.DIMMED
    assert np.allclose(pixels("Error")[..., 0], 0.02, atol=1e-6)
    assert 0 < red[..., 0].max() <= 1 + 1e-6 and (red[..., 0] >= red[..., 2] - 1e-6).all()
    assert bpy.ops.n2n.denoise() == {"FINISHED"}
    assert not images.of_kind(scene, images.ERROR), "an error map of another result is still there"


def the_picture_of_the_compositors_layer_is_shown(folder):  # nightly
    """Not that of the first view layer; with nodes between, and through the extension's own group."""
    scene = room.build()
    scene.view_layers.new("Second")
    bpy.ops.n2n.enable_passes()
    tree, layers, result = room.compositor(scene)
    layers.layer = "Second"
    dot = tree.nodes.new("NodeReroute")
    tree.links.new(layers.outputs["Image"], dot.inputs[0])
    tree.links.new(dot.outputs[0], result)
    bpy.ops.render.render()
    assert bpy.ops.n2n.denoise() == {"FINISHED"}
    compare, images, _ = _parts()
    assert images.picture_to_show(scene)["n2n"] == "Denoised: Second"
    assert [compare.side(scene, side)["n2n"] for side in ("left", "right")] == ["Rendered: Second", "Denoised: Second"]
    layers.layer = scene.view_layers[0].name
    assert images.picture_to_show(scene)["n2n"] == f"Denoised: {scene.view_layers[0].name}"


def the_eye_shows_the_render_and_the_result_in_turn(folder):
    scene = denoised_room()
    compare, images, _ = _parts()
    clean, noisy = bpy.data.images["Denoised"], bpy.data.images["Rendered"]
    assert compare.other_picture(scene, clean) == noisy and compare.other_picture(scene, noisy) == clean
    assert compare.other_picture(scene, None) == clean
    assert compare.other_picture(scene, bpy.data.images["Render Result"]) == clean
    scene.n2n_compare.use_wipe = True
    wiped = bpy.data.images["Compare"]
    assert compare.other_picture(scene, wiped) == noisy and compare.other_picture(scene, noisy) == wiped
    assert not room.groups(scene)[0].mute


def the_largest_free_editor_shows_the_picture(folder):  # nightly
    """Not one where the artist looks at something else; the editor whose button was pressed comes first."""
    denoised_room()
    _, _, editors = _parts()

    def area(width, image, mode="VIEW", kind="IMAGE_EDITOR"):
        spaces = types.SimpleNamespace(active=types.SimpleNamespace(image=image, mode=mode))
        return types.SimpleNamespace(type=kind, width=width, height=100, spaces=spaces)

    mine = bpy.data.images.new("Reference", 8, 8)
    small, large = area(100, bpy.data.images["Render Result"]), area(300, bpy.data.images["Denoised"])
    others = [area(900, mine), area(800, None, "UV"), area(950, None, kind="DOPESHEET_EDITOR")]
    window = types.SimpleNamespace(screen=types.SimpleNamespace(areas=[small, *others, large]))
    context = types.SimpleNamespace(area=None, window_manager=types.SimpleNamespace(windows=[window]))
    assert editors.place(context) == (window, large)
    context.area = small
    assert editors.place(context) == (window, small)
    context.area, window.screen.areas = None, others
    assert editors.place(context) is None


def undo_takes_the_wipe_back_and_redo_brings_it(folder):
    scene = denoised_room()
    bpy.ops.ed.undo_push(message="denoised")
    scene.n2n_compare.use_wipe = True
    bpy.ops.ed.undo_push(message="wipe")
    scene.n2n_compare.wipe = 1.0
    bpy.ops.ed.undo_push(message="moved")
    noisy, clean = pixels("Rendered"), pixels("Denoised")
    assert np.array_equal(pixels("Compare"), noisy)
    bpy.ops.ed.undo()
    assert bpy.context.scene.n2n_compare.wipe == 0.5
    assert np.array_equal(pixels("Compare")[:, 60:], clean[:, 60:])
    bpy.ops.ed.undo()
    assert not bpy.context.scene.n2n_compare.use_wipe and "Compare" not in bpy.data.images
    bpy.ops.ed.redo()
    assert np.array_equal(pixels("Compare")[:, 60:], clean[:, 60:])


def pictures_that_were_removed_are_no_trouble(folder):  # nightly
    scene = denoised_room()
    compare, _, _ = _parts()
    scene.n2n_compare.use_wipe = True
    bpy.data.images.remove(bpy.data.images["Compare"])
    scene.n2n_compare.wipe = 0.3
    assert "Compare" in bpy.data.images
    bpy.data.images.remove(bpy.data.images["Denoised"])
    scene.n2n_compare.wipe = 0.4
    assert "Nothing has been denoised" in compare.what_is_wrong(scene) and "Compare" not in bpy.data.images
    assert bpy.ops.n2n.denoise() == {"FINISHED"} and not compare.what_is_wrong(scene)
    for name in os.listdir(room.addon().images.picture_folder(scene)):
        Path(room.addon().images.picture_folder(scene), name).unlink()
    bpy.data.images["Rendered"].reload()
    assert "not there any more" in compare.what_is_wrong(scene)
    bpy.ops.n2n.remove()
    assert not [image for image in bpy.data.images if image.get("n2n")]


def a_file_that_is_opened_again_compares_as_before(folder):  # nightly
    scene = denoised_room()
    scene.n2n_compare.use_wipe, scene.n2n_compare.wipe = True, 0.75
    before = pixels("Compare")
    compare, _, _ = _parts()
    compare._keep()
    assert not bpy.data.images["Compare"].is_dirty, "Blender would ask whether to save it"
    assert np.array_equal(pixels("Compare"), before)
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/kept.blend")
    bpy.ops.wm.open_mainfile(filepath=f"{folder}/kept.blend")
    scene = bpy.context.scene
    assert scene.n2n_compare.wipe == 0.75 and np.allclose(pixels("Compare"), before, atol=1e-3)
    scene.n2n_compare.wipe = 0.0
    assert np.array_equal(pixels("Compare"), pixels("Denoised"))


def a_border_is_compared_where_it_was_rendered(folder):  # nightly
    scene = room.build()
    render = scene.render
    render.use_border, render.use_crop_to_border = True, True
    render.border_min_x, render.border_max_x, render.border_min_y, render.border_max_y = 0.25, 0.75, 0.25, 0.75
    bpy.ops.render.render()
    assert bpy.ops.n2n.denoise() == {"FINISHED"}
    scene.n2n_compare.use_wipe, scene.n2n_compare.wipe = True, 0.0
    assert np.array_equal(pixels("Compare"), pixels("Denoised"))


def two_scenes_have_their_own(folder):  # nightly
    scene = denoised_room()
    scene.n2n_compare.use_wipe, scene.n2n_compare.wipe = True, 1.0
    mine = pixels("Compare")
    compare, images, _ = _parts()
    compare._keep()  # a render frees what is not kept
    bpy.ops.scene.new(type="FULL_COPY")
    copy = bpy.context.scene
    copy.cycles.seed = 9
    bpy.ops.render.render(scene=copy.name)
    assert bpy.ops.n2n.denoise() == {"FINISHED"}
    copy.n2n_compare.wipe = 0.0
    (theirs,) = images.of_kind(copy, images.COMPARE)
    (first,) = images.of_kind(scene, images.COMPARE)
    assert first != theirs and np.array_equal(pixels(first), mine)


def disabling_leaves_no_comparison(folder):  # nightly
    scene = denoised_room()
    scene.n2n_compare.use_wipe = True
    compare, _, _ = _parts()
    room.preferences().keep_nodes = True
    addon_utils.disable(MODULE)
    assert "Compare" not in bpy.data.images and "Denoised" in bpy.data.images
    assert not hasattr(bpy.types.Scene, "n2n_compare") and not bpy.app.timers.is_registered(compare._keep)
    assert compare.after_change not in bpy.app.handlers.undo_post


def compositing_that_is_off_is_said_and_mended(folder):  # nightly
    scene = room.build()
    scene.render.use_compositing = False
    noisy = room.composite(scene)
    assert bpy.ops.n2n.denoise() == {"FINISHED"}
    switches = room.addon().switches
    said = switches.what_is_off(scene)
    assert "Compositing is switched off" in said and "\n" not in said
    assert room.same(room.composite(scene), noisy)
    assert bpy.ops.n2n.enable_compositing() == {"FINISHED"} and switches.what_is_off(scene) is None
    assert room.same(room.composite(scene), pixels("Denoised"))
    assert not bpy.ops.n2n.enable_compositing.poll()


def nodes_that_are_off_are_said_and_mended(folder):  # nightly
    """Only where a scene can have them: before Blender 5.0."""
    scene = room.build()
    if hasattr(scene, "compositing_node_group"):
        return
    tree, layers, result = room.compositor(scene)
    glare = room.glare(tree)
    tree.links.new(layers.outputs["Image"], glare.inputs[0])
    tree.links.new(glare.outputs[0], result)
    scene.use_nodes = False
    bpy.ops.render.render()
    assert bpy.ops.n2n.denoise() == {"FINISHED"} and not room.groups(scene)
    assert "Use Nodes" in room.addon().switches.what_is_off(scene)
    assert bpy.ops.n2n.enable_compositing() == {"FINISHED"} and len(room.groups(scene)) == 1
