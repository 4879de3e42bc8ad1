"""Shot Denoise, a Blender extension: the Denoise button. README.md beside this file says what each file is for."""

import contextlib

import bpy

from .process import runtime
from .process.errors import Problem
from .ui import (
    animation,
    choices,
    compare,
    denoise,
    farm,
    handlers,
    jobs,
    panel,
    saving,
    session,
    settings,
    strengths,
    switches,
)

MODULES = (settings, denoise, choices, animation, saving, switches, compare, farm, strengths)
CLASSES = tuple(cls for module in MODULES for cls in module.CLASSES)
SETTINGS = {"n2n": settings.Settings, "n2n_compare": compare.Settings, "n2n_farm": settings.Farm}  # of every scene
PARTS = (panel, handlers)
REGISTERED = contextlib.ExitStack()  # what takes it all away again, in reverse


def register():
    """All of it or nothing: what fails half-way takes back what it has done. Raises Problem."""
    missing = runtime.missing()
    if missing:
        raise Problem(
            f"Shot Denoise was not installed whole ({', '.join(missing)} missing), most likely for want of disk space",
            "Remove it, make room, and install it again",
        )
    try:
        with contextlib.ExitStack() as done:
            for cls in CLASSES:
                bpy.utils.register_class(cls)
                done.callback(bpy.utils.unregister_class, cls)
            for name, cls in SETTINGS.items():
                setattr(bpy.types.Scene, name, bpy.props.PointerProperty(type=cls))
                done.callback(delattr, bpy.types.Scene, name)
            for part in PARTS:
                done.callback(part.unregister)
                part.register()
            REGISTERED.push(done.pop_all())
    except Exception as error:
        raise Problem(
            f"Shot Denoise cannot be switched on in Blender {bpy.app.version_string} ({error})",
            "Nothing of it was left behind; install its newest version, and restart Blender",
        ) from error


def unregister():
    with REGISTERED:  # whatever goes wrong here, nothing stays registered
        jobs.stop()
        session.stop()
        if not settings.preferences().keep_nodes:
            for scene in bpy.data.scenes:
                choices.remove_from(scene)
