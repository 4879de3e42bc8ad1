"""The Denoise button: last render → denoised picture, shown and put into the compositor. And what belongs to it."""

import os
import shutil
import tempfile
import time

import bpy

from . import composite, compositor, jobs, render_result, scenes, session
from ..process.errors import Problem
from .jobs import Job, cancel, is_running
from .settings import preferences

LAST = {"seconds": {}}  # of the last picture, step by step; for benchmarks


class N2N_OT_denoise(Job, bpy.types.Operator):
    """Denoise the last render: no second rendering. The result is shown, and used by the compositor"""

    bl_idname, bl_label, bl_options = "n2n.denoise", "Denoise", {"UNDO"}
    title = "Denoising"
    write_still: bpy.props.BoolProperty(
        name="Write Still", description="Also write the picture to the scene's output path, as a render in background does"
    )

    def work(self, context):
        place, seconds = scenes.Place(context.scene), {}
        writes = self.write_still or (bpy.app.background and not self.properties.is_property_set("write_still"))
        LAST["seconds"] = seconds
        folder = tempfile.mkdtemp(prefix="n2n_", dir=bpy.app.tempdir)
        try:
            yield 0.0, "saving the render"
            lap = _clock()
            noisy = os.path.join(folder, "render.exr")
            yield from _save_render(context, place, noisy)
            seconds["save"] = lap()
            yield 0.0, "starting"
            scene = place()
            model = session.model_path(scene.n2n.model)
            composites = scene.n2n.composite and composite.does_something(scene)
            whole = os.path.join(folder, "denoised.exr")
            try:
                answer = yield from ask_denoise(
                    scene, input=noisy, pictures=folder, output=whole if composites or writes else None
                )
            except Problem as problem:
                raise _about_the_render(problem, noisy) from None
            seconds["worker"], seconds["inside"] = lap(), answer["seconds"]
            scene = place()
            images = _take_over(scene, folder, answer["layers"])
            first = next(iter(images.values()))[0].name
            compositor.install(scene, images)
            compositor.mute(scene, False)
            seconds["load"] = lap()
            yield from _composite_again(context, place, whole if composites else None)
            seconds["composite"] = lap()
            if not bpy.app.background:
                render_result.show(context, render_result.picture_to_show(place()))
            if writes:
                path = yield from composite.write_still(context, place, whole, first)
                self.report({"INFO"}, f"Wrote {path}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        total = seconds["save"] + seconds["worker"] + seconds["load"] + seconds["composite"]
        self.report(
            {"INFO"},
            f"Denoised with {answer['engine']}: {total:.1f} s, of which the network {seconds['inside']['network']:.1f} s",
        )
        if not bpy.app.background:
            yield from jobs.each(session.get_to_know(model), lambda _: None)


def _about_the_render(problem, path):
    """The worker's sentence, which names a file that the artist does not know, in words for Blender."""
    text = str(problem)
    if path in text and " pass" in text:
        return Problem("The last render has no denoising passes", "Press Enable Passes, render again (F12), then press Denoise")
    return Problem(text.replace(f"{path}: ", ""))


def _save_render(context, place, path):
    """In background, where nothing has been rendered yet, the scene is rendered first."""
    try:
        render_result.save(place(), path)
    except Problem:
        if not bpy.app.background:
            raise
        missing = render_result.what_is_missing(place())
        if missing:
            raise Problem(*missing[:2]) from None
        yield from render_result.render(context, place)
        render_result.save(place(), path)


def _composite_again(context, place, whole):
    """The image of an earlier time is replaced, or goes. whole: the denoised multilayer EXR; None: not this time."""
    title = render_result.COMPOSITE
    kept = os.path.join(render_result.picture_folder(place()), "composite.exr")
    if whole:
        yield 1.0, "compositing"
        if (yield from composite.run(context, place, whole, kept, exact=True)):
            render_result.load(title, kept, place())
            return
        jobs.warn(composite.CANNOT)
    for image in [image for image in render_result.pictures(place()) if image["n2n"] == title]:
        bpy.data.images.remove(image)


def _replace(source, target):
    """Over file systems, too: the target is complete or as it was."""
    partial = os.path.join(os.path.dirname(target), f".{os.path.basename(target)}")
    shutil.move(source, partial)
    os.replace(partial, target)


def _take_over(scene, folder, layers):
    """The finished pictures move to where they stay; the ones before are replaced one by one."""
    kept = render_result.picture_folder(scene)
    for index in layers.values():
        for kind in ("denoised", "rendered"):
            name = f"{index}.{kind}.exr"
            _replace(os.path.join(folder, name), os.path.join(kept, name))
    return render_result.load_pictures(scene, kept, layers)


def ask_denoise(scene, **request):
    """A generator: one request for the scene's model, with its progress; returns the worker's answer."""
    settings = scene.n2n
    model = session.model_path(settings.model)
    worker = session.worker_for(model)
    steps = worker.ask(
        "denoise",
        model=model,
        device=preferences().device or "auto",
        strength=settings.strength,
        prefilter={"AUTO": None, "ON": True, "OFF": False}[settings.prefilter],
        keep_noisy=settings.keep_noisy,
        **request,
    )

    def told(event):
        if event and event["event"] == "warning":
            jobs.warn(event["message"])
        return (event["share"], "denoising") if event and event["event"] == "progress" else None

    return (yield from jobs.each(steps, told))


def _clock():
    last = [time.perf_counter()]

    def lap():
        last.append(time.perf_counter())
        return last[-1] - last[-2]

    return lap


class N2N_OT_toggle(bpy.types.Operator):
    """Show the noisy render, or the denoised one again, in the Image Editor and the compositor"""

    bl_idname, bl_label, bl_options = "n2n.toggle", "Noisy / Denoised", {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        return bool(render_result.pictures(context.scene))

    def execute(self, context):
        groups = compositor.nodes(context.scene)
        to_noisy = not groups[0].mute if groups else not is_noisy_shown(context)
        compositor.mute(context.scene, to_noisy)
        image = (
            bpy.data.images["Render Result"]
            if to_noisy and "Render Result" in bpy.data.images
            else render_result.picture_to_show(context.scene)
        )
        if not bpy.app.background:
            render_result.show(context, image, fit=False)
        return {"FINISHED"}


def is_noisy_shown(context) -> bool:
    return (
        any(
            area.type == "IMAGE_EDITOR" and getattr(area.spaces.active.image, "type", "") == "RENDER_RESULT"
            for area in context.screen.areas
        )
        if context.screen
        else False
    )


class N2N_OT_remove(bpy.types.Operator):
    """Take the denoiser out of the compositor and remove its pictures; your own nodes and links stay"""

    bl_idname, bl_label, bl_options = "n2n.remove", "Remove from Compositor", {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        return bool(compositor.nodes(context.scene) or render_result.pictures(context.scene))

    def execute(self, context):
        remove_from(context.scene)
        return {"FINISHED"}


def remove_from(scene):
    """What belongs to another scene, of which this one is a copy, stays."""
    if render_result.is_copy(scene):
        scene.n2n.folder = ""
    compositor.remove(scene)
    for image in render_result.pictures(scene):
        bpy.data.images.remove(image)


class N2N_OT_enable_passes(bpy.types.Operator):
    """Switch on the denoising passes (albedo, normal, depth) of every view layer; they come with the next render"""

    bl_idname, bl_label, bl_options = "n2n.enable_passes", "Enable Passes", {"REGISTER", "UNDO"}

    def execute(self, context):
        for layer in context.scene.view_layers:
            layer.cycles.denoising_store_passes = True
        return {"FINISHED"}


class N2N_OT_set_up(Job, bpy.types.Operator):
    """Look for what can denoise here: the extension's own runtime, an installed n2n-render, devices and models"""

    bl_idname, bl_label = "n2n.set_up", "Set Up"
    title = "Looking for models and devices"

    def work(self, context):
        problems = yield from session.describe()
        for problem in problems:
            self.report({"INFO"}, str(problem))
        names = ", ".join(session.KNOWN["devices"].values())
        self.report({"INFO"}, f"{len(session.KNOWN['models'])} models; devices: {names}")


def _models(operator, context):
    """Blender wants the strings to be kept alive."""
    N2N_OT_choose_model.kept = session.model_choices()
    return N2N_OT_choose_model.kept


class N2N_OT_choose_model(bpy.types.Operator):
    """Choose what denoises: Open Image Denoise's weights, or what you have trained"""

    bl_idname, bl_label, bl_options = "n2n.choose_model", "Model", {"REGISTER", "UNDO"}
    kept = []
    model: bpy.props.EnumProperty(name="Model", items=_models)

    def execute(self, context):
        context.scene.n2n.model = self.model
        return {"FINISHED"}


def _devices(operator, context):
    N2N_OT_choose_device.kept = [
        ("auto", "Automatic", "The fastest there is"),
        *((kind, f"{kind}: {name}", f"Run the network on {name}") for kind, name in session.KNOWN["devices"].items()),
    ]
    return N2N_OT_choose_device.kept


class N2N_OT_choose_device(bpy.types.Operator):
    """Choose what the network runs on"""

    bl_idname, bl_label = "n2n.choose_device", "Device"
    kept = []
    device: bpy.props.EnumProperty(name="Device", items=_devices)

    def execute(self, context):
        preferences(context).device = self.device
        return {"FINISHED"}


class N2N_OT_cancel(bpy.types.Operator):
    """End what N2N Denoise is doing; finished frames stay"""

    bl_idname, bl_label = "n2n.cancel", "Cancel"

    @classmethod
    def poll(cls, context):
        return is_running()

    def execute(self, context):
        cancel()
        return {"FINISHED"}


class N2N_OT_clear_pictures(bpy.types.Operator):
    """Delete the denoised pictures that the add-on keeps for your files; the compositor then shows the noisy renders"""

    bl_idname, bl_label = "n2n.clear_pictures", "Delete Kept Pictures"

    def invoke(self, context, event):
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context):
        for scene in bpy.data.scenes:
            compositor.mute(scene, True)
        for image in render_result.pictures():
            bpy.data.images.remove(image)
        shutil.rmtree(session.user_folder("pictures", create=False), ignore_errors=True)
        return {"FINISHED"}


CLASSES = (
    N2N_OT_denoise,
    N2N_OT_toggle,
    N2N_OT_remove,
    N2N_OT_enable_passes,
    N2N_OT_set_up,
    N2N_OT_choose_model,
    N2N_OT_choose_device,
    N2N_OT_cancel,
    N2N_OT_clear_pictures,
)
