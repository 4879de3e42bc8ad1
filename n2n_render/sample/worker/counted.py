"""The settings that counted: what Cycles was given for a render, after all animation, against what was asked for."""

from typing import Any

import bpy
import settings
from protocol import SceneError

_given: list[dict[str, Any]] = []


def listen() -> None:
    """From here on every render notes what Cycles was given."""
    engine = next(kind for kind in bpy.types.RenderEngine.__subclasses__() if getattr(kind, "bl_idname", "") == "CYCLES")
    render = engine.render

    def noting(self: Any, depsgraph: Any) -> None:
        _given.append(settings.counting(depsgraph.scene_eval, depsgraph.view_layer_eval))
        render(self, depsgraph)

    engine.render = noting


def begin() -> None:
    _given.clear()


def check(wanted: Any) -> None:
    """`wanted`: as `settings.counting` gives them. Raises SceneError for a render that did not follow them."""
    if not _given:
        raise SceneError("Blender rendered without Cycles", "Check that the scene's view layer is used for rendering.")
    for given in _given:
        wrong = [f"{name} {given[name]} instead of {value}" for name, value in wanted.items() if given[name] != value]
        if wrong:
            raise SceneError(
                f"the render did not use the settings that were asked for: {', '.join(wrong)}",
                "Something in the file animates them (a driver, an action, an NLA strip). Remove that, save the "
                "file and run the same command again.",
            )
