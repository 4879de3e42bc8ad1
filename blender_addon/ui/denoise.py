"""The Denoise button: last render → denoised picture, shown and put into the compositor."""

import os
import shutil
import tempfile
import time
from dataclasses import dataclass

import bpy

from ..process.errors import Problem
from . import (
    choices,
    compare,
    composite,
    compositor,
    estimate,
    images,
    jobs,
    learning,
    looks,
    models,
    passes,
    rendering,
    saving,
    scenes,
    session,
    strengths,
)
from .jobs import Job
from .settings import preferences

PARTIAL = (models.COLOR_ONLY, "oidn-albedo")  # what fits renders without all of the passes
FRAME = "frame.exr"
LAST = {"seconds": {}}  # of the last picture, step by step; for benchmarks


QUALITIES = [
    ("SCENE", "As Chosen", "What is chosen in the panel"),
    ("FAST", "Fast", "One pass over the finished render"),
    ("BETTER", "Better", "The mean of four passes"),
    ("BEST", "Best", "Renders once more with another seed, and learns this shot from both"),
]
SOFTER = "Softer than it could be: the render has no denoising passes. They are switched on now, for the next render"
SOFTER_THERE = "Softer than with Cycles: other engines render no denoising passes"


class N2N_OT_denoise(Job, bpy.types.Operator):
    """Denoise the last render. The result is shown, and used by the compositor"""

    bl_idname, bl_label, bl_options = "n2n.denoise", "Denoise", {"UNDO"}
    title = "Denoising"
    quality: bpy.props.EnumProperty(name="Quality", items=QUALITIES, default="SCENE")
    write_still: bpy.props.BoolProperty(
        name="Write Still", description="Also write the picture to the scene's output path, as a render in background does"
    )

    def work(self, context):
        place, seconds = scenes.Place(context.scene), {}
        quality = context.scene.n2n.quality if self.quality == "SCENE" else self.quality
        writes = self.write_still or (bpy.app.background and not self.properties.is_property_set("write_still"))
        LAST["seconds"], lap = seconds, _clock()
        folder = tempfile.mkdtemp(prefix="n2n_", dir=bpy.app.tempdir)
        try:
            yield 0.0, "saving the render"
            work = _learned(context, place, folder) if quality == "BEST" else _denoised(context, place, folder, quality)
            still = yield from work
            seconds["worker"], seconds["inside"], seconds["save"] = lap(), still.seconds, still.saving
            scene = place()
            if still.said:
                scene.n2n.said, scene.n2n.suggested = still.said, 0
            pictures = images.take_over(scene, folder, still.layers, still.whole)
            compositor.install(scene, pictures, images.load_passes(scene, scene.n2n.all_passes))
            compositor.mute(scene, False)
            if scene.n2n.all_passes and compositor.nodes(scene) and not compositor.shows_passes(scene):
                jobs.warn(passes.NONE)
            if scene.render.use_multiview:
                jobs.warn("Each eye has its denoised picture; the compositor of a stereo scene stays noisy")
            seconds["load"] = lap()
            composites = (scene.n2n.composite or writes) and composite.does_something(scene)
            yield from _composite_again(context, place, composites)
            seconds["composite"] = lap()
            compare.show_result(context, place(), fit=quality == "BEST")  # the learning was shown in another size
            if writes:
                self.report({"INFO"}, f"Wrote {saving.write_output(place())}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self.report({"INFO"}, place().n2n.said)
        if not bpy.app.background:
            yield from jobs.each(session.get_to_know(place().n2n.model), lambda _: None)


@dataclass
class Still:
    """What became of a still: a denoised multilayer EXR, its view layers' numbers, and what is said of it ("": it was told)."""

    whole: str
    layers: dict[str, int]
    said: str
    seconds: dict[str, float]  # of the process, by what they were spent on
    saving: float = 0.0


def _denoised(context, place, folder, quality):
    """A generator: the last render, one or four passes; returns a Still."""
    started = time.perf_counter()
    noisy, whole = os.path.join(folder, "render.exr"), os.path.join(folder, "denoised.exr")
    yield from _save_render(context, place, noisy)
    saving = time.perf_counter() - started
    jobs.plan(estimate.still(place(), quality))
    yield 0.0, "starting"
    model, rescue = models.path_of(place().n2n.model), ""
    if models.needs_passes(model):
        fitting = yield from fitting_model(noisy, model)
        if fitting in PARTIAL:
            by_cycles = place().render.engine == "CYCLES"
            rescue, model = SOFTER if by_cycles else SOFTER_THERE, fitting
            jobs.warn(rescue)
            if by_cycles:
                choices.enable_passes(place())
    try:
        answer = yield from ask_denoise(
            place(), model=model, input=noisy, pictures=folder, output=whole, average=estimate.PASSES[quality]
        )
    except Problem as problem:
        raise Problem(str(problem).replace(f"{noisy}: ", "")) from None
    size = estimate.megapixels(place()) * estimate.PASSES[quality]
    session.rates().tell(estimate.denoise_key(place(), model), answer["seconds"]["network"], size)
    took = sum(answer["seconds"].values())
    said = rescue or f"Denoised with {answer['engine']}: {took:.1f} s"
    return Still(whole, answer["layers"], said, answer["seconds"], saving)


def fitting_model(path, model):
    """A generator: the built-in model that makes the most of what an EXR file holds; by the process that runs `model` next."""
    answer = yield from jobs.each(session.worker_for(model).ask("check", model="auto", inputs=[path]), lambda event: None)
    return answer["models"][0]


def _learned(context, place, folder):
    """A generator: the last render and one with another seed, both learned from; returns a Still."""
    learning.check_program()
    missing = rendering.what_is_missing(place())
    if missing:
        raise Problem(*missing[:2])
    first, second = (os.path.join(folder, name, FRAME) for name in ("first", "second"))
    for path in (first, second):
        os.makedirs(os.path.dirname(path))
    ready = yield from _first_render(place, first)
    scene = place()
    jobs.plan(estimate.still(scene, "BEST", renders=1 if ready else 2))
    if not ready:
        yield 0.0, "rendering"
        yield from rendering.render_to(context, place, None, rendering.Variant(), first)
        jobs.enter(1)
    yield 0.0, "rendering with another seed"
    yield from rendering.render_to(context, place, None, rendering.other_seed(place()), second)
    views = []
    if place().n2n.views:
        jobs.enter(1 if ready else 2)
        views = [(yield from learning.sample_views(place(), folder))]
    with looks.shown(context, place) as show:
        made = yield from learning.learn(place, [first], [second], os.path.join(folder, "learned"), show, views=views)
    whole = made["frames"][0]["output"]
    scene, worker = place(), session.worker_for(session.LEARNS)
    pictures = yield from jobs.each(worker.ask("pictures", input=whole, rendered=second, folder=folder), lambda event: None)
    before = os.path.join(folder, "before")
    yield from jobs.each(worker.ask("pictures", input=whole, rendered=first, folder=before), lambda event: None)
    for index in pictures["layers"].values():
        os.replace(os.path.join(before, f"{index}.rendered.exr"), os.path.join(folder, f"{index}.first.exr"))
    if made["kept"]:
        scene.n2n.model = made["kept"]
    learning.tell(scene, made)
    return Still(whole, pictures["layers"], "", {})


def _first_render(place, path):
    """A generator: whether the last render can be learned from; it is then at `path`. Without passes, or of what was
    changed since, it cannot.
    """
    if not rendering.is_of_this_scene(place()):
        return False
    try:
        rendering.save(place(), path)
    except Problem:
        return False
    return (yield from fitting_model(path, session.LEARNS)) not in PARTIAL


def _save_render(context, place, path):
    """In background, where nothing has been rendered yet, the scene is rendered first, with all that helps."""
    try:
        rendering.save(place(), path)
    except Problem:
        if not bpy.app.background:
            raise
        missing = rendering.what_is_missing(place())
        if missing:
            raise Problem(*missing[:2]) from None
        yield from rendering.render_to(context, place, None, rendering.Variant(), path)


def _composite_again(context, place, wanted: bool):
    """The image of an earlier time is replaced, or goes where it is not wanted this time."""
    folder = images.picture_folder(place())
    kept = os.path.join(folder, "composite.exr")
    if wanted:
        yield 1.0, "compositing"
        if (yield from composite.run(context, place, os.path.join(folder, images.WHOLE), kept, exact=True)):
            images.load(images.COMPOSITED, kept, place())
            return
        jobs.warn(composite.CANNOT)
    for image in images.of_kind(place(), images.COMPOSITED):
        bpy.data.images.remove(image)


def ask_denoise(scene, model=None, **request):
    """A generator: one request, for the scene's model or another, with its progress; returns the worker's answer."""
    settings = scene.n2n
    model = model or models.path_of(settings.model)
    worker = session.worker_for(model)
    steps = worker.ask(
        "denoise",
        model=model,
        device=preferences().device or "auto",
        strength=settings.strength,
        prefilter={"AUTO": None, "ON": True, "OFF": False}[settings.prefilter],
        keep_noisy=settings.keep_noisy,
        **passes.asked(scene),
        **strengths.asked(scene),
        **request,
    )

    return (yield from jobs.each(steps, told))


def told(event):
    """An event of the process, as a job tells it."""
    if event and event["event"] == "warning":
        jobs.warn(event["message"])
    return (event["share"], event.get("text") or "denoising") if event and event["event"] == "progress" else None


def _clock():
    last = [time.perf_counter()]

    def lap():
        last.append(time.perf_counter())
        return last[-1] - last[-2]

    return lap


CLASSES = (N2N_OT_denoise,)
