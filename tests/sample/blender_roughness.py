"""Runs inside Blender: opens a scene, lets its materials write how rough they are into an AOV, and saves it elsewhere."""

import json
import sys

import bpy

ROUGHNESS = 0.25


def main(scene_path, rough_path):
    bpy.ops.wm.open_mainfile(filepath=scene_path)
    for material in {slot.material for thing in bpy.data.objects for slot in thing.material_slots if slot.material}:
        material.use_nodes = True
        node = material.node_tree.nodes.new("ShaderNodeOutputAOV")
        node.aov_name, node.inputs["Value"].default_value = "roughness", ROUGHNESS
    for scene in bpy.data.scenes:
        aov = scene.view_layers[0].aovs.add()
        aov.name, aov.type = "roughness", "VALUE"
    bpy.ops.wm.save_as_mainfile(filepath=rough_path, check_existing=False)


main(*json.loads(sys.argv[-1]))
