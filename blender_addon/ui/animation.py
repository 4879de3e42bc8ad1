"""Denoise Animation: the frame range, rendered or rendered before → denoised multilayer EXR frames on disk."""

import contextlib
import json
import os
import re

import bpy

from . import composite, jobs, render_result, scenes, session
from .denoise import ask_denoise
from ..process.errors import Problem
from .jobs import Job

RECORD = "n2n.json"  # beside the denoised frames: what they were made with


class N2N_OT_denoise_animation(Job, bpy.types.Operator):
    """Denoise the scene's frame range into files. Finished frames are kept: run it again to go on"""

    bl_idname, bl_label = "n2n.denoise_animation", "Denoise Animation"
    title = "Denoising the animation"

    def work(self, context):
        scene, place = context.scene, scenes.Place(context.scene)
        plan, made = plan_frames(scene), made_with(scene)
        check_record(os.path.dirname(plan[0][2]), made)
        if scene.n2n.source == "RENDER":
            check_record(os.path.dirname(plan[0][1]), whose(scene))
        if scene.n2n.source == "EXISTING":
            yield 0.0, "checking the frames"
            yield from _check(scene, [noisy for _, noisy, _ in plan])
            scene = place()
        composites = scene.n2n.composite and composite.does_something(scene)
        todo = [
            entry
            for entry in plan
            if not os.path.isfile(entry[2]) or (composites and not os.path.isfile(_composited(scene, entry[2])))
        ]
        before = scene.frame_current
        try:
            for done, (frame, noisy, denoised) in enumerate(todo):
                text = f"frame {frame}, {done + 1} of {len(todo)}"
                yield done / len(todo), text
                if not os.path.isfile(denoised):
                    if made["frames"] == "rendered" and not os.path.isfile(noisy):
                        yield from _render(context, place, frame, noisy)
                    _refuse_change(made, place())
                    for found in ask_denoise(place(), input=noisy, output=denoised):
                        yield ((done + found[0]) / len(todo), text) if found else None
                if composites:
                    place().frame_set(frame)
                    picture = _composited(place(), denoised)
                    os.makedirs(os.path.dirname(picture), exist_ok=True)
                    if not (yield from composite.run(context, place, denoised, picture)):
                        jobs.warn(composite.CANNOT)
                        composites = False
        finally:
            with contextlib.suppress(Problem):  # a scene that is gone has no current frame
                if place().frame_current != before:
                    place().frame_set(before)
        folder = os.path.dirname(plan[0][2])
        self.report({"INFO"}, f"{len(todo)} frame(s) denoised, {len(plan) - len(todo)} were there already: {folder}")


def _composited(scene, denoised: str) -> str:
    """…/denoised/frame_0001.exr → …/composited/frame_0001.png, as the scene's output format is."""
    folder, name = os.path.split(denoised)
    return composite.target(scene, os.path.join(os.path.dirname(folder), "composited", os.path.splitext(name)[0]))


def output_folder(scene) -> str:
    """Raises Problem when it is relative to a file that has not been saved, or cannot be written."""
    named = scene.n2n.output
    if not named or (named.startswith("//") and not bpy.data.filepath):
        raise Problem(
            f"The output folder {named or 'is empty'} is relative to a file that has not been saved",
            "Save the file, or choose another folder in N2N Denoise > Animation",
        )
    folder = bpy.path.abspath(named)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise Problem(f"The output folder {folder} cannot be made ({error.strerror})", "Choose another folder") from None
    if not os.access(folder, os.W_OK):
        raise Problem(f"The output folder {folder} is not writable", "Choose another folder")
    return folder


def plan_frames(scene) -> list[tuple[int, str, str]]:
    """(frame, noisy file, denoised file) for the whole range. Raises Problem that names frames that are not there."""
    folder = output_folder(scene)
    frames = list(range(scene.frame_start, scene.frame_end + 1, scene.frame_step))
    if scene.n2n.source == "RENDER":
        missing = render_result.what_is_missing(scene)
        if missing:
            raise Problem(*missing[:2])
        noisy = [os.path.join(folder, "noisy", f"frame_{frame:04d}.exr") for frame in frames]
    else:
        noisy = [_numbered(bpy.path.abspath(scene.n2n.frames), frame) for frame in frames]
        absent = [frame for frame, path in zip(frames, noisy, strict=True) if not os.path.isfile(path)]
        if absent:
            first = noisy[frames.index(absent[0])]
            raise Problem(
                f"{len(absent)} of {len(frames)} frames are not there, the first one is {first}",
                "Render them, or set the scene's frame range to those that are there",
            )
    return [
        (frame, path, os.path.join(folder, "denoised", f"frame_{frame:04d}.exr"))
        for frame, path in zip(frames, noisy, strict=True)
    ]


def _numbered(pattern: str, frame: int) -> str:
    """frame_####.exr → frame_0012.exr."""
    found = re.search(r"#+", os.path.basename(pattern))
    if not found:
        raise Problem(
            f"The frames {pattern or 'are not named'}: there is no # in the name",
            "Write # for each digit of the frame number, e.g. //frames/frame_####.exr",
        )
    name = os.path.basename(pattern)
    return os.path.join(os.path.dirname(pattern), f"{name[: found.start()]}{frame:0{len(found[0])}d}{name[found.end() :]}")


def whose(scene) -> dict:
    return {"file": os.path.basename(bpy.data.filepath), "scene": scene.name}


def made_with(scene) -> dict:
    chosen, model = scene.n2n, session.model_path(scene.n2n.model)
    return {
        **whose(scene),
        "frames": chosen.frames if chosen.source == "EXISTING" else "rendered",
        "model": model,
        "model time": os.path.getmtime(model) if os.path.exists(model) else 0.0,
        "strength": round(chosen.strength, 4),
        "prefilter": chosen.prefilter,
        "keep noisy": chosen.keep_noisy,
    }


def _refuse_change(made: dict, scene):
    """Undo and the panel reach the settings while frames are denoised: frames of two kinds must not stand side by side."""
    now = made_with(scene)
    other = next((name for name in made if name != "file" and now[name] != made[name]), None)
    if other:
        raise Problem(
            f"The {other} was changed from {made[other]} to {now[other]} meanwhile",
            "Change it back and press the button again to go on, or choose another output folder",
        )


def check_record(folder: str, made_with: dict):
    """Writes down what the frames in `folder` are made with; raises Problem when some were made with something else."""
    path = os.path.join(folder, RECORD)
    os.makedirs(folder, exist_ok=True)
    if any(name.endswith(".exr") and not name.startswith(".") for name in os.listdir(folder)):
        try:
            with open(path, encoding="utf-8") as file:
                before = json.load(file)
        except (OSError, ValueError):
            before = {}
        other = [name for name in made_with if before.get(name) != made_with[name]]
        if other:
            raise Problem(
                f"{folder} holds frames of another {other[0]} ({before.get(other[0], 'not known')})",
                "Choose another output folder, or delete those frames",
            )
        return
    partial = f"{path}.partial"
    with open(partial, "w", encoding="utf-8") as file:
        json.dump(made_with, file, indent=1)
    os.replace(partial, path)


def _check(scene, files):
    """Every frame is an EXR with the passes that the model needs. One whose pixels are damaged is told of when it is read."""
    model = session.model_path(scene.n2n.model)
    steps = session.worker_for(model).ask("check", model=model, inputs=files)
    for event in steps:
        yield (event["share"], "checking the frames") if event and event["event"] == "progress" else None


def _render(context, place, frame, path):
    """Renders as F12 does, and saves all passes; a file is there complete or not at all."""
    yield from render_result.render(context, place, frame)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    partial = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}")
    try:
        render_result.save(place(), partial)
        os.replace(partial, path)
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


CLASSES = (N2N_OT_denoise_animation,)
