"""Shot Denoise, a Blender extension: the Denoise button. README.md beside this file says what each file is for."""

import bpy

from .ui import animation, choices, denoise, handlers, jobs, panel, session, settings

CLASSES = (*settings.CLASSES, *denoise.CLASSES, *choices.CLASSES, *animation.CLASSES)


def register():
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.n2n = bpy.props.PointerProperty(type=settings.Settings)
    panel.register()
    handlers.register()


def unregister():
    jobs.stop()
    handlers.unregister()
    panel.unregister()
    session.stop()
    if not settings.preferences().keep_nodes:
        for scene in bpy.data.scenes:
            choices.remove_from(scene)
    del bpy.types.Scene.n2n
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
