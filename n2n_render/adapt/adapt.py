"""Noisy renders of a shot → OUT: its frames denoised, how far each may be from the truth, and the model that did it."""
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from .. import __version__
from ..config import AdaptConfig, TrainConfig, to_dict
from ..denoise import Denoiser, Prefilter
from ..engines.choice import make_engine
from ..errors import N2NError
from ..files import write_beside
from ..frame.exr import ExrImage
from ..frame.frame import mean_frame
from ..frame.pairs import MANIFEST, spaced
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
from .picture import Painter, Picture
from .shot import ShotFrame, check_sizes, held_out_pixels, load_frame, read_group
from .tune import Tuned, Tuning

MODEL, REPORT, CACHE, PREVIEW = "adapted.pt", "report.json", ".adapt-cache", "preview.png"
ERROR_PASS = "Error"
NOTHING = "nothing"


@dataclass
class FrameResult:
    """One denoised frame: its file, the PSNR on T that is expected of it, and how much of what it is made of."""
    output: Path
    psnr_db: float
    shares: dict[str, float]


@dataclass
class Adaptation:
    """What a run gave. tuned None: the model in OUT was that of an earlier run with the same frames and settings."""
    model: Path
    tuned: Tuned | None
    frames: list[FrameResult]


def adapt(config: AdaptConfig, groups: list[tuple[Path, ...]], names: list[str], out: str, make_reporter,
          on_picture: Callable[[Path, Picture], None] = lambda path, picture: None,
          on_look: Callable[[Path, list[np.ndarray]], None] = lambda path, images: None) -> Adaptation:
    """Trains on the frames' own renders, then denoises them into the folder `out`.

    groups: the files of each frame, one for each seed, see `shot.find_groups`; make_reporter(title): as in console.py;
    on_picture(path of the denoised frame, Picture) is told of each, on_look(path, images), see `Tuning`, while it trains.
    Run again with the same arguments after an interruption, it uses the weights and the frames that were finished.
    """
    folder = Path(out)
    outputs = [folder / name for name in names]
    _check(folder, groups, outputs, names)
    model, start, plain = start_of(config)
    windows = find_windows(groups, config.temporal, list(config.shots)) if config.temporal else None
    options = {"device": config.device, "engine": config.engine, "precision": config.precision}
    make_prefilter = (lambda: Prefilter(model, **options)) if model.clean_guides else (lambda: None)

    def make_neighbors(prefilter):
        return Neighbors(model, groups, windows, config.layer, prefilter, **options) if windows else None
    chosen = spaced(list(range(len(groups))), config.train_frames)
    looked_at = sorted({there for index in chosen for there in (windows[index] if windows else [index]) if there is not None})
    key = _key(config, model, start, [groups[index] for index in looked_at])
    adapted, tuned = _earlier(folder / MODEL, key), None
    if adapted is None:
        _check_devices(config, model)
        _make_folder(folder / CACHE)
        prefilter = make_prefilter()
        frames = _load(config, groups, chosen, folder / CACHE, model, plain, prefilter, make_neighbors(prefilter),
                       make_reporter)
        adapted, tuned = _tune(config, frames, folder, model, start, plain, key, make_reporter,
                               partial(on_look, folder / PREVIEW))
    shutil.rmtree(folder / CACHE, ignore_errors=True)
    report = _Report(folder / REPORT, config, adapted)
    prefilter = make_prefilter()
    frames = _denoise(config, groups, outputs, adapted, plain, prefilter, make_neighbors(prefilter), make_reporter, on_picture,
                      report)
    return Adaptation(folder / MODEL, tuned, frames)


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
    check_sizes(groups)


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


def _load(config, groups, chosen: list[int], cache, model, plain, prefilter, neighbors, make_reporter) -> list[ShotFrame]:
    """The frames to train on, as arrays in the cache."""
    make_pilot = pilot_maker(config, plain)
    windows = [neighbors.windows[index] for index in chosen] if neighbors else ()
    key = repr((_digest(plain), model, prefilter.name if prefilter else "", neighbors.name if neighbors else "",
                [[_facts(groups[there]) if there is not None else None for there in window] for window in windows]))
    with make_reporter("reading") as progress:
        progress.start(len(chosen), len(chosen))
        frames = []
        for index in chosen:
            if neighbors:
                neighbors.check(index, progress.warn)
            frames.append(load_frame(groups[index], config.layer, _features(model, plain), prefilter, make_pilot, cache, key,
                                     partial(neighbors.of, index) if neighbors else None))
            progress.advance(1, groups[index][0].name)
    return frames


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
    """Frames as `Pair.name` names them, so that everybody can tell what a model was trained on."""
    return [f"{group[0].resolve().parent.name}/{group[0].stem.split('_s')[0]}" for group in chosen]


def _features(model: ModelConfig, plain: Checkpoint | None) -> tuple[str, ...]:
    """What is read of each frame."""
    wanted = {*model.features, *(plain.model.features if plain else ())}
    return tuple(feature for feature in FEATURES if feature in wanted)


def _denoise(config, groups, outputs, adapted, plain, prefilter, neighbors, make_reporter, on_picture,
             report) -> list[FrameResult]:
    """All frames that are not there yet. Prefiltering is done once for both networks."""
    features, provenance = _features(adapted.model, plain), adapted.provenance
    options = {"device": config.device, "engine": config.engine, "prefilter": False, "precision": config.precision,
               "average": config.average}
    with make_reporter("denoising") as progress:
        options["warn"] = progress.warn
        painter = Painter(Denoiser(adapted, **options), Denoiser(plain, **options) if plain else None, prefilter,
                          provenance["share"], provenance["error_ratio"], provenance.get("shared_error", 0.0))
        progress.note(f"denoising with {painter.adapted.engine.description}")
        progress.start(len(groups), len(groups))
        for index, (group, output) in enumerate(zip(groups, outputs, strict=True)):
            looked_at = [path for there in (neighbors.windows[index] if neighbors else [index]) if there is not None
                         for path in groups[there]]
            if report.has(output, looked_at):
                progress.advance(1, f"{output.name}: was there")
                continue
            frames = read_group(group, config.layer, features)
            done = [0.0]

            def on_progress(share, done=done):
                progress.advance(share - done[0], finished=False)
                done[0] = share
            picture = painter.paint(frames, held_out_pixels(*frames[0].color.shape[:2]), on_progress,
                                    neighbors.of(index) if neighbors else None)
            _write(group[0], output, picture, config, features, mean_frame(frames).color if config.keep_noisy else None)
            on_picture(output, picture)
            report.add(FrameResult(output, picture.psnr_db, picture.shares), looked_at)
            progress.advance(1 - done[0], f"{output.name}: about {picture.psnr_db:.1f} dB")
    return [report.frames[output.name] for output in outputs]


def _write(source: Path, output: Path, picture: Picture, config, features, noisy):
    image = ExrImage(source)
    layer = image.layer(config.layer, features)
    image.replace_color(layer, picture.color, noisy)
    image.add_pass(layer, ERROR_PASS, {"V": picture.error})
    image.write(output)


class _Report:
    """Everything that the run says in numbers, as JSON beside the frames; also which frames are done."""

    def __init__(self, path: Path, config, adapted: Checkpoint):
        self.path, told = path, adapted.provenance
        self.content = {"n2n_render": __version__, "adapt_key": told["adapt_key"], "config": to_dict(config),
                        "share": told["share"], "error_ratio": told["error_ratio"],
                        "shared_error": told.get("shared_error", 0.0), "steps": told["step"], "seconds": told["seconds"],
                        "checks": [dict(zip(("step", "change", "uncertainty"), check, strict=True))
                                   for check in told["checks"]]}
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


def _facts(files) -> list:
    """What changes when a frame is rendered again."""
    return [[str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns] for path in files]
