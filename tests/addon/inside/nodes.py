"""The step in the compositor, and what belongs to the artist."""

import bpy
import room
from room import composite, denoised_room, groups, pixels, same


def _links(tree):
    return {
        (link.from_node.name, link.from_socket.identifier, link.to_node.name, link.to_socket.identifier) for link in tree.links
    }


def _nodes(tree):
    return {(node.name, node.bl_idname, node.mute) for node in tree.nodes}


def _places(tree):
    return {node.name: tuple(node.location) for node in tree.nodes}


def _artists_tree(scene):
    """Render Layers → Glare → result, and → Blur → viewer; a Value that leads nowhere; alpha into the viewer."""
    tree, layers, result = room.compositor(scene)
    glare, blur = room.glare(tree), tree.nodes.new("CompositorNodeBlur")
    viewer, value = tree.nodes.new("CompositorNodeViewer"), tree.nodes.new("CompositorNodeRGB")
    for node, place in ((glare, (300, 0)), (blur, (300, -300)), (viewer, (600, -300)), (value, (0, 500))):
        node.location = place
    blur.mute = True
    for source, target in (
        (layers.outputs["Image"], glare.inputs[0]),
        (glare.outputs[0], result),
        (layers.outputs["Image"], blur.inputs[0]),
        (blur.outputs[0], viewer.inputs[0]),
    ):
        tree.links.new(source, target)
    return tree, glare, result


def nodes_and_links_of_the_artist_stay(folder):
    scene = room.build()
    tree, _, _ = _artists_tree(scene)
    bpy.ops.render.render()
    nodes, links, trees, places = _nodes(tree), _links(tree), set(bpy.data.node_groups), _places(tree)
    scenes, images = set(bpy.data.scenes), set()
    for _ in range(2):
        assert bpy.ops.n2n.denoise() == {"FINISHED"}
        (group,) = groups(scene)
        assert nodes < _nodes(tree) and len(_nodes(tree) - nodes) == 1
        assert all(_places(tree)[name][1] == place[1] for name, place in places.items())  # moved aside at most
        assert {link for link in _links(tree) if group.name not in link} <= links
        assert len(group.outputs[0].links) == 2 and len(_links(tree)) == len(links) + 1
        assert len(set(bpy.data.node_groups) - trees) == 1
        made = {image for image in bpy.data.images if image.name not in ("Render Result", "Viewer Node")}
        assert made - images <= (made if not images else {bpy.data.images["Previous"]}) and images <= made
        assert {"Denoised", "Rendered"} <= {image.name for image in made}
        assert set(bpy.data.scenes) == scenes
        images = made
    assert bpy.ops.n2n.remove() == {"FINISHED"}
    assert (_nodes(tree), _links(tree), _places(tree)) == (nodes, links, places)
    assert set(bpy.data.node_groups) == trees and not [image for image in bpy.data.images if image.get("n2n")]
    assert not [image for image in bpy.data.images if image.name not in ("Render Result", "Viewer Node")]


def a_glare_node_downstream_sees_the_denoised_picture(folder):
    scene = room.build()
    tree, glare, result = _artists_tree(scene)
    noisy = composite(scene)
    bpy.ops.n2n.denoise()
    found = composite(scene)
    picture = tree.nodes.new("CompositorNodeImage")
    picture.image = bpy.data.images["Denoised"]
    tree.links.new(picture.outputs[0], glare.inputs[0])
    assert same(found, composite(scene), 1e-4)
    assert not same(found, noisy, 0.01) and not same(found, pixels("Denoised"), 0.01)


def what_the_artist_links_past_the_group_stays_so(folder):  # nightly
    scene = room.build()
    tree, glare, result = _artists_tree(scene)
    noisy = composite(scene)
    bpy.ops.n2n.denoise()
    layers = next(node for node in tree.nodes if node.type == "R_LAYERS")
    tree.links.new(layers.outputs["Image"], glare.inputs[0])
    bpy.ops.n2n.denoise()
    assert len(groups(scene)) == 1 and same(composite(scene), noisy)


def a_tree_that_was_made_for_it_goes_with_it(folder):  # nightly
    scene = room.build()
    scene.use_nodes = False
    noisy = composite(scene)
    trees = set(bpy.data.node_groups)
    bpy.ops.n2n.denoise()
    assert len(groups(scene)) == 1
    bpy.ops.n2n.remove()
    assert not groups(scene) and set(bpy.data.node_groups) == trees
    assert getattr(scene, "compositing_node_group", None) is None
    assert same(composite(scene), noisy)


def nodes_that_were_added_to_it_are_kept(folder):  # nightly
    scene = denoised_room()
    (group,) = groups(scene)
    tree = group.id_data
    (link,) = group.outputs[0].links
    glare, result = room.glare(tree), link.to_socket
    tree.links.new(group.outputs[0], glare.inputs[0])
    tree.links.new(glare.outputs[0], result)
    bpy.ops.n2n.remove()
    assert not groups(scene)
    assert glare.inputs[0].links[0].from_node.type == "R_LAYERS" and glare.outputs[0].links[0].to_socket == result
    assert composite(scene).shape == (54, 96, 4)


def muted_it_shows_the_noisy_picture(folder):  # nightly
    scene = denoised_room()
    groups(scene)[0].mute = True
    assert same(composite(scene), pixels("Rendered"))
    groups(scene)[0].mute = False
    assert same(composite(scene), pixels("Denoised"))


def the_eye_changes_nothing_in_the_compositor(folder):  # nightly
    scene = denoised_room()
    kept = pixels("Denoised")
    for _ in range(2):
        assert bpy.ops.n2n.toggle() == {"FINISHED"}
        assert not any(node.mute for node in groups(scene)) and same(composite(scene), kept)


def a_new_render_is_never_replaced_by_the_old_picture(folder):
    """Another seed, another frame, other samples, another size: the compositor gives what was rendered."""
    scene = denoised_room()
    box = bpy.data.objects["Box"]
    for frame, x in ((1, 0), (2, 0.3)):
        box.location.x = x
        box.keyframe_insert("location", index=0, frame=frame)
    scene.frame_set(1)
    assert same(composite(scene), pixels("Denoised"))

    def change(path, value):
        holder, _, name = path.rpartition(".")
        holder = scene.path_resolve(holder) if holder else scene
        before = getattr(holder, name)
        (scene.frame_set if name == "frame_current" else lambda new: setattr(holder, name, new))(value)
        through = composite(scene)
        groups(scene)[0].mute = True
        noisy = composite(scene)
        groups(scene)[0].mute = False
        (scene.frame_set if name == "frame_current" else lambda new: setattr(holder, name, new))(before)
        return through, noisy

    for path, value in (("cycles.seed", 5), ("cycles.samples", 3), ("render.resolution_percentage", 50), ("frame_current", 2)):
        through, noisy = change(path, value)
        assert same(through, noisy), path
    assert same(composite(scene), pixels("Denoised"))


def a_saved_file_shows_the_picture_again(folder):  # nightly
    denoised_room()
    kept = pixels("Denoised")
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/kept.blend")
    bpy.ops.wm.open_mainfile(filepath=f"{folder}/kept.blend")
    assert same(composite(bpy.context.scene), kept)


def without_its_pictures_a_saved_file_shows_the_noisy_one(folder):  # nightly
    scene = denoised_room()
    noisy = pixels("Rendered")
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/moved.blend")
    assert bpy.ops.n2n.clear_pictures() == {"FINISHED"}
    assert same(composite(scene), noisy)
    bpy.ops.wm.open_mainfile(filepath=f"{folder}/moved.blend")
    scene = bpy.context.scene
    assert groups(scene)[0].mute and same(composite(scene), noisy)
    assert bpy.ops.n2n.denoise() == {"FINISHED"}
    assert same(composite(scene), pixels("Denoised"))
