"""Builds the demo scene: a room lit only indirectly, with textured, glossy, glass and emissive things in it."""

import math
from typing import Any

import bpy


def build(path: str) -> Any:
    """Makes the scene from nothing and saves it at `path`; returns the path."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    _room()
    _things()
    _lights()
    _camera(scene)
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 384, 216, 100
    scene.cycles.samples = 128
    scene.cycles.max_bounces, scene.cycles.diffuse_bounces = 7, 3  # a closed room: longer paths cost more than they show
    scene.frame_set(1)
    bpy.ops.wm.save_as_mainfile(filepath=path, check_existing=False)
    return path


def _room() -> None:
    floor = _material("floor", roughness=0.35)
    _texture(floor, "ShaderNodeTexChecker", {"Scale": 9.0, "Color1": (0.55, 0.42, 0.3, 1), "Color2": (0.2, 0.13, 0.09, 1)})
    wall = _material("wall", roughness=0.9)
    _texture(
        wall,
        "ShaderNodeTexBrick",
        {"Scale": 5.0, "Color1": (0.62, 0.35, 0.27, 1), "Color2": (0.5, 0.28, 0.22, 1), "Mortar": (0.75, 0.73, 0.7, 1)},
    )
    plain = _material("plaster", color=(0.75, 0.74, 0.7), roughness=0.9)
    green = _material("green wall", color=(0.25, 0.5, 0.28), roughness=0.8)
    _box((0, 0, -0.05), (8, 8, 0.1), floor)
    _box((0, 0, 4.05), (8, 8, 0.1), plain)
    _box((0, 4.05, 2), (8, 0.1, 4), wall)
    _box((0, -4.05, 2), (8, 0.1, 4), plain)
    _box((-4.05, 0, 2), (0.1, 8, 4), green)
    _box((4.05, 0, 2), (0.1, 8, 4), plain)


def _things() -> None:
    glossy = _material("brushed gold", color=(0.9, 0.65, 0.3), roughness=0.22, metallic=1.0)
    mirror = _material("mirror", color=(0.9, 0.9, 0.92), roughness=0.03, metallic=1.0)
    glass = _material("glass", color=(0.95, 1.0, 0.98), roughness=0.0, transmission=1.0)
    marble = _material("marble", roughness=0.3)
    _texture(marble, "ShaderNodeTexNoise", {"Scale": 6.0, "Detail": 8.0}, ramp=((0.05, 0.09, 0.2), (0.8, 0.82, 0.85)))
    cloth = _material("cloth", roughness=1.0)
    _texture(cloth, "ShaderNodeTexVoronoi", {"Scale": 14.0}, ramp=((0.7, 0.1, 0.08), (0.95, 0.75, 0.5)))
    _box((-1.9, 2.2, 0.7), (1.3, 1.3, 1.4), marble, turn=0.4)
    _box((1.9, 2.6, 0.5), (1.8, 0.9, 1.0), cloth, turn=-0.25)
    bpy.ops.mesh.primitive_monkey_add(size=1.5, location=(0.1, 1.5, 0.75), rotation=(-0.6, 0, 0.35))
    _finish(glossy, smooth=True)
    _sphere((1.3, 0.7, 0.45), 0.45, glass)
    _sphere((-1.2, 0.6, 0.4), 0.4, mirror)
    _sphere((1.9, 2.6, 1.35), 0.35, glossy)
    bpy.ops.mesh.primitive_torus_add(location=(-1.9, 2.2, 1.62), major_radius=0.42, minor_radius=0.16, rotation=(0.3, 0.2, 0))
    _finish(glass, smooth=True)


def _lights() -> None:
    """A strong lamp behind a screen: the room sees it only off the ceiling and the wall. A small one in sight."""
    lamp = _emission("lamp", (1.0, 0.86, 0.68), 130.0)
    _box((-3.6, -2.8, 2.6), (0.5, 0.9, 0.08), lamp)
    _box((-2.9, -2.8, 2.2), (0.06, 2.2, 2.0), _material("screen", color=(0.6, 0.6, 0.6), roughness=0.9))
    _sphere((2.9, 3.1, 0.28), 0.28, _emission("bulb", (0.35, 0.6, 1.0), 9.0))


def _camera(scene: Any) -> None:
    data = bpy.data.cameras.new("Camera")
    data.lens = 28
    camera = bpy.data.objects.new("Camera", data)
    camera.location = (0.6, -3.2, 1.9)
    camera.rotation_euler = (math.radians(78), 0, math.radians(6))
    scene.collection.objects.link(camera)
    scene.camera = camera


def _material(
    name: str, color: Any = (0.8, 0.8, 0.8), roughness: float = 0.5, metallic: float = 0.0, transmission: float = 0.0
) -> Any:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*color, 1)
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Metallic"].default_value = metallic
    shader.inputs["Transmission Weight"].default_value = transmission
    return material


def _emission(name: str, color: Any, strength: float) -> Any:
    material = _material(name, color)
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Emission Color"].default_value = (*color, 1)
    shader.inputs["Emission Strength"].default_value = strength
    return material


def _texture(material: Any, kind: str, values: Any, ramp: Any = None) -> None:
    """A procedural texture on the base colour, in object coordinates; `ramp`: two colours for a grey texture."""
    nodes, links = material.node_tree.nodes, material.node_tree.links
    texture = nodes.new(kind)
    for name, value in values.items():
        texture.inputs[name].default_value = value
    links.new(nodes.new("ShaderNodeTexCoord").outputs["Object"], texture.inputs["Vector"])
    output = texture.outputs["Distance" if kind == "ShaderNodeTexVoronoi" else "Color"]
    if ramp:
        colors = nodes.new("ShaderNodeValToRGB")
        for element, color in zip(colors.color_ramp.elements, ramp, strict=True):
            element.color = (*color, 1)
        links.new(output, colors.inputs["Fac"])
        output = colors.outputs["Color"]
    links.new(output, nodes["Principled BSDF"].inputs["Base Color"])


def _box(location: Any, size: Any, material: Any, turn: float = 0.0) -> None:
    bpy.ops.mesh.primitive_cube_add(size=1, location=location, rotation=(0, 0, turn))
    bpy.context.object.scale = size
    bpy.ops.object.transform_apply(location=False, rotation=False, scale=True)
    _finish(material)


def _sphere(location: Any, radius: float, material: Any) -> None:
    bpy.ops.mesh.primitive_uv_sphere_add(segments=64, ring_count=32, radius=radius, location=location)
    _finish(material, smooth=True)


def _finish(material: Any, smooth: bool = False) -> None:
    thing = bpy.context.object
    thing.data.materials.append(material)
    if smooth:
        bpy.ops.object.shade_smooth()
