"""Submit to Farm: the saved scene → a job of a render farm, which samples, learns and paints. n2n-render writes and submits."""

import os
import re
import shlex
import shutil

import bpy

from ..process import command, runtime
from ..process.countdown import duration_words
from ..process.errors import Problem
from . import animation, composite, frames, jobs, learning, models, passes, rendering, scenes, strengths, unseen
from .jobs import Job
from .settings import ENGINES, preferences

SEEDS = 2
SUBMITTING = "submitting to"  # how the command's note begins once it hands the job over
NOT_TAKEN = {"strength": 1.0, "prefilter": "AUTO", "keep_noisy": False, "to_output": False}  # of the settings: what a farm has


class _ToFarm(Job):
    """Mix-in: writes the job, and submits it or not."""

    submits = False

    def work(self, context):
        place = scenes.Place(context.scene)
        program = learning.check_program("A farm's job", "")
        missing = rendering.what_is_missing(context.scene)
        if missing:
            raise Problem(*missing[:2])
        unseen.refuse_unsaved()
        for sentence in (*unseen.doubts(context.scene), *_not_taken(context)):
            jobs.warn(sentence)
        words = [*program, "--progress", "json", "farm", bpy.data.filepath, *_options(context, program)]
        words += ["--no-probe"] * (not _can_probe()) + ["--submit"] * self.submits
        yield 0.0, "starting"
        try:
            made = yield from jobs.each(command.run(words, runtime.outside_environment()), _told)
        except GeneratorExit:
            if jobs.status["text"].startswith(SUBMITTING):
                jobs.warn("The farm may have taken the job already: look there")
            raise
        farm = place().n2n_farm
        farm.job, farm.line = made["folder"], "" if self.submits else shlex.join(made["submit"])
        farm.said = _said(made, self.submits)
        self.report({"INFO"}, farm.said)


class N2N_OT_submit_to_farm(_ToFarm, bpy.types.Operator):
    """Have a render farm render this scene's frame range with two seeds, learn the shot, and paint it"""

    bl_idname, bl_label = "n2n.submit_to_farm", "Submit to Farm"
    title, submits = "Submitting to the farm", True


class N2N_OT_write_farm_job(_ToFarm, bpy.types.Operator):
    """Write the job into its folder, to be looked at, changed, and submitted by hand"""

    bl_idname, bl_label = "n2n.write_farm_job", "Write Job Only"
    title = "Writing the farm's job"


class N2N_OT_copy_farm_line(bpy.types.Operator):
    """Copy the line that submits the job, for a terminal"""

    bl_idname, bl_label = "n2n.copy_farm_line", "Copy"

    def execute(self, context):
        context.window_manager.clipboard = context.scene.n2n_farm.line
        return {"FINISHED"}


def _options(context, program: list[str]) -> list[str]:
    """Of the command `farm`. Camera, markers and resolution are the file's own."""
    scene, chosen = context.scene, preferences()
    numbers = frames.frame_range(scene)
    options = {
        "--engine": chosen.farm_engine.lower(),
        "--frames": _range_text(scene),
        "--spp": samples(scene),
        "--seeds": SEEDS,
        "--scene-name": scene.name,
        "--view-layer": _layer(context).name,
        "--passes": ",".join(passes.asked(scene).get("passes", ())),
        "--temporal": animation.reach(numbers),
        "--minutes": round(scene.n2n.minutes, 4),
        "--render-device": learning.renders_on(scene),
        "--workers": chosen.farm_workers,
        "--gpus": chosen.farm_gpus,
        "--program": chosen.farm_program.strip() or shlex.join(program),
        "--blender": chosen.farm_blender.strip() or bpy.app.binary_path,
        "--manager": chosen.farm_manager.strip() if chosen.farm_engine == "FLAMENCO" else "",
        "--init": scene.n2n.model if scene.n2n.model in models.BUILTIN else "",  # a learned one may lie where no worker looks
        "-o": job_folder(scene),
    }
    return [str(word) for name, value in options.items() if value not in ("", 0) for word in (name, value)]


def _can_probe() -> bool:
    """Whether the Blender of the workers is here, too, to time a frame with."""
    named = preferences().farm_blender.strip()
    return not named or shutil.which(named) is not None


def samples(scene) -> int:
    """Of each seed: together as many as one render has now."""
    return max(learning.samples_taken(scene) // SEEDS, 1)


def _range_text(scene) -> str:
    step = f"x{scene.frame_step}" if scene.frame_step > 1 else ""
    return f"{scene.frame_start}-{scene.frame_end}{step}"


def _layer(context):
    """The view layer in hand, where it is rendered; else the first one that is. A farm's renders have one."""
    layers = [layer for layer in context.scene.view_layers if layer.use]
    return context.view_layer if context.view_layer in layers or not layers else layers[0]


def default_folder(scene) -> str:
    return "//farm/" + re.sub(r"[^\w. -]+", "_", scene.name)


def job_folder(scene) -> str:
    return os.path.normpath(bpy.path.abspath(scene.n2n_farm.folder or default_folder(scene)))


def _not_taken(context) -> list[str]:
    """What is set here and means nothing to a farm."""
    scene, found = context.scene, []
    properties = scene.n2n.bl_rna.properties
    other = [properties[name].name for name, usual in NOT_TAKEN.items() if getattr(scene.n2n, name) != usual]
    other += ["Strength per Object"] if strengths.asked(scene) else []
    if other:
        found.append(f"{', '.join(other)}: a farm's job does without")
    if len([layer for layer in scene.view_layers if layer.use]) > 1:
        found.append(f"The farm renders one view layer, {_layer(context).name}")
    if scene.n2n.composite and composite.does_something(scene):
        found.append("The farm's frames are not composited: they are what goes into the compositor")
    if not _can_probe():
        found.append("The Blender of the workers is not on this computer, so no frame was timed: tasks may be long, or many")
    return found


def _told(event):
    """An event of the command, as a job tells it."""
    if not event:
        return None
    if event["event"] == "warning":
        jobs.warn(event["message"])
    elif event["event"] == "note":
        return jobs.status["countdown"].share or 0.0, event["message"]
    elif event["event"] == "progress" and event["total"]:
        return event["done"] / event["total"], ": ".join(words for words in (event["task"], event["text"]) if words)
    return None


def _said(made: dict, submitted: bool) -> str:
    engine = next(title for name, title, _ in ENGINES if name.lower() == made["engine"])
    each = ", ".join(f"{number} {step}" for step, number in made["tasks"].items())
    took = list(made["seconds"].values())
    work = f"; about {duration_words(sum(seconds or 0.0 for seconds in took))} of one machine" if any(took) else ""
    answer = made.get("answer", "").strip().rpartition("\n")[2] if submitted else ""
    what = f"tasks were submitted to {engine}" if submitted else f"tasks are written for {engine}, and not submitted"
    return f"{sum(made['tasks'].values())} {what} ({each}{work}){f'. It says: {answer}' if answer else ''}"


def summary(scene) -> str:
    """What a farm would do."""
    count, taken, usual = len(frames.frame_range(scene)), samples(scene), scene.cycles.samples
    why = f" (not adaptively, so not {usual})" if learning.samples_taken(scene) < usual else ""
    return f"{count} frames, each rendered twice with {taken} samples{why}, learned from, and painted"


CLASSES = (N2N_OT_submit_to_farm, N2N_OT_write_farm_job, N2N_OT_copy_farm_line)
