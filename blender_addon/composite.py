"""The compositor once more, on the denoised picture instead of the render: no second rendering.

In a copy of the scene whose Render Layers nodes have become Image nodes of the denoised frame nothing is left to render, so
that Blender only composites. File Output nodes write, too. The artist's scene and its render stay as they are.
"""
import contextlib
import os
import shutil

import bpy

from . import render_result, versions

STILLS = {"PNG": ".png", "JPEG": ".jpg", "TIFF": ".tif", "OPEN_EXR": ".exr", "WEBP": ".webp", "TARGA": ".tga", "BMP": ".bmp"}


def does_something(scene) -> bool:
    """Whether the scene's compositor does more than to show a picture."""
    tree = versions.compositor_tree(scene)
    if tree is None or not scene.render.use_compositing:
        return False
    idle = versions.output_types() | {"CompositorNodeGroup", "CompositorNodeViewer", "NodeReroute"}
    own = [node for node in tree.nodes if not (node.type == "GROUP" and node.node_tree and "n2n_layer" in node.node_tree)]
    return any(node.bl_idname not in idle or node.type == "GROUP" for node in own)


def target(scene, place: str) -> str:
    """`place` with the suffix of the scene's output format; movies become EXR pictures."""
    return place + STILLS.get(scene.render.image_settings.file_format, ".exr")


def run(context, scene, frame: str, picture: str):
    """A generator. frame: a denoised multilayer EXR of the scene; picture: the composited picture that it becomes, an EXR
    or in the scene's own format. Returns False where the tree renders something else, too, and nothing was done.
    """
    copy = scene.copy()
    tree = versions.own_compositor_tree(copy)
    image = bpy.data.images.load(frame)
    try:
        if not _replace_render_layers(tree, (None, scene, copy), image):
            return False
        copy.n2n.after_render = False
        yield from render_result.render(context, copy)
        _save(copy, picture)
        return True
    finally:
        bpy.data.images.remove(image)
        bpy.data.scenes.remove(copy)
        if versions.COMPOSITOR_IS_A_GROUP:
            bpy.data.node_groups.remove(tree)


def write_still(context, scene, frame: str, image):
    """A generator: the denoised still goes where the scene's output goes, in its format, composited as a render would be.
    Returns the path. frame: the denoised multilayer EXR; image: the denoised picture.
    """
    place = os.path.splitext(scene.render.frame_path(frame=scene.frame_current))[0]
    os.makedirs(os.path.dirname(place) or ".", exist_ok=True)
    path = target(scene, place)
    if scene.render.image_settings.file_format == "OPEN_EXR_MULTILAYER":
        shutil.copyfile(frame, f"{path}.partial")
        os.replace(f"{path}.partial", path)
    elif not does_something(scene) or not (yield from run(context, scene, frame, path)):
        image.save_render(path, scene=scene)
    return path


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


def _save(scene, path):
    partial = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}")
    with versions.multilayer_settings(scene) if path.endswith(".exr") else contextlib.nullcontext():
        if path.endswith(".exr"):
            versions.set_format(scene, "OPEN_EXR")
        bpy.data.images["Render Result"].save_render(partial, scene=scene)
    os.replace(partial, path)
