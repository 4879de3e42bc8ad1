"""Denoised pictures → images of Blender's, and the files that they are read from."""

import hashlib
import os
import shutil
import uuid

import bpy

from ..process.place import put
from . import compositor, rendering, session, versions

DENOISED, RENDERED, COMPOSITED = "Denoised", "Rendered", "Composited"
PREVIOUS = "Previous"  # the result before the last one, kept to be compared with
ERROR = "Error"  # grey: how far the result is expected to be from the truth
FIRST = "First Render"  # where two were learned from
COMPARE = "Compare"  # what compare.py makes of the others
TO_COMPARE = (RENDERED, FIRST, DENOISED, COMPOSITED, PREVIOUS)
FILES = {  # <n>.<this>.exr of the nth layer
    DENOISED: "denoised",
    RENDERED: "rendered",
    FIRST: "first",
    ERROR: "error",
    PREVIOUS: "previous",
}
WHOLE = "denoised.exr"  # with all passes
PASSES = "Denoised Passes"  # that file, where passes of light were denoised, too


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


def take_over(scene, folder: str, layers: dict[str, int], whole: str) -> dict[str, compositor.Images]:
    """The finished files of `folder` move to where they stay, and become images: view layer → its images. The result before
    stays as "Previous"; whatever else was there before is replaced, or goes.

    layers: view layer → n of its files, <n>.denoised.exr, <n>.rendered.exr and, where there are such, <n>.first.exr and
    <n>.error.exr. whole: the denoised multilayer EXR.
    """
    kept = picture_folder(scene)
    _keep_previous(scene, kept, layers)
    names = [f"{index}.{suffix}.exr" for index in layers.values() for kind, suffix in FILES.items() if kind != PREVIOUS]
    for source, name in ((whole, WHOLE), *((os.path.join(folder, name), name) for name in names)):
        target = os.path.join(kept, name)
        if os.path.isfile(source):
            put(source, target)
        elif os.path.isfile(target):
            os.remove(target)
    return load_pictures(scene, kept, layers)


def _keep_previous(scene, kept, layers):
    """Copies, so that the last result is there whatever goes wrong; all before any is put in place, as layers may have changed
    their order.
    """
    before = {image.get("n2n_layer"): bpy.path.abspath(image.filepath) for image in of_kind(scene, DENOISED)}
    names = [f"{index}.{FILES[PREVIOUS]}.exr" for layer, index in layers.items() if os.path.isfile(before.get(layer, ""))]
    for layer, index in layers.items():
        name = f"{index}.{FILES[PREVIOUS]}.exr"
        if name in names:
            shutil.copyfile(before[layer], os.path.join(kept, f".{name}"))
        elif os.path.isfile(os.path.join(kept, name)):
            os.remove(os.path.join(kept, name))
    for name in names:
        os.replace(os.path.join(kept, f".{name}"), os.path.join(kept, name))


def load_pictures(scene, folder: str, layers: dict[str, int]) -> dict[str, compositor.Images]:
    """View layer → its images; those of an earlier time are used again."""
    found = {}
    for layer, index in layers.items():
        for kind, suffix in FILES.items():
            path = os.path.join(folder, f"{index}.{suffix}.exr")
            if os.path.isfile(path):
                found[layer, kind] = load(f"{kind}: {layer}" if len(layers) > 1 else kind, path, scene, layer)
    for image in pictures(scene):
        if image not in found.values() and kind_of(image) not in (
            COMPOSITED,
            COMPARE,
            PASSES,
        ):  # of what is not rendered any more
            bpy.data.images.remove(image)
    return {
        layer: compositor.Images(
            found[layer, DENOISED], found[layer, RENDERED], found.get((layer, FIRST), found[layer, RENDERED])
        )
        for layer in layers
    }


def load_passes(scene, wanted: bool):
    """The multilayer EXR that `take_over` has put in place, as an image; None, and no such image, where it is not wanted."""
    if wanted:
        return load(PASSES, os.path.join(picture_folder(scene), WHOLE), scene)
    for image in of_kind(scene, PASSES):
        bpy.data.images.remove(image)
    return None


def store(image, path: str, scene):
    """An image's numbers as they are, to an EXR file. Only what is read from a file is displayed with the view transform."""
    with versions.multilayer_settings(scene):
        versions.set_format(scene, "OPEN_EXR")
        image.save_render(path, scene=scene)


def load(title: str, path: str, scene, layer: str = ""):
    """A picture of ours; the image of that title is used again."""
    image = next((image for image in pictures(scene) if image["n2n"] == title), None)
    if image is None:
        image = bpy.data.images.load(path)
        claim(image, title, scene)
    else:
        if image.packed_file:
            image.unpack(method="REMOVE")
        image.filepath = path
        image.reload()
    image["n2n_layer"], image["n2n_frame"] = layer, rendering.frame_of(scene)
    image.alpha_mode = "PREMUL"
    versions.set_working_space(image)
    return image


def claim(image, title: str, scene):
    """Marks a new image as one of ours."""
    image.name = image["n2n"] = title
    image["n2n_scene"], image["n2n_layer"] = scene.n2n.folder, ""
    image.use_view_as_render = image.use_fake_user = True  # saved with the file, also where nothing shows it


def pictures(scene=None) -> list:
    """The add-on's images, of one scene or of all."""
    return [
        image for image in bpy.data.images if image.get("n2n") and (scene is None or image["n2n_scene"] == scene.n2n.folder)
    ]


def kind_of(image) -> str:
    """One of the titles above; "" for an image that is not ours, or none."""
    return image.get("n2n", "").partition(": ")[0] if image else ""


def of_kind(scene, *kinds: str) -> list:
    return [image for image in pictures(scene) if kind_of(image) in kinds]


def of_layer(scene, wanted: str, layer: str | None = None):
    """The picture of that kind and view layer, else the first of that kind, else None. layer None: that which the compositor
    shows.
    """
    layer = compositor.shown_layer(scene) if layer is None else layer
    found = of_kind(scene, wanted)
    return next((image for image in found if image.get("n2n_layer") == layer), None) or next(iter(found), None)


def results(scene) -> dict[str, compositor.Images]:
    """View layer → its images, as they are in the file."""
    found = {(kind_of(image), image.get("n2n_layer")): image for image in pictures(scene)}
    return {
        layer: compositor.Images(image, found[RENDERED, layer], found.get((FIRST, layer), found[RENDERED, layer]))
        for (kind, layer), image in found.items()
        if kind == DENOISED and (RENDERED, layer) in found
    }


def picture_to_show(scene):
    """The composited picture where there is one, as the render that it replaces on the screen is composited, too; else that of
    the compositor's view layer.
    """
    return of_layer(scene, COMPOSITED) or of_layer(scene, DENOISED)


def remove(scene=None):
    """All pictures of the scene, or of all scenes; their files stay."""
    for image in pictures(scene):
        bpy.data.images.remove(image)
