"""How the worker speaks to its parent: marked JSON lines on stdout, among whatever Blender prints. No bpy here."""

import json
import sys

MARK = "@n2n "


class SceneError(Exception):
    """Something about the scene or the machine that the user can mend."""

    def __init__(self, what, hint):
        super().__init__(what)
        self.what = what
        self.hint = hint


def emit(event, **values):
    sys.stdout.write("\n" + MARK + json.dumps({"event": event, **values}) + "\n")
    sys.stdout.flush()


def warn(message):
    emit("warning", message=message)
