"""Saving the denoised picture: under a name of the artist's choice, or where the scene's output goes.

In the scene's own format, as Blender saves a render: with the view transform where the format is for displays, scene-linear in
EXR; a multilayer EXR has all passes. Nothing is half-written, and what was written is read back.
"""

import os
import re
import shutil

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ..process.errors import Problem
from . import compositor, images, versions

MULTILAYER = "OPEN_EXR_MULTILAYER"


def suffix(scene) -> str:
    """Of the scene's output format; movies become EXR pictures."""
    return ".exr" if scene.render.is_movie_format else scene.render.file_extension


def save(scene, image, path: str):
    """image: one of ours. Raises Problem, with one sentence, and then leaves the file as it was."""
    if not os.path.basename(path):
        raise Problem(f"{path or 'The name'} is not a file's name", "Write one")
    path = os.path.abspath(bpy.path.abspath(path))
    partial = os.path.join(os.path.dirname(path), f".partial_{os.path.basename(path)}")
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if scene.render.image_settings.file_format == MULTILAYER:
            _copy_all_passes(image, partial)
        else:
            _save_picture(scene, image, partial)
        os.replace(partial, path)
    except OSError as error:
        raise Problem(
            f"{path} cannot be written ({error.strerror or error})", "Choose another folder, or make room on the disk"
        ) from None
    finally:
        if os.path.isfile(partial):
            os.remove(partial)


def _copy_all_passes(image, path):
    whole = os.path.join(os.path.dirname(bpy.path.abspath(image.filepath)), images.WHOLE)
    if not os.path.isfile(whole):
        raise Problem("The file with all passes is not there any more", "Press Denoise again, or save in another format")
    shutil.copyfile(whole, path)
    if os.path.getsize(path) != os.path.getsize(whole):
        raise OSError(0, "it is not complete")


def _save_picture(scene, image, path):
    if 0 in image.size:
        raise Problem(f"The file of the picture {image['n2n']} is not there any more", "Press Denoise again")
    still = not scene.render.is_movie_format
    try:
        if still:
            image.save_render(path, scene=scene)
        else:
            with versions.multilayer_settings(scene):
                versions.set_format(scene, "OPEN_EXR")
                image.save_render(path, scene=scene)
    except RuntimeError as error:
        raise OSError(0, str(error).strip().removeprefix("Error: ")) from None
    if not _is_whole(path, image.size):
        raise OSError(0, "what was written cannot be read back")


def _is_whole(path, size) -> bool:
    """Whether it opens as a picture of that size, to its last pixel."""
    try:
        written = bpy.data.images.load(path)
    except RuntimeError:
        return False
    try:
        return tuple(written.size) == tuple(size) and len(written.pixels) > 0 and written.has_data
    finally:
        bpy.data.images.remove(written)


def output_path(scene, image) -> str:
    """Where the scene's render of the picture's frame goes, with the suffix of its format."""
    return os.path.splitext(scene.render.frame_path(frame=image.get("n2n_frame", scene.frame_current)))[0] + suffix(scene)


def free_path(scene, image) -> str:
    """Beside the .blend, else in the home folder: a readable name that is not taken."""
    folder = os.path.dirname(bpy.data.filepath) or os.path.expanduser("~")
    blend = os.path.splitext(os.path.basename(bpy.data.filepath))[0] or "untitled"
    layer = image.get("n2n_layer") if image["n2n"] != images.kind_of(image) else ""  # named only where there are several
    words = [re.sub(r"[^\w.-]+", "_", word) for word in (blend, layer, "denoised") if word]
    bare = os.path.join(folder, f"{'_'.join(words)}_{image.get('n2n_frame', scene.frame_current):04d}")
    path, number = bare + suffix(scene), 1
    while os.path.lexists(path):
        number += 1
        path = f"{bare}_{number}{suffix(scene)}"
    return path


def write_output(scene) -> str:
    """The result goes where the scene's output goes, each eye of a stereo scene to a file. Returns the (last) path.

    Raises Problem.
    """
    image = images.picture_to_show(scene)
    if image is None:
        raise Problem("Nothing has been denoised yet", "Press Denoise first")
    bare, ending = os.path.splitext(output_path(scene, image))
    files = {bare + ending: image}
    if scene.render.use_multiview and scene.render.image_settings.file_format != MULTILAYER:
        files = {bare + eye + ending: picture for eye, picture in _eyes(scene).items()} or files
    for path in files:
        if os.path.lexists(path) and not scene.render.use_overwrite:
            raise Problem(f"{path} is there already", "Switch on Output > Overwrite, or choose another output path")
    for path, picture in files.items():
        save(scene, picture, path)
    return path


def _eyes(scene) -> dict:
    """The suffix of each eye's file → its picture, of the compositor's view layer."""
    found = {image.get("n2n_layer"): image for image in images.of_kind(scene, images.DENOISED)}
    layer = compositor.shown_layer(scene)
    views = {view.file_suffix: f"{layer}.{view.name}" for view in scene.render.views if view.use}
    return {eye: found[name] for eye, name in views.items() if name in found}


class _Saves:
    """Mix-in for operators that save a result."""

    @classmethod
    def poll(cls, context):
        if images.picture_to_show(context.scene) is None:
            cls.poll_message_set("Nothing has been denoised yet: press Denoise first")
            return False
        return True

    def attempt(self, function, *args):
        try:
            path = function(*args)
        except Problem as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Wrote {path}")
        return {"FINISHED"}


def _results(operator, context):
    """Blender wants the strings to be kept alive."""
    found = images.of_kind(context.scene, images.COMPOSITED, images.DENOISED)
    found.sort(key=lambda image: image != images.picture_to_show(context.scene))
    N2N_OT_save_as.kept = [(image["n2n"], image["n2n"], "") for image in found]
    return N2N_OT_save_as.kept


class N2N_OT_save_as(_Saves, bpy.types.Operator):
    """Save the denoised picture in the format of the scene's output: with the view transform, or scene-linear as EXR"""

    bl_idname, bl_label = "n2n.save_as", "Save Denoised"
    kept = []
    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    check_existing: BoolProperty(default=True, options={"HIDDEN"})
    filter_image: BoolProperty(default=True, options={"HIDDEN"})
    filter_folder: BoolProperty(default=True, options={"HIDDEN"})
    picture: EnumProperty(name="Picture", items=_results, options={"SKIP_SAVE"})

    def invoke(self, context, event):
        self.filepath = free_path(context.scene, self._image(context))
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, context):
        """The name gets the suffix of the scene's format, as in Blender's own browsers."""
        bare, ending = os.path.splitext(self.filepath)
        if ending.lower() not in bpy.path.extensions_image | bpy.path.extensions_movie:
            bare = self.filepath
        wanted = bare + suffix(context.scene) if os.path.basename(bare) else self.filepath
        changed, self.filepath = wanted != self.filepath, wanted
        return changed

    def execute(self, context):
        self.check(context)
        return self.attempt(self._save, context)

    def _save(self, context):
        save(context.scene, self._image(context), self.filepath)
        return self.filepath

    def _image(self, context):
        found = images.of_kind(context.scene, images.COMPOSITED, images.DENOISED)
        return next((image for image in found if image["n2n"] == self.picture), None) or images.picture_to_show(context.scene)

    def draw(self, context):
        column, settings = self.layout.column(), context.scene.render.image_settings
        if settings.file_format == MULTILAYER:
            column.label(text="All view layers and passes")
        else:
            column.prop(self, "picture")
        formats = settings.bl_rna.properties["file_format"].enum_items
        column.label(text=f"{formats[settings.file_format].name}, as in Output Properties")


class N2N_OT_write_output(_Saves, bpy.types.Operator):
    """Write the denoised picture to the scene's output path, in its format, as a render would be"""

    bl_idname, bl_label = "n2n.write_output", "Write to Output Path"

    def execute(self, context):
        return self.attempt(write_output, context.scene)


CLASSES = (N2N_OT_save_as, N2N_OT_write_output)
