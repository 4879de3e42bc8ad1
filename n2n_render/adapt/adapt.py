"""Noisy renders of a shot → OUT: its frames denoised, how far each may be from the truth, and the model that did it."""

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from .. import __version__
from ..adapt.options import AdaptOptions
from ..config import to_dict
from ..denoise import Denoiser
from ..denoise.files import raise_failures
from ..engines.choice import make_engine
from ..errors import N2NError, UnreadableFile, doubt
from ..frame.channels import NEIGHBORS
from ..guides.neighbors import GUIDES_VERSION, Neighbors, picture_model
from ..guides.prefilter import Prefilter
from ..io.atomic import locked_folder, make_folder
from ..io.dataset import MANIFEST, parse_name, spaced
from ..io.sequence import check_output_names, check_overwrites, find_windows
from ..network.build import build_network
from ..network.checkpoint import Checkpoint, read_checkpoint, write_somewhere
from ..network.device import Float32, cpu_threads, pick_device
from ..network.provenance import Provenance
from ..network.registry import open_model
from ..network.specification import OIDN_NETWORKS, Specification
from ..network.widen import widen
from ..train.options import TrainOptions
from ..train.setup import start_model
from .painting import Artist, denoise_shot
from .picture import Picture
from .report import FrameResult, Report, facts
from .shot import ShotFrame, Subject, features_of, find_all_subjects, load_frame
from .tune import Tuned, Tuning

MODEL, REPORT, CACHE, PREVIEW = "adapted.pt", "report.json", ".adapt-cache", "preview.png"
NOTHING = "nothing"
TOLD = ("blend_weight", "error_ratio", "step", "seconds", "checks")  # by a model, for painting the frames


@dataclass
class Adaptation:
    """What a run gave. tuned None: the model in OUT was that of an earlier run with the same frames and settings. model None:
    no frame held noise, so that there was nothing to learn.
    """

    model: Path | None
    tuned: Tuned | None
    frames: list[FrameResult]


def adapt(
    config: AdaptOptions,
    groups: list[tuple[Path, ...]],
    names: list[str],
    out: str,
    make_reporter,
    on_picture: Callable[[Path, Picture], None] = lambda path, picture: None,
    on_look: Callable[[Path, list[np.ndarray]], None] = lambda path, images: None,
) -> Adaptation:
    """Trains on the frames' own renders, then denoises them into the folder `out`.

    groups: the files of each frame, one for each seed, see `shot.find_groups`; make_reporter(title): see progress.py;
    on_picture(path of the denoised frame, Picture) is told of each, on_look(path, images), see `Tuning`, while it trains.
    Run again with the same arguments after an interruption, it uses the weights and the frames that were finished. A frame
    that cannot be read does not keep the others from being done; it is named in the N2NError at the end.
    """
    folder = Path(out)
    outputs = [folder / name for name in names]
    _check(folder, groups, outputs)
    shot = _Shot.of(config, groups)
    key = shot.key()
    if not (folder / MODEL).exists():
        _check_devices(config, shot.model)
    with locked_folder(folder), Float32():
        adapted, tuned, kept = _earlier(folder / MODEL, key), None, folder / MODEL
        if adapted is None:
            make_folder(folder / CACHE)
            frames = _load(shot, folder / CACHE, make_reporter)
            if frames:
                adapted, tuned, kept = _tune(
                    shot, frames, folder, key, make_reporter, optional(partial(on_look, folder / PREVIEW))
                )
        shutil.rmtree(folder / CACHE, ignore_errors=True)
        report = Report(folder / REPORT, config, adapted)
        with make_reporter("denoising") as progress:
            artist = Artist(config, adapted, shot.plain, *shot.guides(), optional(on_picture), progress)
            painted = denoise_shot(artist, shot.subjects, outputs, report, shot.failed, progress)
        report.finish()
    if kept != folder / MODEL:
        raise N2NError(
            f"{folder / MODEL} could not be written; the model is kept as {kept}",
            f"Free some space and move it to {folder / MODEL}: the frames are finished.",
        )
    raise_failures(list(shot.failed.items()), len(groups))
    return Adaptation(kept if adapted else None, tuned, painted)


@dataclass(frozen=True)
class _Shot:
    """What a run is about: its frames, and the networks that `start_of` gives.

    subjects: of each frame; failed: first file → why a frame cannot be denoised; windows: see `find_windows`, None without
    neighbours; chosen: the numbers of the frames to train on.
    """

    config: AdaptOptions
    groups: list[tuple[Path, ...]]
    model: Specification
    start: Checkpoint | None
    plain: Checkpoint | None
    subjects: list[list[Subject]]
    failed: dict[Path, N2NError]
    windows: list[list[int | None]] | None
    chosen: list[int]

    @classmethod
    def of(cls, config: AdaptOptions, groups: list[tuple[Path, ...]]) -> "_Shot":
        """Reads the headers of all files. Raises N2NError for what cannot be adapted to."""
        model, start, plain = start_of(config)
        subjects, failed = find_all_subjects(groups, config.layer, features_of(model, plain))
        windows = find_windows(groups, config.temporal, list(config.shots)) if config.temporal else None
        chosen = spaced([index for index, found in enumerate(subjects) if found], config.train_frames)
        return cls(config, groups, model, start, plain, subjects, failed, windows, chosen)

    def guides(self) -> tuple[Prefilter | None, Neighbors | None]:
        """What cleans albedo and normal, and what looks at the frames beside one; they hold much memory."""
        config = self.config
        options = config.engine_options
        prefilter = Prefilter.open(self.model, options) if self.model.clean_guides else None
        if self.windows is None:
            return prefilter, None
        return prefilter, Neighbors.open(self.model, self.groups, self.windows, config.layer, prefilter, options)

    def key(self) -> str:
        """Names everything that the adapted weights depend on."""
        kept = {
            name: value
            for name, value in to_dict(self.config).items()
            if name not in ("average", "keep_noisy", "engine", "precision", "threads", "device")
        }
        looked_at = {
            there for index in self.chosen for there in (self.windows[index] if self.windows else [index]) if there is not None
        }
        files = [facts(self.groups[index]) for index in sorted(looked_at)]
        made_by = __version__, GUIDES_VERSION if self.config.temporal else 0
        return hashlib.sha256(repr((made_by, kept, self.model, _digest(self.start), files)).encode()).hexdigest()


def optional(show):
    """`show`, whose failures are told of once and end nothing: a preview, an error map."""

    def attempt(*args):
        try:
            show(*args)
        except (OSError, N2NError) as error:
            if not told:
                told.append(True)
                doubt(f"{error.what if isinstance(error, N2NError) else error}; the work goes on without it")

    told: list = []
    return attempt


def _check_devices(config, model):
    """Raises N2NError where training or denoising cannot run as asked: before anything that takes long."""
    pick_device(config.device)
    make_engine(Checkpoint(model, build_network(model).state_dict()), config.engine_options)


def _check(folder, groups, outputs):
    check_output_names(outputs)
    check_overwrites([list(group) for group in groups], outputs)
    if folder.suffix.lower() == ".exr":
        raise N2NError(f"{folder} is the name of a file, but adapting writes several", "Pass a folder with -o.")
    if (folder / MANIFEST).exists():
        raise N2NError(
            f"{folder} is a dataset; denoised frames do not belong among its renders", "Pass another folder with -o."
        )


def start_of(config: AdaptOptions) -> tuple[Specification, Checkpoint | None, Checkpoint | None]:
    """The network to adapt, the checkpoint that it starts from, and one that does not look at neighbours: the same, unless
    the network does. None: from nothing.
    """
    if config.init == NOTHING:
        new = TrainOptions(hdr=True, features=("albedo", "normal"), temporal=config.temporal, prefilter=True)
        return *start_model(new), None
    found = None if config.init in OIDN_NETWORKS else open_model(config.init).model
    if found and found.output == "display":
        raise N2NError(f"--init {config.init} is a model of display-referred images", "Start from one of linear radiance.")
    looks = found is not None and NEIGHBORS in found.features
    model, start = start_model(TrainOptions(hdr=True, init=config.init, temporal=config.temporal if looks else 0))
    plain = start = replace(start, model=model)
    if looks:
        plain = picture_model(model)
    elif config.temporal:
        start = widen(start, (*model.features, NEIGHBORS), config.temporal)
    return start.model, start, plain


def _digest(start: Checkpoint | None) -> str:
    """Of the weights: a file of the same name may hold others tomorrow."""
    digest = hashlib.sha256()
    for name, tensor in sorted(start.tensors().items()) if start else []:
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _earlier(path: Path, key: str) -> Checkpoint | None:
    """What an earlier run with the same frames and settings learned. Another one's is not overwritten silently."""
    if not path.exists():
        return None
    found = read_checkpoint(path)
    if found.provenance.key == key:
        found.provenance.require(TOLD, f"{path}: provenance", "Delete it and adapt again.")
        return found
    raise N2NError(f"{path} was adapted to other frames or with other settings", "Pass another folder with -o, or delete it.")


def _tune(
    shot: _Shot, frames: list[ShotFrame], folder: Path, key: str, make_reporter, on_look
) -> tuple[Checkpoint, Tuned, Path]:
    """Also where the model was written: in `folder`, if that was possible."""
    config, start, chosen = shot.config, shot.start, [frame.paths for frame in frames]
    with make_reporter("adapting") as progress:
        if start and set(_names(chosen)) & set(start.provenance.trained_on):
            progress.warn(
                f"{config.init} was trained on some of these very frames: it looks better here than it is, and less "
                "will be adapted"
            )
        tuning = Tuning(frames, shot.model, start.tensors() if start else None, config, progress, shot.plain, on_look)
        try:
            with cpu_threads(config.threads):
                tuned = tuning.run()
        except KeyboardInterrupt:
            if tuning.best and (tuning.best.steps or tuning.best.share):
                path = write_somewhere(folder / f"interrupted-{MODEL}", _checkpoint(shot, tuning, tuning.best, chosen, ""))
                progress.note(f"the best so far is in {path} for `denoise --model`; adapting again starts anew")
            raise
    checkpoint = _checkpoint(shot, tuning, tuned, chosen, key)
    shutil.rmtree(folder / CACHE, ignore_errors=True)  # it has done its work, and may leave just the space that is needed
    kept = write_somewhere(folder / MODEL, checkpoint)
    if kept != folder / MODEL:
        doubt(
            f"{folder / MODEL} cannot be written; the model is kept as {kept}: with space, move it there and adapt again, "
            "which goes on with the frames"
        )
    return checkpoint, tuned, kept


def _load(shot: _Shot, cache: Path, make_reporter) -> list[ShotFrame]:
    """The frames to train on, as arrays in the cache; those without noise, and those that cannot be read, are left out, and
    others take their places.

    Raises UnreadableFile where none can be read.
    """
    load = _loader(shot, cache)
    chosen = [subject for index in shot.chosen for subject in shot.subjects[index]]
    others = [subject for index, found in enumerate(shot.subjects) if index not in shot.chosen for subject in found]
    frames: list[ShotFrame] = []
    finished: list[Subject] = []
    unreadable: list[UnreadableFile] = []
    with make_reporter("reading") as progress:
        progress.start(len(chosen), len(chosen))
        for subject in (*chosen, *others):
            if len(frames) == len(chosen):
                break
            try:
                frame = load(subject, progress.warn)
                if frame is None:
                    finished.append(subject)
                else:
                    frames.append(frame)
            except UnreadableFile as error:
                unreadable.append(error)
                progress.warn(f"not trained on: {error.what}")
            progress.advance(1, subject.paths[0].name)
        if unreadable and not frames and not finished:
            raise unreadable[0]
        if finished:
            progress.note(
                f"{len(finished)} of {len(finished) + len(frames)} frames hold no noise, like "
                f"{finished[0].paths[0].name}: they are finished as they are, and nothing is learned from them"
            )
    return frames


def _loader(shot: _Shot, cache: Path):
    """What turns a Subject into a ShotFrame: load(subject, warn)."""
    make_pilot, (prefilter, neighbors) = pilot_maker(shot.config, shot.plain), shot.guides()
    features = features_of(shot.model, shot.plain)
    made_by = _digest(shot.plain), shot.model, prefilter.name if prefilter else "", neighbors.name if neighbors else ""

    def load(subject: Subject, warn) -> ShotFrame | None:
        seen, look = [], None
        if neighbors:
            neighbors.check(subject.index, warn, subject.layer)
            seen = [facts(shot.groups[there]) if there is not None else None for there in neighbors.windows[subject.index]]
            look = partial(neighbors.of, subject.index, subject.layer)
        return load_frame(subject.paths, subject.layer, features, prefilter, make_pilot, cache, repr((made_by, seen)), look)

    return load


def pilot_maker(config: AdaptOptions, start: Checkpoint | None):
    """What turns the mean of all seeds, guides cleaned, into the start's picture: Frame → radiance (H, W, 3)."""
    if start is None:
        return lambda frame: _blurred(frame.color)
    return Denoiser.open(start, config.engine_options, prefilter=False).denoise


def _blurred(color):
    """Mean over 7×7 pixels: the nearest thing to a denoised picture where there is no network yet."""
    padded = np.pad(color, ((4, 3), (4, 3), (0, 0)), mode="edge").cumsum(0, dtype=np.float64).cumsum(1)
    return ((padded[7:, 7:] - padded[:-7, 7:] - padded[7:, :-7] + padded[:-7, :-7]) / 49).astype(np.float32)


def _checkpoint(shot: _Shot, tuning: Tuning, tuned: Tuned, chosen, key: str) -> Checkpoint:
    provenance = Provenance(
        options=to_dict(shot.config),
        key=key,
        adapted_to=f"{len(chosen)} frame(s) of {chosen[0][0].resolve().parent.name}",
        blend_weight=tuned.share,
        error_ratio=tuning.calibration.ratio(),
        shared_error=tuning.shared,
        trained_on=tuple(_names(chosen)),
        step=tuned.steps,
        seconds=tuned.seconds,
        checks=tuple((check.step, check.change, check.uncertainty) for check in tuned.checks),
        origin=shot.start.provenance.describe() if shot.start else None,
    )
    return Checkpoint(shot.model, tuned.weights, provenance)


def _names(chosen) -> list[str]:
    """Frames as `Pair.name` names them, so that everybody can tell what a model was trained on. Files of one's own have
    names like render/frame_0001.exr in every shot: they are told apart by where they lie, without saying it.
    """
    names = []
    for path in (group[0].resolve() for group in chosen):
        name = parse_name(path.name)
        place = "" if name else f" {hashlib.sha256(os.fsencode(path)).hexdigest()[:12]}"
        names.append(f"{path.parent.name}/{name.picture if name else path.stem}{place}")
    return names
