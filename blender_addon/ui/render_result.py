"""Denoised pictures on disk → images of Blender's, and where they are shown."""

import hashlib
import os
import uuid

import bpy

from . import compositor, session, versions

DENOISED, RENDERED, COMPOSITE = "Denoised", "Rendered", "Composited"
FIRST, ERROR = "First Render", "Error"


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


def load_pictures(scene, folder: str, layers: dict[str, int]) -> dict[str, compositor.Images]:
    """View layer → its images; those of an earlier time are used again. The error's is loaded where there is one."""
    several, found, kept = len(layers) > 1, {}, []
    for layer, index in layers.items():
        images = {}
        for title, kind in ((DENOISED, "denoised"), (RENDERED, "rendered"), (FIRST, "first"), (ERROR, "error")):
            path = os.path.join(folder, f"{index}.{kind}.exr")
            if os.path.exists(path):
                images[title] = load(f"{title}: {layer}" if several else title, path, scene)
        found[layer] = compositor.Images(images[DENOISED], images[RENDERED], images.get(FIRST, images[RENDERED]))
        kept += images.values()
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
