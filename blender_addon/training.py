"""Sample pairs and Train on this scene: an installed n2n-render does both, outside Blender; the new model joins the list."""
import os
import re
import shutil
import tempfile

import bpy

from . import jobs, programs, runtime, session
from .animation import output_folder
from .errors import Problem
from .jobs import Job
from .settings import preferences

SAMPLES, TRAINED, PREVIEW = "samples", "trained", "N2N Training"
NOTHING_LEARNED = "training made nothing better"  # as `n2n-render adapt` says it
_preview = {"collection": None, "time": 0.0}


def _command(*arguments) -> list[str]:
    program = runtime.external(bpy.path.abspath(preferences().program))
    if program is None:
        raise Problem("Training needs n2n-render with PyTorch installed on this computer, and it was not found",
                      runtime.SET_UP_HINT)
    return [*program, "--progress", "json", *map(str, arguments)]


def _next_folder(parent: str, beside=lambda name: None) -> str:
    """parent/<file>-<n>, the first that is free: nothing that was made before is touched. `beside` names another path that
    must be free, too.
    """
    stem, number = _stem(), 1
    while any(path and os.path.exists(path) for path in (os.path.join(parent, f"{stem}-{number}"),
                                                         beside(f"{stem}-{number}"))):
        number += 1
    return os.path.join(parent, f"{stem}-{number}")


def _stem() -> str:
    """Of the file, and of the scene where there are several."""
    scene = f"_{bpy.context.scene.name}" if len(bpy.data.scenes) > 1 else ""
    return re.sub(r"\W+", "_", os.path.splitext(os.path.basename(bpy.data.filepath))[0] + scene) or "untitled"


def newest_samples(scene) -> str | None:
    """The last folder of pairs of this scene, or None."""
    parent = os.path.join(output_folder(scene), SAMPLES)
    found = [entry.path for entry in os.scandir(parent) if re.fullmatch(re.escape(_stem()) + r"-\d+", entry.name)
             and os.path.isfile(os.path.join(entry.path, "manifest.json"))] if os.path.isdir(parent) else []
    return max(found, key=os.path.getmtime, default=None)


class N2N_OT_sample(Job, bpy.types.Operator):
    """Render pairs of noisy frames of this scene, as it is now, to train on. A copy of the file is rendered, outside Blender"""
    bl_idname, bl_label = "n2n.sample", "Sample Pairs"
    title = "Sampling"

    def work(self, context):
        scene, settings = context.scene, context.scene.n2n
        out = _next_folder(os.path.join(output_folder(scene), SAMPLES))
        copies, complete = tempfile.mkdtemp(prefix="n2n_", dir=bpy.app.tempdir), False
        try:
            copy = os.path.join(copies, f"{os.path.basename(out)}.blend")
            bpy.ops.wm.save_as_mainfile(filepath=copy, copy=True, check_existing=False)
            chosen = ["--frames", f"{scene.frame_start}-{scene.frame_end}x{scene.frame_step}"] if settings.use_animation \
                else ["--views", settings.views]
            blender = ["--blender", bpy.app.binary_path] if bpy.app.binary_path else []
            yield 0.0, "saving a copy"
            yield from programs.run(_command("sample", "--scene", copy, "--scene-name", scene.name, "--spp", settings.spp,
                                             "--out", out, *chosen, *blender), runtime.outside_environment(), jobs.warn)
            complete = True
        finally:
            shutil.rmtree(copies, ignore_errors=True)
            if not complete:  # a part cannot be gone on with: the copy of the scene would be another file
                shutil.rmtree(out, ignore_errors=True)
        self.report({"INFO"}, f"Pairs are in {out}; now press Train")


class N2N_OT_train(Job, bpy.types.Operator):
    """Train on the sampled pairs: the model starts from Open Image Denoise's weights and learns this scene"""
    bl_idname, bl_label = "n2n.train", "Train"
    title = "Training"

    def work(self, context):
        scene, settings = context.scene, context.scene.n2n
        samples = newest_samples(scene)
        if samples is None:
            raise Problem("There are no pairs to train on yet", "Press Sample Pairs first")
        models = session.user_folder("models")
        out = _next_folder(os.path.join(output_folder(scene), TRAINED), lambda name: os.path.join(models, f"{name}.tza"))
        environment = runtime.outside_environment()
        steps = programs.run(_command("adapt", samples, "-o", out, "--minutes", f"{settings.minutes:g}", "--average", 1),
                             environment, jobs.warn)
        preview_path = os.path.join(out, "preview.png")
        printed = yield from jobs.each(steps, lambda found: _update_preview(preview_path) or found)
        if NOTHING_LEARNED in printed:
            jobs.warn("Training made nothing better on this scene: the new model is as good as the one that it started from")
        model = os.path.join(models, f"{os.path.basename(out)}.tza")
        frame = next(entry.path for entry in os.scandir(out) if entry.name.endswith(".exr"))
        yield 1.0, "writing the model"
        yield from programs.run(_command("export", os.path.join(out, "adapted.pt"), "--format", "tza", "-o", model,
                                         "--check", frame), environment)
        yield from session.describe()
        settings.model = model
        self.report({"INFO"}, f"The model {os.path.basename(model)} is ready and chosen; press Denoise")


def _update_preview(path):
    """Noisy, before, after: a part of a frame, each time that the training was judged."""
    import bpy.utils.previews
    if not os.path.isfile(path) or os.path.getmtime(path) == _preview["time"]:
        return
    if _preview["collection"] is None:
        _preview["collection"] = bpy.utils.previews.new()
    _preview["time"] = os.path.getmtime(path)
    _preview["collection"].clear()
    _preview["collection"].load(PREVIEW, path, "IMAGE")


def preview() -> int:
    """An icon's number; 0: there is no picture yet."""
    collection = _preview["collection"]
    return collection[PREVIEW].icon_id if collection and PREVIEW in collection else 0


def forget_preview():
    import bpy.utils.previews
    if _preview["collection"] is not None:
        bpy.utils.previews.remove(_preview["collection"])
    _preview.update(collection=None, time=0.0)


CLASSES = (N2N_OT_sample, N2N_OT_train)
