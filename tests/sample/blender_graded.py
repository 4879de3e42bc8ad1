"""Inside Blender: a lit plane whose picture an artist has graded, saved as graded.blend, and from Blender 5.0 on the same with
light in ACEScg, as acescg.blend. Argument: the folder.
"""

import sys

import bpy

bpy.ops.wm.read_factory_settings(use_empty=True)
scene = bpy.context.scene
bpy.ops.mesh.primitive_plane_add(size=8)
bpy.ops.object.light_add(type="POINT", location=(1, 1, 2))
bpy.context.object.data.energy, bpy.context.object.data.color = 400, (1.0, 0.5, 0.2)
bpy.ops.object.camera_add(location=(0, 0, 6))
scene.camera = bpy.context.object
scene.render.engine = "CYCLES"
scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 48, 32, 100
scene.view_settings.view_transform, scene.view_settings.look = "AgX", "AgX - Punchy"
scene.view_settings.exposure, scene.view_settings.gamma = -1.25, 1.2
bpy.ops.wm.save_as_mainfile(filepath=f"{sys.argv[-1]}/graded.blend")
if hasattr(bpy.data, "colorspace"):
    bpy.ops.wm.set_working_color_space(working_space="ACEScg", convert_colors=True)
    bpy.ops.wm.save_as_mainfile(filepath=f"{sys.argv[-1]}/acescg.blend")
