"""Rendering as F12 does, with what the denoiser needs besides; the last render → a multilayer EXR."""

import contextlib
import os
import shutil
import time
from dataclasses import dataclass

import bpy

from ..process import runtime
from ..process.errors import Problem
from . import jobs, models, passes, session, versions

SECOND_SEED = 7919  # on top of the artist's: far from what an animated seed adds in a shot
VECTOR_SAMPLES = 4  # motion at the first hit has little noise
MEASURED = {"started": 0.0, "only_vectors": False}  # of the frame in hand
_last = {}  # scene → _Render of its last one
_changed = set()  # scenes that were changed since


@dataclass(frozen=True)
class _Render:
    """What was rendered."""

    frame: int
    seed: int | None
    samples: int | None
    only_vectors: bool
    passes: tuple  # see passes.switched_on


@dataclass(frozen=True)
class Variant:
    """What differs from F12.

    second: another seed; each_frame: another one in every frame, too; vectors: with the Vector pass; only_vectors: few samples
    without motion blur, as Cycles leaves the Vector pass of blurred frames empty.
    """

    second: bool = False
    each_frame: bool = False
    vectors: bool = False
    only_vectors: bool = False


def _settings(scene, variant: Variant) -> list[tuple]:
    """(owner, name, value) of what is set while a frame is rendered. Owners are names: undo replaces what they stand for."""
    # All three come afterwards, or would show something else.
    found = [("cycles", "use_denoising", False), ("render", "use_compositing", False), ("render", "use_sequencer", False)]
    for layer in scene.view_layers:
        found.append((f"cycles of {layer.name}", "denoising_store_passes", True))
        if variant.vectors:
            found.append((layer.name, "use_pass_vector", True))
    if variant.second:
        found.append(("cycles", "seed", _second_seed(scene)))
    if variant.each_frame:
        found.append(("cycles", "use_animated_seed", True))
    if variant.only_vectors:
        found += [
            ("cycles", "samples", VECTOR_SAMPLES),
            ("cycles", "use_adaptive_sampling", False),
            ("render", "use_motion_blur", False),
        ]
    return found


def _owner(scene, name: str):
    if name in ("cycles", "render"):
        return getattr(scene, name)
    layer = scene.view_layers.get(name.removeprefix("cycles of "))
    return layer.cycles if layer and name.startswith("cycles of ") else layer


@contextlib.contextmanager
def _as(place, variant: Variant | None):
    """The scene's settings, changed for a render and then as they were. None: F12 itself."""
    before = []
    curves = [curve for curve in versions.curves_of(place(), "cycles.seed") if not curve.mute] if variant else []
    try:
        for curve in curves:  # else it would win
            curve.mute = True
        for owner, name, value in _settings(place(), variant) if variant else ():
            holder = _owner(place(), owner)
            before.append((owner, name, getattr(holder, name)))
            setattr(holder, name, value)
        yield
    finally:
        for curve in curves:
            with contextlib.suppress(ReferenceError):  # undo has brought it back as it was
                curve.mute = False
        scene = place.still_there()
        for owner, name, value in reversed(before) if scene else ():
            holder = _owner(scene, owner)
            if holder is not None:
                setattr(holder, name, value)


def what_is_missing(scene) -> tuple[str, str, str] | None:
    """(what, what to do, operator that does it or ""), or None when the scene can be rendered and denoised."""
    if session.is_missing():
        return "Nothing here can denoise", runtime.SET_UP_HINT, "n2n.set_up"
    try:
        models.path_of(scene.n2n.model)
    except Problem:
        return "The chosen model is not there", "Choose another one", ""
    if scene.render.engine != "CYCLES":
        return "The render engine is not Cycles", "Only Cycles renders the passes that denoising needs", "n2n.use_cycles"
    if scene.render.use_sequencer and scene.sequence_editor and versions.has_strips(scene):
        return "The Sequencer's strips are rendered instead of the scene", "Switch Output > Post Processing > Sequencer off", ""
    return None


def lacks_passes(scene) -> bool:
    """Whether the next render comes without what the model takes besides colour."""
    return models.needs_passes(scene.n2n.model) and any(
        layer.use and not layer.cycles.denoising_store_passes for layer in scene.view_layers
    )


def render(context, place, frame: int | None = None, variant: Variant | None = None):
    """A generator: renders the scene as F12 does, in the interface as a job of Blender's without a window of its own.
    place: see scenes.py.
    """
    blocking = bpy.app.background or jobs.status["blocking"]
    while not blocking and bpy.app.is_job_running("RENDER"):
        yield None  # the artist's own
    if frame is not None:
        place().frame_set(frame)
    MEASURED["only_vectors"] = variant is not None and variant.only_vectors
    try:
        with _as(place, variant):
            if blocking:
                bpy.ops.render.render(scene=place().name)
            else:
                yield from _render_as_job(context, place())
    except RuntimeError as error:
        raise Problem(f"The scene cannot be rendered: {str(error).strip().removeprefix('Error: ')}") from None
    finally:
        MEASURED["only_vectors"] = False


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


def render_to(context, place, frame: int | None, variant: Variant, path: str):
    """A generator: renders, and saves all passes; a file is there complete or not at all."""
    yield from render(context, place, frame, variant)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    partial = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}")
    try:
        save(place(), partial, variant.only_vectors)
        os.replace(partial, path)
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


def save(scene, path: str, vectors: bool = False):
    """Writes the last render with all its view layers and passes. Raises Problem when there is none; vectors: also one that was
    made for the Vector pass only.
    """
    image = bpy.data.images.get("Render Result")
    hint = "Render the scene (F12), then press Denoise"
    if image is None:
        raise Problem("Nothing has been rendered yet", hint)
    if scene.name in _last and _last[scene.name].only_vectors and not vectors:
        raise Problem("The last render was made for an animation's motion only", hint)
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


def begin(scene):
    """A frame's rendering begins. In the interface this is called in the render's thread: nothing of Blender's is changed."""
    MEASURED["started"] = time.perf_counter()
    cycles = getattr(scene, "cycles", None)
    seed, samples = (cycles.seed, cycles.samples) if cycles else (None, None)
    beside = passes.switched_on(scene) if cycles else ()
    _last[scene.name] = _Render(scene.frame_current, seed, samples, MEASURED["only_vectors"], beside)


def frame_of(scene) -> int:
    """Of the last render: the artist may have gone to another frame since."""
    last = _last.get(scene.name)
    return scene.frame_current if last is None else last.frame


def is_over(scene):
    """Until something changes, the last render shows the scene."""
    _changed.discard(scene.name)


def change(scene):
    """Something that renders show is not what it was."""
    _changed.add(scene.name)


def is_of_this_scene(scene) -> bool:
    """Whether the last render shows the scene as it is now, at the frame and with the samples that it has now, as far as is
    known: nothing is of one from before the extension was switched on. Where all passes are denoised it has those of now, too.
    """
    last = _last.get(scene.name)
    if last is None:
        return True
    if scene.n2n.all_passes and last.passes != passes.switched_on(scene):
        return False
    now = scene.frame_current, scene.cycles.samples, False
    return (last.frame, last.samples, last.only_vectors) == now and scene.name not in _changed


def other_seed(scene) -> Variant:
    """What renders with another seed than the last render, which may be the second one of an earlier time."""
    last = _last.get(scene.name)
    return Variant(second=last is None or last.seed != _second_seed(scene))


def _second_seed(scene) -> int:
    return (scene.cycles.seed + SECOND_SEED) % 2**31


def measure_end(name: str, units: float):
    """A frame of a scene is rendered. units: see estimate.py."""
    if MEASURED["started"] and not MEASURED["only_vectors"]:
        session.rates().tell(name, time.perf_counter() - MEASURED["started"], units)
    MEASURED["started"] = 0.0
