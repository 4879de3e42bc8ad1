"""The whole road on a scene of our own: build, sample, train, denoise a held-out view, compare."""

from dataclasses import dataclass
from pathlib import Path

from ..denoise import load_denoiser
from ..errors import N2NError
from ..evaluate.evaluate import ViewResult, check_packages, evaluate_view, find_views
from ..evaluate.report import write_comparison
from ..frame.channels import FEATURES
from ..sample.launch import Worker, find_blender
from ..sample.options import SampleOptions
from ..sample.sampling import sample
from ..train.loop import train
from ..train.options import TrainOptions
from .options import DemoOptions


@dataclass(frozen=True)
class DemoResult:
    view: ViewResult
    picture: Path
    run: Path


def demo(config: DemoOptions, reporter) -> DemoResult:
    """Runs everything inside `config.out`. `reporter(title)` gives a progress context, see progress.py.

    View 0 is held out of the training: it has the references, and it is the one that is denoised and compared.
    """
    check_packages(with_oidn=True)
    find_blender(config.blender)  # before anything is written
    folder = Path(config.out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise N2NError(f"{folder}: cannot be made ({error.strerror})", "Pass a writable folder with --out.") from None
    dataset = str(folder / "dataset")
    with reporter("1/3 sampling") as progress:
        sample(
            SampleOptions(
                _scene(folder, config.blender, progress),
                config.spp,
                out=dataset,
                views=config.views,
                size=config.size,
                reference_spp=config.reference_spp,
                blender=config.blender,
                device=config.device,
            ),
            progress,
        )
    with reporter("2/3 training") as progress:
        run = train(
            TrainOptions(
                data=(dataset,),
                out=str(folder / "run"),
                hdr=True,
                features=FEATURES,
                minutes=config.minutes,
                learning_rate=config.learning_rate,
            ),
            progress,
        )
    with reporter("3/3 comparing") as progress:
        progress.note("denoising the view that was held out …")
        view = evaluate_view(find_views([dataset])[0], {"ours": load_denoiser(str(run))}, with_oidn=True)
    return DemoResult(view, write_comparison(view, folder), run)


def _scene(folder: Path, blender: str | None, progress) -> str:
    """The path of the demo scene, built if it is not there."""
    path = folder / "demo.blend"
    if not path.exists():
        progress.note("building the demo scene …")
        with Worker(blender, progress.warn) as worker:
            worker.ask({"do": "build-demo", "path": str(path.resolve())})
    return str(path)
