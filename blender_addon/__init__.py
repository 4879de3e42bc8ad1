"""Shot Denoise, a Blender extension: the Denoise button. README.md beside this file says what each file is for."""

import bpy

from .ui import (
    animation,
    choices,
    compare,
    denoise,
    editors,
    handlers,
    images,
    jobs,
    panel,
    saving,
    session,
    settings,
    switches,
)

CLASSES = (
    *settings.CLASSES,
    *denoise.CLASSES,
    *choices.CLASSES,
    *animation.CLASSES,
    *saving.CLASSES,
    *switches.CLASSES,
    *compare.CLASSES,
)
PARTS = (panel, handlers, images, editors, compare)


def register():
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.n2n = bpy.props.PointerProperty(type=settings.Settings)
    bpy.types.Scene.n2n_compare = bpy.props.PointerProperty(type=compare.Settings)
    for part in PARTS:
        part.register()


def unregister():
    jobs.stop()
    for part in reversed(PARTS):
        part.unregister()
    session.stop()
    if not settings.preferences().keep_nodes:
        for scene in bpy.data.scenes:
            choices.remove_from(scene)
    del bpy.types.Scene.n2n_compare
    del bpy.types.Scene.n2n
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
