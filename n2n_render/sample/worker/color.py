"""How the artist sees the scene: what of Blender's color management decides how a picture looks."""

from typing import Any

import bpy


def color_management(scene: Any) -> dict[str, Any]:
    """At the scene's frame, by the names that Blender gives them; look None: there is none."""
    view, display = scene.view_settings, scene.display_settings
    space = getattr(bpy.data, "colorspace", None)  # from 5.0 on light may have other primaries than those of Rec.709
    return {
        "display_device": display.display_device,
        "view_transform": view.view_transform,
        "look": None if view.look in ("", "None") else view.look,
        "exposure": view.exposure,
        "gamma": view.gamma,
        "use_curve_mapping": view.use_curve_mapping,
        "use_white_balance": getattr(view, "use_white_balance", False),  # from 4.3 on
        "working_space": space.working_space if space else None,
    }
