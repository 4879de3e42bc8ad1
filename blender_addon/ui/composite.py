"""The compositor once more, on the denoised picture instead of the render: no second rendering.

In a copy of the scene whose Render Layers nodes have become Image nodes of the denoised frame nothing is left to render, so
that Blender only composites. File Output nodes write, too. The artist's scene and its render stay as they are.
"""

import contextlib
import os

import bpy

from . import compositor, rendering, saving, scenes, versions

COPY = "n2n_copy"
CANNOT = "The compositor was not run again: its tree renders another scene, has Render Layers inside a group, or is stereo"


def does_something(scene) -> bool:
    """Whether the scene's compositor does more than to show a picture."""
    tree = versions.compositor_tree(scene)
    if tree is None or not scene.render.use_compositing:
        return False
    idle = versions.output_types() | {"CompositorNodeGroup", "CompositorNodeViewer", "NodeReroute"}
    own = [node for node in tree.nodes if not compositor.is_ours(node)]
    return any(node.bl_idname not in idle or node.type == "GROUP" for node in own)


def target(scene, bare: str) -> str:
    """`bare` with the suffix of what `run` writes there."""
    return bare + saving.suffix(scene)


def run(context, place, frame: str, picture: str, exact: bool = False):
    """A generator. place: see scenes.py; frame: a denoised multilayer EXR of the scene; picture: the composited picture that
    it becomes, in the scene's own format, or with `exact` an EXR that keeps every bit. Returns False where the tree renders
    something else, too, or both eyes, and nothing was done.
    """
    if place().render.use_multiview:
        return False
    with contextlib.ExitStack() as stack:
        stack.callback(forget_copies)
        scene = place()
        image = bpy.data.images.load(frame)
        image[COPY] = True
        copy = scene.copy()
        copy[COPY] = True
        tree = versions.own_compositor_tree(copy) if scene.render.use_compositing else None
        tree = tree or versions.plain_compositor_tree(copy)
        copy.render.use_compositing, copy.render.use_sequencer = True, False
        tree[COPY] = True
        if not _replace_render_layers(tree, (None, scene, copy), image):
            return False
        copy.n2n.after_render = False
        place_of_copy = scenes.Place(copy)
        yield from rendering.render(context, place_of_copy)
        _save(place_of_copy(), picture, exact)
        return True


def forget_copies():
    """Removes what `run` makes in the file; also what a file that was saved meanwhile has kept of it."""
    for kind in (bpy.data.scenes, bpy.data.node_groups, bpy.data.images):
        for data in [data for data in kind if data.get(COPY)]:
            kind.remove(data)


def _replace_render_layers(tree, scenes, image) -> bool:
    """Render Layers of `scenes` → Image nodes of the same layer. False where something to render would be left."""
    nested = [inner for node in tree.nodes if node.type == "GROUP" and node.node_tree for inner in node.node_tree.nodes]
    if any(node.type == "R_LAYERS" for node in nested):
        return False
    for node in [node for node in tree.nodes if node.type == "R_LAYERS"]:
        if node.scene not in scenes:
            return False
        source = tree.nodes.new("CompositorNodeImage")
        source.image = image
        source.layer = node.layer
        for link in [link for link in tree.links if link.from_node == node]:
            name = "Combined" if link.from_socket.name == "Image" else link.from_socket.name
            if name in source.outputs:
                tree.links.new(source.outputs[name], link.to_socket)
        tree.nodes.remove(node)
    return True


def _save(scene, path, exact):
    partial = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}")
    own = not exact and not scene.render.is_movie_format and scene.render.image_settings.file_format != saving.MULTILAYER
    with contextlib.nullcontext() if own else versions.multilayer_settings(scene):
        if not own:
            versions.set_format(scene, "OPEN_EXR")
        bpy.data.images["Render Result"].save_render(partial, scene=scene)
    os.replace(partial, path)
