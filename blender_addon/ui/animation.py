"""Denoise Animation: the frame range, rendered or rendered before → denoised multilayer EXR frames on disk."""

import contextlib
import os
import shutil
import tempfile

import bpy

from . import composite, estimate, frames, jobs, learning, looks, models, passes, rendering, scenes, session, strengths
from .denoise import QUALITIES, ask_denoise, told
from .jobs import Job
from .rendering import Variant
from .settings import preferences

REACH = 8  # frames before and after each one whose samples are taken in
NOISY = Variant(each_frame=True, vectors=True)
SECOND = Variant(second=True, each_frame=True, vectors=True)


class N2N_OT_denoise_animation(Job, bpy.types.Operator):
    """Denoise the scene's frame range into files. Finished frames are kept: run it again to go on"""

    bl_idname, bl_label = "n2n.denoise_animation", "Denoise Animation"
    title = "Denoising the animation"
    quality: bpy.props.EnumProperty(name="Quality", items=QUALITIES, default="SCENE")

    def work(self, context):
        scene, place = context.scene, scenes.Place(context.scene)
        quality = scene.n2n.quality if self.quality == "SCENE" else self.quality
        if quality == "BEST":
            learning.check_program()
        plan, made = frames.plan(scene, quality), frames.made_with(scene, quality)
        _check_records(scene, plan, made)
        before = scene.frame_current
        shot = _Shot(context, place, plan, made)
        try:
            if scene.n2n.source == "EXISTING":
                yield 0.0, "checking the frames"
                yield from _check(scene, [path for frame in plan for path in frame.renders])
            todo = [frame for frame in plan if not os.path.isfile(frame.denoised)]
            renders = [path for frame in (todo if quality == "FAST" else plan if todo else ()) for path in frame.renders]
            jobs.plan(estimate.animation(place(), quality, len(todo), sum(not os.path.isfile(path) for path in renders)))
            unfinished = sum(not frames.is_finished(place(), frame) for frame in plan)
            if todo:
                yield from {"FAST": _fast, "BETTER": _better, "BEST": _best}[quality](shot, todo)
            yield from _finish(shot)
        finally:
            scene = place.still_there()
            if scene and scene.frame_current != before:
                scene.frame_set(before)
        said = place().n2n.said if quality == "BEST" and todo else ""
        folder = os.path.dirname(plan[0].denoised)
        counted = f"{unfinished} frame(s) denoised, {len(plan) - unfinished} were there already: {folder}"
        self.report({"INFO"}, ". ".join(words for words in (said, counted) if words))


class _Shot:
    """What all parts of the job share."""

    def __init__(self, context, place, plan, made):
        self.context, self.place, self.plan, self.made = context, place, plan, made
        self.renders = made["frames"] == "rendered"
        self.reach = reach([frame.number for frame in plan])

    def scene(self):
        """As it is now; raises Problem where its settings are not those that the job began with."""
        frames.refuse_change(self.made, self.place())
        return self.place()


def reach(numbers: list[int]) -> int:
    """How many frames before and after each one lend their samples: motion leads from a frame to the next one, and not over
    those between.
    """
    return REACH if any(later - earlier == 1 for earlier, later in zip(numbers, numbers[1:], strict=False)) else 0


def _check_records(scene, plan, made):
    frames.check_record(os.path.dirname(plan[0].denoised), made)
    if scene.n2n.source == "RENDER":
        for folder in {os.path.dirname(path) for path in plan[0].renders}:
            frames.check_record(folder, frames.rendered_with(scene))


def _fast(shot, todo):
    """A generator: each frame is rendered, and denoised at once."""
    for done, frame in enumerate(todo):
        text = f"frame {frame.number}, {done + 1} of {len(todo)}"
        yield done / len(todo), text
        if shot.renders:
            yield from _render_frame(shot, frame)
        for found in ask_denoise(shot.scene(), input=frame.noisy, output=frame.denoised):
            yield ((done + found[0]) / len(todo), text) if found else None


def _better(shot, todo):
    """A generator: all frames are rendered, then each takes in the samples of those around it."""
    yield from _render_all(shot)
    scene = shot.scene()
    model = models.path_of(scene.n2n.model)
    steps = session.worker_for(model).ask(
        "frames",
        inputs=[frame.noisy for frame in shot.plan],
        output=os.path.dirname(shot.plan[0].denoised),
        model=model,
        temporal=shot.reach,
        device=preferences().device or "auto",
        strength=scene.n2n.strength,
        prefilter={"AUTO": None, "ON": True, "OFF": False}[scene.n2n.prefilter],
        keep_noisy=scene.n2n.keep_noisy,
        **passes.asked(scene),
        **strengths.asked(scene),
    )
    yield from jobs.each(steps, told)
    seconds = jobs.status["countdown"].passed()
    scene = shot.place()
    session.rates().tell(estimate.work_key(scene, "neighbors"), seconds, estimate.megapixels(scene) * len(shot.plan))


def _best(shot, todo):
    """A generator: all frames are rendered twice, learned from, and painted."""
    yield from _render_all(shot)
    shot.scene()
    firsts, seconds = zip(*(frame.renders for frame in shot.plan), strict=True)
    folder = os.path.dirname(shot.plan[0].denoised)
    with looks.shown(shot.context, shot.place) as show:
        made = yield from learning.learn(shot.place, firsts, seconds, folder, show, temporal=shot.reach)
    learning.tell(shot.place(), made)


def _render_all(shot):
    """A generator: what is not there yet. The next part of the job comes after it."""
    if not shot.renders:
        return
    missing = [frame for frame in shot.plan if not all(map(os.path.isfile, frame.renders)) or _without_vectors(shot, frame)]
    for done, frame in enumerate(missing):
        yield done / len(missing), f"frame {frame.number}, {done + 1} of {len(missing)}"
        yield from _render_frame(shot, frame)
        yield from _put_vectors(shot, frame)
    if missing and len(jobs.status["countdown"].parts) > 1:
        jobs.enter(1)


def _render_frame(shot, frame):
    for path, variant in zip(frame.renders, (NOISY, SECOND), strict=False):
        if not os.path.isfile(path):
            with contextlib.suppress(OSError):
                os.unlink(_mark(path))
            yield from rendering.render_to(shot.context, shot.place, frame.number, variant, path)


def _mark(path: str) -> str:
    """Beside a blurred frame whose Vector pass was put in."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{os.path.splitext(name)[0]}.vectors")


def _without_vectors(shot, frame) -> list[str]:
    """Renders of the frame whose Vector pass is empty: Cycles leaves it so with motion blur."""
    blurred = shot.place().render.use_motion_blur
    return [path for path in frame.renders if not os.path.exists(_mark(path))] if blurred else []


def _put_vectors(shot, frame):
    """A generator: a render without blur has the Vector pass; so has a render that it was put into before."""
    targets = _without_vectors(shot, frame)
    if not targets:
        return
    folder = tempfile.mkdtemp(prefix="n2n_", dir=bpy.app.tempdir)
    try:
        source = next((path for path in frame.renders if path not in targets), None)
        if source is None:
            source = os.path.join(folder, "vectors.exr")
            variant = Variant(vectors=True, only_vectors=True)
            yield from rendering.render_to(shot.context, shot.place, frame.number, variant, source)
        worker = session.worker_for(models.path_of(shot.place().n2n.model))
        yield from jobs.each(worker.ask("vectors", source=source, into=targets), lambda event: None)
        for path in targets:
            with open(_mark(path), "w"):
                pass
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _finish(shot):
    """A generator: the compositor runs on the denoised frames, where it does something or the frames go to the output path."""
    for frame in shot.plan:
        scene = shot.place()
        if frames.is_finished(scene, frame):
            continue
        scene.frame_set(frame.number)
        picture = frames.finished_picture(shot.place(), frame)
        os.makedirs(os.path.dirname(picture), exist_ok=True)
        yield 1.0, f"compositing frame {frame.number}"
        if not (yield from composite.run(shot.context, shot.place, frame.denoised, picture)):
            jobs.warn(composite.CANNOT)
            return


def _check(scene, files):
    """Every frame is an EXR with the passes that the model needs. One whose pixels are damaged is told of when it is read."""
    model = models.path_of(scene.n2n.model)
    steps = session.worker_for(model).ask("check", model=model, inputs=files)
    for event in steps:
        yield (event["share"], "checking the frames") if event and event["event"] == "progress" else None


CLASSES = (N2N_OT_denoise_animation,)
