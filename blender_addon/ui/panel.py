"""What the artist sees: Shot Denoise in Render Properties > Sampling, and the button in the Image Editor's header.

Rows keep their places whatever happens: nothing moves under the pointer when a job begins or ends.
"""

import textwrap

import bpy

from ..process import edition
from ..process.countdown import duration_words, total_words
from . import compare, editors, estimate, farm, frames, images, jobs, models, rendering, session, strengths, switches, unseen
from .settings import preferences

LINES = 4  # of the note under the button, always
CHARACTER_PX = 6.0  # wide, at a resolution scale of 1
MARGINS_PX = 50
PARENTS = ("CYCLES_RENDER_PT_sampling", "RENDER_PT_eevee_sampling", "RENDER_PT_eevee_next_sampling")


class _Panel:
    bl_space_type, bl_region_type, bl_context = "PROPERTIES", "WINDOW", "render"
    bl_options = {"DEFAULT_CLOSED"}


class N2N_PT_denoise(_Panel, bpy.types.Panel):
    bl_label, bl_idname, bl_options = "Shot Denoise", "N2N_PT_denoise", set()

    def draw(self, context):
        layout, settings = self.layout, context.scene.n2n
        row = layout.row(align=True)
        for quality in ("FAST", "BETTER", "BEST"):
            if quality != "BEST" or edition.offers_best(session.can_learn()):
                row.prop_enum(settings, "quality", quality)
        _draw_button(layout, context)
        said, operator = _note(context.scene)
        draw_note(context, layout.column(align=True), said)
        row = layout.row()
        if operator == "n2n.more_samples":
            row.operator(operator, text=f"Render {context.scene.n2n.suggested} Samples Next Time")
        elif operator:
            row.operator(operator)
        else:
            row.label(text="")
        column = layout.column(align=True)
        column.operator("n2n.save_as", text="Save Denoised…")
        column.operator("n2n.write_output")


def _draw_button(layout, context):
    """Denoise and what belongs to it; while a job runs, how far it is and what ends it, in the same place."""
    row, scene = layout.row(align=True), context.scene
    row.scale_y = 1.4
    if jobs.is_running():
        row.progress(factor=jobs.share(), text=jobs.headline())
        row.operator("n2n.cancel", text="", icon="CANCEL")
        return
    row.operator("n2n.denoise", icon="IMAGE_DATA")
    if images.pictures(scene):
        row.operator("n2n.toggle", text="", icon=compare.eye(editors.shown(context)))
        row.operator("n2n.remove", text="", icon="X")


def _note(scene) -> tuple[str, str]:
    """(what is said under the button, the operator that helps or "")."""
    if jobs.is_running():
        return jobs.status["text"], ""
    missing = rendering.what_is_missing(scene)
    if missing:
        return f"{missing[0]}. {missing[1]}", missing[2]
    off = switches.what_is_off(scene)
    if off:
        return off, "n2n.enable_compositing"
    quality = scene.n2n.quality
    if quality == "BEST" and not session.can_learn():
        return "Best needs n2n-render with PyTorch on this computer. Once it is installed:", "n2n.set_up"
    if rendering.lacks_passes(scene):
        return "Renders come without denoising passes: pictures are softer", "n2n.enable_passes"
    if scene.n2n.said:
        return scene.n2n.said, "n2n.more_samples" if scene.n2n.suggested else ""
    return f"A still: {_lower(total_words(estimate.still(scene, quality, renders=1)))}", ""


def _lower(words: str) -> str:
    return words[0].lower() + words[1:]


def draw_note(context, column, note, lines=LINES):
    """Wrapped by hand to the panel's width, as labels do not wrap; always as many lines."""
    width = (context.region.width / context.preferences.system.ui_scale - MARGINS_PX) / CHARACTER_PX
    column.scale_y = 0.8
    wrapped = textwrap.wrap(note, max(int(width), 20))
    for line in (wrapped + [""] * lines)[:lines]:
        column.label(text=line)


class N2N_PT_strengths(_Panel, bpy.types.Panel):
    bl_label, bl_idname, bl_parent_id = "Strength per Object", "N2N_PT_strengths", "N2N_PT_denoise"

    def draw(self, context):
        strengths.draw(self.layout, context.scene)


class N2N_PT_animation(_Panel, bpy.types.Panel):
    bl_label, bl_idname, bl_parent_id = "Animation", "N2N_PT_animation", "N2N_PT_denoise"

    def draw(self, context):
        layout, settings = self.layout, context.scene.n2n
        layout.use_property_split, layout.use_property_decorate = True, False
        layout.prop(settings, "source", expand=True)
        if settings.source == "EXISTING":
            layout.prop(settings, "frames")
            if settings.quality == "BEST":
                layout.prop(settings, "second_frames")
        layout.prop(settings, "output")
        layout.prop(settings, "to_output")
        row = layout.row()
        row.scale_y = 1.4
        row.operator("n2n.denoise_animation", icon="RENDER_ANIMATION")
        draw_note(context, layout.column(align=True), _of_animation(context.scene))


def _of_animation(scene) -> str:
    """How long the range would take from the beginning."""
    count = len(frames.frame_range(scene))
    renders = 0 if scene.n2n.source == "EXISTING" else count * (2 if scene.n2n.quality == "BEST" else 1)
    return f"{count} frames: {_lower(total_words(estimate.animation(scene, scene.n2n.quality, count, renders)))}"


class N2N_PT_farm(_Panel, bpy.types.Panel):
    bl_label, bl_idname, bl_parent_id = "Farm", "N2N_PT_farm", "N2N_PT_denoise"

    @classmethod
    def poll(cls, context):
        return edition.offers_best(session.can_learn())

    def draw(self, context):
        layout, scene, chosen = self.layout, context.scene, preferences(context)
        layout.use_property_split, layout.use_property_decorate = True, False
        layout.prop(chosen, "farm_engine", text="Engine")
        layout.prop(chosen, "farm_workers")
        layout.prop(scene.n2n_farm, "folder", placeholder=farm.default_folder(scene))
        layout.prop(scene.n2n, "minutes")
        draw_note(context, layout.column(align=True), farm.summary(scene), lines=3)
        row = layout.row()
        row.scale_y = 1.4
        row.operator("n2n.submit_to_farm", icon="NETWORK_DRIVE")
        layout.operator("n2n.write_farm_job")
        said, operator = _of_farm(scene)
        draw_note(context, layout.column(align=True), said)
        row = layout.row()
        if operator:
            row.operator(operator)
        elif scene.n2n_farm.line:
            row.operator("n2n.copy_farm_line", text="Copy the Line that Submits It", icon="COPYDOWN")
        else:
            row.label(text="")
        if scene.n2n_farm.job:
            layout.operator("wm.path_open", text="Open Job Folder", icon="FILE_FOLDER").filepath = scene.n2n_farm.job


def _of_farm(scene) -> tuple[str, str]:
    """(what is said under the buttons, the operator that helps or "")."""
    missing = rendering.what_is_missing(scene)
    if missing:
        return f"{missing[0]}. {missing[1]}", missing[2]
    if not session.can_learn():
        return "A farm's job needs n2n-render with PyTorch on this computer. Once it is installed:", "n2n.set_up"
    unsaved = unseen.what_is_unsaved()
    if unsaved:
        return ". ".join(unsaved), "wm.save_mainfile"
    return scene.n2n_farm.said, ""


class N2N_PT_settings(_Panel, bpy.types.Panel):
    bl_label, bl_idname, bl_parent_id = "Settings", "N2N_PT_settings", "N2N_PT_denoise"

    def draw(self, context):
        layout, settings = self.layout, context.scene.n2n
        layout.use_property_split, layout.use_property_decorate = True, False
        column = layout.column()
        _draw_choice(column, "Model", "n2n.choose_model", models.label(settings.model), "model")
        problem = models.problem_of(settings.model)
        if problem:
            draw_note(context, column.column(align=True), f"Cannot be used: {problem}")
        device = preferences(context).device
        name = session.KNOWN["devices"].get(device, device)
        _draw_choice(column, "Device", "n2n.choose_device", "Automatic" if device == "auto" else name, "device")
        if settings.quality == "BEST":
            column.prop(settings, "minutes")
            column.prop(settings, "views")
            row = column.row()
            row.alignment = "RIGHT"
            row.label(text=_learns_on(context.scene))
        for name in ("strength", "prefilter", "all_passes", "keep_noisy", "composite", "after_render"):
            column.prop(settings, name)
        column.operator("n2n.set_up", icon="FILE_REFRESH")


def _learns_on(scene) -> str:
    training = session.KNOWN["training"]
    if training is None:
        return "Look Again tells what it runs on" if session.can_learn() else "No n2n-render with PyTorch here"
    if training["device"] != "cpu":
        return f"Learns on: {training['device'].upper()} ({training['name']})"
    known = [part.seconds for part in estimate.still(scene, "BEST", renders=1)]
    return f"CPU only: about {duration_words(sum(second or 0.0 for second in known))}"


def _draw_choice(column, title, operator, text, name):
    split = column.split(factor=0.4)
    split.alignment = "RIGHT"
    split.label(text=title)
    split.operator_menu_enum(operator, name, text=text)


def draw_header(self, context):
    """Where artists ask for it: beside the picture."""
    image = context.space_data.image
    if image and (image.type == "RENDER_RESULT" or image.get("n2n")):
        row = self.layout.row(align=True)
        row.operator("n2n.denoise", text="Denoise")
        compare.draw_in_header(row, context)


CLASSES = (N2N_PT_denoise, compare.N2N_PT_compare, N2N_PT_strengths, N2N_PT_animation, N2N_PT_farm, N2N_PT_settings)


class N2N_PT_other_engine(_Panel, bpy.types.Panel):
    """Under the sampling of an engine that has no passes for a denoiser."""

    bl_label, bl_idname = "Shot Denoise", "N2N_PT_other_engine"

    @classmethod
    def poll(cls, context):
        return context.engine != "CYCLES"

    def draw(self, context):
        said = "Works on renders of Cycles, which has the passes that denoising needs"
        draw_note(context, self.layout.column(align=True), said)
        self.layout.operator("n2n.use_cycles")


def register():
    """Sub-panels of Sampling; where Cycles is switched off, of nothing."""
    found = [name for name in PARENTS if hasattr(bpy.types, name)]
    for cls, wanted in ((N2N_PT_denoise, PARENTS[:1]), (N2N_PT_other_engine, PARENTS[1:])):
        parent = next((name for name in found if name in wanted), "")
        if parent:
            cls.bl_parent_id = parent
        elif hasattr(cls, "bl_parent_id"):
            del cls.bl_parent_id
    for cls in (*CLASSES, N2N_PT_other_engine):
        bpy.utils.register_class(cls)
    bpy.types.IMAGE_HT_header.append(draw_header)


def unregister():
    bpy.types.IMAGE_HT_header.remove(draw_header)
    for cls in reversed((*CLASSES, N2N_PT_other_engine)):
        bpy.utils.unregister_class(cls)
