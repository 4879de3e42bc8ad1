"""Datasets → the view that their scene is seen through in Blender, as `sample` records it."""

from collections.abc import Iterable
from pathlib import Path

from ..errors import doubt
from ..frame.display import TONE_MAP, View
from ..schema import check_items
from .dataset import MANIFEST, read_manifest
from .view_transform import SceneView, open_view_as

COLOR_MANAGEMENT = "color_management"  # in the manifest
_KINDS = {
    "display_device": str | None,
    "view_transform": str | None,
    "look": str | None,
    "exposure": float,
    "gamma": float,
    "use_curve_mapping": bool,
    "use_white_balance": bool,
    "working_space": str | None,
}
_NOT_DONE = {"use_curve_mapping": "curves", "use_white_balance": "white balance"}


def open_shown_view(ocio: str | None, view: str | None, places: Iterable[str | Path], blender: str | None = None) -> View:
    """How pictures of renders are shown: by `ocio` and `view`, as of `open_view`; what is not given is as in the scene.

    Args:
        places: Datasets, or files in them; others say nothing of a scene.
        blender: A program whose configuration is Blender's.

    Raises:
        N2NError: As `open_view`; or a manifest is damaged.
    """
    return open_view_as(None if view == TONE_MAP.name else _scene_view(places), ocio, view, blender)


def _scene_view(places: Iterable[str | Path]) -> SceneView | None:
    """Of the first dataset that tells; that another one's scene looks otherwise is a doubt."""
    folders = dict.fromkeys(folder for place in map(Path, places) if (folder := _dataset(place)))
    found = {folder: chosen for folder in folders if (chosen := _recorded(folder))}
    if not found:
        return None
    first, chosen = next(iter(found.items()))
    if other := next((folder for folder, one in found.items() if one != chosen), None):
        doubt(f"the scenes of {first} and {other} are seen through different views: all pictures are shown as the first is")
    return chosen


def _dataset(place: Path) -> Path | None:
    return next((folder for folder in (place, place.parent) if (folder / MANIFEST).is_file()), None)


def _recorded(folder: Path) -> SceneView | None:
    told = read_manifest(folder).get(COLOR_MANAGEMENT)
    if told is None:
        return None
    check_items(told, _KINDS, f"{folder / MANIFEST}: {COLOR_MANAGEMENT}", "Sample into a new folder.")
    if left := [word for name, word in _NOT_DONE.items() if told.get(name)]:
        doubt(f"{folder}: the {' and '.join(left)} of its scene's color management are left out of pictures")
    return SceneView(
        told.get("display_device"),
        told.get("view_transform"),
        told.get("look"),
        told.get("exposure", 0.0),
        told.get("gamma", 1.0),
        told.get("working_space"),
    )
