"""A fly-through → its frames denoised while it renders, by a network that learns from each frame as it comes.

After Noise2Noise §3.3.1 (Fig. 8): two seeds of every frame; both are denoised with the network as it is now and averaged;
then it trains a few steps on the newest frames, each seed the other's target, and goes on. No frame is learned from before
it is denoised, so the curve says what the network makes of frames that it has not seen.
"""

import contextlib
import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .. import __version__
from ..adapt import judge
from ..adapt.adapt import pilot_maker, start_of
from ..adapt.options import AdaptOptions
from ..adapt.shot import ShotFrame, load_frame
from ..adapt.tune import Tuning
from ..config import to_dict
from ..denoise.alpha import AlphaDenoiser
from ..denoise.layers import put_layer
from ..denoise.renders import LayerRender
from ..engines.options import EngineOptions
from ..errors import N2NError, doubt
from ..frame.channels import in_files
from ..frame.frame import Frame, mean_frame
from ..frame.independence import still_alpha
from ..frame.metrics import psnr
from ..frame.transfer import encode_tonemap, exposure
from ..guides.prefilter import Prefilter
from ..io.atomic import locked_folder, read_json, write_text
from ..io.dataset import Pair, find_pairs
from ..io.exr import ExrImage
from ..io.renders import read_group
from ..network.checkpoint import Checkpoint, write_somewhere
from ..network.provenance import Provenance
from ..sample import SampleOptions, sample
from ..schema import check_items
from .options import OnlineOptions

MODEL, REPORT, CACHE = "online.pt", "report.json", ".cache"


@dataclass
class Point:
    """One frame of the curve, PSNR on T in dB. expected: without a reference, None for a frame without noise; true: None
    without references.
    """

    frame: int
    noisy_expected: float | None
    expected: float | None
    noisy_true: float | None = None
    true: float | None = None


def online(config: OnlineOptions, make_reporter) -> list[Point]:
    """Renders into OUT/<scene>, denoises into OUT, learns; returns the curve. make_reporter(title): see progress.py.

    Run again after an interruption, it denoises and learns from the frames that are there and renders the rest. The model
    of an interrupted run is kept too.
    """
    folder = Path(config.out)
    dataset = str(folder / Path(config.scene).stem)
    plan = SampleOptions(
        config.scene,
        config.spp,
        out=dataset,
        frames=config.frames,
        size=config.size,
        camera=config.camera,
        blender=config.blender,
        device=config.render_device,
    )
    with locked_folder(folder):
        _refuse_other_settings(config, folder)
        learner = _Learner(config, folder)
        with make_reporter("rendering and learning") as progress:
            follower = _Follower(progress, lambda: learner.catch_up(Path(dataset), progress))
            try:
                sample(plan, lambda title: contextlib.nullcontext(follower))
                learner.catch_up(Path(dataset), progress)
            finally:
                learner.close()
        if config.reference_spp:
            wanted = replace(plan, reference_spp=config.reference_spp, reference_frames=config.frames)
            sample(wanted, lambda title: make_reporter("references"))
            _compare(learner.points, Path(dataset), folder)
        learner.finish()
    return learner.points


def _refuse_other_settings(config: OnlineOptions, folder: Path):
    """What another run denoised is not overwritten silently."""
    if not (folder / REPORT).exists():
        return
    hint = "Pass another folder with -o, or delete that file."
    earlier = read_json(folder / REPORT, hint)
    check_items(earlier, {"config": dict}, str(folder / REPORT), hint, required=("config",))
    free = ("reference_spp", "blender", "render_device", "device", "engine")
    now = json.loads(json.dumps(to_dict(config)))
    different = [name for name, value in now.items() if name not in free and earlier["config"].get(name) != value]
    if different:
        raise N2NError(f"{folder} holds a run with another {different[0].replace('_', ' ')}", "Pass another folder with -o.")


class _Follower:
    """A progress that tells when one more file is there; the next one renders meanwhile."""

    def __init__(self, progress, on_file):
        self._progress, self._on_file = progress, on_file

    def __getattr__(self, name):
        return getattr(self._progress, name)

    def advance(self, *args, **kwargs):
        self._progress.advance(*args, **kwargs)
        self._on_file()


class _Learner:
    """The network, and what it has seen."""

    def __init__(self, config: OnlineOptions, folder: Path):
        self.config, self.folder = config, folder
        shutil.rmtree(folder / CACHE, ignore_errors=True)
        self.adapting = AdaptOptions(
            init=config.init,
            steps=1,
            batch=config.batch,
            crop_px=config.crop_px,
            ema=config.ema,
            learning_rate=config.learning_rate,
            device=config.device,
            engine=config.engine,
            seed=config.seed,
        )
        self.model, self.start, _ = start_of(self.adapting)
        engine = EngineOptions(config.device, config.engine)
        self.prefilter = Prefilter.open(self.model, engine) if self.model.clean_guides else None
        self.features = in_files(self.model.features)
        self.alpha = AlphaDenoiser(engine)
        self.make_pilot = pilot_maker(self.adapting, self.start)
        self.tuning: Tuning | None = None
        self.newest: list[ShotFrame] = []
        self.points: list[Point] = []
        self.trained_on: list[str] = []
        self.kept: Path | None = None

    def catch_up(self, dataset: Path, progress):
        """Denoises and learns from the frames that are complete and were not looked at yet, in order."""
        pairs = {pair.frame: pair for pair in find_pairs(dataset)} if dataset.is_dir() else {}
        for number in self.config.frames[len(self.points) :]:
            if number not in pairs:
                break
            self._take(pairs[number], progress)

    def _take(self, pair: Pair, progress):
        files = pair.noisy[:2]
        frame = load_frame(files, None, self.features, self.prefilter, self.make_pilot, self.folder / CACHE, "online")
        if frame is None:
            self._keep_still(pair, files)
            return
        if self.tuning is None:
            self.tuning = Tuning([frame], self.model, self.start.tensors() if self.start else None, self.adapting, progress)
        pictures = self.tuning.pictures(frame)
        seeds = read_group(files, None, self.features)
        factor = np.float32(exposure(mean_frame(seeds).color))
        self._write(pair, files, seeds, sum(pictures) / 2 / factor)
        self._tell(_point(pair.frame, frame, pictures, self.tuning.ratio_on(frame, pictures, self.config.newest)))
        self.newest = [*self.newest, frame][-self.config.newest :]
        self.tuning.learn(self.newest, self.config.steps_per_frame)
        self.trained_on.append(pair.name)
        for old in (self.folder / CACHE).glob("*.npy"):
            if not any(old.name.startswith(kept.images_file.path.stem) for kept in self.newest):
                old.unlink()

    def _keep_still(self, pair: Pair, files):
        """A frame without noise is finished, and nothing is learned from it."""
        seeds = read_group(files, None, self.features)
        self._write(pair, files, seeds, mean_frame(seeds).color)
        self._tell(Point(pair.frame, None, None))

    def _write(self, pair: Pair, files, seeds: list[Frame], color):
        image = ExrImage(files[0])
        layer = image.layer(None, self.features)
        put_layer(image, LayerRender(layer, mean_frame(seeds), still_alpha=still_alpha(seeds)), color, self.alpha)
        image.write(self.folder / f"{pair.view}_f{pair.frame:04d}.exr")

    def _tell(self, point: Point):
        self.points.append(point)
        with contextlib.suppress(N2NError):  # what is finished stays; at the end it is written again, or else an error
            self.report()

    def report(self):
        """The curve as JSON."""
        content = {"n2n_render": __version__, "config": to_dict(self.config), "frames": [vars(point) for point in self.points]}
        write_text(self.folder / REPORT, json.dumps(content, indent=1) + "\n")

    def close(self):
        """Keeps the model, clears the cache."""
        if self.tuning is None:
            return
        told = Provenance(
            options=to_dict(self.config),
            adapted_to=f"{len(self.points)} frame(s) of {Path(self.config.scene).name}, online",
            step=self.tuning.descent.steps,
            origin=self.start.provenance.describe() if self.start else None,
            trained_on=tuple(self.trained_on),
        )
        self.kept = write_somewhere(self.folder / MODEL, Checkpoint(self.model, self.tuning.final_weights(), told))
        if self.kept != self.folder / MODEL:
            doubt(f"{self.folder / MODEL} cannot be written; the model is kept as {self.kept}")
        self.tuning.crops.close()
        shutil.rmtree(self.folder / CACHE, ignore_errors=True)

    def finish(self):
        """Raises N2NError where the curve or the model could not be written to the folder."""
        self.report()
        if self.kept not in (None, self.folder / MODEL):
            raise N2NError(
                f"{self.folder / MODEL} could not be written; the model is kept as {self.kept}",
                f"Free some space and move it to {self.folder}.",
            )


def _point(number: int, frame: ShotFrame, pictures, ratio: float) -> Point:
    """Errors without references: of the mean of two seeds a quarter of their squared difference. ratio: of the error of one
    seed's picture and half the squared difference of both; of that their mean is half a difference better.
    """
    one, two = encode_tonemap(frame.images[..., :3].astype(np.float32), np)
    noisy = float(((one - two) ** 2).mean() / 4)
    return Point(number, _decibels(noisy), _decibels((ratio - 0.5) * float(judge.difference(*pictures).mean())))


def _decibels(mse: float) -> float:
    return float(-10 * np.log10(max(mse, 1e-9)))


def _compare(points: list[Point], dataset: Path, folder: Path):
    """Fills in the true errors of frames that have references."""
    pairs = {pair.frame: pair for pair in find_pairs(dataset) if pair.references}
    for point in points:
        if point.frame in pairs:
            pair = pairs[point.frame]
            halves = [ExrImage(path).frame().color for path in pair.references]
            factor = np.float32(exposure(sum(halves) / 2))
            mean = sum(seed.color for seed in read_group(pair.noisy, None, ())) / 2
            finished = ExrImage(folder / f"{pair.view}_f{pair.frame:04d}.exr")
            ours = finished.picture(finished.layer(None))[..., :3]
            both = {"reference_a": halves[0] * factor, "reference_b": halves[1] * factor}
            values = [psnr(image=image * factor, **both) for image in (mean, ours)]
            point.noisy_true, point.true = (value if np.isfinite(value) else None for value in values)
