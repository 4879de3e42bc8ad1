"""The verb: files, folders or patterns of EXR files → the same files, denoised."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..engines.options import ANY_ENGINE, EngineOptions
from ..errors import N2NError
from ..frame.channels import NEIGHBORS
from ..guides.neighbors import Neighbors
from ..io.sequence import are_named, check_overwrites, find_inputs, find_windows, match_pairs, plan_outputs
from ..progress import Progress, Reporter, silent
from .denoiser import Denoiser, load_denoiser
from .files import denoise_files
from .options import DenoiseOptions


@dataclass(frozen=True)
class Denoised:
    """What was done.

    Attributes:
        outputs: The files that were written, in the order of the inputs.
        engine: What ran the network, in words.
        prefiltered: Whether albedo and normal were cleaned first.
    """

    outputs: tuple[Path, ...]
    engine: str
    prefiltered: bool


def denoise(options: DenoiseOptions, reporter: Reporter = silent) -> Denoised:
    """Denoises every view layer of EXR files that has what the model needs; everything else in the files stays.

    Raises:
        N2NError: Something that was asked for is not there or does not fit together, before anything is written; or, at the
            end, some of several frames could not be denoised. What is finished stays.
    """
    paths = find_inputs(options.inputs)
    pairs = [find_inputs([text]) for text in options.pairs]
    groups = match_pairs(paths, pairs, are_named(options.inputs, options.pairs))
    outputs = plan_outputs(paths, options.output)
    check_overwrites(groups, outputs)
    with reporter("denoising") as progress:
        denoiser = load_denoiser(options.model, options.engine, options.prefilter, options.average, progress.warn)
        progress.note(f"denoising with {denoiser.engine.description}{', prefiltered' if denoiser.prefilter else ''}")
        progress.start(len(paths), len(paths))
        count = _FrameCount(progress, len(paths))
        neighbors = open_neighbors(denoiser, groups, options.shots, options.layer, options.engine)
        denoise_files(denoiser, groups, outputs, options.picture, layer=options.layer, neighbors=neighbors, on_frame=count.tell)
    return Denoised(tuple(outputs), denoiser.engine.description, denoiser.prefilter is not None)


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


def open_neighbors(
    denoiser: Denoiser,
    groups: Sequence[Sequence[Path]],
    shots: Sequence[tuple[int, int]] = (),
    layer: str | None = None,
    options: EngineOptions = ANY_ENGINE,
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
    return Neighbors.open(denoiser.model, groups, windows, layer, denoiser.prefilter, options)
