"""A scene that outlives ticks. Undo and an opened file replace what Python holds of it, so it is looked up at each use."""

import bpy

from ..process.errors import Problem

_files = {"opened": 0}  # since the extension was enabled


def another_file():
    """A file was opened: no scene of before is there any more, whatever its name."""
    _files["opened"] += 1


class Place:
    """Called, it gives the scene as it is now; raises Problem where that is gone, was renamed, or is of another file."""

    def __init__(self, scene):
        self.name, self._opened = scene.name, _files["opened"]
        self._uid = getattr(scene, "session_uid", None)  # stays through undo; Blender 4.2 has it

    def __call__(self):
        if self._opened != _files["opened"]:
            raise Problem(
                "Another file was opened meanwhile",
                "What was finished is kept; open the first file, and press the button again",
            )
        scene = bpy.data.scenes.get(self.name)
        if scene is not None and self._uid in (None, scene.session_uid):
            return scene
        now = next((other.name for other in bpy.data.scenes if self._uid and other.session_uid == self._uid), None)
        what = f"was renamed to {now}" if now else "was removed"
        raise Problem(f"The scene {self.name} {what} meanwhile", "What was finished is kept; press the button again")
