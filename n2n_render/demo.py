"""The whole road on a scene of our own: build, sample, train, denoise a held-out view, compare."""
from dataclasses import dataclass
from pathlib import Path

from .config import SampleConfig, TrainConfig
from .denoise import load_denoiser
from .errors import N2NError
from .evaluate import ViewResult, evaluate_view, find_views
from .frame.passes import FEATURES
from .report import write_comparison
from .sample.launch import Worker
from .sample.sampling import sample
from .train.loop import train

SPP = 8
VIEWS = 16
REFERENCE_SPP = 192  # twice, see frame/metrics.py
SIZE = (320, 180)


@dataclass(frozen=True)
class DemoResult:
    view: ViewResult
    picture: Path
    run: Path


def demo(folder: Path, minutes: float, blender: str | None, reporter) -> DemoResult:
    """Runs everything inside `folder`. `reporter(title)` gives a progress context, see console.py.

    View 0 is held out of the training: it has the references, and it is the one that is denoised and compared.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise N2NError(f"{folder}: cannot be made ({error.strerror})", "Pass a writable folder with --out.") from None
    scene, dataset = folder / "demo.blend", folder / "dataset"
    with reporter("sampling") as progress:
        if not scene.exists():
            progress.note("building the demo scene …")
            with Worker(blender, progress.warn) as worker:
                worker.ask({"do": "build-demo", "path": str(scene.resolve())})
        config = SampleConfig(str(scene), SPP, out=str(dataset), views=VIEWS, size=SIZE, reference_spp=REFERENCE_SPP,
                              blender=blender)
        sample(config, progress)
    with reporter("training") as progress:
        run = train(TrainConfig(data=(str(dataset),), out=str(folder / "run"), hdr=True, features=FEATURES,
                                minutes=minutes), progress)
    with reporter("comparing") as progress:
        progress.note("denoising the held-out view …")
        view = evaluate_view(find_views([dataset])[0], {"ours": load_denoiser(run)}, with_oidn=True)
    return DemoResult(view, write_comparison(view, folder), run)
