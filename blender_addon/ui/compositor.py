"""A node group "Shot Denoise" between each Render Layers node and all that follows it.

The group takes the denoised picture when what comes in is what was denoised (where two renders were learned from: either of
them), to the last bit of every pixel, and otherwise lets it through as it is: after a new render, on another frame or another
machine the compositor never shows an old picture. Muted, it lets everything through. Where all passes were denoised it has
a pair of sockets for each of them, see passes.py.
"""

import functools
import json
from typing import NamedTuple

import bpy

from . import passes, versions

GROUP = "Shot Denoise"
GAP = 40  # between nodes
CHOICE = "n2n_choice"  # marks the nodes of the group that choose
PICTURES = ("Denoised", "Rendered", "First")  # nodes in the group, as the fields of Images
SAME_NODE = "Same"  # tells whether what comes in is what was denoised
SAME = 1e-12  # mean difference: a render that was saved and read again differs by nothing, another one by its noise


class Images(NamedTuple):
    """Of a view layer. rendered: the last render; first: the other one that was learned from, else the same."""

    denoised: bpy.types.Image
    rendered: bpy.types.Image
    first: bpy.types.Image


def group_for(layer: str, images: Images, several: bool):
    """The node group of one view layer, made once and updated in place afterwards."""
    name = f"{GROUP}: {layer}" if several else GROUP
    mine = images.denoised["n2n_scene"]
    group = next(
        (tree for tree in bpy.data.node_groups if tree.get("n2n_layer") == layer and tree.get("n2n_scene") == mine), None
    )
    if group is None:
        group = bpy.data.node_groups.new(name, "CompositorNodeTree")
        group.interface.new_socket("Image", in_out="INPUT", socket_type="NodeSocketColor")
        group.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        group["n2n_layer"], group["n2n_scene"] = layer, mine
    if not all(title in group.nodes for title in (*PICTURES, SAME_NODE)):  # new, or of an earlier version
        group.nodes.clear()
        _fill(group)
    for title, image in zip(PICTURES, images, strict=True):
        group.nodes[title].image = image
    return group


def _fill(group):
    enter, leave = group.nodes.new("NodeGroupInput"), group.nodes.new("NodeGroupOutput")
    pictures = {}
    for title, y in zip(PICTURES, (-250, 350, 50), strict=True):
        pictures[title] = group.nodes.new("CompositorNodeImage")
        pictures[title].name = pictures[title].label = title
        pictures[title].location = (-600, y)
    nearest, same = versions.new_math(group, "MINIMUM"), versions.new_math(group, "LESS_THAN")
    same.inputs[1].default_value, same.name = SAME, SAME_NODE
    for socket, title, y in ((nearest.inputs[0], "Rendered", 350), (nearest.inputs[1], "First", 50)):
        group.links.new(_difference(group, enter.outputs[0], pictures[title].outputs["Image"], y), socket)
    for node, place in ((enter, (-900, 50)), (nearest, (250, 200)), (same, (420, 200)), (leave, (800, 0))):
        node.location = place
    group.links.new(nearest.outputs[0], same.inputs[0])
    group.links.new(_choose(group, enter.outputs[0], pictures["Denoised"].outputs["Image"], "Image"), leave.inputs[0])


def _choose(group, noisy, clean, name: str):
    """The socket with the clean one where what comes into the group is what was denoised, else with the noisy one."""
    choice, share, first, second, chosen = versions.new_mix(group, "MIX")
    choice.label, choice[CHOICE] = name, True
    choice.location = (600, -200 * len([node for node in group.nodes if node.get(CHOICE)]) + 200)
    for source, target in ((group.nodes[SAME_NODE].outputs[0], share), (noisy, first), (clean, second)):
        group.links.new(source, target)
    return chosen


def _difference(group, first, second, y):
    """The socket with the mean difference of two pictures."""
    difference, factor, one, other, different = versions.new_mix(group, "DIFFERENCE")
    factor.default_value = 1.0
    brightness, levels = group.nodes.new("CompositorNodeRGBToBW"), group.nodes.new("CompositorNodeLevels")
    for node, x in ((difference, -300), (brightness, -120), (levels, 50)):
        node.location = (x, y)
    for source, target in (
        (first, one),
        (second, other),
        (different, brightness.inputs[0]),
        (brightness.outputs[0], levels.inputs[0]),
    ):
        group.links.new(source, target)
    return levels.outputs["Mean"]


def install(scene, found: dict[str, Images], whole=None):
    """The artist's nodes and links are kept.

    found: view layer → its images. whole: the image of the multilayer EXR whose passes are denoised, too; None: only pictures.
    """
    tree = versions.compositor_tree(scene)
    if tree is None:
        tree = versions.make_compositor_tree(scene)
        if tree is None:
            return
        scene.n2n.made_tree = True
    for layer, images in found.items():
        group = group_for(layer, images, several=len(found) > 1)
        sources = [
            node for node in tree.nodes if node.type == "R_LAYERS" and node.layer == layer and node.scene in (scene, None)
        ]
        wanted = passes.offered(scene, sources[0], whole) if sources else {}
        users = [_insert(tree, source, group, wanted) for source in sources]
        passes.fit(group, tree, whole, layer, wanted, functools.partial(_choose, group))
        for source, node in zip(sources, users, strict=True):
            passes.put_between(source, node, wanted)


def shows_passes(scene) -> bool:
    """Whether one of the groups has sockets of passes."""
    return any(len(node.outputs) > 1 for node in nodes(scene))


def _insert(tree, source, group, wanted):
    """The group's node behind a Render Layers node; wanted: passes that will go through it, too."""
    socket = source.outputs["Image"]
    targets = _targets(tree, socket)
    ours = [target.node for target in _targets(tree, socket, through_reroutes=True) if is_ours(target.node)]
    if ours:
        ours[0].node_tree = group  # that of another scene, where this one is a copy of it
        return ours[0]  # what the artist linked past it since then stays so
    node = tree.nodes.new("CompositorNodeGroup")
    node.node_tree, node.label, node.select = group, group.name, False
    node.location = (socket.node.location.x + socket.node.width + GAP, socket.node.location.y)
    _make_room(tree, node, targets + [target for name in wanted for target in _targets(tree, source.outputs[name])])
    tree.links.new(socket, node.inputs[0])
    for target in targets:
        tree.links.new(node.outputs[0], target)  # replaces the link that was there
    return node


def _targets(tree, socket, through_reroutes=False) -> list:
    found = [link.to_socket for link in tree.links if link.from_socket == socket]
    for target in list(found) if through_reroutes else ():
        if target.node.type == "REROUTE":
            found += _targets(tree, target.node.outputs[0], True)
    return found


def _make_room(tree, node, targets):
    """What follows moves to the right where the node would cover it; `remove` moves it back."""
    free = [target.node for target in targets if target.node.parent is None]  # places in a frame are relative to it
    nearest = min((other.location.x for other in free), default=None)
    shift = 0.0 if nearest is None else max(node.location.x + node.width + GAP - nearest, 0.0)
    moved = [other for other in tree.nodes if shift and other != node and other.parent is None and other.location.x >= nearest]
    for other in moved:
        other.location.x += shift
    node["n2n_shift"], node["n2n_moved"] = shift, json.dumps([other.name for other in moved])


def is_ours(node) -> bool:
    return node.type == "GROUP" and node.node_tree is not None and "n2n_layer" in node.node_tree


def shown_layer(scene) -> str:
    """The view layer that the compositor shows: of the Render Layers node that is nearest to the tree's output. Without one,
    the first layer that is rendered.
    """
    tree = versions.compositor_tree(scene) if scene.render.use_compositing else None
    waiting = (
        [node for node in tree.nodes if node.bl_idname in versions.output_types() and node.type != "R_LAYERS"] if tree else []
    )
    for node in waiting:  # grows meanwhile
        if node.type == "R_LAYERS" and node.scene in (scene, None):
            return node.layer
        sources = [link.from_node for socket in node.inputs for link in socket.links if not link.is_muted]
        waiting += [source for source in dict.fromkeys(sources) if source not in waiting]
    return next((layer.name for layer in scene.view_layers if layer.use), scene.view_layers[0].name)


def nodes(scene) -> list:
    """The add-on's group nodes in the scene's compositor tree."""
    tree = versions.compositor_tree(scene)
    return [node for node in tree.nodes if is_ours(node)] if tree else []


def mute(scene, muted: bool):
    """Blender sends the picture out of all sockets of a muted group, so that one with passes is muted inside."""
    for node in nodes(scene):
        for choice in [inner for inner in node.node_tree.nodes if inner.get(CHOICE)]:
            choice.mute = muted
        node.mute = muted and len(node.outputs) == 1


def remove(scene):
    """Takes the groups out again, and the tree where it was made for them and holds nothing else."""
    tree = versions.compositor_tree(scene)
    if tree is None:
        return
    for node in nodes(scene):
        for name in [socket.name for socket in node.outputs]:
            passes.restore(node, name)
        shift, moved = node.get("n2n_shift", 0.0), json.loads(node.get("n2n_moved", "[]"))
        tree.nodes.remove(node)
        for name in moved:
            if name in tree.nodes:
                tree.nodes[name].location.x -= shift
    if scene.n2n.made_tree and {node.bl_idname for node in tree.nodes} <= versions.output_types():
        versions.remove_compositor_tree(scene)
    scene.n2n.made_tree = False
    for group in [group for group in bpy.data.node_groups if group.get("n2n_scene") == scene.n2n.folder]:
        if group.users == 0:
            bpy.data.node_groups.remove(group)
