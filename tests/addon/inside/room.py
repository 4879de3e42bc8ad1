"""A small room that is lit indirectly, and what the scenarios need to look at it."""

import os
import sys
import tempfile
import types

import bpy
import numpy as np
from mathutils import Vector

SIZE = (96, 54)


def addon():
    """The extension's own modules."""
    return sys.modules["bl_ext.user_default.n2n_denoise.ui"]


def preferences():
    return bpy.context.preferences.addons["bl_ext.user_default.n2n_denoise"].preferences


def work(operator, quality="SCENE", **own):
    """What the operator does, step by step."""
    properties = types.SimpleNamespace(is_property_set=lambda name: True)
    return operator.work(
        types.SimpleNamespace(report=print, properties=properties, write_still=False, quality=quality, **own), bpy.context
    )


def build(*args, **options):
    """The room as the current scene, to be denoised with the smallest model. Returns the scene."""
    scene = build_plain(*args, **options)
    scene.n2n.model = "oidn-small"
    return scene


def build_plain(size=SIZE, spp=4, passes=True):
    """The same without the extension: open towards the camera, a box in it, margins where one sees past it."""
    scene = bpy.context.scene
    corners = [Vector((x, y, z)) for x in (-2, 2) for y in (0, 4) for z in (0, 2)]
    for name, indices, color in (
        ("Floor", (0, 2, 6, 4), (0.7, 0.6, 0.5)),
        ("Ceiling", (1, 3, 7, 5), (0.8, 0.8, 0.8)),
        ("Back", (2, 3, 7, 6), (0.7, 0.7, 0.8)),
        ("Left", (0, 1, 3, 2), (0.8, 0.1, 0.1)),
        ("Right", (4, 5, 7, 6), (0.1, 0.7, 0.1)),
    ):
        _mesh(scene, name, [corners[i] for i in indices], [(0, 1, 2, 3)], color)
    box = [Vector((x, y, z)) for x in (-0.5, 0.5) for y in (1.5, 2.5) for z in (0, 0.9)]
    faces = [(0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (1, 3, 7, 5)]
    _mesh(scene, "Box", box, faces, (0.9, 0.7, 0.2)).rotation_euler.z = 0.3
    lamp = bpy.data.lights.new("Lamp", "AREA")
    lamp.energy, lamp.size = 60, 0.6
    light = bpy.data.objects.new("Lamp", lamp)
    light.location, light.rotation_euler.x = (0, 2, 1.5), 3.1416  # shines at the ceiling
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (0, -7, 1), (1.5708, 0, 0)
    for new in (light, camera):
        scene.collection.objects.link(new)
    scene.camera = camera
    scene.world = bpy.data.worlds.new("World")
    scene.world.color = (0.05, 0.05, 0.05)
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = *size, 100
    scene.cycles.device, scene.cycles.samples, scene.cycles.use_adaptive_sampling = "CPU", spp, False
    scene.cycles.use_denoising = False
    scene.render.filepath = os.path.join(bpy.app.tempdir, "still_")
    for layer in scene.view_layers:
        layer.cycles.denoising_store_passes = passes
    return scene


def _mesh(scene, name, points, faces, color):
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(points, [], faces)
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED").inputs[0].default_value = (*color, 1)
    mesh.materials.append(material)
    made = bpy.data.objects.new(name, mesh)
    scene.collection.objects.link(made)
    return made


def denoised_room(**options):
    """A room that was rendered and denoised. Returns the scene."""
    scene = build(**options)
    bpy.ops.render.render()
    assert bpy.ops.n2n.denoise() == {"FINISHED"}
    return scene


def pixels(image) -> np.ndarray:
    """(H, W, 4) of an image, by name or itself."""
    image = bpy.data.images[image] if isinstance(image, str) else image
    found = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(found)
    return found.reshape(image.size[1], image.size[0], 4)


def roughness(picture) -> float:
    """Mean difference of neighbouring pixels, where both are finite."""
    return float(np.abs(np.diff(picture[..., :3], axis=1)).mean())


def read(path) -> np.ndarray:
    image = bpy.data.images.load(str(path))
    try:
        return pixels(image)
    finally:
        bpy.data.images.remove(image)


def composite(scene) -> np.ndarray:
    """Renders, and returns what comes out of the compositor."""
    bpy.ops.render.render(scene=scene.name)
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_depth, settings.color_mode = "OPEN_EXR", "32", "RGBA"
    path = os.path.join(tempfile.mkdtemp(dir=bpy.app.tempdir), "composite.exr")
    bpy.data.images["Render Result"].save_render(path, scene=scene)
    return read(path)


def compositor(scene):
    """A compositor tree of the artist's own: (tree, Render Layers node, the socket that takes the result)."""
    if hasattr(scene, "compositing_node_group"):
        tree = scene.compositing_node_group = bpy.data.node_groups.new("Mine", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        output = tree.nodes.new("NodeGroupOutput")
    else:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        output = tree.nodes.new("CompositorNodeComposite")
    return tree, tree.nodes.new("CompositorNodeRLayers"), output.inputs[0]


def glare(tree):
    """A Glare node that all of the picture goes into."""
    node = tree.nodes.new("CompositorNodeGlare")
    if "Threshold" in node.inputs:
        node.inputs["Threshold"].default_value = 0.1
    else:
        node.threshold = 0.1
    return node


def groups(scene) -> list:
    """The extension's nodes in the scene's compositor."""
    tree = scene.compositing_node_group if hasattr(scene, "compositing_node_group") else scene.node_tree
    return (
        [node for node in tree.nodes if node.type == "GROUP" and node.node_tree.name.startswith("Shot Denoise")] if tree else []
    )


def error(found, reference) -> float:
    """Relative root mean square error of RGB."""
    return float(np.sqrt(np.mean((found[..., :3] - reference[..., :3]) ** 2)) / reference[..., :3].mean())


def same(one, other, tolerance=1e-5) -> bool:
    return one.shape == other.shape and float(np.abs(one - other).max()) <= tolerance


def sentence(operator, **options) -> str:
    """What the artist reads when the operator fails; it must fail, and with one line."""
    try:
        done = operator(**options)
    except RuntimeError as problem:
        said = str(problem)
    else:
        raise AssertionError(f"{operator} → {done}")
    assert "Traceback" not in said and len(said.strip().splitlines()) == 1 and len(said) < 700, said
    return said.strip().removeprefix("Error: ")


def descendants(parent=None) -> set[int]:
    """Process ids of all living processes below this one."""
    found = children(parent)
    return found.union(*map(descendants, found))


def children(parent=None) -> set[int]:
    """Process ids of all living child processes."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                state, above = file.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(above) == (parent or os.getpid()) and state != "Z":
            found.add(int(pid))
    return found


def vectors(path) -> np.ndarray:
    """The Vector pass of an EXR file: its first two numbers as red and green."""
    return of_pass(path, ("Vector",))


def combined(path) -> np.ndarray:
    """The picture of a multilayer EXR file."""
    return of_pass(path, ("Combined", "Image"))


def of_pass(path, names):
    """The first of these passes that a multilayer EXR file has."""
    scene = bpy.context.scene.copy()
    tree, _, result = compositor(scene)
    source = tree.nodes.new("CompositorNodeImage")
    source.image = bpy.data.images.load(str(path))
    tree.links.new(next(socket for socket in source.outputs if socket.name in names and socket.enabled), result)
    try:
        return composite(scene)
    finally:
        bpy.data.scenes.remove(scene)


def curves(thing) -> list:
    """The F-curves of an object's action, in every Blender."""
    action = thing.animation_data.action
    if hasattr(action, "fcurves"):
        return list(action.fcurves)
    return [curve for layer in action.layers for strip in layer.strips for bag in strip.channelbags for curve in bag.fcurves]
