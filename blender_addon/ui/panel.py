"""What the artist sees: a panel in Render Properties, and the button in the Image Editor's header."""

import bpy

from . import compositor, jobs, render_result, session, training
from .settings import preferences


class _Panel:
    bl_space_type, bl_region_type, bl_context = "PROPERTIES", "WINDOW", "render"
    bl_options = {"DEFAULT_CLOSED"}


class N2N_PT_denoise(_Panel, bpy.types.Panel):
    bl_label, bl_idname, bl_options = "N2N Denoise", "N2N_PT_denoise", set()

    def draw(self, context):
        layout, settings = self.layout, context.scene.n2n
        layout.use_property_split, layout.use_property_decorate = True, False
        _draw_status(layout)
        missing = render_result.what_is_missing(context.scene)
        if missing:
            column = layout.column(align=True)
            column.label(text=missing[0], icon="ERROR")
            if missing[2]:
                column.operator(missing[2])
        row = layout.row(align=True)
        row.scale_y = 1.4
        row.operator("n2n.denoise", icon="IMAGE_DATA")
        if render_result.pictures(context.scene):
            row.operator("n2n.toggle", text="", icon=_eye(context.scene))
            row.operator("n2n.remove", text="", icon="X")
        column = layout.column()
        _draw_choice(column, "Model", "n2n.choose_model", session.label(settings.model), "model")
        note = session.note_on(settings.model)
        if note:
            _draw_note(column, note)
        device = preferences(context).device
        name = session.KNOWN["devices"].get(device, "")
        _draw_choice(column, "Device", "n2n.choose_device", "Automatic" if device == "auto" else f"{device}: {name}", "device")
        for name in ("strength", "prefilter", "composite", "after_render"):
            column.prop(settings, name)


def _eye(scene) -> str:
    return "HIDE_ON" if any(node.mute for node in compositor.nodes(scene)) else "HIDE_OFF"


def _draw_status(layout):
    if not jobs.is_running():
        return
    row = layout.row(align=True)
    text = ", ".join(part for part in (jobs.status["title"], jobs.time_left()) if part)
    row.progress(factor=jobs.status["share"], text=text)
    row.operator("n2n.cancel", text="", icon="CANCEL")
    if jobs.status["text"]:
        _draw_note(layout.column(), jobs.status["text"])


def _draw_choice(column, title, operator, text, name):
    split = column.split(factor=0.4)
    split.alignment = "RIGHT"
    split.label(text=title)
    row = split.row(align=True)
    row.operator_menu_enum(operator, name, text=text)
    if name == "model":
        row.operator("n2n.set_up", text="", icon="FILE_REFRESH")


def _draw_note(column, note):
    """Wrapped by hand: labels do not wrap."""
    words, lines = note.split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) > 48:
            lines.append("")
        lines[-1] += f" {word}"
    box = column.column(align=True)
    box.scale_y = 0.7
    for line in lines[:5]:
        box.label(text=line.strip())


class N2N_PT_animation(_Panel, bpy.types.Panel):
    bl_label, bl_idname, bl_parent_id = "Animation", "N2N_PT_animation", "N2N_PT_denoise"

    def draw(self, context):
        layout, settings = self.layout, context.scene.n2n
        layout.use_property_split, layout.use_property_decorate = True, False
        layout.prop(settings, "source", expand=True)
        if settings.source == "EXISTING":
            layout.prop(settings, "frames")
        layout.prop(settings, "output")
        layout.prop(settings, "keep_noisy")
        layout.operator("n2n.denoise_animation", icon="RENDER_ANIMATION")


class N2N_PT_training(_Panel, bpy.types.Panel):
    bl_label, bl_idname, bl_parent_id = "Train on This Scene", "N2N_PT_training", "N2N_PT_denoise"

    def draw(self, context):
        layout, settings = self.layout, context.scene.n2n
        layout.use_property_split, layout.use_property_decorate = True, False
        column = layout.column()
        column.prop(settings, "spp")
        column.prop(settings, "use_animation")
        if not settings.use_animation:
            column.prop(settings, "views")
        column.operator("n2n.sample", icon="RENDER_STILL")
        column.prop(settings, "minutes")
        column.operator("n2n.train", icon="MOD_LINEART")
        preview = training.preview()
        if preview:
            layout.template_icon(icon_value=preview, scale=9.0)


def draw_header(self, context):
    """Where artists ask for it: beside the picture."""
    image = context.space_data.image
    if image and (image.type == "RENDER_RESULT" or image.get("n2n")):
        row = self.layout.row(align=True)
        row.operator("n2n.denoise", text="Denoise")
        if render_result.pictures(context.scene):
            row.operator("n2n.toggle", text="", icon=_eye(context.scene))


CLASSES = (N2N_PT_denoise, N2N_PT_animation, N2N_PT_training)


def register():
    bpy.types.IMAGE_HT_header.append(draw_header)


def unregister():
    bpy.types.IMAGE_HT_header.remove(draw_header)
