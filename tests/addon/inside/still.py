"""The Denoise button, judged by what comes out of the compositor."""

import os

import bpy
import numpy as np
import room
from room import composite, denoised_room, error, pixels, same


def the_compositor_gets_closer_to_the_reference(folder):
    scene = room.build((160, 90), spp=128)
    scene.cycles.seed = 7
    reference = composite(scene)
    scene.cycles.samples, scene.cycles.seed = 4, 1
    noisy = composite(scene)
    assert bpy.ops.n2n.denoise() == {"FINISHED"}
    denoised = composite(scene)
    assert error(noisy, reference) > 0.15
    assert error(denoised, reference) < 0.5 * error(noisy, reference), (error(denoised, reference), error(noisy, reference))
    assert same(denoised, pixels("Denoised")) and same(noisy, pixels("Rendered"))


def strength_0_is_the_noisy_picture(folder):  # nightly
    scene = room.build()
    scene.n2n.strength = 0
    bpy.ops.render.render()
    bpy.ops.n2n.denoise()
    assert same(pixels("Denoised"), pixels("Rendered"))
    scene.n2n.strength = 0.5
    bpy.ops.n2n.denoise()
    half = pixels("Denoised") - pixels("Rendered")
    scene.n2n.strength = 1
    bpy.ops.n2n.denoise()
    assert same(pixels("Denoised"), pixels("Rendered") + 2 * half, 1e-3)


def alpha_is_kept(folder):
    scene = room.build()
    scene.render.film_transparent = True
    noisy = composite(scene)
    assert noisy[..., 3].min() == 0 and noisy[..., 3].max() > 0.99
    bpy.ops.n2n.denoise()
    denoised = composite(scene)
    assert same(denoised[..., 3], noisy[..., 3]) and not same(denoised, noisy, 0.01)


def every_view_layer_has_its_own_picture(folder):
    scene = room.build()
    box = bpy.data.collections.new("Box")
    scene.collection.children.link(box)
    scene.collection.objects.unlink(bpy.data.objects["Box"])
    box.objects.link(bpy.data.objects["Box"])
    first = scene.view_layers[0].name
    empty = scene.view_layers.new("Empty Room")
    empty.layer_collection.children["Box"].exclude = True
    bpy.ops.n2n.enable_passes()
    tree, layers, result = room.compositor(scene)
    other = tree.nodes.new("CompositorNodeRLayers")
    layers.layer, other.layer = first, "Empty Room"
    noisy = {}
    for node in (layers, other):
        tree.links.new(node.outputs["Image"], result)
        noisy[node.layer] = composite(scene)
    bpy.ops.n2n.denoise()
    assert len(room.groups(scene)) == 2 and len([image for image in bpy.data.images if image.get("n2n")]) == 4
    for node in (layers, other):
        (link,) = node.outputs["Image"].links
        tree.links.new(link.to_node.outputs[0], result)
        assert same(composite(scene), pixels(f"Denoised: {node.layer}"))
        assert same(noisy[node.layer], pixels(f"Rendered: {node.layer}"))
    assert not same(pixels("Denoised: Empty Room"), pixels(f"Denoised: {first}"), 0.01)


def _with_a_border(scene, crop):
    render = scene.render
    render.use_border, render.use_crop_to_border = True, crop
    render.border_min_x, render.border_max_x, render.border_min_y, render.border_max_y = 0.25, 0.75, 0.25, 0.75
    noisy = composite(scene)
    assert bpy.ops.n2n.denoise() == {"FINISHED"}
    return noisy, composite(scene), noisy[..., 3] > 0


def a_border_render_is_denoised_where_it_was_rendered(folder):
    scene = room.build()
    for crop in (False, True):
        noisy, denoised, inside = _with_a_border(scene, crop)
        assert 0.9 < inside.mean() * (1 if crop else 4) <= 1.1
        assert same(denoised[inside], pixels("Denoised")[inside]) and not same(denoised, noisy, 0.01), crop


def nothing_appears_outside_a_border(folder):  # nightly
    noisy, denoised, inside = _with_a_border(room.build(), False)
    assert not denoised[~inside].any() and not pixels("Denoised")[~inside].any()


def the_image_settings_of_the_scene_stay(folder):  # nightly
    scene = room.build()
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.quality = "JPEG", "BW", 70
    bpy.ops.render.render()
    bpy.ops.n2n.denoise()
    assert (settings.file_format, settings.color_mode, settings.quality) == ("JPEG", "BW", 70)
    settings.file_format = "PNG"
    settings.color_mode, settings.color_depth, settings.compression = "RGBA", "16", 33
    bpy.ops.n2n.denoise()
    assert (settings.file_format, settings.color_mode, settings.color_depth) == ("PNG", "RGBA", "16")
    assert settings.compression == 33


def denoise_after_every_render_does_so(folder):
    scene = room.build()
    scene.n2n.after_render = True
    noisy = composite(scene)
    assert same(noisy, pixels("Rendered"))
    scene.n2n.after_render = False
    assert same(composite(scene), pixels("Denoised"))


def a_copy_of_the_scene_has_its_own_picture(folder):  # nightly
    """The first scene keeps showing its denoised picture, also when the copy's is removed."""
    scene = denoised_room()
    mine = composite(scene)
    bpy.ops.scene.new(type="FULL_COPY")
    copy = bpy.context.scene
    copy.cycles.seed = 9
    bpy.ops.render.render(scene=copy.name)
    assert bpy.ops.n2n.denoise() == {"FINISHED"}
    assert not same(composite(copy), mine, 0.001)
    assert same(composite(scene), mine), "denoising the copy has changed what the first scene shows"
    bpy.ops.n2n.remove()
    assert same(composite(scene), mine), "removing the copy's picture has changed what the first scene shows"


def the_prefilter_and_other_models_work(folder):  # nightly
    scene = denoised_room()
    before = pixels("Denoised")
    for prefilter, model in (("OFF", "oidn-small"), ("ON", "oidn-small"), ("AUTO", "oidn-color")):
        scene.n2n.prefilter, scene.n2n.model = prefilter, model
        assert bpy.ops.n2n.denoise() == {"FINISHED"}
        found = pixels("Denoised")
        assert np.isfinite(found).all() and same(found, before) == (prefilter == "ON")


def without_a_window_the_denoised_still_is_written(folder):  # nightly
    """Composited, in the scene's own format, to the scene's output path; not where that was declined."""
    scene = room.build()
    scene.render.filepath = f"{folder}/still_"
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_depth, settings.color_mode = "OPEN_EXR", "32", "RGBA"
    bpy.ops.render.render()
    assert bpy.ops.n2n.denoise(write_still=False) == {"FINISHED"} and not os.listdir(folder)
    assert bpy.ops.n2n.denoise() == {"FINISHED"} and os.listdir(folder) == ["still_0001.exr"]
    assert same(room.read(f"{folder}/still_0001.exr"), pixels("Denoised"))
    bpy.ops.n2n.remove()
    tree, layers, result = room.compositor(scene)
    glare = room.glare(tree)
    tree.links.new(layers.outputs["Image"], glare.inputs[0])
    tree.links.new(glare.outputs[0], result)
    bpy.ops.render.render()
    bpy.ops.n2n.denoise()
    written = room.read(f"{folder}/still_0001.exr")
    assert same(written, composite(scene), 1e-4) and not same(written, pixels("Denoised"), 0.01)
