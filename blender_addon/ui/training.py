"""Sample pairs and Train on this scene: an installed n2n-render does both, outside Blender; the new model joins the list."""

import json
import os
import re
import shutil
import tempfile
import uuid

import bpy

from ..process import programs, runtime
from . import jobs, scenes, session
from .animation import output_folder
from ..process.errors import Problem
from .jobs import Job
from .settings import preferences

SAMPLES, TRAINED, PREVIEW = "samples", "trained", "N2N Training"
MANIFEST = "manifest.json"  # of `n2n-render sample`
RECORD = "n2n.json"  # beside it: which scene the pairs are of
_preview = {"collection": None, "time": 0.0}


def _command(*arguments) -> list[str]:
    program = runtime.external(bpy.path.abspath(preferences().program))
    if program is None:
        raise Problem(
            "Training needs n2n-render with PyTorch installed on this computer, and it was not found", runtime.SET_UP_HINT
        )
    return [*program, "--progress", "json", *map(str, arguments)]


def _next_folder(scene, parent: str, beside=lambda name: None) -> str:
    """parent/<file>-<n>, the first that is free: nothing that was made before is touched. `beside` names another path that
    must be free, too.
    """
    stem, number = _stem(scene), 1
    while any(path and os.path.exists(path) for path in (os.path.join(parent, f"{stem}-{number}"), beside(f"{stem}-{number}"))):
        number += 1
    return os.path.join(parent, f"{stem}-{number}")


def _file_stem() -> str:
    return re.sub(r"\W+", "_", os.path.splitext(os.path.basename(bpy.data.filepath))[0]) or "untitled"


def _stem(scene) -> str:
    """Of the file, and of the scene where there are several. Only a name to read: what is inside a folder is in its record."""
    return _file_stem() + (re.sub(r"\W+", "_", f"_{scene.name}") if len(bpy.data.scenes) > 1 else "")


def newest_samples(scene) -> str | None:
    """The last folder of pairs of this scene, or None, whatever scenes were added or renamed since."""
    parent = os.path.join(output_folder(scene), SAMPLES)
    found = (
        [entry.path for entry in os.scandir(parent) if entry.is_dir() and _is_of(scene, entry.path)]
        if os.path.isdir(parent)
        else []
    )
    return max(found, key=os.path.getmtime, default=None)


def _is_of(scene, folder: str) -> bool:
    """By the scene's id where both have one, which stays through renaming; else by the names of file and scene."""
    manifest, record = (_read(os.path.join(folder, name)) for name in (MANIFEST, RECORD))
    if not manifest:
        return False
    if not record:  # made by an earlier version: its folder is named after the file, its manifest names the scene
        sampled = manifest.get("scene")
        named_after = re.fullmatch(rf"{re.escape(_file_stem())}(_\w*)?-\d+", os.path.basename(folder))
        return bool(named_after) and isinstance(sampled, dict) and sampled.get("scene_name") == scene.name
    if not scene.n2n.pairs:  # the file was not saved since
        return (record.get("file"), record.get("scene")) == (os.path.basename(bpy.data.filepath), scene.name)
    others = [other.name for other in bpy.data.scenes if other != scene and other.n2n.pairs == scene.n2n.pairs]
    return record.get("id") == scene.n2n.pairs and record.get("scene") not in others  # a copy of a scene has its id, too


def _read(path: str) -> dict:
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _record_of(scene) -> dict:
    """What tells later whose pairs they are. The scene gets its id, which earlier pairs of it may know."""
    if not scene.n2n.pairs or any(other != scene and other.n2n.pairs == scene.n2n.pairs for other in bpy.data.scenes):
        before = newest_samples(scene)
        known = _read(os.path.join(before, RECORD)).get("id") if before and not scene.n2n.pairs else None
        scene.n2n.pairs = known if isinstance(known, str) and known else uuid.uuid4().hex[:12]
    return {"id": scene.n2n.pairs, "file": os.path.basename(bpy.data.filepath), "scene": scene.name}


class N2N_OT_sample(Job, bpy.types.Operator):
    """Render pairs of noisy frames of this scene, as it is now, to train on. A copy of the file is rendered, outside Blender"""

    bl_idname, bl_label = "n2n.sample", "Sample Pairs"
    title = "Sampling"

    def work(self, context):
        scene, settings = context.scene, context.scene.n2n
        out, record = _next_folder(scene, os.path.join(output_folder(scene), SAMPLES)), _record_of(scene)
        copies, complete = tempfile.mkdtemp(prefix="n2n_", dir=bpy.app.tempdir), False
        try:
            copy = os.path.join(copies, f"{os.path.basename(out)}.blend")
            bpy.ops.wm.save_as_mainfile(filepath=copy, copy=True, check_existing=False)
            chosen = (
                ["--frames", f"{scene.frame_start}-{scene.frame_end}x{scene.frame_step}"]
                if settings.use_animation
                else ["--views", settings.views]
            )
            blender = ["--blender", bpy.app.binary_path] if bpy.app.binary_path else []
            command = _command(
                "sample", "--scene", copy, "--scene-name", scene.name, "--spp", settings.spp, "--out", out, *chosen, *blender
            )
            yield 0.0, "saving a copy"
            yield from programs.run(command, runtime.outside_environment(), jobs.warn)
            with open(os.path.join(out, RECORD), "w", encoding="utf-8") as file:
                json.dump(record, file, indent=1)
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
        scene, place, settings = context.scene, scenes.Place(context.scene), context.scene.n2n
        samples = newest_samples(scene)
        if samples is None:
            raise Problem("There are no pairs to train on yet", "Press Sample Pairs first")
        models = session.user_folder("models")
        out = _next_folder(scene, os.path.join(output_folder(scene), TRAINED), lambda name: os.path.join(models, f"{name}.tza"))
        environment = runtime.outside_environment()
        steps = programs.run(
            _command("adapt", samples, "-o", out, "--minutes", f"{settings.minutes:g}", "--average", 1), environment, jobs.warn
        )
        preview_path = os.path.join(out, "preview.png")
        made = yield from jobs.each(steps, lambda found: _update_preview(preview_path) or found)
        if made["model"] is None:
            raise Problem("The pairs hold no noise, so there is nothing to learn", "Sample them with fewer samples")
        if not made["learned"]:
            jobs.warn("Training made nothing better on this scene: the new model is as good as the one that it started from")
        model = os.path.join(models, f"{os.path.basename(out)}.tza")
        yield 1.0, "writing the model"
        yield from programs.run(
            _command("export", made["model"], "--format", "tza", "-o", model, "--check", made["outputs"][0]), environment
        )
        yield from session.describe()
        try:
            place().n2n.model = model
        except Problem as problem:
            jobs.warn(f"The model {os.path.basename(model)} is ready and in the list, but was not chosen: {problem}")
        else:
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
