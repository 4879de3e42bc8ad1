"""Views with references → numbers and pictures of every method, beside Open Image Denoise at equal samples."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import N2NError
from ..frame.display import TONE_MAP, View
from ..frame.metrics import RELMSE_EPSILON
from ..io.ranges import WHOLE, share
from ..io.scene_view import open_shown_view
from ..progress import Reporter, silent
from ..report import Written
from .comparing import Comparing
from .flicker import mean_change
from .fragments import Fragment, Fragments
from .images import EvaluatedImages, evaluate_images
from .numbers import try_to_write_numbers
from .options import EvaluateOptions
from .page import EvaluationPage
from .pass_pictures import pass_picture_path
from .passes import ViewPasses, mean_passes
from .pictures import missing, picture_path
from .plan import Plan
from .rival import command_for_one_render
from .samples_worth import mean_ladder
from .scores import Scores, ViewScores, check_packages, means


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation found.

    views: of each view with references. mean: method → metric → mean over the views. changes: of each pair of consecutive
    frames, method → squared error on T of what changes between them; {} where that cannot be told. oidn_psnr_db: samples a
    pixel → PSNR on T of Open Image Denoise at its best; {} without `more`. missing_rival: the command that renders what the
    honest rival is made of (`rival.py`), where it was not there. pictures: the folder. passes: of each view, if they were
    asked for. shown: through what view the pictures show them, as of `View.told`. report: the page that shows all of it, if
    one was written. unwritten: what could not be written although the numbers are whole: the JSON file, pictures, the page.
    """

    views: tuple[ViewScores, ...]
    mean: dict[str, Scores]
    changes: tuple[dict[str, float], ...]
    oidn_psnr_db: dict[int, float]
    pictures: Path
    missing_rival: str | None = None
    passes: tuple[ViewPasses, ...] = ()
    report: Written | None = None
    unwritten: tuple[N2NError, ...] = ()
    shown: dict[str, str] = field(default_factory=lambda: TONE_MAP.told)

    @property
    def reference_spp(self) -> int:
        """Samples a pixel of each reference half."""
        return self.views[0].reference_spp

    @property
    def mean_change(self) -> dict[str, float]:
        """Method → mean of `changes`; {} where there are none."""
        return mean_change(self.changes)

    @property
    def mean_passes(self) -> ViewPasses | None:
        """The means of `passes`; None where they were not asked for."""
        return mean_passes(self.passes)


@dataclass(frozen=True)
class EvaluatedChunk:
    """A share that was compared. views: its own. count: of all shares together. folder: of the views' files, which a merge
    puts together. pictures, unwritten, shown: as of `Evaluated`.
    """

    views: tuple[ViewScores, ...]
    count: int
    folder: Path
    pictures: Path
    unwritten: tuple[N2NError, ...] = ()
    shown: dict[str, str] = field(default_factory=lambda: TONE_MAP.told)


def evaluate(options: EvaluateOptions, reporter: Reporter = silent) -> Evaluated | EvaluatedChunk | EvaluatedImages:
    """Compares denoised frames with references: PSNR, SSIM, relMSE, SMAPE and FLIP, and a picture of each view; with `noise`
    images with the truth, see images.py.

    A `chunk` compares its share of the views and keeps their numbers beside the pictures; `merge`, with the same options, puts
    all of them together: to what is found undivided.

    Raises:
        N2NError: a package, a model, references or finished frames are missing, or with `merge` views that no chunk compared.
            What cannot be written is no such error: the numbers would be lost; see `Evaluated`.
    """
    if options.noise is not None:
        return evaluate_images(options, reporter)
    check_packages(options.oidn or bool(options.more))
    if options.merge:
        plan = Plan.make(options)
        found = Fragments(options, plan).read_all()
        with EvaluationPage(options, plan, _view_of_shares(options, plan)) as page:
            return _finish(options, plan, found, page, [*missing(_paths(found, options.out)), *page.gather()])
    comparing = Comparing.open(options)
    with comparing.page:
        return _evaluate(options, comparing, reporter)


def _evaluate(options: EvaluateOptions, comparing: Comparing, reporter: Reporter) -> Evaluated | EvaluatedChunk:
    """All views, or a share."""
    plan = comparing.plan
    own = share(range(len(plan.pairs)), options.chunk or WHOLE)
    fragments = Fragments(options, plan) if options.chunk else None
    found = []
    with reporter("evaluating") as progress:
        progress.start(len(own), len(own))
        progress.note(f"pictures through {comparing.shown.described}")
        for index, fragment in zip(own, comparing.compare([plan.pairs[index] for index in own]), strict=True):
            found.append(fragment)
            if fragments:
                fragments.write(index, fragment)
            progress.advance(1, fragment.view.name)
    if fragments:
        views = tuple(fragment.view for fragment in found)
        unwritten = tuple(comparing.unwritten)
        return EvaluatedChunk(views, len(plan.pairs), fragments.folder, Path(options.out), unwritten, comparing.shown.told)
    return _finish(options, plan, found, comparing.page, comparing.unwritten)


def _finish(
    options: EvaluateOptions, plan: Plan, found: Sequence[Fragment], page: EvaluationPage, unwritten: Sequence[N2NError]
) -> Evaluated:
    """All views' fragments → the result, its JSON file and its page."""
    views = tuple(fragment.view for fragment in found)
    changes = tuple(fragment.change for fragment in found if fragment.change is not None)
    command = command_for_one_render(plan.pairs) if options.oidn and not (plan.rivals or plan.parts) else None
    ladder = mean_ladder([fragment.rungs for fragment in found])
    passes = tuple(fragment.passes for fragment in found if fragment.passes)
    evaluated = Evaluated(views, means(views), changes, ladder, Path(options.out), command, passes)
    evaluated = replace(evaluated, shown=found[0].shown)
    lacking = [*try_to_write_numbers(numbers(evaluated), options.json), *unwritten]
    try:
        evaluated = replace(evaluated, report=page.finish(found, evaluated.mean))
    except N2NError as error:
        lacking.append(error)
    return replace(evaluated, unwritten=tuple(lacking))


def _view_of_shares(options: EvaluateOptions, plan: Plan) -> View:
    """As they opened it; without a page nobody asks."""
    if not options.report:
        return TONE_MAP
    return open_shown_view(options.ocio, options.view, [pair.dataset for pair in plan.pairs])


def _paths(found: Sequence[Fragment], folder: str) -> list[Path]:
    """Of all pictures that the shares of an evaluation write."""
    views = [picture_path(fragment.view.name, folder) for fragment in found]
    with_passes = [fragment.view.name for fragment in found if fragment.passes and fragment.passes.scores]
    return [*views, *(pass_picture_path(name, folder) for name in with_passes)]


def numbers(evaluated: Evaluated) -> dict[str, Any]:
    """All numbers of an evaluation, for a JSON file."""
    views = [{"name": view.name, "held_out": view.held_out, "scores": view.scores} for view in evaluated.views]
    mean = evaluated.mean_passes
    if mean:
        views = [{**view, "passes": vars(passes)} for view, passes in zip(views, evaluated.passes, strict=True)]
    return {
        "views": views,
        "mean": evaluated.mean,
        "change_mse": evaluated.changes,
        "oidn_psnr_db": evaluated.oidn_psnr_db,
        "tone_map": "(v/(1+v))^(1/2.2)",
        "shown": evaluated.shown,
        "relmse_epsilon": RELMSE_EPSILON,
        **({"mean_passes": vars(mean)} if mean else {}),
    }
