"""Views with references → numbers and pictures of every method, beside Open Image Denoise at equal samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..denoise import Denoiser
from ..engines.options import EngineOptions
from ..errors import N2NError
from ..frame.metrics import RELMSE_EPSILON
from ..io.dataset import Pair
from ..network.checkpoint import Checkpoint
from ..network.registry import open_model
from ..progress import Progress, Reporter, silent
from .flicker import change_errors, mean_change
from .images import EvaluatedImages, evaluate_images
from .numbers import try_to_write_numbers
from .options import EvaluateOptions
from .pictures import write_comparison
from .rival import command_for_one_render, find_more, name_of_one_render, one_renders
from .samples_worth import oidn_ladder
from .scores import ComparedView, Scores, ViewScores, check_packages, compare_view, means
from .views import find_finished, find_views, follows, was_trained_on


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation found.

    views: of each view with references. mean: method → metric → mean over the views. changes: of each pair of consecutive
    frames, method → squared error on T of what changes between them; {} where that cannot be told. oidn_psnr_db: samples a
    pixel → PSNR on T of Open Image Denoise at its best; {} without `more`. missing_rival: the command that renders what the
    honest rival is made of (`rival.py`), where it was not there. pictures: the folder. unwritten: what could not be written
    although the numbers are whole: the JSON file, pictures.
    """

    views: tuple[ViewScores, ...]
    mean: dict[str, Scores]
    changes: tuple[dict[str, float], ...]
    oidn_psnr_db: dict[int, float]
    pictures: Path
    missing_rival: str | None = None
    unwritten: tuple[N2NError, ...] = ()

    @property
    def reference_spp(self) -> int:
        """Samples a pixel of each reference half."""
        return self.views[0].reference_spp

    @property
    def mean_change(self) -> dict[str, float]:
        """Method → mean of `changes`; {} where there are none."""
        return mean_change(self.changes)


def evaluate(options: EvaluateOptions, reporter: Reporter = silent) -> Evaluated | EvaluatedImages:
    """Compares denoised frames with references: PSNR, SSIM, relMSE, SMAPE and FLIP, and a picture of each view; with `noise`
    images with the truth, see images.py.

    Raises:
        N2NError: a package, a model, references or finished frames are missing. What cannot be written is no such error: the
            numbers would be lost; see `Evaluated`.
    """
    if options.noise is not None:
        return evaluate_images(options, reporter)
    check_packages(options.oidn or bool(options.more))
    checkpoints = [open_model(name) for name in options.models]
    names = ["ours"] if len(checkpoints) == 1 else options.models
    denoisers = {name: _denoiser(checkpoint, options) for name, checkpoint in zip(names, checkpoints, strict=True)}
    pairs = find_views(options.data)
    more = find_more(options.more, pairs)
    rivals = one_renders(more, pairs) if options.oidn else {}
    parts = name_of_one_render(pairs)
    comparing = _Comparing(options, denoisers, checkpoints, find_finished(options.frames, pairs), rivals, parts)
    with reporter("evaluating") as progress:
        progress.start(len(pairs), len(pairs))
        comparing.compare(pairs, progress)
        ladder = oidn_ladder(pairs, more) if more else {}
    missing = command_for_one_render(pairs) if options.oidn and not (rivals or parts) else None
    evaluated = Evaluated(
        tuple(comparing.views), means(comparing.views), tuple(comparing.changes), ladder, Path(options.out), missing
    )
    unwritten = [*try_to_write_numbers(numbers(evaluated), options.json), *comparing.unwritten]
    return Evaluated(**{**vars(evaluated), "unwritten": tuple(unwritten)})


def _denoiser(checkpoint: Checkpoint, options: EvaluateOptions) -> Denoiser:
    engine = EngineOptions(options.device, options.engine, options.precision)
    return Denoiser.open(checkpoint, engine, average=options.average)


class _Comparing:
    """Goes from view to view; of the images no more than two views' are kept."""

    def __init__(
        self,
        options: EvaluateOptions,
        denoisers: dict[str, Denoiser],
        checkpoints: list[Checkpoint],
        finished: dict[str, dict[Pair, Path]],
        rivals: dict[Pair, Path],
        parts: str | None,
    ):
        self.options, self.denoisers, self.checkpoints = options, denoisers, checkpoints
        self.finished, self.rivals, self.parts = finished, rivals, parts
        self.views: list[ViewScores] = []
        self.changes: list[dict[str, float]] = []
        self.unwritten: list[N2NError] = []

    def compare(self, pairs: Sequence[Pair], progress: Progress) -> None:
        before: tuple[Pair, ComparedView] | None = None
        for pair in pairs:
            compared = self._view(pair)
            self.views.append(compared.view)
            if before and follows(pair, before[0]):
                self.changes.append(change_errors((before[0], pair), (before[1], compared)))
            before = pair, compared
            progress.advance(1, pair.name)

    def _view(self, pair: Pair) -> ComparedView:
        files = {folder: files[pair] for folder, files in self.finished.items()}
        held_out = not was_trained_on(pair, self.checkpoints)
        rival = self.rivals.get(pair)
        compared = compare_view(pair, self.denoisers, self.options.oidn, held_out, files, rival, self.parts)
        try:
            write_comparison(compared, self.options.out)
        except N2NError as error:  # the numbers are told all the same
            self.unwritten.append(error)
        return compared


def numbers(evaluated: Evaluated) -> dict[str, Any]:
    """All numbers of an evaluation, for a JSON file."""
    return {
        "views": [{"name": view.name, "held_out": view.held_out, "scores": view.scores} for view in evaluated.views],
        "mean": evaluated.mean,
        "change_mse": evaluated.changes,
        "oidn_psnr_db": evaluated.oidn_psnr_db,
        "tone_map": "(v/(1+v))^(1/2.2)",
        "relmse_epsilon": RELMSE_EPSILON,
    }
