"""What differs between Blender 4.2, 4.5, 5.0 and 5.2. All that knows a version is here; the rest asks.

- 5.0 moved a scene's compositor tree from `scene.node_tree` (there with `use_nodes`) to `scene.compositing_node_group`, a
  data-block; its result goes to the Group Output instead of a Composite node.
- 5.0 replaced the compositor's own mix and math nodes by those of the other editors.
- 5.0 asks for `media_type` before `file_format` in image settings.
"""

import contextlib

import bpy

RELATIVE = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (5, 0, 0) else set()  # paths that may start with //
COMPOSITOR_IS_A_GROUP = bpy.app.version >= (5, 0, 0)
MEDIA_TYPES = bpy.app.version >= (5, 0, 0)
SETTINGS = (
    "media_type",
    "file_format",
    "color_mode",
    "color_depth",
    "exr_codec",
    "use_exr_interleave",
    "use_preview",
    "views_format",
)


def compositor_tree(scene):
    """The node tree that is applied to renders of the scene, or None."""
    if COMPOSITOR_IS_A_GROUP:
        return scene.compositing_node_group
    return scene.node_tree if scene.use_nodes else None


def make_compositor_tree(scene):
    """A tree that shows the first view layer as it is; None where the artist has one that is switched off."""
    if not COMPOSITOR_IS_A_GROUP:
        if has_idle_tree(scene):
            return None
        scene.use_nodes = True  # a new tree comes with Render Layers → Composite
        return scene.node_tree
    tree = bpy.data.node_groups.new("Compositing", "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    layers = tree.nodes.new("CompositorNodeRLayers")
    output = tree.nodes.new("NodeGroupOutput")
    layers.location, output.location = (-400, 0), (300, 0)
    tree.links.new(layers.outputs["Image"], output.inputs[0])
    scene.compositing_node_group = tree
    return tree


def curves_of(scene, path: str) -> list:
    """Drivers and F-curves of a property of the scene."""
    data = scene.animation_data
    if data is None:
        return []
    action = data.action
    if action is None or hasattr(action, "fcurves"):
        curves = list(action.fcurves) if action else []
    else:  # 5.0: in layers
        bags = [bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags]
        curves = [curve for bag in bags for curve in bag.fcurves]
    return [curve for curve in (*data.drivers, *curves) if curve.data_path == path]


def has_strips(scene) -> bool:
    """Whether the Sequencer holds anything; 5.0 calls strips what were sequences."""
    editor = scene.sequence_editor
    return bool(editor.strips if hasattr(editor, "strips") else editor.sequences)


def plain_compositor_tree(scene_copy):
    """A new tree of a copied scene that shows the first view layer as it is, whatever tree it has."""
    if not COMPOSITOR_IS_A_GROUP:
        scene_copy.use_nodes = True
        tree = scene_copy.node_tree
        tree.nodes.clear()
        layers, output = tree.nodes.new("CompositorNodeRLayers"), tree.nodes.new("CompositorNodeComposite")
        tree.links.new(layers.outputs["Image"], output.inputs[0])
        return tree
    scene_copy.compositing_node_group = None
    return make_compositor_tree(scene_copy)


def has_idle_tree(scene) -> bool:
    """Whether the artist has nodes in a tree that is switched off."""
    if COMPOSITOR_IS_A_GROUP or scene.use_nodes or scene.node_tree is None:
        return False
    return bool({node.bl_idname for node in scene.node_tree.nodes} - output_types())


def use_tree(scene):
    """Switches on what `has_idle_tree` tells of."""
    if not COMPOSITOR_IS_A_GROUP:
        scene.use_nodes = True


def remove_compositor_tree(scene):
    """Undoes `make_compositor_tree`."""
    if COMPOSITOR_IS_A_GROUP:
        tree = scene.compositing_node_group
        scene.compositing_node_group = None
        if tree.users == 0:
            bpy.data.node_groups.remove(tree)
    else:
        scene.use_nodes = False


def own_compositor_tree(scene_copy):
    """The tree of a scene that was copied with `scene.copy()`, as a copy that nobody else uses; None where it has none."""
    if compositor_tree(scene_copy) is None:
        return None
    if COMPOSITOR_IS_A_GROUP:
        scene_copy.compositing_node_group = scene_copy.compositing_node_group.copy()
        return scene_copy.compositing_node_group
    return scene_copy.node_tree


def set_working_space(image):
    """The picture's numbers are those of the render, whatever space the file is worked in (5.0 lets artists choose)."""
    if hasattr(bpy.data, "colorspace"):
        with contextlib.suppress(TypeError):
            image.colorspace_settings.name = bpy.data.colorspace.working_space


def output_types() -> set[str]:
    """Node types that a tree of ours may hold and still be just ours."""
    return {"CompositorNodeRLayers", "NodeGroupOutput" if COMPOSITOR_IS_A_GROUP else "CompositorNodeComposite"}


def new_mix(tree, blend_type: str):
    """(node, factor socket, first socket, second socket, output) that mixes colours."""
    if COMPOSITOR_IS_A_GROUP:
        node = tree.nodes.new("ShaderNodeMix")
        node.data_type, node.blend_type, node.clamp_result = "RGBA", blend_type, False
        return node, node.inputs[0], node.inputs[6], node.inputs[7], node.outputs[2]
    node = tree.nodes.new("CompositorNodeMixRGB")
    node.blend_type = blend_type
    return node, node.inputs[0], node.inputs[1], node.inputs[2], node.outputs[0]


def new_math(tree, operation: str):
    node = tree.nodes.new("ShaderNodeMath" if COMPOSITOR_IS_A_GROUP else "CompositorNodeMath")
    node.operation = operation
    return node


def set_format(scene, file_format: str):
    """An EXR, plain or multilayer, that keeps every bit."""
    settings = scene.render.image_settings
    if MEDIA_TYPES:
        settings.media_type = "MULTI_LAYER_IMAGE" if file_format == "OPEN_EXR_MULTILAYER" else "IMAGE"
    settings.file_format = file_format
    settings.color_depth, settings.exr_codec = "32", "NONE"
    if file_format == "OPEN_EXR":
        settings.color_mode = "RGBA"
    else:
        settings.views_format = "MULTIVIEW"  # both eyes in one file


@contextlib.contextmanager
def multilayer_settings(scene):
    """The scene's image settings, set to a multilayer EXR that keeps everything, and then as they were."""
    settings = scene.render.image_settings
    before = [(name, getattr(settings, name)) for name in SETTINGS if hasattr(settings, name)]
    try:
        set_format(scene, "OPEN_EXR_MULTILAYER")
        yield
    finally:
        for name, value in before:
            with contextlib.suppress(TypeError):  # a value that only another format has: nobody had chosen it
                setattr(settings, name, value)
