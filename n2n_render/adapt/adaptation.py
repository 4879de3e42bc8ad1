"""Noisy renders of a shot → OUT: its frames denoised, how far each may be from the truth, and the model that did it."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ..config import to_dict
from ..denoise import PictureOptions
from ..denoise.adapted import Palette
from ..denoise.alpha import AlphaDenoiser
from ..denoise.artist import Artist, FrameResult
from ..denoise.files import raise_failures
from ..engines.choice import make_engine
from ..engines.options import EngineOptions
from ..errors import N2NError, doubt
from ..frame.arrays import Array
from ..io.atomic import locked_folder
from ..io.beside import find_sources
from ..io.dataset import MANIFEST
from ..io.sequence import check_output_names, check_overwrites
from ..learn.loop import Schedule
from ..learn.samplers import Crops
from ..learn.start import ShotStart, open_shot_start
from ..network.build import build_network
from ..network.checkpoint import Checkpoint
from ..network.device import Float32, pick_device
from ..network.provenance import Provenance
from ..network.specification import Specification
from ..progress import Progress, Reporter, silent
from .model import CACHE, MODEL, Learned, Told, Training, earlier_model, learn
from .options import AdaptOptions
from .painting import denoise_shot
from .report import Report
from .shot import Selection, Shot
from .subjects import find_groups
from .tuning import usual_seconds

REPORT, PREVIEW = "report.json", "preview.png"
ROUND_STEPS = 80  # of the first round
CHECKS_FROM_NOTHING = 8
PLACES = ("inputs", "output", "pairs", "learn_from", "sources")  # of the options: no settings, and nobody else's business
HOW_TO_PAINT = (
    "average",
    "fast",
    "keep_noisy",
    "engine",
    "precision",
    "threads",
    "device",
)  # of the settings: weights stay the same


def _draw_nothing(path: Path, *picture: Any) -> None:
    pass


@dataclass(frozen=True)
class Pictures:
    """What draws pictures for people; by default nobody does. What fails there is told of once and ends nothing.

    Attributes:
        error_map: Is given the path of each denoised frame (of each of its view layers) and its expected RMS error on T
            (H, W), where that is known.
        preview: Is given the path of a picture, what it shows, and the exposure in that, when the training begins and
            whenever the held-out tiles were asked: noisy (one half of the seeds), start and adapted (of that half), exposed
            radiance (h, w, 3) of the same pixels: the middle of the frame that the start is worst at.
    """

    error_map: Callable[[Path, Array], None] = _draw_nothing
    preview: Callable[[Path, Sequence[Array], float], None] = _draw_nothing


@dataclass(frozen=True)
class Adapted:
    """What a run of `adapt` gave.

    Attributes:
        model: For other frames of this shot; None, as `learned`: no frame held noise, so that there was nothing to learn.
        frames: What was denoised, in order.
    """

    folder: Path
    model: Path | None
    learned: Learned | None
    frames: list[FrameResult] = field(default_factory=list)

    @property
    def expected_psnr_db(self) -> float | None:
        """On T, mean of the frames; None where none held noise."""
        values = [frame.psnr_db for frame in self.frames if frame.psnr_db is not None]
        return sum(values) / len(values) if values else None

    @property
    def worst(self) -> FrameResult | None:
        """The frame with the least expected PSNR; None where none held noise."""
        noisy = [frame for frame in self.frames if frame.psnr_db is not None]
        return min(noisy, key=lambda frame: (frame.psnr_db, frame.output), default=None)


def adapt(options: AdaptOptions, reporter: Reporter = silent, pictures: Pictures = Pictures()) -> Adapted:
    """Trains on the frames' own renders, then denoises them.

    Run again with the same options after an interruption, it uses the weights and the frames that were finished. A frame
    that cannot be read does not keep the others from being done; it is named in the N2NError at the end.

    Args:
        pictures: What draws error maps and previews, if anybody does.

    Raises:
        N2NError: The options ask for what cannot be, frames are no pairs, or something could not be read or written.
        KeyboardInterrupt: After Ctrl-C; what was learned until then is kept beside the frames.
    """
    groups, names = find_groups(options.inputs, options.pairs)
    others = find_groups(options.learn_from, ())[0] if options.learn_from else []
    folder = Path(options.output)
    outputs = [folder / name for name in names]
    sources = find_sources([*groups, *others], options.sources)
    _check(folder, [sources.all_files(group) for group in (*groups, *others)], outputs)
    settings = _settings(options)
    engine = EngineOptions(options.device, options.engine, options.precision)
    selection = Selection(options.layer, options.train_frames, options.temporal, options.shots, sources)
    shot = Shot.open([*groups, *others], open_shot_start(options.init, options.temporal), selection, engine)
    if not (folder / MODEL).exists():
        _check_devices(shot.start.model, engine)
    key = shot.key({name: value for name, value in settings.items() if name not in HOW_TO_PAINT})
    error_map, preview = _optional(pictures.error_map), _optional(pictures.preview)
    with locked_folder(folder), Float32():
        kept = earlier_model(folder / MODEL, key) or learn(
            shot, folder, Told(settings, key), _training(options, shot.start), partial(preview, folder / PREVIEW), reporter
        )
        shutil.rmtree(folder / CACHE, ignore_errors=True)
        model = kept.checkpoint if kept else None
        report = Report.open(folder / REPORT, settings, model)
        with reporter("denoising") as progress:
            if kept and not kept.now and (said := shot.names()):  # else it is told before the training
                progress.note(said)
            artist = _artist(model, shot, options, error_map, progress)
            frames = denoise_shot(artist, shot.subjects[: len(outputs)], outputs, report, shot.failed, progress)
        report.finish()
    if kept and kept.path != folder / MODEL:
        raise N2NError(
            f"{folder / MODEL} could not be written; the model is kept as {kept.path}",
            f"Free some space and move it to {folder / MODEL}: the frames are finished.",
        )
    raise_failures(list(shot.failed.items()), len(shot.groups))
    return Adapted(folder, kept.path if kept else None, kept.learned if kept else None, frames)


def _settings(options: AdaptOptions) -> dict[str, Any]:
    """The options as the model and the report tell them; the names of channels only where there are any."""
    settings = {name: value for name, value in to_dict(options).items() if name not in PLACES}
    return {**settings, "channels": options.sources.channels} if options.sources.channels else settings


def _artist(
    model: Checkpoint | None, shot: Shot, options: AdaptOptions, on_picture: Callable[[Path, Array], None], progress: Progress
) -> Artist:
    """model None: no frame of the shot held any noise."""
    picture, painter, (prefilter, neighbors) = PictureOptions(options.keep_noisy), None, shot.guides()
    if model:
        palette = Palette(model, shot.start.checkpoint)
        painter = palette.open(prefilter, shot.engine, options.average, options.fast, progress.warn)
        progress.note(f"denoising with {painter.network.engine.description}")
    told = model.provenance if model else Provenance()
    return Artist(painter, told, AlphaDenoiser(shot.engine, progress.warn), neighbors, picture, shot.sources, on_picture)


def _training(options: AdaptOptions, start: ShotStart) -> Training:
    """Needs the device."""
    schedule = Schedule(
        options.learning_rate or start.learning_rate,
        options.steps,
        options.minutes * 60 if options.minutes else usual_seconds(options.device),
        warmup_steps=options.warmup_steps,
        ema=options.ema,
        looks=options.checks or CHECKS_FROM_NOTHING,
        round_steps=0 if options.checks or not start.checkpoint else ROUND_STEPS,
        looks_count=False,  # the time asked for is for training
    )
    crops = Crops(options.batch, options.crop_px, options.seed)
    return Training(options.init, schedule, crops, options.patience, options.device, options.threads)


def _optional(show: Callable[..., None]) -> Callable[..., None]:
    """`show`, whose failures are told of once and end nothing: a preview, an error map."""
    told: list[bool] = []

    def attempt(*args: Any) -> None:
        try:
            show(*args)
        except (OSError, N2NError) as error:
            if not told:
                told.append(True)
                doubt(f"{error.what if isinstance(error, N2NError) else error}; the work goes on without it")

    return attempt


def _check_devices(model: Specification, engine: EngineOptions) -> None:
    """Raises N2NError where training or denoising cannot run as asked: before anything that takes long."""
    pick_device(engine.device)
    make_engine(Checkpoint(model, build_network(model).state_dict()), engine)


def _check(folder: Path, inputs: Sequence[Sequence[Path]], outputs: Sequence[Path]) -> None:
    """inputs: the files of each frame, those of single passes too."""
    check_output_names(list(outputs))
    check_overwrites(inputs, list(outputs))
    if folder.suffix.lower() == ".exr":
        raise N2NError(f"{folder} is the name of a file, but adapting writes several", "Pass a folder with -o.")
    if (folder / MANIFEST).exists():
        raise N2NError(
            f"{folder} is a dataset; denoised frames do not belong among its renders", "Pass another folder with -o."
        )
