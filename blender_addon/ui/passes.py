"""Passes of light beside the picture: what the process is asked for, and their sockets in the node group.

The group has an input and an output for each pass that the view layer has and the denoised file holds, by Blender's own name.
It chooses between the two as it does for the picture, so that a denoised pass never stands beside another render's picture.
"""

GROUPS = "Combined_"  # begins the name of a light group's pass
KINDS = ("Diffuse", "Glossy", "Transmission", "Subsurface", "Volume")
LIGHT = {f"{kind} {part}" for kind in KINDS for part in ("Direct", "Indirect", "Color")}
LIGHT |= {f"{short}{part}" for short in ("Diff", "Gloss", "Trans", "Subsurface", "Volume") for part in ("Dir", "Ind", "Col")}
LIGHT |= {"Emission", "Emit", "Environment", "Env", "Ambient Occlusion", "AO", "Shadow Catcher", "Shadow"}  # 5.x and 4.x
TAKEN = ("Image", "Alpha")  # names of sockets that an AOV of that name cannot have, too
NONE = "All Passes: the render has no pass of light. Switch them on in View Layer > Passes, for the next render"


def asked(scene) -> dict:
    """What a request says of them."""
    return {"passes": ["all"]} if scene.n2n.all_passes else {}


def switched_on(scene) -> tuple:
    """What the view layers render beside the picture; that two renders have it alike is what both can be learned from for."""
    found = []
    for layer in scene.view_layers:
        for owner in (layer, layer.cycles):
            names = {name for name in owner.bl_rna.properties.keys() if name.startswith("use_pass_")} - {"use_pass_vector"}
            found += [(layer.name, name) for name in sorted(names) if getattr(owner, name)]
        found += [(layer.name, GROUPS + group.name) for group in layer.lightgroups]
        found += [(layer.name, aov.name, aov.type) for aov in layer.aovs]
    return tuple(found)


def offered(scene, node, whole) -> dict[str, str]:
    """Names of passes of light → types of sockets: what a Render Layers node gives, and the denoised multilayer EXR holds."""
    if whole is None:
        return {}
    tree = node.id_data
    probe = _open(tree, whole, node.layer)
    held = {socket.name for socket in probe.outputs if socket.enabled}
    tree.nodes.remove(probe)
    layer = scene.view_layers.get(node.layer)
    own = {aov.name for aov in layer.aovs} if layer else set()
    return {
        socket.name: socket.bl_idname
        for socket in node.outputs
        if socket.enabled and socket.name in held - set(TAKEN) and (_is_light(socket.name) or socket.name in own)
    }


def _is_light(name: str) -> bool:
    return name in LIGHT or name.startswith(GROUPS)


def _open(tree, whole, layer: str):
    node = tree.nodes.new("CompositorNodeImage")
    node.image = whole
    node.layer = layer
    return node


def fit(group, tree, whole, layer: str, wanted: dict[str, str], choose):
    """Gives the group a pair of sockets for each wanted pass, and no other; links of those that stay are kept. In `tree` what
    leads away from a pass that goes leads from the render again.

    choose(noisy, clean, name): a new socket with either of them.
    """
    for item in _sockets(group):
        if wanted.get(item.name) != item.socket_type:
            for node in [node for node in tree.nodes if node.type == "GROUP" and node.node_tree == group]:
                restore(node, item.name)
            group.interface.remove(item)
    there = {(item.name, item.in_out) for item in _sockets(group)}
    for name, kind in wanted.items():
        for in_out in ("INPUT", "OUTPUT"):
            if (name, in_out) not in there:
                group.interface.new_socket(name, in_out=in_out, socket_type=kind)
    for node in [node for node in group.nodes if node.get("n2n_pass")]:
        group.nodes.remove(node)
    if not wanted:
        return
    source, before = _open(group, whole, layer), set(group.nodes)
    source.name = source.label = "Passes"
    source.location = (300, -600)
    enter, leave = (next(node for node in group.nodes if node.type == kind) for kind in ("GROUP_INPUT", "GROUP_OUTPUT"))
    for name in wanted:
        group.links.new(choose(enter.outputs[name], source.outputs[name], name), leave.inputs[name])
    for node in {source} | (set(group.nodes) - before):
        node["n2n_pass"] = True


def _sockets(group) -> list:
    """Of the group's interface, those of passes."""
    return [item for item in group.interface.items_tree if item.item_type == "SOCKET" and item.name not in TAKEN]


def put_between(source, node, names):
    """What follows passes of a Render Layers node follows the group's now. Once one leads into it, the artist's links stay."""
    tree = source.id_data
    for name in names:
        if node.inputs[name].is_linked:
            continue
        targets = [link.to_socket for link in source.outputs[name].links]
        tree.links.new(source.outputs[name], node.inputs[name])
        for target in targets:
            tree.links.new(node.outputs[name], target)


def restore(node, name: str):
    """What follows the node's output of that name follows what leads into the node's input of that name."""
    tree = node.id_data
    if name not in node.inputs or name not in node.outputs or not node.inputs[name].is_linked:
        return
    source = node.inputs[name].links[0].from_socket
    for target in [link.to_socket for link in node.outputs[name].links]:
        tree.links.new(source, target)
