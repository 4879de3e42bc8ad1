"""Runs inside Blender: shot.blend, a small shot with all that the documents' commands name, into the last argument's folder.

Objects `grass` and `ball`, of the material `skin_face`, an AOV `haze`, light groups, Cryptomatte, a camera that moves.
"""

import os
import sys

import bpy


def add(make, name, group, **where):
    make(**where)
    thing = bpy.context.object
    thing.name, thing.lightgroup = name, group
    return thing


def main(folder):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    layer = scene.view_layers[0]
    for name in ("key", "fill"):
        layer.lightgroups.add(name=name)
    add(bpy.ops.mesh.primitive_plane_add, "grass", "fill", size=8)
    ball = add(bpy.ops.mesh.primitive_uv_sphere_add, "ball", "fill", location=(0, 0, 0.8), radius=0.8)
    ball.data.materials.append(paint("skin_face"))
    add(bpy.ops.object.light_add, "lamp", "key", type="AREA", location=(2, -2, 3)).data.energy = 300
    add(bpy.ops.object.light_add, "rim", "fill", type="POINT", location=(-3, 2, 2)).data.energy = 200
    bpy.ops.object.camera_add(location=(-0.2, -5, 1.5), rotation=(1.35, 0, 0))
    scene.camera = camera = bpy.context.object
    camera.keyframe_insert("location", frame=1)
    camera.location.x = 0.2
    camera.keyframe_insert("location", frame=4)
    scene.render.engine, scene.cycles.device = "CYCLES", "CPU"
    scene.render.resolution_x, scene.render.resolution_y, scene.frame_end = 64, 36, 4
    layer.use_pass_cryptomatte_object = layer.use_pass_cryptomatte_material = True
    haze = layer.aovs.add()
    haze.name, haze.type = "haze", "VALUE"
    bpy.ops.wm.save_as_mainfile(filepath=os.path.join(folder, "shot.blend"), check_existing=False)


def paint(name):
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    node = material.node_tree.nodes.new("ShaderNodeOutputAOV")
    node.aov_name, node.inputs["Value"].default_value = "haze", 0.5
    return material


main(sys.argv[-1])
