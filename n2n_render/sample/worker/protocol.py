"""How the worker speaks to its parent: marked JSON lines on stdout, among whatever Blender prints. No bpy here."""

import json
import sys
from typing import Any

MARK = "@n2n "


class SceneError(Exception):
    """Something about the scene or the machine that the user can mend."""

    def __init__(self, what: str, hint: str):
        super().__init__(what)
        self.what = what
        self.hint = hint


def emit(event: str, **values: Any) -> None:
    sys.stdout.write("\n" + MARK + json.dumps({"event": event, **values}) + "\n")
    sys.stdout.flush()


def warn(message: str) -> None:
    emit("warning", message=message)
