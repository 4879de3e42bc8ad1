"""The verb: files, folders or patterns of EXR files → the same files, denoised; photographs and slices by models of them."""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import N2NError
from ..io.beside import find_sources
from ..io.leases import Leases
from ..io.photographs import is_photograph
from ..io.selection import select_frames
from ..io.sequence import are_named, check_overwrites, find_inputs, match_pairs, plan_outputs
from ..io.sources import Sources
from ..network.checkpoint import Checkpoint
from ..network.registry import open_model
from ..progress import Progress, Reporter, silent
from . import images
from .batch import Batch, Done
from .choice import AUTO, choose_models
from .files import raise_failures
from .options import DenoiseOptions
from .strength import check_names
from .wanted import check_passes


@dataclass(frozen=True)
class Denoised:
    """What was done.

    Attributes:
        outputs: The files that were written, in the order of the inputs.
        kept: How many were there already, and stay.
        engine: What ran the network, in words; where files got several models, the last one.
        prefiltered: Whether albedo and normal were cleaned first, by that.
        models: What denoised each of them.
        expected_psnr_db: Of each frame, on T; None where there was no noise. () where nothing is known: that takes a model of
            `adapt` and pairs.
    """

    outputs: tuple[Path, ...]
    engine: str
    prefiltered: bool
    models: tuple[str, ...]
    expected_psnr_db: tuple[float | None, ...] = ()
    kept: int = 0


@dataclass(frozen=True)
class _Frames:
    """The frames that were named: the files of each, where it goes, and which of them are wanted.

    Attributes:
        sources: Where the channels lie that are not where they are recognised.
        wanted: Indices.
    """

    groups: list[list[Path]]
    outputs: list[Path]
    sources: Sources
    wanted: list[int]

    @classmethod
    def find(cls, options: DenoiseOptions) -> "_Frames":
        """Raises N2NError where files are missing, do not fit together, or would be written over."""
        paths = find_inputs(options.inputs)
        pairs = [find_inputs([text]) for text in options.pairs]
        groups = match_pairs(paths, pairs, are_named(options.inputs, options.pairs))
        outputs, sources = plan_outputs(paths, options.output), find_sources(groups, options.sources)
        check_overwrites([sources.all_files(group) for group in groups], outputs)
        return cls(groups, outputs, sources, select_frames(paths, options.frames, options.chunk))


def denoise(options: DenoiseOptions, reporter: Reporter = silent) -> Denoised:
    """Denoises every layer of EXR files that has what the model needs; everything else in the files stays. With a model of
    signals it denoises photographs, or k-space.

    Raises:
        N2NError: Something that was asked for is not there or does not fit together, before anything is written; or, at the
            end, some of several frames could not be denoised. What is finished stays.
    """
    checkpoint = None if options.model == AUTO else _open(options)
    if checkpoint and checkpoint.model.is_signal:
        return _denoise_images(checkpoint, options, reporter)
    _refuse_photographs(options)
    frames = _Frames.find(options)
    wanted = [frames.groups[index] for index in frames.wanted]
    named = check_names(wanted, options.layer, options.picture, frames.sources)
    check_passes(wanted, options.layer, options.picture.passes, frames.sources)
    with reporter("denoising") as progress:
        for said in named:
            progress.note(said)
        by_model = {options.model: list(range(len(frames.groups)))}
        if options.model == AUTO:
            by_model = choose_models(frames.groups, options.layer, frames.sources)
        progress.start(len(frames.wanted), len(frames.wanted))
        if not frames.wanted:
            progress.note("this share holds no frame")
        with Leases.open(_folder_of(frames.outputs)) if options.shared else contextlib.nullcontext() as leases:
            done = _denoise_all(checkpoint, by_model, frames, options, progress, leases)
    return _denoised(done, frames, by_model, options.fast)


def _folder_of(outputs: Sequence[Path]) -> Path:
    return outputs[0].parent


def _denoise_all(
    checkpoint: Checkpoint | None,
    by_model: dict[str, list[int]],
    frames: _Frames,
    options: DenoiseOptions,
    progress: Progress,
    leases: Leases | None,
) -> dict[str, Done]:
    """checkpoint: the model that was named; None: each frame gets its own."""
    count, wanted = _FrameCount(progress, len(frames.groups)), set(frames.wanted)
    done: dict[str, Done] = {}
    failed: list[N2NError] = []
    for model, members in by_model.items():
        own = [index for index in members if index in wanted]
        if not own:
            continue
        try:
            batch = Batch(
                checkpoint or open_model(model),
                model,
                members,
                own,
                frames.groups,
                frames.outputs,
                frames.sources,
                options,
                count.tell,
                progress,
                leases,
            )
            done[model] = batch.denoise()
        except N2NError as error:  # what the other models are for is done all the same
            failed.append(error)
    try:
        raise_failures([failure for one in done.values() for failure in one.failed], len(frames.wanted))
    except N2NError as error:
        failed.append(error)
    if failed:
        raise failed[0] if len(failed) == 1 else N2NError("; ".join(error.what for error in failed), failed[0].hint)
    return done


def _denoised(done: dict[str, Done], frames: _Frames, by_model: dict[str, list[int]], fast: bool) -> Denoised:
    """fast: nothing is known of any picture's error."""
    model_of = {index: model for model, members in by_model.items() for index in members}
    written = sorted(index for one in done.values() for index in one.written)
    results = {index: result for one in done.values() for index, result in one.expected.items()}
    last = list(done.values())[-1] if done else Done()
    return Denoised(
        tuple(frames.outputs[index] for index in written),
        last.engine,
        last.prefiltered,
        tuple(model_of[index] for index in written),
        tuple(results[index].psnr_db for index in written) if results and not fast else (),
        sum(len(one.kept) for one in done.values()),
    )


def _open(options: DenoiseOptions) -> Checkpoint:
    try:
        return open_model(options.model, signals=True)
    except N2NError:
        if not any(is_photograph(Path(text)) for text in options.inputs):
            find_inputs(options.inputs)  # what is wrong with renders is said first
        raise


def _denoise_images(checkpoint: Checkpoint, options: DenoiseOptions, reporter: Reporter) -> Denoised:
    paths, outputs = images.plan(checkpoint, options)
    with reporter("denoising") as progress:
        progress.start(len(paths), len(paths))
        count = _FrameCount(progress, len(paths))
        engine = images.denoise_images(checkpoint, paths, outputs, options, progress, count.tell)
    return Denoised(tuple(outputs), engine, False, (options.model,) * len(paths))


def _refuse_photographs(options: DenoiseOptions) -> None:
    for text in options.inputs:
        if is_photograph(Path(text)) and os.path.isfile(text):
            what = "is no render" if options.model == AUTO else f"is no render, and {options.model} is a model of renders"
            raise N2NError(
                f"{text}: {what}",
                "Pass EXR files; for photographs pass a --model of them, which `n2n-render train --noise` makes.",
            )


class _FrameCount:
    """Fractions of frames → progress. A frame that is done again in float32 reaches 1 twice."""

    def __init__(self, progress: Progress, count: int):
        self._progress, self._done = progress, [0.0] * count
        self._counted: set[int] = set()

    def tell(self, index: int, fraction: float) -> None:
        finished = fraction >= 1.0 and index not in self._counted
        self._progress.advance(fraction - self._done[index], finished=finished)
        self._done[index] = fraction
        if finished:
            self._counted.add(index)
