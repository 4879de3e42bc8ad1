"""Animation of render settings is held still: it would win over what is set here, frame by frame."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import bpy

SETTINGS = re.compile(r"cycles\.|render\.|view_layers\[")  # from the scene
MAY_REACH_SETTINGS = re.compile(r"(^|\.)(cycles\.|render\.|view_layers\[)")  # from whatever has a pointer to a scene


def hold_still(scene: Any, warn: Callable[[str], None]) -> None:
    """Removes drivers and curves of actions (all layers, the slot that counts) and NLA strips that set render settings.

    In this process only. Muted ones would still write: a driver that is muted rounds a seed to 24 bits.
    """
    stopped = set()
    for owner in _animated():
        for curves in _curves(owner.animation_data):
            for curve in list(curves):
                path = curve.data_path
                if _reaches_settings(scene, owner, path):
                    curves.remove(curve)
                    stopped.add(path)
    if stopped:
        warn(f"animated render settings are held still: {', '.join(sorted(stopped))}")


def _animated() -> Iterator[Any]:
    """Every data block with animation, node trees inside of others too."""
    for kind in bpy.data.bl_rna.properties:
        if kind.type == "COLLECTION":
            for block in getattr(bpy.data, kind.identifier):
                for owner in (block, getattr(block, "node_tree", None)):
                    if getattr(owner, "animation_data", None):
                        yield owner


def _curves(data: Any) -> Iterator[Any]:
    """The collections of curves that this animation data evaluates."""
    yield data.drivers
    if data.action:
        yield from _curves_of(data.action, getattr(data, "action_slot_handle", None))
    pending = [strip for track in data.nla_tracks for strip in track.strips]
    while pending:
        strip = pending.pop()
        pending += getattr(strip, "strips", [])  # of a meta strip
        if strip.action:
            yield from _curves_of(strip.action, getattr(strip, "action_slot_handle", None))


def _curves_of(action: Any, slot: Any) -> Any:
    """`slot`: the handle of the slot that counts; None where Blender knows no slots yet (before 4.4)."""
    if slot is None:
        return [action.fcurves]
    return [
        bag.fcurves for layer in action.layers for strip in layer.strips for bag in strip.channelbags if bag.slot_handle == slot
    ]


def _reaches_settings(scene: Any, owner: Any, path: str) -> Any:
    """Whether a curve of `owner` ends in the settings of this scene."""
    if owner == scene:
        return SETTINGS.match(path)
    if not MAY_REACH_SETTINGS.search(path):
        return False
    try:
        reached = owner.path_resolve(path, False).data
        return reached.id_data == scene and SETTINGS.match(f"{reached.path_from_id()}.")
    except (ValueError, AttributeError):  # it leads nowhere, and Blender does not follow it either
        return False
