"""The model of a shot: learned from its frames, or that of an earlier run with the same frames and settings."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from ..errors import N2NError, doubt
from ..frame.arrays import Array
from ..io.atomic import make_folder
from ..io.dataset import frame_names
from ..io.scenes import scene_name
from ..learn.held_out import gain_db
from ..learn.samplers import Crops
from ..learn.schedule import Schedule
from ..learn.shot import ShotFrame
from ..learn.start import is_trained_on
from ..learn.team import ALONE, Team
from ..network.checkpoint import Checkpoint, read_checkpoint, write_somewhere
from ..network.device import cpu_threads
from ..network.provenance import Provenance
from ..progress import Progress, Reporter
from .shot import Shot
from .tuning import Tuned, Tuning, follow

MODEL, CACHE = "adapted.pt", ".adapt-cache"
TOLD = ("blend_weight", "error_ratio", "step", "seconds", "checks")  # by a model, for painting the frames


@dataclass(frozen=True)
class Learned:
    """What the training on a shot gave.

    Attributes:
        steps: Of the best moment; 0: training made nothing better.
        blend_weight: How far the pictures go from the start's to the adapted network's, for the whole shot.
        gain_db: What that gains on the start, on held-out tiles; 0: nothing.
        seconds: Of training until then.
        stopped: Why the training ended before its time, in words; None: it did not.
        now: False where the model in the folder was that of an earlier run with the same frames and settings.
    """

    steps: int
    blend_weight: float
    gain_db: float
    seconds: float
    stopped: str | None
    now: bool

    @property
    def anything(self) -> bool:
        """Whether the pictures are others than the start's."""
        return bool(self.steps or self.blend_weight)


@dataclass(frozen=True)
class Training:
    """How the weights are learned.

    Attributes:
        start_name: As the user calls what it starts from.
        crops: Of this process.
        patience: See `HeldOutJudge`.
        team: The processes that train together.
        passes: Of light that are trained on beside the pictures.
    """

    start_name: str
    schedule: Schedule
    crops: Crops
    patience: int
    device: str
    threads: int | None
    team: Team = ALONE
    passes: Sequence[str] = ()


@dataclass(frozen=True)
class Told:
    """What the model's file says of the run. key: of a finished training, see `Shot.key`."""

    settings: Mapping[str, Any]
    key: str


@dataclass(frozen=True)
class Kept:
    """An adapted model, where it lies, and what it learned."""

    checkpoint: Checkpoint
    path: Path
    now: bool

    @property
    def learned(self) -> Learned:
        told = self.checkpoint.provenance
        return Learned(told.step or 0, told.blend_weight or 0.0, _gain_db(told), told.seconds or 0.0, told.stopped, self.now)


def _gain_db(told: Provenance) -> float:
    """Models of before say it of the whole way only, which gains less than the way that is gone."""
    if told.gain_db is not None:
        return told.gain_db
    change = next((change for step, change, _ in told.checks or () if step == told.step), 0.0)
    return gain_db(min(change, 0.0)) if told.blend_weight else 0.0


def earlier_model(path: Path, key_of: Callable[[Sequence[str]], str]) -> Kept | None:
    """What an earlier run with the same frames and settings learned, whatever passes it was trained on besides. Another one's
    is not overwritten silently. key_of: passes that were trained on → the key of such a training.
    """
    if not path.exists():
        return None
    kept = trained_model(path)
    told = kept.checkpoint.provenance
    passes = (told.options or {}).get("passes", ())
    if told.key == key_of(tuple(passes) if isinstance(passes, (list, tuple)) else ()):
        return kept
    raise N2NError(f"{path} was adapted to other frames or with other settings", "Pass another folder with -o, or delete it.")


def trained_model(path: Path) -> Kept:
    """What a training that was finished left, whatever it was of."""
    try:
        checkpoint = read_checkpoint(path)
    except N2NError as error:
        raise N2NError(error.what, f"If {path} can be spared, delete it and adapt again.") from None
    checkpoint.provenance.require(TOLD, f"{path}: provenance", "Delete it and adapt again.")
    return Kept(checkpoint, path, False)


def learn(
    shot: Shot,
    folder: Path,
    told: Told,
    training: Training,
    preview: Callable[[Sequence[Array], float], None],
    reporter: Reporter,
) -> Kept | None:
    """Trains, and keeps the model: in `folder`, if that is possible. None where no frame holds any noise, and in all
    processes of a team but the first.
    """
    team = training.team
    with team.first_ahead():
        make_folder(folder / CACHE)
        frames = shot.load(folder / CACHE, reporter, training.passes)
    if not frames:
        return None
    settings = training.schedule, training.crops, training.device
    if not team.is_first:
        _follow(frames, shot, training)
        return None
    with reporter("adapting") as progress:
        _warn_of_familiar(shot, frames, training.start_name, progress)
        tuning = Tuning.open(frames, shot.start, *settings, progress, preview, training.patience, team)
        try:
            with cpu_threads(training.threads):
                tuned = tuning.run()
        except BaseException as error:  # Ctrl-C, or another process is gone
            if tuning.best and (tuning.best.steps or tuning.best.blend_weight):
                unfinished = _checkpoint(shot, frames, tuning, tuning.best, replace(told, key=""))
                path = write_somewhere(folder / f"interrupted-{MODEL}", unfinished)
                progress.note(f"the best so far is in {path} for `denoise --model`; adapting again starts anew")
            if isinstance(error, KeyboardInterrupt):
                team.wait()
            raise
    learned = _checkpoint(shot, frames, tuning, tuned, told)
    shutil.rmtree(folder / CACHE, ignore_errors=True)  # it has done its work, and may leave just the space that is needed
    kept = write_somewhere(folder / MODEL, learned)
    if kept != folder / MODEL:
        doubt(
            f"{folder / MODEL} cannot be written; the model is kept as {kept}: with space, move it there and adapt again, "
            "which goes on with the frames"
        )
    return Kept(learned, kept, True)


def _follow(frames: Sequence[ShotFrame], shot: Shot, training: Training) -> None:
    try:
        with cpu_threads(training.threads):
            follow(frames, shot.start, training.schedule, training.crops, training.device, training.team)
    except KeyboardInterrupt:
        training.team.wait()  # for the first, which saves: torchrun ends all when one of them has ended
        raise


def _warn_of_familiar(shot: Shot, frames: Sequence[ShotFrame], start_name: str, progress: Progress) -> None:
    if shot.start.checkpoint and is_trained_on(shot.start.checkpoint, frame_names([frame.paths for frame in frames])):
        progress.warn(
            f"{start_name} was trained on some of these very frames: it looks better here than it is, and less will be adapted"
        )


def _checkpoint(shot: Shot, frames: Sequence[ShotFrame], tuning: Tuning, tuned: Tuned, told: Told) -> Checkpoint:
    chosen, start = list(dict.fromkeys(frame.paths for frame in frames)), shot.start.checkpoint
    provenance = Provenance(
        options=dict(told.settings),
        key=told.key,
        adapted_to=f"{len(chosen)} frame(s) of {chosen[0][0].resolve().parent.name}",
        scene=scene_name(chosen[0][0]),
        made=date.today().isoformat(),
        blend_weight=tuned.blend_weight,
        gain_db=tuned.gain_db,
        error_ratio=tuning.calibration.ratio(),
        shared_error=tuning.shared_error,
        trained_on=tuple(frame_names(chosen)),
        step=tuned.steps,
        seconds=tuned.seconds,
        checks=tuple((check.step, check.change, check.uncertainty) for check in tuning.checks),
        stopped=tuning.stopped,
        precision=tuning.loop.precision,
        origin=start.provenance.describe() if start else None,
    )
    return Checkpoint(shot.start.model, tuned.weights, provenance)
