"""Noisy renders of a shot → OUT: its frames denoised, how far each may be from the truth, and the model that did it."""
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from .. import __version__
from ..config import AdaptConfig, TrainConfig, to_dict
from ..denoise import Denoiser, FileOptions, Prefilter
from ..denoise.files import put_picture, raise_failures
from ..engines.choice import make_engine
from ..errors import N2NError, UnreadableFile, doubt
from ..files import write_beside
from ..frame.exr import ExrImage
from ..frame.frame import Frame, mean_frame
from ..frame.pairs import MANIFEST, parse_name, spaced
from ..frame.passes import FEATURES, NEIGHBORS
from ..frame.sequence import check_overwrites, find_windows
from ..neighbors import GUIDES_VERSION, Neighbors, picture_model
from ..network.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from ..network.device import pick_device
from ..network.model import OIDN_NETWORKS, ModelConfig
from ..network.models import describe_origin, open_model
from ..network.unet import build_network
from ..network.widen import widen
from ..train.setup import start_model
from .picture import Painter, Picture, finished_picture, psnr_of
from .shot import ShotFrame, Subject, find_subjects, held_out_pixels, load_frame, read_group
from .tune import Tuned, Tuning

MODEL, REPORT, CACHE, PREVIEW = "adapted.pt", "report.json", ".adapt-cache", "preview.png"
ERROR_PASS = "Error"
NOTHING = "nothing"


@dataclass
class FrameResult:
    """One denoised frame: its file, the PSNR on T that is expected of it, and how much of what it is made of.

    psnr_db None: there was no noise in it, and it is as it was.
    """
    output: Path
    psnr_db: float | None
    shares: dict[str, float]


@dataclass
class Adaptation:
    """What a run gave. tuned None: the model in OUT was that of an earlier run with the same frames and settings. model None:
    no frame held noise, so that there was nothing to learn.
    """
    model: Path | None
    tuned: Tuned | None
    frames: list[FrameResult]


def adapt(config: AdaptConfig, groups: list[tuple[Path, ...]], names: list[str], out: str, make_reporter,
          on_picture: Callable[[Path, Picture], None] = lambda path, picture: None,
          on_look: Callable[[Path, list[np.ndarray]], None] = lambda path, images: None) -> Adaptation:
    """Trains on the frames' own renders, then denoises them into the folder `out`.

    groups: the files of each frame, one for each seed, see `shot.find_groups`; make_reporter(title): as in console.py;
    on_picture(path of the denoised frame, Picture) is told of each, on_look(path, images), see `Tuning`, while it trains.
    Run again with the same arguments after an interruption, it uses the weights and the frames that were finished. A frame
    that cannot be read does not keep the others from being done; it is named in the N2NError at the end.
    """
    folder = Path(out)
    outputs = [folder / name for name in names]
    _check(folder, groups, outputs, names)
    model, start, plain = start_of(config)
    subjects, failed = _find_subjects(groups, config.layer, _features(model, plain))
    windows = find_windows(groups, config.temporal, list(config.shots)) if config.temporal else None
    options = {"device": config.device, "engine": config.engine, "precision": config.precision}
    make_prefilter = (lambda: Prefilter(model, **options)) if model.clean_guides else (lambda: None)

    def make_neighbors(prefilter):
        return Neighbors(model, groups, windows, config.layer, prefilter, **options) if windows else None
    chosen = spaced([index for index, found in enumerate(subjects) if found], config.train_frames)
    looked_at = sorted({there for index in chosen for there in (windows[index] if windows else [index]) if there is not None})
    key = _key(config, model, start, [groups[index] for index in looked_at])
    adapted, tuned = _earlier(folder / MODEL, key), None
    if adapted is None:
        _check_devices(config, model)
        _make_folder(folder / CACHE)
        prefilter = make_prefilter()
        frames = _load(config, [subject for index in chosen for subject in subjects[index]], folder / CACHE, model, plain,
                       prefilter, make_neighbors(prefilter), make_reporter)
        if frames:
            adapted, tuned = _tune(config, frames, folder, model, start, plain, key, make_reporter,
                                   partial(on_look, folder / PREVIEW))
    shutil.rmtree(folder / CACHE, ignore_errors=True)
    report = _Report(folder / REPORT, config, adapted)
    prefilter = make_prefilter()
    frames = _denoise(config, subjects, outputs, adapted, plain, prefilter, make_neighbors(prefilter), make_reporter,
                      on_picture, report, failed)
    raise_failures(list(failed.items()), len(groups))
    return Adaptation(folder / MODEL if adapted else None, tuned, frames)


def _find_subjects(groups, wanted, features) -> tuple[list[list[Subject]], dict[Path, N2NError]]:
    """What there is to denoise in each frame, and first file → why a frame cannot be denoised, by the headers alone.

    Raises N2NError where no frame can.
    """
    subjects, failed = [], {}
    for index, group in enumerate(groups):
        try:
            subjects.append(find_subjects(index, group, wanted, features))
        except UnreadableFile as error:
            subjects.append([])
            failed[group[0]] = error
            if len(failed) == len(groups):
                raise
    for error in failed.values():
        doubt(f"left out: {error.what}")
    return subjects, failed


def _check_devices(config, model):
    """Raises N2NError where training or denoising cannot run as asked: before anything that takes long."""
    pick_device(config.device)
    make_engine(Checkpoint(model, build_network(model).state_dict()), config.engine, config.device, config.precision)


def _check(folder, groups, outputs, names):
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise N2NError(f"two frames are named {twice}", "Adapt to them in two runs.")
    check_overwrites([list(group) for group in groups], outputs)
    if folder.suffix.lower() == ".exr":
        raise N2NError(f"{folder} is the name of a file, but adapting writes several", "Pass a folder with -o.")
    if (folder / MANIFEST).exists():
        raise N2NError(f"{folder} is a dataset; denoised frames do not belong among its renders",
                       "Pass another folder with -o.")


def _make_folder(folder: Path):
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise N2NError(f"{folder.parent}: cannot be written to ({error.strerror})",
                       "Pass a writable folder with -o.") from None


def start_of(config: AdaptConfig) -> tuple[ModelConfig, Checkpoint | None, Checkpoint | None]:
    """The network to adapt, the checkpoint that it starts from, and one that does not look at neighbours: the same, unless
    the network does. None: from nothing.
    """
    if config.init == NOTHING:
        features = ("albedo", "normal") + (NEIGHBORS,) * bool(config.temporal)
        return *start_model(TrainConfig(hdr=True, features=features, prefilter=True)), None
    found = None if config.init in OIDN_NETWORKS else open_model(config.init).model
    if found and found.output == "display":
        raise N2NError(f"--init {config.init} is a model of display-referred images", "Start from one of linear radiance.")
    looks = found is not None and NEIGHBORS in found.features
    model, start = start_model(TrainConfig(hdr=True, init=config.init, temporal=config.temporal if looks else 0))
    plain = start = replace(start, model=model)
    if looks:
        plain = picture_model(model)
    elif config.temporal:
        start = widen(start, (*model.features, NEIGHBORS))
    return start.model, start, plain


def _key(config, model, start, trained) -> str:
    """Names everything that the adapted weights depend on."""
    kept = {name: value for name, value in to_dict(config).items()
            if name not in ("average", "keep_noisy", "engine", "precision", "threads", "device")}
    files = [_facts(group) for group in trained]
    made_by = __version__, GUIDES_VERSION if config.temporal else 0
    return hashlib.sha256(repr((made_by, kept, model, _digest(start), files)).encode()).hexdigest()


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
    if found.provenance.get("adapt_key") == key:
        return found
    raise N2NError(f"{path} was adapted to other frames or with other settings", "Pass another folder with -o, or delete it.")


def _tune(config, frames: list[ShotFrame], folder, model, start, plain, key, make_reporter,
          on_look) -> tuple[Checkpoint, Tuned]:
    chosen = [frame.paths for frame in frames]
    with make_reporter("adapting") as progress:
        if start and set(_names(chosen)) & set(start.provenance.get("trained_on", ())):
            progress.warn(f"{config.init} was trained on some of these very frames: it looks better here than it is, and less "
                          "will be adapted")
        tuning = Tuning(frames, model, start.tensors() if start else None, config, progress, plain, on_look)
        try:
            tuned = tuning.run()
        except KeyboardInterrupt:
            if tuning.best and (tuning.best.steps or tuning.best.share):
                path = folder / f"interrupted-{MODEL}"
                write_checkpoint(path, _checkpoint(config, model, start, tuning, tuning.best, chosen, ""))
                progress.note(f"the best so far is in {path} for `denoise --model`; adapting again starts anew")
            raise
    checkpoint = _checkpoint(config, model, start, tuning, tuned, chosen, key)
    write_checkpoint(folder / MODEL, checkpoint)
    return checkpoint, tuned


def _load(config, chosen: list[Subject], cache, model, plain, prefilter, neighbors, make_reporter) -> list[ShotFrame]:
    """The frames to train on, as arrays in the cache; those without noise, and those that cannot be read, are left out.

    Raises UnreadableFile where none can be read.
    """
    make_pilot = pilot_maker(config, plain)
    frames, finished, unreadable = [], [], []
    with make_reporter("reading") as progress:
        progress.start(len(chosen), len(chosen))
        for subject in chosen:
            try:
                if neighbors:
                    neighbors.check(subject.index, progress.warn, subject.layer)
                frame = load_frame(subject.paths, subject.layer, _features(model, plain), prefilter, make_pilot, cache,
                                   _cache_key(subject, model, plain, prefilter, neighbors),
                                   partial(neighbors.of, subject.index, subject.layer) if neighbors else None)
            except UnreadableFile as error:
                unreadable.append(error)
                if len(unreadable) == len(chosen):
                    raise
                progress.warn(f"not trained on: {error.what}")
                frame = None
            else:
                finished += [subject] if frame is None else []
            frames += [frame] if frame else []
            progress.advance(1, subject.paths[0].name)
        if finished:
            progress.note(f"{len(finished)} of {len(chosen)} frames hold no noise, like {finished[0].paths[0].name}: they are "
                          "finished as they are, and nothing is learned from them")
    return frames


def _cache_key(subject: Subject, model, plain, prefilter, neighbors) -> str:
    """Everything but its own files that the arrays of a frame depend on."""
    seen = [[_facts(neighbors.groups[there]) if there is not None else None for there in neighbors.windows[subject.index]]
            ] if neighbors else []
    return repr((_digest(plain), model, prefilter.name if prefilter else "", neighbors.name if neighbors else "", seen))


def pilot_maker(config: AdaptConfig, start: Checkpoint | None):
    """What turns the mean of all seeds, guides cleaned, into the start's picture: Frame → radiance (H, W, 3)."""
    if start is None:
        return lambda frame: _blurred(frame.color)
    return Denoiser(start, config.device, engine=config.engine, prefilter=False, precision=config.precision).denoise


def _blurred(color):
    """Mean over 7×7 pixels: the nearest thing to a denoised picture where there is no network yet."""
    padded = np.pad(color, ((4, 3), (4, 3), (0, 0)), mode="edge").cumsum(0, dtype=np.float64).cumsum(1)
    return ((padded[7:, 7:] - padded[:-7, 7:] - padded[7:, :-7] + padded[:-7, :-7]) / 49).astype(np.float32)


def _checkpoint(config, model, start, tuning, tuned, chosen, key) -> Checkpoint:
    provenance = {"config": to_dict(config), "adapt_key": key,
                  "adapted_to": f"{len(chosen)} frame(s) of {chosen[0][0].resolve().parent.name}",
                  "share": tuned.share, "error_ratio": tuning.calibration.ratio(), "shared_error": tuning.shared,
                  "trained_on": _names(chosen), "step": tuned.steps, "seconds": tuned.seconds,
                  "checks": [[check.step, check.change, check.uncertainty] for check in tuned.checks],
                  "origin": describe_origin(start) if start else None}
    return Checkpoint(model, tuned.weights, provenance)


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


def _features(model: ModelConfig, plain: Checkpoint | None) -> tuple[str, ...]:
    """What is read of each frame."""
    wanted = {*model.features, *(plain.model.features if plain else ())}
    return tuple(feature for feature in FEATURES if feature in wanted)


def _denoise(config, subjects: list[list[Subject]], outputs, adapted: Checkpoint | None, plain, prefilter, neighbors,
             make_reporter, on_picture, report, failed) -> list[FrameResult]:
    """All frames that are not there yet; those that cannot be read go to `failed`. Prefiltering is done once for both networks.

    adapted None: no frame held any noise.
    """
    with make_reporter("denoising") as progress:
        artist = _Artist(config, adapted, plain, prefilter, neighbors, progress, on_picture)
        progress.start(len(subjects), len(subjects))
        for found, output in zip(subjects, outputs, strict=True):
            looked_at = artist.looks_at(found)
            if not found or report.has(output, looked_at):
                progress.advance(1, f"{output.name}: {'was there' if found else 'left out'}")
                continue
            done = [0.0]

            def on_progress(share, done=done):
                progress.advance(share - done[0], finished=False)
                done[0] = share
            try:
                result = artist.denoise(found, output, on_progress)
            except UnreadableFile as error:
                if len(subjects) == 1:
                    raise
                failed[found[0].paths[0]] = error
                progress.advance(1 - done[0], f"{output.name}: failed")
                continue
            report.add(result, looked_at)
            expected = "no noise" if result.psnr_db is None else f"about {result.psnr_db:.1f} dB"
            progress.advance(1 - done[0], f"{output.name}: {expected}")
    return [report.frames[output.name] for output in outputs if output.name in report.frames]


class _Artist:
    """Denoises one frame after the other, all its view layers, into files."""

    def __init__(self, config, adapted, plain, prefilter, neighbors, progress, on_picture):
        self.config, self.neighbors, self.on_picture = config, neighbors, on_picture
        self.features: tuple[str, ...] = ()
        self.painter = self.alpha = None
        if adapted is None:
            return
        self.features, told = _features(adapted.model, plain), adapted.provenance
        options = {"device": config.device, "engine": config.engine, "prefilter": False, "precision": config.precision,
                   "average": config.average, "warn": progress.warn}
        self.painter = Painter(Denoiser(adapted, **options), Denoiser(plain, **options) if plain else None, prefilter,
                               told["share"], told["error_ratio"], told.get("shared_error", 0.0))
        self.alpha = self.painter.adapted.alpha
        progress.note(f"denoising with {self.painter.adapted.engine.description}")

    def looks_at(self, subjects: list[Subject]) -> list[Path]:
        """The files that the picture depends on."""
        if not self.neighbors:
            return list(subjects[0].paths) if subjects else []
        places = {there for subject in subjects for there in self.neighbors.windows[subject.index] if there is not None}
        return [path for there in sorted(places) for path in self.neighbors.groups[there]]

    def denoise(self, subjects: list[Subject], output: Path, on_progress) -> FrameResult:
        image = ExrImage(subjects[0].paths[0])
        pictures = []
        for number, subject in enumerate(subjects):
            frames = read_group(subject.paths, subject.layer, self.features)
            picture = self._paint(subject, frames, lambda share, start=number: on_progress((start + share) / len(subjects)))
            mean = mean_frame(frames)
            put_picture(image, subject.layer, mean, picture.color, self.alpha(mean) if self.alpha else None,
                        FileOptions(keep_noisy=self.config.keep_noisy))
            image.add_pass(subject.layer, ERROR_PASS, {"V": picture.error})
            pictures.append((subject.layer, picture))
        image.write(output)
        for layer, picture in pictures:
            named = output if len(pictures) == 1 else output.with_name(f"{output.stem}.{layer}{output.suffix}")
            self.on_picture(named, picture)
        shares = {name: float(np.mean([picture.shares[name] for _, picture in pictures])) for name in pictures[0][1].shares}
        return FrameResult(output, psnr_of(float(np.mean([picture.squared_error for _, picture in pictures]))), shares)

    def _paint(self, subject, frames: list[Frame], on_progress) -> Picture:
        if self.painter is None:
            return finished_picture(frames)
        neighbors = self.neighbors.of(subject.index, subject.layer) if self.neighbors else None
        return self.painter.paint(frames, held_out_pixels(*frames[0].color.shape[:2]), on_progress, neighbors)


class _Report:
    """Everything that the run says in numbers, as JSON beside the frames; also which frames are done."""

    def __init__(self, path: Path, config, adapted: Checkpoint):
        self.path = path
        self.content = {"n2n_render": __version__, "config": to_dict(config), **_told(adapted)}
        self.frames: dict[str, FrameResult] = {}
        self.sources: dict[str, list] = {}
        self.content = json.loads(json.dumps(self.content))  # tuples are lists there
        earlier = self._read()
        if all(earlier.get(name) == self.content[name] for name in ("adapt_key", "config")):
            for frame in earlier.get("frames", []):
                output = path.parent / frame.pop("file")
                self.sources[output.name] = frame.pop("sources")
                self.frames[output.name] = FrameResult(output, frame.pop("expected_psnr_db"), frame)

    def _read(self) -> dict:
        try:
            found = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def has(self, output: Path, files) -> bool:
        """Whether the frame was denoised from these very files, its neighbours' included."""
        return output.exists() and self.sources.get(output.name) == _facts(files)

    def add(self, frame: FrameResult, files):
        self.frames[frame.output.name], self.sources[frame.output.name] = frame, _facts(files)
        frames = [{"file": name, "expected_psnr_db": done.psnr_db, **done.shares, "sources": self.sources[name]}
                  for name, done in self.frames.items()]
        content = json.dumps({**self.content, "frames": frames}, indent=1) + "\n"
        write_beside(self.path, lambda temporary: Path(temporary).write_text(content))


def _told(adapted: Checkpoint | None) -> dict:
    """What the model says of its training."""
    if adapted is None:
        return {"adapt_key": ""}
    told = adapted.provenance
    return {"adapt_key": told["adapt_key"], "share": told["share"], "error_ratio": told["error_ratio"],
            "shared_error": told.get("shared_error", 0.0), "steps": told["step"], "seconds": told["seconds"],
            "checks": [dict(zip(("step", "change", "uncertainty"), check, strict=True)) for check in told["checks"]]}


def _facts(files) -> list:
    """What changes when a frame is rendered again."""
    return [[str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns] for path in files]
