"""The verb: files, folders or patterns of EXR files → the same files, denoised."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..engines.options import ANY_ENGINE, EngineOptions
from ..errors import N2NError
from ..frame.channels import NEIGHBORS
from ..guides.neighbors import Neighbors
from ..io.beside import find_sources
from ..io.sequence import are_named, check_overwrites, find_inputs, find_windows, match_pairs, plan_outputs
from ..io.sources import DETECT, Sources
from ..progress import Progress, Reporter, silent
from .choice import AUTO, choose_models, tell_names
from .denoiser import Denoiser, load_denoiser
from .files import denoise_files
from .options import DenoiseOptions


@dataclass(frozen=True)
class Denoised:
    """What was done.

    Attributes:
        outputs: The files that were written, in the order of the inputs.
        engine: What ran the network, in words; where files got several models, the last one.
        prefiltered: Whether albedo and normal were cleaned first, by that.
        models: What denoised each of them.
    """

    outputs: tuple[Path, ...]
    engine: str
    prefiltered: bool
    models: tuple[str, ...]


def denoise(options: DenoiseOptions, reporter: Reporter = silent) -> Denoised:
    """Denoises every layer of EXR files that has what the model needs; everything else in the files stays.

    Raises:
        N2NError: Something that was asked for is not there or does not fit together, before anything is written; or, at the
            end, some of several frames could not be denoised. What is finished stays.
    """
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
            denoiser = load_denoiser(model, options.engine, options.prefilter, options.average, progress.warn)
            _tell(progress, denoiser, model, tell_names(groups[indices[0]][0], options.layer, denoiser.features, sources))
            try:
                _denoise_some(denoiser, groups, outputs, indices, options, sources, count)
            except N2NError as error:  # what the other models are for is done all the same
                failed.append(error)
            engine, prefiltered = denoiser.engine.description, denoiser.prefilter is not None
            del denoiser  # before the next one takes memory
    if failed:
        raise failed[0] if len(failed) == 1 else N2NError("; ".join(error.what for error in failed), failed[0].hint)
    models = {index: model for model, indices in by_model.items() for index in indices}
    made_by = tuple(models[index] for index in range(len(groups)))
    return Denoised(tuple(outputs), engine, prefiltered, made_by)


def _denoise_some(
    denoiser: Denoiser,
    groups: Sequence[Sequence[Path]],
    outputs: Sequence[Path],
    indices: Sequence[int],
    options: DenoiseOptions,
    sources: Sources,
    count: "_FrameCount",
) -> None:
    """Those of the frames that one model is for."""
    here = [groups[index] for index in indices]
    denoise_files(
        denoiser,
        here,
        [outputs[index] for index in indices],
        options.picture,
        layer=options.layer,
        sources=sources,
        neighbors=open_neighbors(denoiser, here, options.shots, options.layer, options.engine, sources),
        on_frame=partial(count.tell_of, indices),
    )


def _tell(progress: Progress, denoiser: Denoiser, model: str, names: str | None) -> None:
    by = f"{denoiser.engine.description}{', prefiltered' if denoiser.prefilter else ''}"
    progress.note(f"denoising with {model}, {by}")
    if names:
        progress.note(names)


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


def open_neighbors(
    denoiser: Denoiser,
    groups: Sequence[Sequence[Path]],
    shots: Sequence[tuple[int, int]] = (),
    layer: str | None = None,
    options: EngineOptions = ANY_ENGINE,
    sources: Sources = DETECT,
) -> Neighbors | None:
    """For a model that looks at neighbours, as far as it did when it was trained; None for any other.

    options: of what makes the neighbours' pictures.
    """
    if NEIGHBORS not in denoiser.features:
        if shots:
            raise N2NError(
                "--shots is for models that look at neighbouring frames, and this one does not",
                "Leave it out, or adapt a model with --temporal 2.",
            )
        return None
    windows = find_windows([tuple(group) for group in groups], denoiser.reach, list(shots))
    return Neighbors.open(denoiser.model, groups, windows, layer, denoiser.prefilter, options, sources=sources)
