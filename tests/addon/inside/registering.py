"""Switching the extension on when something of it cannot be: all or nothing."""

import sys

import addon_utils
import bpy

MODULE = "bl_ext.user_default.n2n_denoise"


class Broken(bpy.types.Operator):
    """Blender refuses it: an operator's name has a dot."""

    bl_idname, bl_label = "broken", "Broken"


def what_fails_half_way_leaves_nothing_and_says_one_sentence(folder):
    extension = sys.modules[MODULE]
    addon_utils.disable(MODULE)
    clean, classes, said = _traces(), extension.CLASSES, []
    for place in (0, len(classes) // 2, len(classes)):
        extension.CLASSES = (*classes[:place], Broken, *classes[place:])
        assert addon_utils.enable(MODULE, default_set=True, handle_error=said.append) is None
        assert _traces() == clean and MODULE not in bpy.context.preferences.addons
        sys.modules[MODULE] = extension  # Blender has forgotten it
    assert [str(error).count("Shot Denoise cannot be switched on") for error in said] == [1, 1, 1]
    extension.CLASSES = classes
    assert addon_utils.enable(MODULE, default_set=True) and _traces() != clean


def what_fails_at_the_end_leaves_nothing_either(folder):  # nightly
    extension = sys.modules[MODULE]
    addon_utils.disable(MODULE)
    clean, handlers = _traces(), extension.handlers.HANDLERS
    extension.handlers.HANDLERS = (*handlers, ("no_such_handler", print))
    assert addon_utils.enable(MODULE, handle_error=lambda error: None) is None and _traces() == clean
    extension.handlers.HANDLERS = handlers


def switching_off_leaves_nothing_whatever_goes_wrong(folder):  # nightly
    extension = sys.modules[MODULE]
    addon_utils.disable(MODULE)
    clean = _traces()
    assert addon_utils.enable(MODULE, default_set=True)
    bpy.context.preferences.addons.remove(bpy.context.preferences.addons[MODULE])  # its settings are gone
    addon_utils.disable(MODULE, handle_error=lambda error: None)
    assert sys.modules[MODULE] is extension and _traces() == clean


def _traces():
    return (
        {name for name in dir(bpy.types) if "N2N" in name.upper()},
        hasattr(bpy.types.Scene, "n2n"),
        {name: len(found) for name in dir(bpy.app.handlers) if isinstance(found := getattr(bpy.app.handlers, name), list)},
        len(bpy.types.IMAGE_HT_header._dyn_ui_initialize()),
    )
