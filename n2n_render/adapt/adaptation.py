"""Noisy renders of a shot → OUT: its frames denoised, how far each may be from the truth, and the model that did it."""

import contextlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ..denoise.artist import FrameResult
from ..denoise.files import raise_failures
from ..denoise.strength import check_names
from ..denoise.wanted import check_passes
from ..engines.choice import make_engine
from ..engines.options import EngineOptions
from ..engines.pool import each_device, first_device
from ..errors import N2NError, doubt
from ..io.atomic import locked_folder
from ..io.beside import find_sources
from ..io.ranges import WHOLE
from ..learn.samplers import Crops
from ..learn.schedule import Schedule
from ..learn.start import ShotStart, open_shot_start
from ..learn.team import Team
from ..network.build import build_network
from ..network.checkpoint import Checkpoint
from ..network.device import Float32, cpu_threads, pick_device
from ..network.specification import Specification
from ..progress import Reporter, silent
from .divided import merge, paint
from .model import CACHE, Kept, Told, Training, earlier_model, learn
from .options import HOW_TO_PAINT, AdaptOptions
from .page import AdaptationPage
from .painting import Painting, open_artists
from .places import Places
from .report import Report
from .results import NO_PICTURES, Adapted, Pictures
from .shot import Selection, Shot
from .subjects import find_groups
from .tuning import usual_seconds

PREVIEW = "preview.png"
ROUND_STEPS = 80  # of the first round
CHECKS_FROM_NOTHING = 8


def adapt(options: AdaptOptions, reporter: Reporter = silent, pictures: Pictures = NO_PICTURES) -> Adapted:
    """Trains on the frames' own renders, then denoises them; or, by `stage`, does one part of that, for many machines.

    Run again with the same options after an interruption, it uses the weights and the frames that were finished. A frame
    that cannot be read does not keep the others from being done; it is named in the N2NError at the end.

    In processes that `torchrun` started they train together, see learn/team.py, and each paints its share of the frames.

    Args:
        pictures: What draws error maps and previews, if anybody does.

    Raises:
        N2NError: The options ask for what cannot be, frames are no pairs, or something could not be read or written; of stage
            "merge": frames are missing.
        KeyboardInterrupt: After Ctrl-C; what was learned until then is kept beside the frames.
    """
    team = Team.find()
    if options.stage in ("paint", "merge"):
        if not team.is_alone:
            raise N2NError(f"stage {options.stage} does not share its work by torchrun", "Use chunk or shared.")
        return paint(options, reporter, _optional(pictures.error_map)) if options.stage == "paint" else merge(options, reporter)
    if team.is_alone:
        return _adapt(options, team, first_device(options.device), reporter, pictures)
    return _adapt_together(options, team, team.device(options.device), team.reporter(reporter), pictures)


def _adapt_together(options: AdaptOptions, team: Team, device: str, reporter: Reporter, pictures: Pictures) -> Adapted:
    """They train together, each paints its share of the frames, and the first merges what they tell."""
    with team.gathered(device), cpu_threads(team.threads(options.threads)):
        trained = _adapt(options, team, device, reporter, pictures)
        if options.stage == "train":
            return trained
        team.wait()  # for the model
        own, failed = options.of_painting((team.rank + 1, team.size)), None
        try:
            paint(own, reporter, _optional(pictures.error_map), device)
        except N2NError as error:
            failed = error
        if team.any(failed is not None):
            raise failed or N2NError(
                "another process could not paint all of its frames", "It says why; the others are painted."
            )
        merged = team.ask(lambda: merge(options.of_painting(WHOLE), reporter))
        return replace(merged, learned=trained.learned)


def _adapt(options: AdaptOptions, team: Team, device: str, reporter: Reporter, pictures: Pictures) -> Adapted:
    """Trains with the others of the team; alone, it paints, too.

    Args:
        device: This process' own.
    """
    places = Places.of(options)
    settings = replace(options, batch=options.batch * team.size).settings()  # of one process that did the same alone
    engine = EngineOptions(device, options.engine, options.precision)
    others = find_groups(options.learn_from, ())[0] if options.learn_from else []
    sources = find_sources([*places.groups, *others], options.sources)
    places.check([sources.all_files(group) for group in (*places.groups, *others)])
    selection = Selection(options.layer, options.train_frames, options.temporal, options.shots, sources)
    check_names(places.groups, options.layer, options.picture, sources)  # before anything that takes long
    check_passes(places.groups, options.layer, options.passes, sources)
    start = open_shot_start(options.init, options.temporal)
    shot = Shot.open([*places.groups, *others], start, selection, engine)
    if not places.model.exists():
        paints = team.is_alone and options.stage == "all"
        _check_devices(shot.start.model, each_device(replace(engine, device=options.device)) if paints else [engine])
    key_of = partial(shot.key, {name: value for name, value in settings.items() if name not in HOW_TO_PAINT})
    preview = partial(_optional(pictures.preview), places.folder / PREVIEW)
    with locked_folder(places.folder) if team.is_first else contextlib.nullcontext(), Float32():
        with team.first_ahead():
            kept = earlier_model(places.model, key_of)
        kept = kept or learn(
            shot,
            places.folder,
            Told(settings, key_of(options.passes)),
            _training(options, start, team, device),
            preview,
            reporter,
        )
        if not team.is_first:
            return Adapted(places.folder, None, None)
        shutil.rmtree(places.folder / CACHE, ignore_errors=True)
        report = Report.open(places.folder, settings, kept.checkpoint if kept else None)
        trains_only = options.stage == "train" or not team.is_alone
        frames = [] if trains_only else _paint_all(options, places, shot, kept, report, reporter, pictures)
        report.merge(places.outputs)
        page = AdaptationPage(shot, places.outputs, places.folder, options, engine)
        written = page.try_to_write(frames, reporter) if options.report else None
    if kept and kept.path != places.model:
        raise N2NError(
            f"{places.model} could not be written; the model is kept as {kept.path}",
            f"Free some space and move it to {places.model}"
            + (": the frames are finished." if frames else ", then paint the frames."),
        )
    if options.stage == "train" or team.is_alone:  # else those who paint tell
        raise_failures(list(shot.failed.items()), len(shot.groups))
    return Adapted(places.folder, kept.path if kept else None, kept.learned if kept else None, frames, written)


def _paint_all(
    options: AdaptOptions,
    places: Places,
    shot: Shot,
    kept: Kept | None,
    report: Report,
    reporter: Reporter,
    pictures: Pictures,
) -> list[FrameResult]:
    with reporter("denoising") as progress:
        if kept and not kept.now and (said := shot.names()):  # else it is told before the training
            progress.note(said)
        model = kept.checkpoint if kept else None
        artists = open_artists(model, shot, options, _optional(pictures.error_map), progress)
        return Painting(shot, places.outputs, range(len(places.outputs)), report, progress).paint(artists)


def _training(options: AdaptOptions, start: ShotStart, team: Team, device: str) -> Training:
    """Needs the device."""
    schedule = Schedule(
        options.learning_rate or start.learning_rate,
        options.steps,
        options.minutes * 60 if options.minutes else usual_seconds(device),
        warmup_steps=options.warmup_steps,
        ema=options.ema,
        looks=options.checks or CHECKS_FROM_NOTHING,
        round_steps=0 if options.checks or not start.checkpoint else ROUND_STEPS,
        looks_count=False,  # the time asked for is for training
    )
    crops = Crops(options.batch, options.crop_px, options.seed)
    return Training(
        options.init, schedule, crops, options.patience, device, team.threads(options.threads), team, options.passes
    )


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


def _check_devices(model: Specification, engines: Sequence[EngineOptions]) -> None:
    """Raises N2NError where training (by the first) or denoising cannot run as asked: before anything that takes long."""
    pick_device(engines[0].device)
    for engine in engines:
        make_engine(Checkpoint(model, build_network(model).state_dict()), engine)
