"""Comparing in the Image Editor: the eye, the wipe, the error map. Only what is looked at changes, never the output.

Wipe and error map are one image, "Compare", painted anew when a setting of it changes.
"""

import contextlib
import os
import textwrap

import bpy
import numpy as np
from bpy.app.handlers import persistent
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

from ..process.errors import Problem
from . import editors, images, looks
from .wipe import wipe

KEEP_AFTER_S = 1.0  # without a change the image is saved, so that Blender does not ask for it when it is closed
FILE = "compare.exr"
WHITE_AT = 0.1  # error on the display scale at which the map is at its brightest, as in the PNG of `adapt`
DIMMED = 0.25  # what is left of the picture under the map
WIDTH = 36  # characters of a line in the panel
SIDES = {"left": images.RENDERED, "right": images.DENOISED}


def _switched(settings, context):
    show_result(context, settings.id_data)


def _moved(settings, context):
    refresh(settings.id_data)
    looks.paint(settings.id_data)


class Settings(bpy.types.PropertyGroup):
    """Saved with the scene, as `scene.n2n_compare`."""

    use_wipe: BoolProperty(
        name="Wipe", description="Show one picture left of a line and another one right of it", update=_switched
    )
    wipe: FloatProperty(
        name="Position",
        default=0.5,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        description="Where the line between both pictures is",
        update=_moved,
    )
    left: StringProperty(options={"HIDDEN"}, description="Title of the picture; empty: the render", update=_moved)
    right: StringProperty(options={"HIDDEN"}, description="Title of the picture; empty: the denoised one", update=_moved)
    show_error: BoolProperty(
        name="Error Map",
        description="Show where the denoised picture is expected to be wrong: yellow and white places need more samples",
        update=_switched,
    )


def side(scene, which: str):
    """The picture that was chosen for that side, else the usual one of the compositor's view layer; None: there is none."""
    chosen = getattr(scene.n2n_compare, which)
    return next((image for image in images.pictures(scene) if image["n2n"] == chosen), None) or images.of_layer(
        scene, SIDES[which]
    )


def what_is_wrong(scene) -> str:
    """Why what was switched on cannot be shown, in one sentence; else ""."""
    try:
        if is_on(scene):
            _pictures(scene)
    except Problem as problem:
        return str(problem)
    return ""


def is_on(scene) -> bool:
    return scene.n2n_compare.use_wipe or scene.n2n_compare.show_error


def refresh(scene) -> bool:
    """Paints "Compare" as the settings say. Where nothing is to be compared, or cannot be, the image goes and the result is
    shown instead; then False.
    """
    try:
        if not is_on(scene):
            raise Problem("Nothing is compared")
        base, left, error = _pictures(scene)
        pixels = _read(base)
    except Problem:
        _forget(scene)
        return False
    if error is not None:
        _lay_over(pixels, _read(error)[..., 0], 2.0**-scene.view_settings.exposure)
    if left is not None:
        wipe(pixels, _read(left), scene.n2n_compare.wipe)
    image = _image(scene, base)
    image.pixels.foreach_set(pixels.ravel())
    image.update()
    if not bpy.app.timers.is_registered(_keep):
        bpy.app.timers.register(_keep, first_interval=KEEP_AFTER_S)
    return True


def show_result(context, scene, fit: bool = False):
    """What there is now, compared where that is switched on. fit: see editors.show."""
    compared = refresh(scene)
    editors.show(context, images.of_layer(scene, images.COMPARE) if compared else images.picture_to_show(scene), fit)


def _pictures(scene) -> tuple:
    """(picture, picture on the left or None, error or None). Raises Problem where they cannot be put together."""
    settings = scene.n2n_compare
    base = side(scene, "right") if settings.use_wipe else images.picture_to_show(scene)
    if base is None:
        raise Problem("Nothing has been denoised yet", "Press Denoise first")
    left = side(scene, "left") if settings.use_wipe else None
    layer = base.get("n2n_layer") or None
    error = images.of_layer(scene, images.ERROR, layer) if settings.show_error else None
    if settings.show_error and error is None:
        raise Problem("This result has no error map", 'Denoise with the quality "Best": it tells where it is wrong')
    for other in (base, left, error):
        if other is not None and 0 in other.size:
            raise Problem(f"The file of {other['n2n']} is not there any more", "Press Denoise again")
        if other is not None and tuple(other.size) != tuple(base.size):
            raise Problem(
                f"{base['n2n']} has {_words(base.size)} pixels, and {other['n2n']} {_words(other.size)}",
                "Choose pictures of the same size",
            )
    return base, left, error


def _words(size) -> str:
    return f"{size[0]} × {size[1]}"


def _read(image) -> np.ndarray:
    """(H, W, 4), the lowest row first: scene-linear, premultiplied."""
    found = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(found)
    return found.reshape(image.size[1], image.size[0], 4)


def _lay_over(pixels, error, full):
    """The error as heat over the dimmed picture, in place: black, red, yellow, white at WHITE_AT or more on the display scale.

    error: (H, W), expected RMS error of the radiance. full: the radiance that is displayed as a full color.
    """
    bright = np.maximum(pixels[..., :3].mean(axis=-1), 0.0)
    heat = np.clip((_display(bright + np.maximum(error, 0.0)) - _display(bright)) / WHITE_AT, 0.0, 1.0)
    pixels[..., :3] *= DIMMED
    for channel in range(3):
        pixels[..., channel] += full * np.clip(heat * 3.0 - channel, 0.0, 1.0)
    np.maximum(pixels[..., 3], heat, out=pixels[..., 3])


def _display(radiance):
    return (radiance / (1.0 + radiance)) ** np.float32(1 / 2.2)


def _image(scene, base):
    """The image "Compare" in the size of `base`. It is read from a file: others are displayed without the view transform."""
    old = next(iter(images.of_kind(scene, images.COMPARE)), None)
    if old is not None and tuple(old.size) == tuple(base.size):
        return old
    path = os.path.join(images.picture_folder(scene), FILE)
    images.store(base, path, scene)
    return images.load(images.COMPARE, path, scene)


def _forget(scene):
    for image in images.of_kind(scene, images.COMPARE):
        shown = images.picture_to_show(scene)
        if shown is not None:
            editors.replace(bpy.context, image, shown)
        bpy.data.images.remove(image)


def _keep():
    """A timer of Blender's: images with unsaved changes would make Blender ask whether to save them."""
    for scene in bpy.data.scenes:
        for image in images.of_kind(scene, images.COMPARE):
            if image.is_dirty:
                with contextlib.suppress(RuntimeError):  # a full disk: it is only asked for
                    images.store(image, bpy.path.abspath(image.filepath), scene)
                    image.reload()
    return None


@persistent
def after_change(*_):
    """Undo, redo or an opened file: images may have come or gone, and no setting tells of it."""
    for scene in bpy.data.scenes:
        refresh(scene)
    if not bpy.app.background:
        scene = bpy.context.scene
        editors.fill(bpy.context, images.of_layer(scene, images.COMPARE) or images.picture_to_show(scene))


HANDLERS = (("undo_post", after_change), ("redo_post", after_change), ("load_post", after_change))


def forget():
    """The extension is switched off."""
    if bpy.app.timers.is_registered(_keep):
        bpy.app.timers.unregister(_keep)
    for scene in bpy.data.scenes:
        _forget(scene)


class N2N_OT_toggle(bpy.types.Operator):
    """Look at the render as it was, or at the denoised picture again. The compositor and what is written stay as they are"""

    bl_idname, bl_label, bl_options = "n2n.toggle", "Noisy / Denoised", {"REGISTER"}

    @classmethod
    def poll(cls, context):
        return bool(images.of_kind(context.scene, images.DENOISED))

    def execute(self, context):
        editors.show(context, other_picture(context.scene, editors.shown(context)))
        return {"FINISHED"}


def other_picture(scene, image):
    """What the eye shows after `image`."""
    layer = image.get("n2n_layer") or None if image else None
    if not is_noisy(image):
        return images.of_layer(scene, images.RENDERED, layer)
    if is_on(scene) and images.of_kind(scene, images.COMPARE):
        return images.of_layer(scene, images.COMPARE)
    return images.of_layer(scene, images.COMPOSITED) or images.of_layer(scene, images.DENOISED, layer)


def eye(image) -> str:
    """The icon of the eye: whether that image is the render."""
    return "HIDE_ON" if is_noisy(image) else "HIDE_OFF"


def is_noisy(image) -> bool:
    return image is None or image.type == "RENDER_RESULT" or images.kind_of(image) == images.RENDERED


def _choices(operator, context):
    """Blender wants the strings to be kept alive."""
    found = images.of_kind(context.scene, *images.TO_COMPARE)
    N2N_OT_choose_picture.kept = [(image["n2n"], image["n2n"], "") for image in found]
    return N2N_OT_choose_picture.kept


class N2N_OT_choose_picture(bpy.types.Operator):
    """Choose what is shown on this side of the line"""

    bl_idname, bl_label, bl_options = "n2n.choose_picture", "Picture", {"REGISTER", "UNDO"}
    kept = []
    side: EnumProperty(items=[(which, which.title(), "") for which in SIDES], options={"HIDDEN", "SKIP_SAVE"})
    picture: EnumProperty(name="Picture", items=_choices)

    def execute(self, context):
        setattr(context.scene.n2n_compare, self.side, self.picture)
        return {"FINISHED"}


class N2N_PT_compare(bpy.types.Panel):
    bl_label, bl_idname, bl_parent_id = "Compare", "N2N_PT_compare", "N2N_PT_denoise"
    bl_space_type, bl_region_type, bl_context = "PROPERTIES", "WINDOW", "render"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        layout, scene = self.layout, context.scene
        layout.use_property_split, layout.use_property_decorate = True, False
        settings = scene.n2n_compare
        layout.enabled = bool(images.of_kind(scene, images.DENOISED))
        layout.prop(settings, "use_wipe")
        column = layout.column()
        column.active = settings.use_wipe
        for which in SIDES:
            split = column.split(factor=0.4)
            split.alignment = "RIGHT"
            split.label(text=which.title())
            image = side(scene, which)
            split.operator_menu_enum("n2n.choose_picture", "picture", text=image["n2n"] if image else "None").side = which
        column.prop(settings, "wipe", slider=True)
        row = layout.row()
        row.active = bool(images.of_kind(scene, images.ERROR))
        row.prop(settings, "show_error")
        note = layout.column(align=True)
        note.scale_y = 0.7
        for line in textwrap.wrap(what_is_wrong(scene), WIDTH):
            note.label(text=line)


def draw_in_header(row, context):
    """The eye, and the wipe's slider where it is looked at."""
    scene, image = context.scene, context.space_data.image
    if images.of_kind(scene, images.DENOISED):
        row.operator("n2n.toggle", text="", icon=eye(image))
    if images.kind_of(image) == looks.TITLE or (images.kind_of(image) == images.COMPARE and scene.n2n_compare.use_wipe):
        row.prop(scene.n2n_compare, "wipe", text="", slider=True)


CLASSES = (Settings, N2N_OT_toggle, N2N_OT_choose_picture)  # the panel is registered with its parent
