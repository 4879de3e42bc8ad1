"""The verb: files, folders or patterns of EXR files → the same files, denoised; photographs and slices by models of them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ..config import Shots
from ..errors import N2NError
from ..guides.accumulation import Accumulator
from ..guides.prefilter import Prefilter
from ..io.beside import find_sources
from ..io.photographs import is_photograph
from ..io.sequence import are_named, check_overwrites, find_inputs, find_windows, match_pairs, plan_outputs
from ..io.sources import Sources
from ..network.checkpoint import Checkpoint
from ..network.registry import open_model
from ..progress import Progress, Reporter, silent
from . import images
from .adapted import Palette, is_adapted
from .alpha import AlphaDenoiser
from .artist import Artist, paint_files
from .choice import AUTO, choose_models, tell_names
from .denoiser import Denoiser
from .files import OnFrame, denoise_files
from .options import PAINTED_AVERAGE, DenoiseOptions


@dataclass(frozen=True)
class Denoised:
    """What was done.

    Attributes:
        outputs: The files that were written, in the order of the inputs.
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


@dataclass(frozen=True)
class _Batch:
    """The frames that one model is for: which of all, their files, where they go, and what is told of the work."""

    indices: list[int]
    all_groups: list[list[Path]]
    outputs: list[Path]
    sources: Sources
    on_frame: OnFrame
    progress: Progress

    @property
    def groups(self) -> list[list[Path]]:
        return [self.all_groups[index] for index in self.indices]

    def windows(self, reach: int, shots: Shots) -> list[list[int | None]]:
        """As `find_windows`, of all frames: what is for another model is not there."""
        place_of = {index: place for place, index in enumerate(self.indices)}
        windows = find_windows([tuple(group) for group in self.all_groups], reach, list(shots))
        return [[None if there is None else place_of.get(there) for there in windows[index]] for index in self.indices]


@dataclass(frozen=True)
class _Done:
    """What a batch was denoised with, and what is expected of it."""

    engine: str
    prefiltered: bool
    expected_psnr_db: tuple[float | None, ...] = ()


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
    paths = find_inputs(options.inputs)
    pairs = [find_inputs([text]) for text in options.pairs]
    groups = match_pairs(paths, pairs, are_named(options.inputs, options.pairs))
    outputs = plan_outputs(paths, options.output)
    sources = find_sources(groups, options.sources)
    check_overwrites([sources.all_files(group) for group in groups], outputs)
    with reporter("denoising") as progress:
        by_model = {options.model: list(range(len(groups)))}
        if options.model == AUTO:
            by_model = choose_models(groups, options.layer, sources)
        progress.start(len(paths), len(paths))
        count = _FrameCount(progress, len(paths))
        failed: list[N2NError] = []
        for model, indices in by_model.items():
            there = [outputs[index] for index in indices]
            batch = _Batch(indices, groups, there, sources, partial(count.tell_of, indices), progress)
            try:
                done = _denoise_batch(checkpoint or open_model(model), model, batch, options)
            except N2NError as error:  # what the other models are for is done all the same
                failed.append(error)
    if failed:
        raise failed[0] if len(failed) == 1 else N2NError("; ".join(error.what for error in failed), failed[0].hint)
    models = {index: model for model, indices in by_model.items() for index in indices}
    made_by = tuple(models[index] for index in range(len(groups)))
    return Denoised(tuple(outputs), done.engine, done.prefiltered, made_by, done.expected_psnr_db)


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


def _denoise_batch(checkpoint: Checkpoint, model: str, batch: _Batch, options: DenoiseOptions) -> _Done:
    if not is_adapted(checkpoint):
        return _denoise_means(checkpoint, model, batch, options)
    palette = Palette.find(checkpoint, batch.progress.warn)
    if all(len(group) > 1 for group in batch.groups):
        return _paint_pairs(palette, model, batch, options)
    batch.progress.note(
        "of one render a frame nothing tells which regions are better left to the model's start, nor how wrong its picture is: "
        "pass its second seed with --pair"
    )
    return _denoise_means(palette.network()[0], model, batch, options)


def _denoise_means(checkpoint: Checkpoint, model: str, batch: _Batch, options: DenoiseOptions) -> _Done:
    """The mean of the files of each frame, or its only one, at a time."""
    denoiser = Denoiser.open(checkpoint, options.engine, options.prefilter, options.average or 1, batch.progress.warn)
    done = _Done(denoiser.engine.description, denoiser.prefilter is not None)
    _tell(batch, model, done, options.layer, denoiser.features)
    denoise_files(
        denoiser,
        batch.groups,
        batch.outputs,
        options.picture,
        layer=options.layer,
        sources=batch.sources,
        accumulator=_open_accumulator(checkpoint, denoiser.prefilter, batch, options),
        on_frame=batch.on_frame,
    )
    return done


def _paint_pairs(palette: Palette, model: str, batch: _Batch, options: DenoiseOptions) -> _Done:
    """As `adapt` paints the frames of its shot."""
    wanted = palette.adapted.model.clean_guides if options.prefilter is None else options.prefilter
    prefilter = Prefilter.open(palette.adapted.model, options.engine, batch.progress.warn) if wanted else None
    average = options.average or PAINTED_AVERAGE
    painter = palette.open(prefilter, options.engine, average, options.fast, batch.progress.warn)
    done = _Done(painter.network.engine.description, wanted)
    _tell(batch, model, done, options.layer, painter.features)
    artist = Artist(
        painter,
        palette.adapted.provenance,
        AlphaDenoiser(options.engine, batch.progress.warn),
        _open_accumulator(palette.adapted, prefilter, batch, options),
        options.picture,
        batch.sources,
    )
    results = paint_files(artist, batch.groups, batch.outputs, layer=options.layer, on_frame=batch.on_frame)
    return done if options.fast else replace(done, expected_psnr_db=tuple(result.psnr_db for result in results))


def _tell(batch: _Batch, model: str, done: _Done, layer: str | None, features: tuple[str, ...]) -> None:
    batch.progress.note(f"denoising with {model}, {done.engine}{', prefiltered' if done.prefiltered else ''}")
    if names := tell_names(batch.groups[0][0], layer, features, batch.sources):
        batch.progress.note(names)


class _FrameCount:
    """Fractions of frames → progress. A frame that is done again in float32 reaches 1 twice."""

    def __init__(self, progress: Progress, count: int):
        self._progress, self._done = progress, [0.0] * count
        self._counted: set[int] = set()

    def tell_of(self, indices: Sequence[int], number: int, fraction: float) -> None:
        """number: of one among the frames `indices`."""
        self.tell(indices[number], fraction)

    def tell(self, index: int, fraction: float) -> None:
        finished = fraction >= 1.0 and index not in self._counted
        self._progress.advance(fraction - self._done[index], finished=finished)
        self._done[index] = fraction
        if finished:
            self._counted.add(index)


def _open_accumulator(
    checkpoint: Checkpoint, prefilter: Prefilter | None, batch: _Batch, options: DenoiseOptions
) -> Accumulator | None:
    """What takes the samples of neighbouring frames in; None where neither the user nor the model wants it.

    prefilter: Of the model, to be shared.
    """
    reach = checkpoint.model.reach if options.temporal is None else options.temporal
    if not reach:
        if options.shots:
            raise N2NError("--shots is for --temporal, which was not given", "Pass --temporal 8 too, or leave --shots out.")
        return None
    return Accumulator.open(
        checkpoint.model.features,
        batch.groups,
        batch.windows(reach, options.shots),
        options.layer,
        prefilter,
        options.engine,
        sources=batch.sources,
        fast=options.fast,
    )
