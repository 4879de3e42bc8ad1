"""Strength per object: the names in the last render's Cryptomattes, each with a strength of its own where one is wanted."""

import os
import shutil
import tempfile

import bpy

from ..process.errors import Problem
from . import jobs, models, rendering, scenes, session
from .jobs import Job

KINDS = {"object": "OBJECT_DATA", "material": "MATERIAL", "asset": "OUTLINER_COLLECTION", "mask": "IMAGE_ALPHA"}  # → icon
OTHER_ICON = "DOT"
CRYPTOMATTES = ("use_pass_cryptomatte_object", "use_pass_cryptomatte_material")
INTERNAL = ("default_", "object", "shader")  # of Cycles' own nodes: how a name begins, and names
HINT = "Switch on View Layer > Passes > Cryptomatte, and render again"


def asked(scene) -> dict:
    """What a request says of them."""
    own = {f"{item.kind}:{item.name}": round(item.strength, 4) for item in scene.n2n.strengths if item.own}
    return {"strengths": own} if own else {}


def lacks_masks(scene) -> bool:
    """Whether the next render comes without any Cryptomatte."""
    return not any(getattr(layer, name) for layer in scene.view_layers if layer.use for name in CRYPTOMATTES)


class N2N_UL_strengths(bpy.types.UIList):
    """A name, whether it has a strength of its own, and which."""

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index):
        row = layout.row(align=True)
        row.prop(item, "own", text="")
        row.label(text=item.name, icon=KINDS.get(item.kind, OTHER_ICON))
        own = row.row(align=True)
        own.active = item.own
        own.prop(item, "strength", text="", slider=True)


class N2N_OT_list_masks(Job, bpy.types.Operator):
    """List the objects and materials of the last render, by its Cryptomattes; strengths that were chosen stay"""

    bl_idname, bl_label, bl_options = "n2n.list_masks", "List from Last Render", {"UNDO"}
    title = "Listing objects"

    def work(self, context):
        place = scenes.Place(context.scene)
        folder = tempfile.mkdtemp(prefix="n2n_", dir=bpy.app.tempdir)
        try:
            path = os.path.join(folder, "render.exr")
            rendering.save(place(), path)
            yield 0.0, "reading the names"
            worker = session.worker_for(models.path_of(place().n2n.model))
            answer = yield from jobs.each(worker.ask("masks", input=path), lambda event: None)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        found = list(dict.fromkeys(one for kinds in answer["layers"].values() for one in _named(kinds)))
        if not found:
            raise Problem("The last render has no Cryptomatte to name objects by", HINT)
        gone = fill(place().n2n, found)
        if gone:
            jobs.warn(f"Not in the last render, and not in the list any more: {', '.join(gone)}")
        self.report({"INFO"}, f"{len(found)} names are in the list; tick those that get a strength of their own")


def _named(kinds: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Of one view layer: (kind, name). A pass is a mask, too; Cycles' own nodes are left out."""
    found = [("mask" if kind == "passes" else kind, name) for kind, names in kinds.items() for name in names]
    return [(kind, name) for kind, name in found if not _is_internal(kind, name)]


def _is_internal(kind: str, name: str) -> bool:
    """Cycles' Cryptomattes hold its own nodes, too."""
    artists = {"object": bpy.data.objects, "material": bpy.data.materials}.get(kind)
    return artists is not None and name not in artists and (name in INTERNAL or name.startswith(INTERNAL[0]))


def fill(settings, found: list[tuple[str, str]]) -> list[str]:
    """Makes the list one of these; returns names with a strength of their own that are not among them."""
    own = {(item.kind, item.name): item.strength for item in settings.strengths if item.own}
    settings.strengths.clear()
    for kind, name in found:
        item = settings.strengths.add()
        item.kind, item.name = kind, name
        item.strength = own.get((kind, name), 1.0)
        item.own = (kind, name) in own  # after the strength, which switches it on
    settings.strength_index = min(settings.strength_index, len(found) - 1)
    return [name for kind, name in own if (kind, name) not in found]


class N2N_OT_enable_cryptomatte(bpy.types.Operator):
    """Switch on the Cryptomattes of objects and materials of every view layer; they come with the next render"""

    bl_idname, bl_label, bl_options = "n2n.enable_cryptomatte", "Enable Cryptomatte", {"REGISTER", "UNDO"}

    def execute(self, context):
        for layer in context.scene.view_layers:
            for name in CRYPTOMATTES:
                setattr(layer, name, True)
        return {"FINISHED"}


def draw(layout, scene):
    """The list and its buttons; nothing moves when one of them goes."""
    settings = scene.n2n
    layout.template_list("N2N_UL_strengths", "", settings, "strengths", settings, "strength_index", rows=4)
    layout.operator("n2n.list_masks", icon="FILE_REFRESH")
    row = layout.row()
    if lacks_masks(scene):
        row.operator("n2n.enable_cryptomatte")
    else:
        row.label(text="")


CLASSES = (N2N_UL_strengths, N2N_OT_list_masks, N2N_OT_enable_cryptomatte)
