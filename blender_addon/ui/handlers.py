"""What happens by itself: denoise after a render, forget the last file. The work is done on the main thread."""

import os

import bpy
from bpy.app.handlers import persistent

from . import compare, composite, compositor, editors, estimate, images, jobs, rendering, scenes

DELAY_S = 0.2


_rendered = {"scene": ""}


def _denoise():
    """A timer of Blender's: runs on the main thread, once the render is over."""
    if bpy.app.is_job_running("RENDER") or jobs.is_running():
        return DELAY_S
    for window in bpy.context.window_manager.windows:
        if window.scene.name == _rendered["scene"]:
            with bpy.context.temp_override(window=window):  # timers have none
                bpy.ops.n2n.denoise("INVOKE_DEFAULT", quality=_by_itself(window.scene))
            break
    return None


def _by_itself(scene) -> str:
    """Best would render again after every render."""
    return "BETTER" if scene.n2n.quality == "BEST" else scene.n2n.quality


@persistent
def frame_begins(scene, *_):
    """In the interface this and the next one are called in the render's thread: they look, and change nothing of Blender's."""
    rendering.begin(scene)


@persistent
def frame_ends(scene, *_):
    if not scene.get(composite.COPY) and scene.render.engine == "CYCLES":
        rendering.measure_end(estimate.render_key(scene), estimate.render_units(scene))


@persistent
def scene_changes(scene, graph):
    """Nothing that is only selected; of settings the renders' own records know. What a job puts into the compositor makes
    Blender look at all of the scene again, and changes nothing of it.
    """
    if jobs.is_settling() and any(isinstance(update.id, bpy.types.Scene) for update in graph.updates):
        return
    for update in graph.updates:
        shows = update.is_updated_transform or update.is_updated_geometry or update.is_updated_shading
        if shows and not isinstance(update.id, bpy.types.Scene | bpy.types.NodeTree):
            rendering.change(scene)
            return


@persistent
def after_render(scene, *_):
    """In the interface this is called in the render's thread: only a timer is set here."""
    rendering.is_over(scene)
    if not scene.n2n.after_render or jobs.is_running():
        return
    _rendered["scene"] = scene.name
    if bpy.app.background:
        # Not written: after an animation the current frame is not the one that was rendered.
        bpy.ops.n2n.denoise(quality=_by_itself(scene), write_still=False)
    elif not bpy.app.timers.is_registered(_denoise):
        bpy.app.timers.register(_denoise, first_interval=DELAY_S)


@persistent
def after_load(*_):
    """Pictures that are not on this machine must not leave holes in the compositor."""
    scenes.another_file()
    composite.forget_copies()
    for scene in bpy.data.scenes:
        kept = images.of_kind(scene, images.DENOISED, images.RENDERED, images.FIRST, images.PASSES)
        if not all(image.packed_file or os.path.isfile(bpy.path.abspath(image.filepath)) for image in kept):
            compositor.mute(scene, True)


HANDLERS = (
    ("render_pre", frame_begins),
    ("render_post", frame_ends),
    ("depsgraph_update_post", scene_changes),
    ("render_complete", after_render),
    ("load_post", after_load),
    *editors.HANDLERS,
    *compare.HANDLERS,
)


def register():
    for name, function in HANDLERS:
        getattr(bpy.app.handlers, name).append(function)


def unregister():
    for name, function in HANDLERS:
        if function in getattr(bpy.app.handlers, name):
            getattr(bpy.app.handlers, name).remove(function)
    if bpy.app.timers.is_registered(_denoise):
        bpy.app.timers.unregister(_denoise)
    editors.forget()
    compare.forget()
