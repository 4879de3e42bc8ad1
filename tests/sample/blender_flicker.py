"""Inside Blender: a room in which nothing stays as it is, as flicker.blend.

A camera that moves, a lamp that flickers from frame to frame, a screen that changes its colour, a box whose shadow sweeps over
a checkered floor, a ball that is a mirror.
"""

import math
import sys

import bpy

FRAMES = 9


def material(name, color, metallic=0.0, roughness=0.8, strength=0.0):
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    shader = made.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*color, 1)
    shader.inputs["Metallic"].default_value, shader.inputs["Roughness"].default_value = metallic, roughness
    shader.inputs["Emission Color"].default_value = (*color, 1)
    shader.inputs["Emission Strength"].default_value = strength
    return made


def add(kind, made, **where):
    getattr(bpy.ops.mesh, f"primitive_{kind}_add")(**where)
    bpy.context.object.data.materials.append(made)
    return bpy.context.object


def main(path):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.frame_start, scene.frame_end = 1, FRAMES
    floor = material("floor", (0.6, 0.55, 0.5))
    checker = floor.node_tree.nodes.new("ShaderNodeTexChecker")
    checker.inputs["Scale"].default_value = 12
    floor.node_tree.links.new(checker.outputs["Color"], floor.node_tree.nodes["Principled BSDF"].inputs["Base Color"])
    add("plane", floor, size=12)
    add("plane", material("wall", (0.3, 0.4, 0.6)), size=12, location=(0, 4, 0), rotation=(math.pi / 2, 0, 0))
    add("uv_sphere", material("mirror", (0.9, 0.9, 0.9), metallic=1.0, roughness=0.0), radius=0.8, location=(1.4, 1, 0.8))
    box = add("cube", material("box", (0.7, 0.2, 0.1)), size=0.8, location=(-1.5, 1.5, 2.2))
    screen = material("screen", (0.2, 0.8, 0.3), strength=2.0)
    add("plane", screen, size=1.6, location=(-1.8, 3.9, 1.2), rotation=(math.pi / 2, 0, 0))
    bpy.ops.object.light_add(type="AREA", location=(0, 0, 5))
    lamp = bpy.context.object.data
    lamp.size = 1.0
    bpy.ops.object.camera_add(location=(0, -6, 2), rotation=(math.radians(78), 0, 0))
    scene.camera = bpy.context.object
    emission = screen.node_tree.nodes["Principled BSDF"].inputs
    for frame in range(1, FRAMES + 1):
        lamp.energy = 900 if frame % 2 else 350
        lamp.keyframe_insert("energy", frame=frame)
        emission["Emission Color"].default_value = (frame % 3 == 0, frame % 3 == 1, frame % 3 == 2, 1)
        emission["Emission Color"].keyframe_insert("default_value", frame=frame)
        box.location.x = -1.5 + 0.35 * frame
        box.keyframe_insert("location", frame=frame)
        scene.camera.location.x = 0.06 * frame
        scene.camera.keyframe_insert("location", frame=frame)
    bpy.ops.wm.save_as_mainfile(filepath=path)


main(sys.argv[-1])
