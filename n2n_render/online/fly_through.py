"""A fly-through → its frames denoised while it renders, by a network that learns from each frame as it comes.

After Noise2Noise §3.3.1 (Fig. 8): two seeds of every frame; both are denoised with the network as it is now and averaged;
then it trains a few steps on the newest frames, each seed the other's target, and goes on. No frame is learned from before
it is denoised, so the curve says what the network makes of frames that it has not seen. Unlike there, the samples of the
frames just before each one are taken in where they show the same: then the picture is that of both seeds together.
"""

import contextlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from ..config import to_dict
from ..denoise.alpha import AlphaDenoiser
from ..denoise.layers import put_layer
from ..denoise.passes import Painted
from ..denoise.renders import LayerRender
from ..engines.options import EngineOptions
from ..errors import N2NError, doubt
from ..frame.arrays import Array
from ..frame.frame import Frame, mean_frame
from ..frame.independence import still_alpha
from ..frame.transfer import exposure
from ..io.atomic import locked_folder, read_json, write_text
from ..io.dataset import Pair, find_pairs
from ..io.exr import ExrImage
from ..io.renders import read_group
from ..learn.samplers import Crops
from ..learn.schedule import Schedule
from ..learn.start import open_shot_start
from ..network.checkpoint import Checkpoint, write_somewhere
from ..network.provenance import Provenance
from ..progress import Progress, Reporter, silent
from ..sample.options import SampleOptions
from ..sample.sampling import sample
from ..schema import check_items
from ..version import __version__
from .learner import Learner
from .options import OnlineOptions
from .past import reach_of
from .points import CurveMeans, Point, compare, curve_means, estimate

MODEL, REPORT, CACHE = "online.pt", "report.json", ".cache"
WARMUP_STEPS = 30
FREE = ("reference_spp", "blender", "render_device", "device", "engine")  # options that may differ when a run goes on
BEFORE = {"temporal": 0}  # options that earlier versions' runs do not tell


@dataclass(frozen=True)
class FlyThrough:
    """What a run of `online` gave.

    Attributes:
        model: With all that was learned; None: no frame held any noise.
        points: One for each frame.
    """

    folder: Path
    model: Path | None
    points: list[Point]

    @property
    def means(self) -> dict[str, CurveMeans]:
        """Name of a field of Point → its means, of the curves that have points."""
        return curve_means(self.points)


def online(options: OnlineOptions, reporter: Reporter = silent) -> FlyThrough:
    """Renders into OUT/<scene>, denoises into OUT, learns.

    Run again after an interruption, it denoises and learns from the frames that are there and renders the rest. The model
    of an interrupted run is kept too.

    Raises:
        N2NError: The options ask for what cannot be, or something could not be rendered, read or written.
    """
    folder, settings = Path(options.out), to_dict(options)
    dataset = folder / Path(options.scene).stem
    plan = SampleOptions(
        options.scene,
        options.spp,
        out=str(dataset),
        frames=options.frames,
        size=options.size,
        camera=options.camera,
        blender=options.blender,
        device=options.render_device,
    )
    engine = EngineOptions(options.device, options.engine)
    crops = Crops(options.batch, options.crop_px, options.seed)
    with locked_folder(folder):
        _refuse_other_settings(settings, folder)
        shutil.rmtree(folder / CACHE, ignore_errors=True)
        start = open_shot_start(options.init, reach_of(options.frames, options.temporal))
        schedule = _schedule(options, start.learning_rate)
        learner = Learner.open(start, schedule, crops, options.newest, engine, folder / CACHE, options.frames)
        alpha = AlphaDenoiser(engine)
        live = _Live(_Places(folder, dataset, options.frames), learner, alpha, options.steps_per_frame, settings)
        with reporter("rendering and learning") as progress:
            try:
                sample(plan, lambda _: contextlib.nullcontext(_Follower(progress, live.catch_up)))
                live.catch_up()
            finally:
                live.close()
        if options.reference_spp:
            wanted = replace(plan, reference_spp=options.reference_spp, reference_frames=options.frames)
            sample(wanted, lambda _: reporter("references"))
            compare(live.points, dataset, folder)
        live.finish()
    return FlyThrough(folder, live.kept, live.points)


def _schedule(options: OnlineOptions, usual_rate: float) -> Schedule:
    """Without an end: it goes on as long as frames come."""
    return Schedule(
        options.learning_rate or usual_rate, seconds=float("inf"), shape="constant", warmup_steps=WARMUP_STEPS, ema=options.ema
    )


def _refuse_other_settings(settings: Mapping[str, Any], folder: Path) -> None:
    """What another run denoised is not overwritten silently."""
    if not (folder / REPORT).exists():
        return
    hint = "Pass another folder with -o, or delete that file."
    earlier = read_json(folder / REPORT, hint)
    check_items(earlier, {"config": dict}, str(folder / REPORT), hint, required=("config",))
    now, then = json.loads(json.dumps(settings)), {**BEFORE, **earlier["config"]}
    different = [name for name, value in now.items() if name not in FREE and then.get(name) != value]
    if different:
        raise N2NError(f"{folder} holds a run with another {different[0].replace('_', ' ')}", "Pass another folder with -o.")


class _Follower:
    """A progress that tells when one more file is there; the next one renders meanwhile."""

    def __init__(self, progress: Progress, on_file: Callable[[], None]):
        self._progress, self._on_file = progress, on_file
        self.start, self.note, self.warn = progress.start, progress.note, progress.warn

    def advance(self, amount: float, text: str = "", finished: bool = True) -> None:
        self._progress.advance(amount, text, finished)
        self._on_file()


@dataclass(frozen=True)
class _Places:
    """folder: of the denoised frames; dataset: of the renders; frames: their numbers, in order."""

    folder: Path
    dataset: Path
    frames: Sequence[int]


class _Live:
    """The fly-through so far. kept: where its model lies, after `close`; None without any."""

    def __init__(
        self, places: _Places, learner: Learner, alpha: AlphaDenoiser, steps_per_frame: int, settings: Mapping[str, Any]
    ):
        self.places, self.learner, self.alpha = places, learner, alpha
        self.steps_per_frame, self.settings = steps_per_frame, settings
        self.points: list[Point] = []
        self.kept: Path | None = None

    def catch_up(self) -> None:
        """Denoises and learns from the frames that are complete and were not looked at yet, in order."""
        dataset = self.places.dataset
        pairs = {pair.frame: pair for pair in find_pairs(dataset)} if dataset.is_dir() else {}
        for number in self.places.frames[len(self.points) :]:
            if number not in pairs:
                break
            self._take(pairs[number])

    def _take(self, pair: Pair) -> None:
        """A frame without noise is finished, and nothing is learned from it."""
        files = pair.noisy[:2]
        frame, seeds = self.learner.read(files), read_group(files, None, self.learner.loader.features)
        mean = mean_frame(seeds)
        if frame is None:
            self._write(pair, seeds, mean, mean.color)
            self._tell(Point(pair.frame, None, None))
            return
        painted = self.learner.denoise(frame)
        self._write(pair, seeds, mean, painted.picture / np.float32(exposure(mean.color)))
        self._tell(estimate(pair.frame, frame.arrays, painted.squared_error))
        self.learner.learn(frame.arrays, pair.name, self.steps_per_frame)

    def _write(self, pair: Pair, seeds: list[Frame], mean: Frame, color: Array) -> None:
        image = ExrImage.open(pair.noisy[0])
        layer = image.layer(None, self.learner.loader.features)
        put_layer(image, LayerRender(layer, mean, still_alpha=still_alpha(seeds)), Painted(color), self.alpha)
        image.write(self.places.folder / f"{pair.view}_f{pair.frame:04d}.exr")

    def _tell(self, point: Point) -> None:
        self.points.append(point)
        with contextlib.suppress(N2NError):  # what is finished stays; at the end it is written again, or else an error
            self._report()

    def _report(self) -> None:
        """The curve as JSON."""
        points = [vars(point) for point in self.points]
        content = {"n2n_render": __version__, "config": dict(self.settings), "frames": points}
        write_text(self.places.folder / REPORT, json.dumps(content, indent=1) + "\n")

    def close(self) -> None:
        """Keeps the model, clears the cache."""
        learner, folder = self.learner, self.places.folder
        if learner.loop is None:
            return
        start = learner.start.checkpoint
        told = Provenance(
            options=dict(self.settings),
            adapted_to=f"{len(self.points)} frame(s) of {Path(self.settings['scene']).name}, online",
            scene=Path(self.settings["scene"]).stem,
            made=date.today().isoformat(),
            step=learner.steps,
            origin=start.provenance.describe() if start else None,
            trained_on=tuple(learner.trained_on),
        )
        self.kept = write_somewhere(folder / MODEL, Checkpoint(learner.start.model, learner.weights(), told))
        if self.kept != folder / MODEL:
            doubt(f"{folder / MODEL} cannot be written; the model is kept as {self.kept}")
        learner.close()
        shutil.rmtree(folder / CACHE, ignore_errors=True)

    def finish(self) -> None:
        """Raises N2NError where the curve or the model could not be written to the folder."""
        self._report()
        folder = self.places.folder
        if self.kept not in (None, folder / MODEL):
            raise N2NError(
                f"{folder / MODEL} could not be written; the model is kept as {self.kept}",
                f"Free some space and move it to {folder}.",
            )
