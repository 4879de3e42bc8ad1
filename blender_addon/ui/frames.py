"""A scene's frame range → where each frame's renders and pictures lie, and what they were made with.

In the output folder: noisy/ and second/ (two seeds), denoised/, denoised_better/, denoised_best/, and composited… beside each.
"""

import json
import os
import re
from dataclasses import dataclass

import bpy

from ..process.errors import Problem
from . import composite, models, rendering, strengths

RECORD = "n2n.json"  # beside the frames: what they were made with
DENOISED = {"FAST": "denoised", "BETTER": "denoised_better", "BEST": "denoised_best"}
RENDERED = "all passes, a seed for each frame"


@dataclass(frozen=True)
class Frame:
    """second: rendered with another seed; "" where none is needed."""

    number: int
    noisy: str
    second: str
    denoised: str

    @property
    def renders(self) -> list[str]:
        return [self.noisy, self.second] if self.second else [self.noisy]


def output_folder(scene) -> str:
    """Raises Problem when it is relative to a file that has not been saved, or cannot be written."""
    named = scene.n2n.output
    if not named or (named.startswith("//") and not bpy.data.filepath):
        raise Problem(
            f"The output folder {named or 'is empty'} is relative to a file that has not been saved",
            "Save the file, or choose another folder in Shot Denoise > Animation",
        )
    folder = bpy.path.abspath(named)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise Problem(f"The output folder {folder} cannot be made ({error.strerror})", "Choose another folder") from None
    if not os.access(folder, os.W_OK):
        raise Problem(f"The output folder {folder} is not writable", "Choose another folder")
    return folder


def frame_range(scene) -> list[int]:
    return list(range(scene.frame_start, scene.frame_end + 1, scene.frame_step))


def plan(scene, quality: str) -> list[Frame]:
    """The whole range. Raises Problem that names frames that are not there."""
    folder = output_folder(scene)
    numbers = frame_range(scene)
    if scene.n2n.source == "RENDER":
        missing = rendering.what_is_missing(scene)
        if missing:
            raise Problem(*missing[:2])
        noisy, second = ([os.path.join(folder, name, _name(number)) for number in numbers] for name in ("noisy", "second"))
    else:
        noisy = _existing(scene.n2n.frames, numbers)
        second = _existing(scene.n2n.second_frames, numbers) if quality == "BEST" else [""] * len(numbers)
    out = os.path.join(folder, DENOISED[quality])
    return [
        Frame(number, first, other if quality == "BEST" else "", os.path.join(out, os.path.basename(first)))
        for number, first, other in zip(numbers, noisy, second, strict=True)
    ]


def _name(number: int) -> str:
    return f"frame_{number:04d}.exr"


def _existing(pattern: str, numbers: list[int]) -> list[str]:
    found = [_numbered(bpy.path.abspath(pattern), number) for number in numbers]
    absent = [path for path in found if not os.path.isfile(path)]
    if absent:
        raise Problem(
            f"{len(absent)} of {len(numbers)} frames are not there, the first one is {absent[0]}",
            "Render them, or set the scene's frame range to those that are there",
        )
    return found


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


def finished_picture(scene, frame: Frame) -> str | None:
    """Where the frame goes once it is composited, in the scene's format; None where it does not. The scene is at that frame."""
    if scene.n2n.to_output:
        return composite.target(scene, os.path.splitext(scene.render.frame_path(frame=frame.number))[0])
    if not (scene.n2n.composite and composite.does_something(scene)):
        return None
    folder, name = os.path.split(frame.denoised)
    kind = os.path.basename(folder).replace("denoised", "composited")
    return composite.target(scene, os.path.join(os.path.dirname(folder), kind, os.path.splitext(name)[0]))


def is_finished(scene, frame: Frame) -> bool:
    """A picture that is older than the denoised frame is of something else."""
    picture = finished_picture(scene, frame)
    if not os.path.isfile(frame.denoised) or picture is None:
        return os.path.isfile(frame.denoised)
    return os.path.isfile(picture) and os.path.getmtime(picture) >= os.path.getmtime(frame.denoised)


def whose(scene) -> dict:
    return {"file": os.path.basename(bpy.data.filepath), "scene": scene.name}


def rendered_with(scene) -> dict:
    """What renders of one folder must have alike."""
    render = scene.render
    size = [render.resolution_x, render.resolution_y, render.resolution_percentage]
    return {
        **whose(scene),
        "kind of render": RENDERED,
        "number of samples": scene.cycles.samples,
        "resolution": size,
        "motion blur": render.use_motion_blur,
    }


def made_with(scene, quality: str) -> dict:
    chosen, model = scene.n2n, models.path_of(scene.n2n.model)
    return {
        **whose(scene),
        "frames": "rendered" if chosen.source == "RENDER" else " and ".join(_patterns(chosen, quality)),
        "quality": quality,
        "model": model,
        "model time": os.path.getmtime(model) if os.path.exists(model) else 0.0,
        "strength": round(chosen.strength, 4),
        "strength per object": strengths.asked(scene),
        "prefilter": chosen.prefilter,
        "keep noisy": chosen.keep_noisy,
        "choice of passes": "all passes" if chosen.all_passes else "the picture alone",
    }


def _patterns(chosen, quality: str) -> list[str]:
    return [chosen.frames, chosen.second_frames] if quality == "BEST" else [chosen.frames]


def refuse_change(made: dict, scene):
    """Undo and the panel reach the settings while frames are denoised: frames of two kinds must not stand side by side."""
    now = made_with(scene, made["quality"])
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
