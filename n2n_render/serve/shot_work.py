"""The frames of a shot, by the verbs: `frames` (denoise) and `adapt`, done. PyTorch is imported when it is asked for."""

import contextlib
import glob
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import N2NError
from .job import Job, reporter_of
from .places import check_archive
from .request import Adapt, Frames, Sample

if TYPE_CHECKING:
    from ..adapt import Adapted
    from ..frame.arrays import Array

STAGES = {"reading": "reading", "adapting": "learning", "denoising": "painting"}  # as `adapt` calls them → in answers
PREVIEW = ".adapt-preview"  # in the output folder
EXPORT_PX = 256  # of a frame that the written archive is compared on


def frames(request: Frames, job: Job) -> dict[str, Any]:
    """Raises N2NError as the verb does."""
    from ..denoise import DenoiseOptions, PictureOptions
    from ..denoise import denoise as run
    from ..denoise.renders import LEFT_COMPOSITE
    from ..engines.options import EngineOptions
    from ..io.sequence import check_output_name

    check_output_name(request.output, folder=True)
    job.expect(LEFT_COMPOSITE)
    options = DenoiseOptions(
        request.inputs,
        request.output,
        request.model,
        request.pairs,
        temporal=request.temporal,
        prefilter=request.prefilter,
        picture=PictureOptions(request.keep_noisy, request.strength, request.passes, request.strengths),
        engine=EngineOptions(request.device, request.engine),
    )
    done = run(options, reporter_of(job))
    return {
        "outputs": [str(path) for path in done.outputs],
        "models": list(done.models),
        "engine": done.engine,
        "expected_psnr_db": list(done.expected_psnr_db or [None] * len(done.outputs)),
    }


def sample(request: Sample, job: Job) -> dict[str, Any]:
    """The seeds of all views are independent: the authored view too is to be learned from. Raises N2NError as the verb does."""
    from ..sample import SampleOptions
    from ..sample import sample as run

    options = SampleOptions(
        request.scene,
        request.spp,
        out=request.out,
        independent=True,
        views=request.views,
        scene_name=request.scene_name,
        passes=request.passes,
        blender=request.blender,
        device=request.device,
    )
    return {"folder": str(run(options, reporter_of(job)).folder)}


def adapt(request: Adapt, job: Job) -> dict[str, Any]:
    """Raises N2NError as the verb does, and where PyTorch is missing."""
    _check(request)
    from ..adapt import AdaptOptions, Pictures
    from ..adapt import adapt as run
    from ..denoise.renders import LEFT_COMPOSITE

    job.expect(LEFT_COMPOSITE)
    options = AdaptOptions(
        request.inputs,
        request.output,
        request.pairs,
        report=False,  # Blender shows what the page would
        learn_from=request.learn_from,
        init=request.init,
        minutes=request.minutes,
        steps=request.steps,
        temporal=request.temporal,
        strength=request.strength,
        strengths=request.strengths,
        keep_noisy=request.keep_noisy,
        passes=request.passes,
        device=request.device,
    )
    with _previews(Path(request.output) / PREVIEW, job) as show:
        done = run(options, reporter_of(job, STAGES), Pictures(_error_map(), show))
    learned = done.learned
    return {
        "frames": [
            {"output": str(one.output), "expected_psnr_db": one.psnr_db, "error": _drawn_error(one.output)}
            for one in done.frames
        ],
        "model": str(done.model) if done.model else None,
        "archive": _export(done, request.archive, job) if request.archive and done.model else None,
        "learned": {name: getattr(learned, name) for name in ("gain_db", "steps", "seconds", "stopped")} if learned else None,
    }


def give_back_memory() -> None:
    """Of a GPU, to the program that asks, which renders on it; where PyTorch was used."""
    if sys.modules.get("torch"):
        from ..network.device import give_back_memory as give_back

        give_back()


def _check(request: Adapt) -> None:
    """Before anything that takes long."""
    from ..engines.choice import torch_problem
    from ..engines.oidn import why_not
    from ..io.sequence import check_output_name
    from ..network.registry import open_model

    if request.steps and request.minutes:
        raise N2NError("adapt: steps and minutes both say when to stop", "Send one of them.")
    check_output_name(request.output, folder=True)
    check_archive(request)
    if missing := torch_problem():
        raise N2NError(
            f"learning needs PyTorch, which {missing} ({sys.executable})",
            "Install n2n-render with PyTorch, the build for this computer, into a Python of your own, and run that.",
        )
    if request.archive:
        problem = "it would be of another topology" if request.init == "nothing" else why_not(open_model(request.init).model)
        if problem:
            raise N2NError(f"adapt: no archive can hold what starts from {request.init}: {problem}", "Leave the archive out.")


@contextlib.contextmanager
def _previews(folder: Path, job: Job) -> Iterator[Callable[[Path, Sequence["Array"], float], None]]:
    """Yields what writes previews and tells of them. They stay after the work, for who looks at them, unless it failed."""
    from ..io.exr import write_picture

    def show(_: Path, images: "Sequence[Array]", exposure: float) -> None:
        import numpy as np

        places = {name: folder / f"{name}.exr" for name in ("noisy", "before", "after")}
        for path, image in zip(places.values(), images, strict=True):
            alpha = np.ones_like(image[..., :1])
            write_picture(path, np.concatenate([image / np.float32(exposure), alpha], axis=-1))
        job.tell("preview", **{name: str(path) for name, path in places.items()})

    shutil.rmtree(folder, ignore_errors=True)  # those of an earlier work
    try:
        yield show
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _error_map() -> "Callable[[Path, Array], None]":
    """What draws the error of a frame beside it; nothing without Pillow."""
    from ..io.images import pillow, write_error_map

    try:
        pillow()
    except N2NError:
        return lambda path, error: None
    return lambda path, error: write_error_map(path.with_suffix(".error.png"), error)


def _drawn_error(output: Path) -> str | None:
    """The picture of a frame's error, of several view layers the first; None: there is none."""
    stem = glob.escape(str(output.with_suffix("")))
    return next(iter([*glob.glob(f"{stem}.error.png"), *sorted(glob.glob(f"{stem}.*.error.png"))]), None)


def _export(done: "Adapted", archive: str, job: Job) -> str | None:
    """The one network that is best for the shot, as an archive; None, with a warning, where it cannot be written: the frames
    are done.
    """
    from dataclasses import replace

    from ..denoise.adapted import Palette
    from ..export.files import write_checked
    from ..frame.frame import crop
    from ..frame.tiles import middle
    from ..io.atomic import make_folder
    from ..io.exr import read_frame
    from ..network.registry import open_model

    try:
        adapted = open_model(str(done.model))
        best = replace(Palette.find(adapted, job.warn).network()[0], provenance=adapted.provenance)
        frame = read_frame(done.frames[0].output, best.model.features)
        frame = crop(frame, (middle(0, frame.height, EXPORT_PX), middle(0, frame.width, EXPORT_PX)))
        make_folder(Path(archive).parent)
        write_checked(best, "tza", Path(archive), frame, "float16")
        return archive
    except N2NError as error:
        job.warn(f"the archive was not written: {error.what}. {error.hint}")
        return None
