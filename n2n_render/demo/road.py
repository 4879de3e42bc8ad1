"""The whole road on a scene of our own: build, sample, adapt, train from nothing, compare with Open Image Denoise."""

import os
from dataclasses import dataclass
from pathlib import Path

from ..adapt import AdaptOptions, adapt
from ..denoise import load_denoiser
from ..errors import N2NError
from ..evaluate.page import write_view_page
from ..evaluate.pictures import write_comparison
from ..evaluate.rival import name_of_one_render
from ..evaluate.scores import ViewScores, check_packages, compare_view
from ..evaluate.views import find_finished, find_views
from ..io.atomic import make_folder
from ..io.dataset import MANIFEST, read_manifest
from ..io.images import pillow
from ..io.scene_view import open_shown_view
from ..progress import Progress, Reporter, silent
from ..report import REPORT_PAGE
from ..sample import SampleOptions, sample
from ..sample.launch import Worker, find_blender
from ..train import TrainOptions, train
from .options import DemoOptions

WRITABLE = "Pass a writable folder with --out."
FOR_ADAPTING = 0.6  # of the minutes; the rest is for the network from nothing
VIEWS, BRIEF_VIEWS = 10, 6
SIZE, BRIEF_SIZE = (320, 180), (240, 135)


@dataclass(frozen=True)
class Shown:
    """What the demo made.

    Attributes:
        view: Adapting has seen its noisy renders, training from nothing has not.
        adapted: Folder of all views denoised, and of the adapted model.
        run: Folder of the model that was trained from nothing.
        report: The page of the view.
        shown: Through what view the picture shows it, as of `View.told`.
    """

    view: ViewScores
    picture: Path
    adapted: Path
    run: Path
    report: Path
    shown: dict[str, str]


def demo(options: DemoOptions, reporter: Reporter = silent) -> Shown:
    """Builds a scene, samples it, adapts to it, trains on it from nothing, and compares on view 0. What is there is used.

    View 0 has the references. Adapting is for the frames that it trains on, so that view 0 is among them; a network from
    nothing is for others, and view 0 is held out of its training. No training sees a reference.

    Raises:
        N2NError: Blender or a package is missing, or the folder cannot be written.
    """
    _check(options)
    folder = Path(options.out)
    make_folder(folder, WRITABLE)
    if not os.access(folder, os.W_OK):  # Blender would say it with a traceback
        raise N2NError(f"{folder}: nothing can be written there", WRITABLE)
    dataset, adapted = str(folder / "dataset"), str(folder / "adapted")
    _sample(options, folder, dataset, reporter)
    minutes = FOR_ADAPTING * options.minutes
    adapt(AdaptOptions((dataset,), adapted, minutes=minutes, ocio=options.ocio, view=options.view), _under("2/4", reporter))
    from_nothing = TrainOptions(
        data=(dataset,),
        out=str(folder / "run"),
        minutes=options.minutes - minutes,
        learning_rate=options.learning_rate,
        ocio=options.ocio,
        view=options.view,
    )
    run = train(from_nothing, _under("3/4", reporter)).folder
    with reporter("4/4 comparing") as progress:
        view = find_views([dataset])[0]
        finished = {"adapted": find_finished([adapted], [view])[adapted][view]}
        shown = open_shown_view(options.ocio, options.view, [dataset], options.blender)
        progress.note(f"denoising {view.name}; pictures through {shown.described}")
        compared = compare_view(
            view,
            {"from scratch": load_denoiser(str(run))},
            with_oidn=True,
            finished=finished,
            parts=name_of_one_render([view]),
            shown=shown,
        )
    picture = write_comparison(compared, folder, shown)
    write_view_page(folder, "The demo scene", _facts(options, compared.view), compared, finished, shown)
    return Shown(compared.view, picture, Path(adapted), run, folder / REPORT_PAGE, shown.told)


def _check(options: DemoOptions) -> None:
    """What minutes of rendering would come to nothing by. Raises N2NError before anything is written."""
    check_packages(with_oidn=True)
    pillow()
    find_blender(options.blender)
    if options.ocio or options.view:
        open_shown_view(options.ocio, options.view, (), options.blender)


def _facts(options: DemoOptions, view: ViewScores) -> dict[str, str]:
    """What the page says under its title."""
    return {
        "samples a pixel": f"{options.spp} + {options.spp}",
        "references": f"two halves of {view.reference_spp} spp",
        "training": f"{options.minutes:g} minute(s) in all",
    }


def _under(number: str, reporter: Reporter) -> Reporter:
    return lambda title: reporter(f"{number} {title}")


def _sample(options: DemoOptions, folder: Path, dataset: str, reporter: Reporter) -> None:
    title = "1/4 sampling"
    scene = folder / "demo.blend"
    if not scene.exists():
        with reporter(title) as progress:
            _build(scene, options.blender, progress)
    pairs = SampleOptions(
        str(scene),
        options.spp,
        out=dataset,
        views=options.views or (BRIEF_VIEWS if options.brief else VIEWS),
        size=_size(options, Path(dataset)),
        reference_spp=options.reference_spp,
        blender=options.blender,
        device=options.device,
    )
    sample(pairs, lambda _: reporter(title))


def _size(options: DemoOptions, dataset: Path) -> tuple[int, int]:
    there = read_manifest(dataset)["size"] if (dataset / MANIFEST).exists() else None
    return options.size or (there and tuple(there)) or (BRIEF_SIZE if options.brief else SIZE)


def _build(path: Path, blender: str | None, progress: Progress) -> None:
    progress.note("building the demo scene …")
    with Worker(blender, progress.warn) as worker:
        worker.ask({"do": "build-demo", "path": str(path.resolve())})
