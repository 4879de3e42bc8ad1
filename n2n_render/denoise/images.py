"""Photographs and slices through a model of signals: files of any kind that holds them → the same, denoised."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ..errors import N2NError
from ..io.photographs import KINDS, read_photograph, write_photograph
from ..io.ranges import WHOLE
from ..io.sources import RECOGNISED
from ..network.checkpoint import Checkpoint
from ..progress import OnFraction, Progress
from .files import Failures, OnFrame, raise_failures
from .image_files import find_images, plan_images
from .options import DenoiseOptions
from .signals import SignalDenoiser
from .slices import WRITTEN, SliceDenoiser, denoise_slices, name_in_folder


def plan(checkpoint: Checkpoint, options: DenoiseOptions) -> tuple[list[Path], list[Path]]:
    """What is read, and where each goes. Raises N2NError for what does not go with such a model."""
    _refuse_options(checkpoint, options)
    if not checkpoint.is_of_slices:
        paths = _find(checkpoint, options, tuple(KINDS))
        return paths, plan_images(paths, options.output, tuple(KINDS))
    paths = _find(checkpoint, options, (".npy",))
    return paths, plan_images(paths, options.output, WRITTEN, name_in_folder)


def denoise_images(
    checkpoint: Checkpoint,
    paths: Sequence[Path],
    outputs: Sequence[Path],
    options: DenoiseOptions,
    progress: Progress,
    on_frame: OnFrame,
) -> str:
    """Reads, denoises and writes one file after the other; one that cannot be read does not keep the others from being done.

    Returns:
        What ran the network, in words.

    Raises:
        N2NError: At the end, with the names of the files that could not be done.
    """
    denoiser = SignalDenoiser.open(checkpoint, options.engine, options.average or 1, progress.warn)
    progress.note(f"denoising with {options.model} ({checkpoint.purpose}), {denoiser.engine.description}")
    slices = SliceDenoiser.of(checkpoint, denoiser) if checkpoint.is_of_slices else None
    failed: Failures = []
    told: set[str] = set()
    for index, (path, output) in enumerate(zip(paths, outputs, strict=True)):
        try:
            on_fraction = partial(on_frame, index)
            if slices:
                denoise_slices(slices, path, output, on_fraction)
            else:
                _tell_once(progress, told, _denoise_photograph(denoiser, path, output, options, on_fraction))
        except N2NError as error:
            failed.append((path, error))
        on_frame(index, 1.0)
    raise_failures(failed, len(paths), "files")
    return denoiser.engine.description


def _denoise_photograph(
    denoiser: SignalDenoiser, path: Path, output: Path, options: DenoiseOptions, on_fraction: OnFraction
) -> str | None:
    """Returns what is to be told of how it went through the network."""
    photograph = read_photograph(path)
    clean = denoiser.denoise_pixels(photograph.pixels, options.picture.strength, on_fraction)
    write_photograph(output, photograph.with_pixels(clean))
    given, count = photograph.pixels.shape[-1], denoiser.model.gives.count
    if given == count:
        return None
    return (
        "the model is one of colours: grey pictures are three equal ones to it, and their mean is written"
        if given < count
        else "the model is one of grey images: red, green and blue go through it one by one"
    )


def _tell_once(progress: Progress, told: set[str], message: str | None) -> None:
    if message and message not in told:
        told.add(message)
        progress.note(message)


def _find(checkpoint: Checkpoint, options: DenoiseOptions, suffixes: Sequence[str]) -> list[Path]:
    """Raises N2NError that says where files of another kind belong."""
    for text in options.inputs:
        suffix = Path(text).suffix.lower()
        if suffix == ".exr":
            raise N2NError(
                f"{text}: is an EXR file, and {options.model} is a model of {checkpoint.purpose}",
                "Denoise renders with --model auto, or with a model of renders.",
            )
        if suffix in KINDS and suffix not in suffixes:
            raise N2NError(
                f"{text}: is a photograph, and {options.model} is a model of {checkpoint.purpose}",
                "It takes k-space, a complex array in a .npy file; train one of photographs with --noise gaussian.",
            )
    return find_images(options.inputs, suffixes)


def _refuse_options(checkpoint: Checkpoint, options: DenoiseOptions) -> None:
    given = {
        "--pair": bool(options.pairs),
        "--layer": options.layer is not None,
        "--temporal": bool(options.temporal),
        "--shots": bool(options.shots),
        "--prefilter": bool(options.prefilter),
        "--fast": options.fast,
        "--frames": options.frames is not None,
        "--chunk": options.chunk != WHOLE,
        "--skip-existing": options.skip_existing,
        "--shared": options.shared,
        "--keep-noisy": options.picture.keep_noisy,
        "--channels and files of guides": options.sources != RECOGNISED,
        "--strength": checkpoint.is_of_slices and options.picture.strength != 1,
        "--strength of a NAME": bool(options.picture.strengths),
    }
    wrong = next((name for name, is_given in given.items() if is_given), None)
    if wrong:
        hint = "Average several shots before, or denoise each." if wrong == "--pair" else "Leave that out."
        raise N2NError(f"{wrong} does not go with {options.model}, a model of {checkpoint.purpose}", hint)
