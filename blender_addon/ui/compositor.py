"""A node group "N2N Denoise" between each Render Layers node and all that follows it.

The group takes the denoised picture when what comes in is what was denoised, to the last bit of every pixel, and otherwise
lets it through as it is: after a new render, on another frame or another machine the compositor never shows an old picture.
Muted, it lets everything through.
"""

import json

import bpy

from . import versions

GROUP = "N2N Denoise"
GAP = 40  # between nodes
SAME = 1e-12  # mean difference: a render that was saved and read again differs by nothing, another one by its noise


def group_for(layer: str, denoised, rendered, several: bool):
    """The node group of one view layer, made once and updated in place afterwards."""
    name = f"{GROUP}: {layer}" if several else GROUP
    group = next(
        (
            tree
            for tree in bpy.data.node_groups
            if tree.get("n2n_layer") == layer and tree.get("n2n_scene") == denoised["n2n_scene"]
        ),
        None,
    )
    if group is None:
        group = _make_group(name)
        group["n2n_layer"], group["n2n_scene"] = layer, denoised["n2n_scene"]
    group.nodes["Denoised"].image, group.nodes["Rendered"].image = denoised, rendered
    return group


def _make_group(name):
    group = bpy.data.node_groups.new(name, "CompositorNodeTree")
    group.interface.new_socket("Image", in_out="INPUT", socket_type="NodeSocketColor")
    group.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    enter, leave = group.nodes.new("NodeGroupInput"), group.nodes.new("NodeGroupOutput")
    pictures = {}
    for title, y in (("Denoised", -150), ("Rendered", 250)):
        pictures[title] = group.nodes.new("CompositorNodeImage")
        pictures[title].name = pictures[title].label = title
        pictures[title].location = (-600, y)
    difference, factor, first, second, different = versions.new_mix(group, "DIFFERENCE")
    factor.default_value = 1.0
    brightness, levels = group.nodes.new("CompositorNodeRGBToBW"), group.nodes.new("CompositorNodeLevels")
    same = versions.new_math(group, "LESS_THAN")
    same.inputs[1].default_value = SAME
    choice, share, noisy, clean, chosen = versions.new_mix(group, "MIX")
    for node, place in (
        (enter, (-600, 50)),
        (difference, (-300, 200)),
        (brightness, (-120, 200)),
        (levels, (50, 200)),
        (same, (220, 200)),
        (choice, (400, 50)),
        (leave, (600, 50)),
    ):
        node.location = place
    for source, target in (
        (enter.outputs[0], first),
        (pictures["Rendered"].outputs["Image"], second),
        (different, brightness.inputs[0]),
        (brightness.outputs[0], levels.inputs[0]),
        (levels.outputs["Mean"], same.inputs[0]),
        (same.outputs[0], share),
        (enter.outputs[0], noisy),
        (pictures["Denoised"].outputs["Image"], clean),
        (chosen, leave.inputs[0]),
    ):
        group.links.new(source, target)
    return group


def install(scene, found: dict[str, tuple]):
    """`found`: view layer → (denoised image, rendered image). The artist's nodes and links are kept."""
    tree = versions.compositor_tree(scene)
    if tree is None:
        tree = versions.make_compositor_tree(scene)
        if tree is None:
            return
        scene.n2n.made_tree = True
    for layer, images in found.items():
        group = group_for(layer, *images, several=len(found) > 1)
        for source in [
            node for node in tree.nodes if node.type == "R_LAYERS" and node.layer == layer and node.scene in (scene, None)
        ]:
            _insert(tree, source.outputs["Image"], group)


def _insert(tree, socket, group):
    targets = _targets(tree, socket)
    ours = [target.node for target in _targets(tree, socket, through_reroutes=True) if is_ours(target.node)]
    if ours:
        ours[0].node_tree = group  # that of another scene, where this one is a copy of it
        return  # what the artist linked past it since then stays so
    node = tree.nodes.new("CompositorNodeGroup")
    node.node_tree, node.label, node.select = group, group.name, False
    node.location = (socket.node.location.x + socket.node.width + GAP, socket.node.location.y)
    _make_room(tree, node, targets)
    tree.links.new(socket, node.inputs[0])
    for target in targets:
        tree.links.new(node.outputs[0], target)  # replaces the link that was there


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


def nodes(scene) -> list:
    """The add-on's group nodes in the scene's compositor tree."""
    tree = versions.compositor_tree(scene)
    return [node for node in tree.nodes if is_ours(node)] if tree else []


def mute(scene, muted: bool):
    for node in nodes(scene):
        node.mute = muted


def remove(scene):
    """Takes the groups out again, and the tree where it was made for them and holds nothing else."""
    tree = versions.compositor_tree(scene)
    if tree is None:
        return
    for node in nodes(scene):
        source = node.inputs[0].links[0].from_socket if node.inputs[0].links else None
        targets = [link.to_socket for link in node.outputs[0].links]
        shift, moved = node.get("n2n_shift", 0.0), json.loads(node.get("n2n_moved", "[]"))
        tree.nodes.remove(node)
        for name in moved:
            if name in tree.nodes:
                tree.nodes[name].location.x -= shift
        for target in targets if source else ():
            tree.links.new(source, target)
    if scene.n2n.made_tree and {node.bl_idname for node in tree.nodes} <= versions.output_types():
        versions.remove_compositor_tree(scene)
    scene.n2n.made_tree = False
    for group in [group for group in bpy.data.node_groups if group.get("n2n_scene") == scene.n2n.folder]:
        if group.users == 0:
            bpy.data.node_groups.remove(group)
