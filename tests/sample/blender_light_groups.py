"""Runs inside Blender: opens a scene, puts its things and its sky into light groups, and saves it elsewhere."""

import json
import sys

import bpy


def main(scene_path, grouped_path):
    bpy.ops.wm.open_mainfile(filepath=scene_path)
    scene = bpy.context.scene
    for name in ("things", "sky"):
        scene.view_layers[0].lightgroups.add(name=name)
    for thing in scene.objects:
        thing.lightgroup = "things"
    if scene.world:
        scene.world.lightgroup = "sky"
    bpy.ops.wm.save_as_mainfile(filepath=grouped_path, check_existing=False)


main(*json.loads(sys.argv[-1]))
