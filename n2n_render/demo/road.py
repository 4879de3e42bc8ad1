"""The whole road on a scene of our own: build, sample, train, denoise a held-out view, compare."""

from dataclasses import dataclass
from pathlib import Path

from ..denoise import load_denoiser
from ..evaluate.pictures import write_comparison
from ..evaluate.scores import ViewScores, check_packages, compare_view
from ..evaluate.views import find_views
from ..frame.channels import FEATURES
from ..io.atomic import make_folder
from ..progress import Progress, Reporter, silent
from ..sample import SampleOptions, sample
from ..sample.launch import Worker, find_blender
from ..train import TrainOptions, train
from .options import DemoOptions


@dataclass(frozen=True)
class Shown:
    """What the demo made. view: the one that was held out. run: folder of the model."""

    view: ViewScores
    picture: Path
    run: Path


def demo(options: DemoOptions, reporter: Reporter = silent) -> Shown:
    """Builds a scene, samples it, trains on it, and compares on the view that was held out. What is there already is used.

    View 0 is held out of the training: it has the references, and it is the one that is denoised and compared.

    Raises:
        N2NError: Blender or a package is missing, or the folder cannot be written.
    """
    check_packages(with_oidn=True)
    find_blender(options.blender)  # before anything is written
    folder = Path(options.out)
    make_folder(folder, "Pass a writable folder with --out.")
    dataset = str(folder / "dataset")
    _sample(options, folder, dataset, reporter)
    wanted = TrainOptions(
        data=(dataset,),
        out=str(folder / "run"),
        hdr=True,
        features=FEATURES,
        minutes=options.minutes,
        learning_rate=options.learning_rate,
    )
    run = train(wanted, lambda title: reporter(f"2/3 {title}")).folder
    with reporter("3/3 comparing") as progress:
        progress.note("denoising the view that was held out …")
        compared = compare_view(find_views([dataset])[0], {"ours": load_denoiser(str(run))}, with_oidn=True)
    return Shown(compared.view, write_comparison(compared, folder), run)


def _sample(options: DemoOptions, folder: Path, dataset: str, reporter: Reporter) -> None:
    title = "1/3 sampling"
    scene = folder / "demo.blend"
    if not scene.exists():
        with reporter(title) as progress:
            _build(scene, options.blender, progress)
    wanted = SampleOptions(
        str(scene),
        options.spp,
        out=dataset,
        views=options.views,
        size=options.size,
        reference_spp=options.reference_spp,
        blender=options.blender,
        device=options.device,
    )
    sample(wanted, lambda _: reporter(title))


def _build(path: Path, blender: str | None, progress: Progress) -> None:
    progress.note("building the demo scene …")
    with Worker(blender, progress.warn) as worker:
        worker.ask({"do": "build-demo", "path": str(path.resolve())})
