"""Two renders of the same frames with different seeds → what learning the shot made of them, and what to say of it."""

import datetime
import math
import os
import re
import shutil
import tempfile

import bpy

from ..process import runtime
from ..process.errors import Problem
from ..process.place import put
from . import estimate, jobs, models, passes, session, strengths
from .settings import preferences

TRAINS_ON = ("cpu", "cuda", "mps")  # of the devices that can be chosen; others are Open Image Denoise's own
DOUBLING_DB = 1.4  # that twice the samples give a denoised picture: README, "Results"; docs/adapt.md
MOST_ADAPTIVE = 128  # samples of renders that take all of them, where the scene samples adaptively
WORTH_SAYING_DB = 0.1
GOOD_DB = 40.0  # expected PSNR on T: hard to tell from a clean picture without flipping between both
STAGES = {
    "reading": "Reading the renders",
    "learning": "Learning: the image of that name shows noisy, and before and after with a wipe",
    "painting": "Painting with what was learned",
}


def check_program(needed_by: str = "Best", instead: str = "; Better works without it") -> list[str]:
    """The start of the command line of what learns. Raises Problem where nothing here can."""
    chosen = preferences()
    program = None if chosen.engine == "BUNDLED" else runtime.external(bpy.path.abspath(chosen.program))
    if program is None:
        raise Problem(
            f"{needed_by} needs n2n-render with PyTorch on this computer, and it was not found",
            f"{runtime.SET_UP_HINT}{instead}",
        )
    return program


def samples_taken(scene) -> int:
    """Of a render that takes all of its samples, where the scene may sample adaptively: then its number is a limit that few
    pixels reach.
    """
    samples = scene.cycles.samples
    return min(samples, MOST_ADAPTIVE) if scene.cycles.use_adaptive_sampling else samples


def renders_on(scene) -> str:
    """What a Blender beside this one computes on, as the option `--device` of `sample` has it."""
    return "cpu" if scene.cycles.device == "CPU" else "auto"


def sample_views(scene, folder: str):
    """A generator: views around the camera, each with two seeds, rendered by a Blender of its own from a copy of the file, with
    as many samples as the scene's; returns their folder.
    """
    copy, out = os.path.join(folder, "views.blend"), os.path.join(folder, "views")
    bpy.ops.wm.save_as_mainfile(filepath=copy, copy=True, check_existing=False)
    steps = session.worker_for(session.LEARNS).ask(
        "sample",
        scene=copy,
        out=out,
        spp=samples_taken(scene),
        views=scene.n2n.views + 1,
        scene_name=scene.name,
        blender=bpy.app.binary_path or None,
        device=renders_on(scene),
        **({"passes": "scene"} if scene.n2n.all_passes else {}),
    )

    def told(event):
        if event and event["event"] == "warning":
            jobs.warn(event["message"])
        return (event["share"], f"Other views: {event['text']}") if event and event["event"] == "progress" else None

    answer = yield from jobs.each(steps, told)
    return answer["folder"]


def learn(place, firsts: list[str], seconds: list[str], output: str, on_look, temporal: int = 0, views: list[str] = ()):
    """A generator: the process's answer to `adapt`. The parts of the job in hand end with reading, learning and painting.

    place: see scenes.py. firsts, seconds: the same frames with two seeds. on_look(event): three pictures of the same place
    are there to be shown. views: folders of `sample_views`.
    """
    scene = place()
    model = models.path_of(scene.n2n.model)
    start = model if model in models.BUILTIN or os.path.exists(model) else models.BUILTIN[0]
    reading = len(jobs.status["countdown"].parts) - len(STAGES)
    jobs.enter(reading)
    archive = os.path.join(tempfile.mkdtemp(prefix="n2n_", dir=bpy.app.tempdir), "learned.tza")
    steps = session.worker_for(session.LEARNS).ask(
        "adapt",
        inputs=firsts,
        pairs=seconds,
        learn_from=list(views),
        output=output,
        temporal=temporal,
        minutes=scene.n2n.minutes,
        init=start,
        device=preferences().device if preferences().device in TRAINS_ON else "auto",
        strength=scene.n2n.strength,
        keep_noisy=scene.n2n.keep_noisy,
        **passes.asked(scene),
        **strengths.asked(scene),
        archive=None if temporal else archive,  # what takes neighbours in does not denoise single frames
    )
    took = {}
    try:
        made = yield from jobs.each(steps, lambda event: _told(event, reading, took, on_look))
        scene, kind = place(), "paint with neighbors" if temporal else "paint"
        size = estimate.megapixels(scene) * len(firsts)
        session.rates().tell(estimate.work_key(scene, kind), jobs.status["countdown"].passed(), size)
        session.rates().tell(estimate.work_key(scene, f"read to {kind}"), took.get("reading", 0.0), size)
        made["kept"] = _kept(scene, made)
        return made
    finally:
        shutil.rmtree(os.path.dirname(archive), ignore_errors=True)


def _told(event, reading: int, took: dict[str, float], on_look):
    """An event of the process, as a job tells it. reading: the number of the first part; took: seconds of those that ended."""
    if not event:
        return None
    if event["event"] == "warning":
        jobs.warn(event["message"])
    elif event["event"] == "preview":
        on_look(event)
    elif event["event"] == "progress":
        stage = list(STAGES).index(event["stage"])
        countdown = jobs.status["countdown"]
        if countdown.at != reading + stage:
            took[countdown.part.title] = countdown.passed()
            jobs.enter(reading + stage)
        return event["share"], STAGES[event["stage"]]
    return None


def _kept(scene, made: dict) -> str:
    """Where it cannot be kept, as in a folder that is read-only, the pictures are there all the same."""
    try:
        return keep_model(scene, made)
    except (Problem, OSError) as error:
        jobs.warn(f"What was learned was not kept for other frames: {error}")
        return ""


def keep_model(scene, made: dict) -> str:
    """The model goes where models are kept, with a name that says scene, date and gain. Returns its path; "" where it is no
    better than its start.
    """
    learned, archive = made["learned"], made["archive"]
    if not learned or learned["gain_db"] < WORTH_SAYING_DB or not archive:
        return ""
    stem = re.sub(r"[^\w. -]+", "_", os.path.splitext(os.path.basename(bpy.data.filepath))[0] or "untitled")
    scene_name = f" {scene.name}" if len(bpy.data.scenes) > 1 else ""
    bare = f"{stem}{scene_name} {datetime.date.today():%Y-%m-%d} +{learned['gain_db']:.1f} dB"
    home, number = session.model_home(), 1
    while os.path.exists(path := os.path.join(home, f"{bare}{f' ({number})' if number > 1 else ''}.tza")):
        number += 1
    for suffix in ("", ".json"):
        if os.path.exists(archive + suffix):
            put(archive + suffix, path + suffix)
    return path


def worth_samples(gain_db: float) -> float:
    """How many times the samples a gain is worth, as a rule of thumb."""
    return 2.0 ** (gain_db / DOUBLING_DB)


def tell(scene, made: dict):
    """What was gained, what is expected of the picture, and what more samples would give: for the panel."""
    scene.n2n.said, scene.n2n.suggested = _gained(made), 0
    expected = [frame["expected_psnr_db"] for frame in made["frames"] if frame["expected_psnr_db"] is not None]
    if expected:
        which = "Expected PSNR" if len(expected) == 1 else "Expected PSNR of the worst frame"
        scene.n2n.said += f". {which}: {min(expected):.1f} dB"
        if min(expected) < GOOD_DB:
            scene.n2n.suggested = suggested_samples(scene, min(expected))


def _gained(made: dict) -> str:
    learned = made["learned"]
    if learned is None:
        return "No noise was found: the pictures are as they were rendered"
    gain = learned["gain_db"]
    if gain < WORTH_SAYING_DB:
        return "Learning gained nothing here: the start's picture of both renders was kept"
    return f"Learned: about +{gain:.1f} dB, worth {worth_samples(gain):.1f}× the samples"


def suggested_samples(scene, expected_db: float) -> int:
    """A power of two, for `GOOD_DB`; no more than 16 times as many as now: a rule of thumb reaches no further."""
    doublings = min(max(math.ceil((GOOD_DB - expected_db) / DOUBLING_DB), 1), 4)
    return scene.cycles.samples * 2**doublings
