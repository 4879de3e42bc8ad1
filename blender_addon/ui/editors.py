"""Image Editors: which of them shows a picture, and that the next render finds it again.

Blender renders into the editor that shows the Render Result; where there is none it takes the largest other area, be it the
Timeline, before it calls any handler. So as soon as a render begins the area is given back, and the editor that shows a
picture of ours shows the Render Result.
"""

import bpy
from bpy.app.handlers import persistent

from . import composite, images, jobs

TOO_SMALL = ("OUTLINER", "DOPESHEET_EDITOR")  # the Timeline is one of the latter; a picture in them helps nobody
_areas = {}  # pointer of each area → its type in the interface, when a picture was last shown
_showing = set()  # pointers of areas that a picture was shown in
_begun = {"scene": ""}


def place(context):
    """(window, area): the Image Editor that pictures are shown in: this one, else the largest that shows a render, a picture of
    ours or nothing. None where there is none.
    """
    places = _image_editors(context)
    here = next((one for one in places if one[1] == context.area), None)
    return here or max((one for one in places if _is_free(one[1])), key=_size, default=None)


def shown(context):
    """The image that is looked at there, or None."""
    found = place(context)
    return found[1].spaces.active.image if found else None


def show(context, image, fit: bool = False):
    """In an Image Editor, one that is there or a new one as for a render. Zoom and position stay, where the picture before had
    the same size; with `fit` all of it is seen. Without a window nothing is shown.
    """
    if bpy.app.background or image is None:
        return
    found = place(context) or _open(context)
    if found is None:
        return
    window, area = found
    if area.spaces.active.image != image:
        _put(context, window, area, image, fit)
    area.tag_redraw()
    _showing.add(area.as_pointer())
    _note(context)


def _put(context, window, area, image, fit=False):
    """Zoom and position are carried over: Blender 5.2 keeps them for each image. What has another size is fitted."""
    space = area.spaces.active
    region = next(region for region in area.regions if region.type == "WINDOW")
    sizes = [tuple(one.size) for one in (space.image, image) if one and one.type != "RENDER_RESULT"]  # that has none
    stays = space.image is not None and len(set(sizes)) == 1 and not fit
    center, zoom = region.view2d.region_to_view(region.width / 2, region.height / 2), space.zoom_percentage
    space.image = image
    with context.temp_override(window=window, area=area, region=region):
        if stays:
            offset = [(place - 0.5) * pixels for place, pixels in zip(center, sizes[0], strict=True)]
            bpy.ops.image.view_all()
            bpy.ops.image.view_pan(offset=offset)
            space.zoom_percentage = zoom
        elif image.type != "RENDER_RESULT":
            bpy.ops.image.view_all(fit_view=True)


def replace(context, old, new):
    """Whatever uses the image `old` uses `new`; editors keep their zoom and position."""
    for window, area in [] if bpy.app.background else _image_editors(context):
        if area.spaces.active.image == old:
            _put(context, window, area, new)
    old.user_remap(new)


def leave(context, scene=None):
    """Editors that show a picture of ours, of the scene or of any, show the Render Result again. Returns their windows."""
    left = []
    for window, area in _image_editors(context):
        image = area.spaces.active.image
        if images.kind_of(image) and (scene is None or image in images.pictures(scene)):
            render = _render_result()
            if render is None:
                area.spaces.active.image = None
            else:
                _put(context, window, area, render)
            left.append(window)
    return left


def fill(context, image):
    """Where undo has taken the image out of the editors, they show this one, or else the render."""
    for _, area in _image_editors(context):
        if area.spaces.active.image is None and area.as_pointer() in _showing:
            area.spaces.active.image = image or _render_result()


def _render_result():
    return next((image for image in bpy.data.images if image.type == "RENDER_RESULT"), None)


def _open(context):
    """As a render does, by the artist's preference, but never in an area that is none for pictures."""
    how = context.preferences.view.render_display_type
    others = [area for area in context.screen.areas if area.type not in ("IMAGE_EDITOR", "PROPERTIES")]
    taken = max(others, key=lambda area: area.width * area.height, default=None)
    if how in ("WINDOW", "SCREEN") or (how == "AREA" and taken and taken.type not in TOO_SMALL):
        bpy.ops.render.view_show("INVOKE_DEFAULT")
        return place(context)
    room = [area for area in others if area.type not in TOO_SMALL]
    if how == "AREA" and room:
        largest = max(room, key=lambda area: area.width * area.height)
        largest.type = "IMAGE_EDITOR"
        return context.window, largest
    return max(_image_editors(context), key=_size, default=None) if how == "AREA" else None


def _image_editors(context) -> list[tuple]:
    return [
        (window, area)
        for window in context.window_manager.windows
        for area in window.screen.areas
        if area.type == "IMAGE_EDITOR" and area.spaces.active.mode == "VIEW"
    ]


def _is_free(area) -> bool:
    image = area.spaces.active.image
    return image is None or image.type == "RENDER_RESULT" or bool(images.kind_of(image))


def _size(one) -> int:
    return one[1].width * one[1].height


def _note(context):
    _areas.clear()
    for window in context.window_manager.windows:
        _areas.update({area.as_pointer(): area.ui_type for area in window.screen.areas})


def _show_the_render():
    """A timer of Blender's, on the main thread: the render has begun."""
    scene = bpy.data.scenes.get(_begun["scene"])
    if scene is not None:
        scene.n2n.said, scene.n2n.suggested = "", 0  # they were of the render before
        for window in leave(bpy.context, scene):
            _give_back(window)
        _note(bpy.context)
    return None


def _give_back(window):
    """What Blender has taken since a picture was shown becomes what it was, as with Esc."""
    for area in window.screen.areas:
        before = _areas.get(area.as_pointer(), area.ui_type)
        if area.type == "IMAGE_EDITOR" and before not in ("IMAGE_EDITOR", "UV"):
            region = next(region for region in area.regions if region.type == "WINDOW")
            with bpy.context.temp_override(window=window, area=area, region=region):
                if bpy.ops.render.view_cancel() == {"FINISHED"}:
                    area.ui_type = before  # Blender 4.3 makes a Dope Sheet of a Timeline


@persistent
def before_render(scene, *_):
    """In the interface this is called in the render's thread: only a timer is set here."""
    if bpy.app.background or jobs.is_running() or scene.get(composite.COPY):
        return
    _begun["scene"] = scene.name
    if not bpy.app.timers.is_registered(_show_the_render):
        bpy.app.timers.register(_show_the_render)


HANDLERS = (("render_init", before_render),)


def forget():
    """The extension is switched off."""
    if bpy.app.timers.is_registered(_show_the_render):
        bpy.app.timers.unregister(_show_the_render)
    _areas.clear()
    _showing.clear()
