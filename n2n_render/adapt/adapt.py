"""Noisy renders of a shot → OUT: its frames denoised, how far each may be from the truth, and the model that did it."""
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .. import __version__
from ..config import AdaptConfig, TrainConfig, to_dict
from ..denoise import Denoiser, Prefilter
from ..errors import N2NError
from ..files import write_beside
from ..frame.exr import ExrImage
from ..frame.pairs import MANIFEST
from ..frame.sequence import check_overwrites
from ..network.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from ..network.models import describe_origin, open_model
from ..network.unet import OIDN_NETWORKS, ModelConfig
from ..train.setup import start_model
from .picture import Painter, Picture
from .shot import ShotFrame, check_sizes, held_out_pixels, load_frame, read_group
from .tune import Tuned, Tuning

MODEL, REPORT, CACHE = "adapted.pt", "report.json", ".adapt-cache"
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
          on_picture: Callable[[Path, Picture], None] = lambda path, picture: None) -> Adaptation:
    """Trains on the frames' own renders, then denoises them into the folder `out`.

    groups: the files of each frame, one for each seed, see `shot.find_groups`; make_reporter(title): as in console.py;
    on_picture(path of the denoised frame, Picture) is told of each. Run again with the same arguments after an
    interruption, it uses the weights and the frames that were finished.
    """
    folder = Path(out)
    outputs = [folder / name for name in names]
    _check(folder, groups, outputs, names)
    start_config, start = _start(config)
    clean = start_config.clean_guides if start else set(start_config.features) >= {"albedo", "normal"}
    make_prefilter = (lambda: Prefilter(start_config, config.device, engine=config.engine, precision=config.precision)) \
        if clean else (lambda: None)
    chosen = range(len(groups))[::-(-len(groups) // config.train_frames)]
    key = _key(config, start_config, start, [groups[index] for index in chosen])
    adapted, tuned = _earlier(folder / MODEL, key), None
    if adapted is None:
        _make_folder(folder / CACHE)
        adapted, tuned = _tune(config, groups, chosen, folder, start_config, start, make_prefilter(), key, make_reporter)
    report = _Report(folder / REPORT, config, adapted)
    frames = _denoise(config, groups, outputs, adapted, start, make_prefilter(), make_reporter, on_picture, report)
    shutil.rmtree(folder / CACHE, ignore_errors=True)
    return Adaptation(folder / MODEL, tuned, frames)


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


def _start(config: AdaptConfig) -> tuple[ModelConfig, Checkpoint | None]:
    """The network to adapt, and the checkpoint that it starts from; None: from nothing."""
    if config.init == NOTHING:
        return start_model(TrainConfig(hdr=True, features=("albedo", "normal"), prefilter=True))
    if config.init not in OIDN_NETWORKS and open_model(config.init).model.output == "display":
        raise N2NError(f"--init {config.init} is a model of display-referred images", "Start from one of linear radiance.")
    model, start = start_model(TrainConfig(hdr=True, init=config.init))
    return model, replace(start, model=model)


def _key(config, model, start, trained) -> str:
    """Names everything that the adapted weights depend on."""
    kept = {name: value for name, value in to_dict(config).items()
            if name not in ("average", "keep_noisy", "engine", "precision", "threads", "device")}
    files = [[(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in group] for group in trained]
    return hashlib.sha256(repr((__version__, kept, model, _digest(start), files)).encode()).hexdigest()


def _digest(start: Checkpoint | None) -> str:
    """Of the weights: a file of the same name may hold others tomorrow."""
    digest = hashlib.sha256()
    for name, tensor in sorted(start.weights.items()) if start else []:
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


def _tune(config, groups, chosen, folder, model, start, prefilter, key, make_reporter) -> tuple[Checkpoint, Tuned]:
    frames = _load(config, [(index, groups[index]) for index in chosen], folder / CACHE, model, start, prefilter, make_reporter)
    with make_reporter("adapting") as progress:
        tuning = Tuning(frames, model, start.weights if start else None, config, progress)
        try:
            tuned = tuning.run()
        except KeyboardInterrupt:
            if tuning.best:
                path = folder / f"interrupted-{MODEL}"
                write_checkpoint(path, _checkpoint(config, model, start, tuning, tuning.best, groups, chosen, ""))
                progress.note(f"what was learned is in {path}: go on with --init {path}, or denoise with --model {path}")
            raise
    checkpoint = _checkpoint(config, model, start, tuning, tuned, groups, chosen, key)
    write_checkpoint(folder / MODEL, checkpoint)
    return checkpoint, tuned


def _load(config, chosen, cache, model, start, prefilter, make_reporter) -> list[ShotFrame]:
    """The frames to train on, as arrays in the cache."""
    pilot = Denoiser(start, config.device, engine=config.engine, prefilter=False, precision=config.precision) if start else None
    make_pilot = pilot.denoise if pilot else (lambda frame: _blurred(frame.color))
    key = repr((_digest(start), model, prefilter.name if prefilter else ""))
    with make_reporter("reading") as progress:
        progress.start(len(chosen), len(chosen))
        frames = []
        for index, group in chosen:
            frames.append(load_frame(group, index, config.layer, model.features, prefilter, make_pilot, cache, key))
            progress.advance(1, group[0].name)
    return frames


def _blurred(color):
    """Mean over 7×7 pixels: the nearest thing to a denoised picture where there is no network yet."""
    padded = np.pad(color, ((4, 3), (4, 3), (0, 0)), mode="edge").cumsum(0, dtype=np.float64).cumsum(1)
    return ((padded[7:, 7:] - padded[:-7, 7:] - padded[7:, :-7] + padded[:-7, :-7]) / 49).astype(np.float32)


def _checkpoint(config, model, start, tuning, tuned, groups, chosen, key) -> Checkpoint:
    provenance = {"config": to_dict(config), "adapt_key": key,
                  "adapted_to": f"{len(chosen)} frame(s) of {groups[0][0].resolve().parent.name}",
                  "share": tuned.share, "error_ratio": tuning.calibration.ratio(),
                  "trained_frames": list(chosen), "step": tuned.steps, "seconds": tuned.seconds,
                  "checks": [[check.step, check.change, check.uncertainty] for check in tuned.checks],
                  "origin": describe_origin(start) if start else None}
    return Checkpoint(model, tuned.weights, provenance)


def _denoise(config, groups, outputs, adapted, start, prefilter, make_reporter, on_picture, report) -> list[FrameResult]:
    """All frames that are not there yet. Prefiltering is done once for both networks."""
    features, provenance = adapted.model.features, adapted.provenance
    options = {"device": config.device, "engine": config.engine, "prefilter": False, "precision": config.precision,
               "average": config.average}
    with make_reporter("denoising") as progress:
        options["warn"] = progress.warn
        painter = Painter(Denoiser(adapted, **options), Denoiser(start, **options) if start else None, prefilter,
                          provenance["share"], provenance["error_ratio"])
        progress.note(f"denoising with {painter.adapted.engine.description}")
        progress.start(len(groups), len(groups))
        for index, (group, output) in enumerate(zip(groups, outputs, strict=True)):
            if report.has(output):
                progress.advance(1, f"{output.name}: was there")
                continue
            frames = read_group(group, config.layer, features)
            known = _known(index, provenance["trained_frames"], frames[0].color.shape[:2])
            picture = painter.paint(frames, known, lambda share: None)
            _write(group[0], output, picture, config, features)
            on_picture(output, picture)
            report.add(FrameResult(output, picture.psnr_db, picture.shares))
            progress.advance(1, f"{output.name}: about {picture.psnr_db:.1f} dB")
    return [report.frames[output.name] for output in outputs]


def _known(index, trained, size):
    """Pixels that the training has not seen as targets: all of a frame that it did not use."""
    return held_out_pixels(*size, index) if index in trained else np.ones(size, bool)


def _write(source: Path, output: Path, picture: Picture, config, features):
    image = ExrImage(source)
    layer = image.layer(config.layer, features)
    image.replace_color(layer, picture.color, config.keep_noisy)
    image.add_pass(layer, ERROR_PASS, {"V": picture.error})
    image.write(output)


class _Report:
    """Everything that the run says in numbers, as JSON beside the frames; also which frames are done."""

    def __init__(self, path: Path, config, adapted: Checkpoint):
        self.path, told = path, adapted.provenance
        self.content = {"n2n_render": __version__, "adapt_key": told["adapt_key"], "config": to_dict(config),
                        "share": told["share"], "error_ratio": told["error_ratio"], "steps": told["step"],
                        "seconds": told["seconds"],
                        "checks": [dict(zip(("step", "change", "uncertainty"), check, strict=True))
                                   for check in told["checks"]]}
        self.frames: dict[str, FrameResult] = {}
        earlier = self._read()
        if all(earlier.get(name) == self.content[name] for name in ("adapt_key", "config")):
            for frame in earlier["frames"]:
                output = path.parent / frame.pop("file")
                self.frames[output.name] = FrameResult(output, frame.pop("expected_psnr_db"), frame)

    def _read(self) -> dict:
        try:
            found = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def has(self, output: Path) -> bool:
        return output.name in self.frames and output.exists()

    def add(self, frame: FrameResult):
        self.frames[frame.output.name] = frame
        frames = [{"file": name, "expected_psnr_db": done.psnr_db, **done.shares} for name, done in self.frames.items()]
        content = json.dumps({**self.content, "frames": frames}, indent=1) + "\n"
        write_beside(self.path, lambda temporary: Path(temporary).write_text(content))
