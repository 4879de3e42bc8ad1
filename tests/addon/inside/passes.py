"""All Passes: light groups, light passes and AOVs come back denoised, add up, and have sockets in the compositor."""

import bpy
import numpy as np
import room
from room import composite, groups, same

NEW = bpy.app.version >= (5, 0, 0)
DIFFUSE = ("Diffuse Direct", "Diffuse Indirect", "Diffuse Color") if NEW else ("DiffDir", "DiffInd", "DiffCol")


def _grouped_room(**options):
    """A room whose lamp and world are light groups, with diffuse passes and an AOV. All passes are denoised."""
    scene = room.build(**options)
    layer = scene.view_layers[0]
    for name in ("key", "rest"):
        layer.lightgroups.add(name=name)
    bpy.data.objects["Lamp"].lightgroup, scene.world.lightgroup = "key", "rest"
    layer.use_pass_diffuse_direct = layer.use_pass_diffuse_indirect = layer.use_pass_diffuse_color = True
    aov = layer.aovs.add()
    aov.name, aov.type = "mask", "VALUE"
    scene.n2n.all_passes = True
    return scene


def _names(node):
    assert [socket.name for socket in node.inputs] == [socket.name for socket in node.outputs]
    return {socket.name for socket in node.outputs}


def _shown(scene, socket):
    """What a socket gives, by the compositor's result; then the links are as they were."""
    tree = socket.id_data
    kind = "NodeGroupOutput" if hasattr(scene, "compositing_node_group") else "CompositorNodeComposite"
    result = next(node for node in tree.nodes if node.bl_idname == kind).inputs[0]
    before = result.links[0].from_socket if result.is_linked else None
    tree.links.new(socket, result)
    found = composite(scene)
    if before:
        tree.links.new(before, result)
    return found


def each_pass_has_a_socket_and_groups_add_up(folder):
    scene = _grouped_room()
    tree, layers, result = room.compositor(scene)
    tree.links.new(layers.outputs["Image"], result)
    noisy = {name: _shown(scene, layers.outputs[name])[..., :3] for name in ("Image", "Combined_key", "Combined_rest")}
    assert bpy.ops.n2n.denoise() == {"FINISHED"}
    (node,) = groups(scene)
    assert _names(node) == {"Image", "Combined_key", "Combined_rest", "mask", *DIFFUSE}, _names(node)
    clean = {name: _shown(scene, node.outputs[name])[..., :3] for name in noisy}
    for found in (noisy, clean):
        assert np.allclose(found["Combined_key"] + found["Combined_rest"], found["Image"], rtol=1e-3, atol=1e-4)
    assert room.roughness(clean["Combined_key"]) < 0.5 * room.roughness(noisy["Combined_key"])
    assert same(clean["Image"], room.pixels("Denoised")[..., :3])
    lit = []
    for holder in (layers, node):
        direct, indirect, color = (_shown(scene, holder.outputs[name])[..., :3] for name in DIFFUSE)
        lit.append((direct + indirect) * color)
    assert np.isfinite(lit[1]).all() and room.roughness(lit[1]) < 0.5 * room.roughness(lit[0])
    assert abs(lit[1].mean() / lit[0].mean() - 1) < 0.1


def passes_of_another_render_go_through_as_they_are(folder):  # nightly
    """Never a denoised pass beside another render's picture; also where the group is switched off for want of its pictures."""
    scene = _grouped_room()
    tree, layers, result = room.compositor(scene)
    tree.links.new(layers.outputs["Image"], result)
    bpy.ops.render.render()
    bpy.ops.n2n.denoise()
    (node,) = groups(scene)
    denoised = _shown(scene, node.outputs["Combined_key"])
    scene.cycles.seed = 5
    through, rendered = (_shown(scene, holder.outputs["Combined_key"]) for holder in (node, layers))
    assert same(through, rendered) and not same(through, denoised, 0.01)
    scene.cycles.seed = 0
    assert same(_shown(scene, node.outputs["Combined_key"]), denoised)
    room.addon().compositor.mute(scene, True)
    for name in ("Image", "Combined_key", "Combined_rest"):
        assert same(_shown(scene, node.outputs[name]), _shown(scene, layers.outputs[name])), name
    room.addon().compositor.mute(scene, False)
    assert same(_shown(scene, node.outputs["Combined_key"]), denoised)


def sockets_follow_the_passes_and_links_stay(folder):
    """The artist adds the key light once more; passes come and go around that."""
    scene = _grouped_room()
    layer = scene.view_layers[0]
    tree, layers, result = room.compositor(scene)
    relit = tree.nodes.new("ShaderNodeMix" if NEW else "CompositorNodeMixRGB")
    relit.blend_type = "ADD"
    if NEW:
        relit.data_type = "RGBA"
    first, second = [socket for socket in relit.inputs if socket.type == "RGBA"]
    out = next(socket for socket in relit.outputs if socket.type == "RGBA")
    exposure = tree.nodes.new("CompositorNodeExposure")
    for source, target in (
        (layers.outputs["Image"], first),
        (layers.outputs["Combined_key"], second),
        (out, result),
        (layers.outputs[DIFFUSE[0]], exposure.inputs[0]),
    ):
        tree.links.new(source, target)
    bpy.ops.render.render()
    bpy.ops.n2n.denoise()
    (node,) = groups(scene)
    for target, name in ((first, "Image"), (second, "Combined_key"), (exposure.inputs[0], DIFFUSE[0])):
        assert target.links[0].from_socket == node.outputs[name], name
    tree.links.new(layers.outputs["Combined_rest"], exposure.inputs[0])  # past the group, by the artist
    layer.use_pass_diffuse_direct = layer.use_pass_diffuse_indirect = layer.use_pass_diffuse_color = False
    layer.use_pass_environment = True
    bpy.ops.render.render()
    bpy.ops.n2n.denoise()
    sky = "Environment" if NEW else "Env"
    assert groups(scene) == [node] and _names(node) == {"Image", "Combined_key", "Combined_rest", "mask", sky}
    assert first.links[0].from_node == node and second.links[0].from_socket == node.outputs["Combined_key"]
    assert exposure.inputs[0].links[0].from_socket == layers.outputs["Combined_rest"]
    scene.n2n.all_passes = False
    bpy.ops.n2n.denoise()
    assert _names(node) == {"Image"} and "Denoised Passes" not in bpy.data.images
    assert first.links[0].from_node == node and second.links[0].from_socket == layers.outputs["Combined_key"]
    scene.n2n.all_passes = True
    bpy.ops.n2n.denoise()
    assert second.links[0].from_socket == node.outputs["Combined_key"]
    bpy.ops.n2n.remove()
    assert not groups(scene) and not [image for image in bpy.data.images if image.get("n2n")]
    assert first.links[0].from_socket == layers.outputs["Image"]
    assert second.links[0].from_socket == layers.outputs["Combined_key"]


def a_saved_file_gives_the_passes_again(folder):  # nightly
    scene = _grouped_room()
    bpy.ops.render.render()
    bpy.ops.n2n.denoise()
    (node,) = groups(scene)
    before = _shown(scene, node.outputs["Combined_key"])
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/kept.blend")
    bpy.ops.wm.open_mainfile(filepath=f"{folder}/kept.blend")
    scene = bpy.context.scene
    (node,) = groups(scene)
    assert same(_shown(scene, node.outputs["Combined_key"]), before)
    for image in bpy.data.images:
        if image.get("n2n") == "Denoised Passes":
            image.filepath = f"{folder}/gone.exr"
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/moved.blend")
    bpy.ops.wm.open_mainfile(filepath=f"{folder}/moved.blend")
    scene = bpy.context.scene
    (node,) = groups(scene)
    rendered = next(other for other in node.id_data.nodes if other.type == "R_LAYERS").outputs["Combined_key"]
    assert same(_shown(scene, node.outputs["Combined_key"]), _shown(scene, rendered))


def a_render_without_passes_is_said(folder):  # nightly
    scene = room.build()
    scene.n2n.all_passes = True
    bpy.ops.render.render()
    steps = room.work(room.addon().denoise.N2N_OT_denoise)
    for _ in steps:
        pass
    assert any("no pass of light" in sentence for sentence in room.addon().jobs.warnings)
    assert _names(groups(scene)[0]) == {"Image"} and same(composite(scene), room.pixels("Denoised"))


def best_learns_and_gives_every_pass(folder, program):  # nightly
    """All renders have the scene's passes, the other views' too: a first one of before they were switched on is made again."""
    scene = _grouped_room(size=(64, 48), spp=2)
    layer = scene.view_layers[0]
    room.preferences().program = program
    scene.n2n.quality, scene.n2n.minutes, scene.n2n.views = "BEST", 0.1, 1
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/shot.blend")
    layer.use_pass_emit = False
    bpy.ops.render.render()
    layer.use_pass_emit = True
    before = room.addon().passes.switched_on(scene)
    asked = []
    ask = room.addon().session.worker_for("learns.pt").ask
    steps = room.work(room.addon().denoise.N2N_OT_denoise)
    room.addon().session.worker_for("learns.pt").ask = lambda do, **request: asked.append((do, request)) or ask(do, **request)
    for _ in steps:
        pass
    assert room.addon().passes.switched_on(scene) == before
    said = {do: request for do, request in asked}
    assert said["sample"]["passes"] == "scene" and said["adapt"]["passes"] == ["all"]
    (node,) = groups(scene)
    emission = "Emission" if NEW else "Emit"
    assert _names(node) == {"Image", "Combined_key", "Combined_rest", "mask", emission, *DIFFUSE}
    key, rest, picture = (_shown(scene, node.outputs[name])[..., :3] for name in ("Combined_key", "Combined_rest", "Image"))
    assert same(picture, room.pixels("Denoised")[..., :3])
    assert np.allclose(key + rest, picture, rtol=1e-3, atol=1e-4)


def an_animation_is_of_all_passes_or_of_none(folder):  # nightly
    scene = _grouped_room(size=(64, 36))
    scene.frame_start, scene.frame_end, scene.n2n.output = 1, 2, f"{folder}/out/"
    for quality in ("FAST", "BETTER"):
        scene.n2n.quality = quality
        assert bpy.ops.n2n.denoise_animation() == {"FINISHED"}
    for frames in ("denoised", "denoised_better"):
        for name in ("key", "rest"):
            paths = [f"{folder}/out/{part}/frame_0001.exr" for part in ("noisy", frames)]
            noisy, clean = (room.of_pass(path, (f"Combined_{name}",)) for path in paths)
            assert room.roughness(clean) < 0.7 * room.roughness(noisy), (frames, name)
    scene.n2n.all_passes = False
    assert "passes" in room.sentence(bpy.ops.n2n.denoise_animation)
