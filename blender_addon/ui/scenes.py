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

    def still_there(self):
        """The scene whatever its name is now, to put back what was changed in it; None where it is gone."""
        if self._opened != _files["opened"]:
            return None
        if self._uid is None:
            return bpy.data.scenes.get(self.name)
        return next((scene for scene in bpy.data.scenes if scene.session_uid == self._uid), None)

    def __call__(self):
        if self._opened != _files["opened"]:
            raise Problem(
                "Another file was opened meanwhile",
                "What was finished is kept; open the first file, and press the button again",
            )
        scene = self.still_there()
        if scene is not None and scene.name == self.name:
            return scene
        what = f"was renamed to {scene.name}" if scene else "was removed"
        raise Problem(f"The scene {self.name} {what} meanwhile", "What was finished is kept; press the button again")
