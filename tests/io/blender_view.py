"""Inside Blender: pictures of radiance by its own color management.

Argument: a JSON file {radiance, folder, views, scene}. views: name → what to set, or null. scene: a file to open, or null.
"""

import json
import sys

import bpy

with open(sys.argv[-1], encoding="utf-8") as file:
    wanted = json.load(file)
if wanted["scene"]:
    bpy.ops.wm.open_mainfile(filepath=wanted["scene"])
scene = bpy.context.scene
scene.render.dither_intensity = 0
image_settings = scene.render.image_settings
if hasattr(image_settings, "media_type"):
    image_settings.media_type = "IMAGE"
image_settings.file_format, image_settings.color_mode, image_settings.color_depth = "PNG", "RGB", "8"
for name, chosen in wanted["views"].items():
    if chosen:
        scene.display_settings.display_device = chosen["display"]
        settings = scene.view_settings
        settings.view_transform, settings.look = chosen["view"], chosen["look"] or "None"
        settings.exposure, settings.gamma = chosen["exposure"], chosen["gamma"]
    image = bpy.data.images.load(wanted["radiance"])
    image.save_render(f"{wanted['folder']}/{name}.png", scene=scene)
