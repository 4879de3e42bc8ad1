"""The last render → a multilayer EXR; denoised pictures → images of Blender's. No second rendering."""

import hashlib
import os
import shutil
import uuid

import bpy

from ..process import runtime
from . import jobs, session, versions
from ..process.errors import Problem

DENOISED, RENDERED, COMPOSITE = "N2N Denoised", "N2N Rendered", "N2N Composite"


def what_is_missing(scene) -> tuple[str, str, str] | None:
    """(what, what to do, operator that does it or ""), or None when a render of the scene can be denoised with any model."""
    if session.is_missing():
        return "Nothing here can denoise", runtime.SET_UP_HINT, "n2n.set_up"
    try:
        session.model_path(scene.n2n.model)
    except Problem:
        return "The chosen model is not there", "Choose another one", ""
    if scene.render.engine != "CYCLES":
        return "The render engine is not Cycles", "Only Cycles renders the passes that denoising needs", ""
    without = [layer.name for layer in scene.view_layers if layer.use and not layer.cycles.denoising_store_passes]
    if without:
        return (
            f"No denoising passes: {', '.join(without)}",
            "Press Enable Passes in the panel, save and render again",
            "n2n.enable_passes",
        )
    return None


def render(context, place, frame: int | None = None):
    """A generator: renders the scene as F12 does, in the interface as a job of Blender's without a window of its own.
    place: see scenes.py.
    """
    blocking = bpy.app.background or jobs.status["blocking"]
    while not blocking and bpy.app.is_job_running("RENDER"):
        yield None  # the artist's own
    if frame is not None:
        place().frame_set(frame)
    try:
        if blocking:
            bpy.ops.render.render(scene=place().name)
        else:
            yield from _render_as_job(context, place())
    except RuntimeError as error:
        raise Problem(f"The scene cannot be rendered: {str(error).strip().removeprefix('Error: ')}") from None


def _render_as_job(context, scene):
    view, cancelled = context.preferences.view, []
    display = view.render_display_type

    def on_cancel(*_):
        cancelled.append(True)

    bpy.app.handlers.render_cancel.append(on_cancel)
    view.render_display_type = "NONE"
    try:
        if bpy.ops.render.render("INVOKE_DEFAULT", scene=scene.name) != {"RUNNING_MODAL"}:
            raise Problem("Blender does not render now", "Wait until what it does is over, and press the button again")
        while bpy.app.is_job_running("RENDER"):
            yield None
    finally:
        view.render_display_type = display
        bpy.app.handlers.render_cancel.remove(on_cancel)
    if cancelled:
        raise Problem("The render was cancelled", "What was finished is kept; press the button again to go on")


def save(scene, path: str):
    """Writes the last render with all its view layers and passes. Raises Problem when there is none."""
    image = bpy.data.images.get("Render Result")
    hint = "Render the scene (F12), then press Denoise"
    if image is None:
        raise Problem("Nothing has been rendered yet", hint)
    with versions.multilayer_settings(scene):
        try:
            image.save_render(path, scene=scene)
        except RuntimeError:
            if not os.path.isdir(os.path.dirname(path)) or shutil.disk_usage(os.path.dirname(path)).free < 2**20:
                raise Problem(
                    f"The render cannot be saved to {path}",
                    "Check the disk that holds Blender's temporary folder (Preferences > File Paths)",
                ) from None
            raise Problem("There is no render to denoise", hint) from None
    if not os.path.isfile(path):
        raise Problem("There is no render to denoise", hint)


def picture_folder(scene) -> str:
    """Where this scene's denoised pictures lie, so that they are still there when the file is opened again."""
    if not scene.n2n.folder or is_copy(scene):
        scene.n2n.folder = uuid.uuid4().hex[:12]
    scene.n2n.owner = scene.name
    key = hashlib.sha1(f"{bpy.data.filepath}|{scene.n2n.folder}".encode()).hexdigest()[:12]  # a copy of the file has its own
    return session.user_folder(os.path.join("pictures", key))


def is_copy(scene) -> bool:
    """Whether the scene was copied from one that has pictures, and has none of its own."""
    return (
        bool(scene.n2n.folder)
        and scene.n2n.owner != scene.name
        and any(other.n2n.folder == scene.n2n.folder for other in bpy.data.scenes if other != scene)
    )


def load_pictures(scene, folder: str, layers: dict[str, int]) -> dict[str, tuple]:
    """View layer → (denoised image, rendered image); images of an earlier time are used again."""
    several = len(layers) > 1
    found = {
        layer: tuple(
            load(f"{title}: {layer}" if several else title, os.path.join(folder, f"{index}.{kind}.exr"), scene)
            for title, kind in ((DENOISED, "denoised"), (RENDERED, "rendered"))
        )
        for layer, index in layers.items()
    }
    kept = [image for images in found.values() for image in images]
    for image in pictures(scene):
        if image not in kept and image["n2n"] != COMPOSITE:  # of view layers that are not rendered any more
            bpy.data.images.remove(image)
    return found


def load(name: str, path: str, scene):
    """A picture of ours; the image of that name is used again."""
    image = next((image for image in pictures(scene) if image["n2n"] == name), None)
    if image is None:
        image = bpy.data.images.load(path)
        image.name = name
        image["n2n"], image["n2n_scene"] = name, scene.n2n.folder
        image.use_view_as_render = True
    else:
        if image.packed_file:
            image.unpack(method="REMOVE")
        image.filepath = path
        image.reload()
    image.alpha_mode = "PREMUL"
    versions.set_working_space(image)
    return image


def pictures(scene=None) -> list:
    """The add-on's images, of one scene or of all."""
    return [
        image for image in bpy.data.images if image.get("n2n") and (scene is None or image["n2n_scene"] == scene.n2n.folder)
    ]


def picture_to_show(scene):
    """The composited picture where there is one, as the render that it replaces on the screen is composited, too."""
    found = pictures(scene)
    return next((image for image in found if image["n2n"] == COMPOSITE), None) or next(
        (image for image in found if image["n2n"].startswith(DENOISED)), None
    )


def show(context, image, fit: bool = True):
    """In an Image Editor: this one, else the one with the render, else any, else a new one as for a render."""
    places = _image_editors(context)
    if not places and not bpy.app.background:
        bpy.ops.render.view_show("INVOKE_DEFAULT")
        places = _image_editors(context)
    shown = [
        place
        for place in places
        if getattr(place[1].spaces.active.image, "type", "") == "RENDER_RESULT"
        or (place[1].spaces.active.image and place[1].spaces.active.image.get("n2n"))
    ]
    shown = [place for place in shown if place[1].spaces.active.image == image] or shown or places
    here = [place for place in places if place[1] == context.area]
    for window, area in (here or shown)[:1]:
        if area.spaces.active.image != image:
            area.spaces.active.image = image
            region = next(region for region in area.regions if region.type == "WINDOW")
            with context.temp_override(window=window, area=area, region=region):
                if fit:
                    bpy.ops.image.view_all(fit_view=True)
        area.tag_redraw()


def _image_editors(context) -> list[tuple]:
    return [
        (window, area)
        for window in context.window_manager.windows
        for area in window.screen.areas
        if area.type == "IMAGE_EDITOR" and area.spaces.active.mode == "VIEW"
    ]
