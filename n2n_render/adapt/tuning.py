"""Frames of a shot → weights for this shot: trained on one render against the other, judged on tiles held out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import N2NError
from ..frame.arrays import Array
from ..judge.error import Calibration
from ..learn.held_out import Check, HeldOutJudge, pictures_by
from ..learn.loop import Loop
from ..learn.protocols import Forgetful, Unasked, Verdict, Weights
from ..learn.samplers import Crops
from ..learn.schedule import Advice, Schedule
from ..learn.shot import ShotFrame
from ..learn.shot_loop import open_shot_loop
from ..learn.start import ShotStart
from ..learn.team import ALONE, Team
from ..network.device import Float32, describe_device, pick_device
from ..progress import Progress

ADVICE = Advice("Adapt with a lower --learning-rate.", "Adapt with a smaller --batch or --crop.")
OnLook = Callable[[Sequence[Array], float], None]


@dataclass(frozen=True)
class Tuned:
    """The best moment of a training on a shot.

    Attributes:
        blend_weight: How far to go from the start's picture to theirs, for the whole shot.
        gain_db: What that gains on the start, on held-out tiles.
        seconds: Of training until then.
    """

    weights: Weights
    blend_weight: float
    gain_db: float
    steps: int
    seconds: float


class Tuning:
    """One training on a shot; it keeps the best weights itself, as the loop's Keeper.

    Attributes:
        best: Until something is better, the start; from nothing None, until the first check.
        calibration: Of error and difference.
        shared_error: What pictures of both halves get wrong alike, see `judge.error.SharedError`; 0 without neighbours.
        stopped: Why the training ended before its time, in words; None: it did not.
    """

    def __init__(
        self,
        loop: Loop,
        judge: HeldOutJudge,
        best: Tuned | None,
        calibration: Calibration,
        progress: Progress,
        on_look: OnLook,
    ):
        """on_look([noisy, start, adapted], exposure), exposed radiance (h, w, 3) and the factor in it, is called at the
        beginning, with the start twice, and whenever tiles were judged.
        """
        self.loop, self.judge, self.progress, self.on_look = loop, judge, progress, on_look
        self.best, self.calibration = best, calibration
        self.shared_error = 0.0
        self.stopped: str | None = None
        self._shown_loss: float | None = None

    @classmethod
    @Float32()
    def open(
        cls,
        frames: Sequence[ShotFrame],
        start: ShotStart,
        schedule: Schedule,
        crops: Crops,
        device: str,
        progress: Progress,
        on_look: OnLook,
        patience: int = 0,
        team: Team = ALONE,
    ) -> "Tuning":
        """Builds the network, and looks at the start's pictures.

        Args:
            patience: See `HeldOutJudge`; from nothing there is none.
            team: Of which this process is the first; the others `follow`.
        """
        loop = open_shot_loop(frames, start, schedule, crops, device, ADVICE, team)
        by_start = pictures_by(start.checkpoint, loop.device)
        judge = HeldOutJudge.open(start.model, frames, by_start, loop.device, patience if by_start else 0)
        best = None if judge.from_nothing else Tuned(loop.weights(), 0.0, 0.0, 0, 0.0)
        return cls(loop, judge, best, judge.calibration(), progress, on_look)

    @property
    def checks(self) -> list[Check]:
        """What the held-out tiles said."""
        return self.judge.checks

    @Float32()
    def run(self) -> Tuned:
        """Raises KeyboardInterrupt after Ctrl-C; `best` is then what was best so far. What goes wrong later than the first
        check ends the run with a warning, unless others train with this process.
        """
        loop, schedule = self.loop, self.loop.schedule
        length = f"{schedule.steps} steps" if schedule.steps else f"{schedule.seconds / 60:g} minutes"
        where = loop.team.each_on(describe_device(loop.device))
        self.progress.note(f"training on {where}, {loop.precision}, {length}")
        self.on_look(self.judge.show(), self.judge.shown.exposure)  # the first check may be minutes away
        if _is_judged_before(loop):
            loop.look(self.judge, self)
        try:
            loop.run(self.judge, self, self.progress)
        except N2NError as error:
            if not self.checks or not self.best or not loop.team.is_alone:
                raise
            self.stopped = error.what
            self.progress.warn(f"stopped early: {error.what}; going on with the best so far. {error.hint}")
        if 0 < self.judge.patience <= self.judge.idle:
            self.stopped = f"the last {self.judge.idle} checks on held-out tiles showed no progress"
            self.progress.note(f"ended after {loop.steps} steps: {self.stopped}")
        assert self.best is not None  # the loop ends with a check
        if loop.model.reach:
            loop.network.load_state_dict(self.best.weights)
            self.calibration = Calibration()  # the usual ratio: both halves see the same neighbours, and differ by less
            self.shared_error = self.judge.shared_error(loop.network.eval())
        return self.best

    def line(self, loop: Loop) -> str:
        before = loop.last_loss if self._shown_loss is None else self._shown_loss
        self._shown_loss = 0.95 * before + 0.05 * loop.last_loss
        line = f"step {loop.steps} {loop.crops_per_s:.1f} crops/s loss {self._shown_loss:.4g}"
        if self.checks:
            line += f" error on held-out tiles {self.checks[-1].change:+.1%} ± {self.checks[-1].uncertainty:.1%}"
        return line

    def stepped(self, loop: Loop) -> None:
        pass

    def judged(self, loop: Loop, verdict: Verdict) -> None:
        self.on_look(verdict.images, self.judge.shown.exposure)
        if verdict.is_best:
            self.best = Tuned(loop.weights(), self.judge.blend_weight, self.judge.gain_db, loop.steps, loop.seconds)


def _is_judged_before(loop: Loop) -> bool:
    """With neighbours, whose samples the start itself has never seen; from nothing there is nothing to judge."""
    return loop.model.reach > 0 and loop.norms_fixed


@Float32()
def follow(frames: Sequence[ShotFrame], start: ShotStart, schedule: Schedule, crops: Crops, device: str, team: Team) -> None:
    """What the others do while the first of a team tunes: their part of each step. Raises as `Tuning.run` does."""
    loop = open_shot_loop(frames, start, schedule, crops, device, ADVICE, team)
    if _is_judged_before(loop):
        loop.look(Unasked(), Forgetful())
    loop.run(Unasked())


def usual_seconds(device: str) -> float:
    """Of a training on a shot, where nobody says how long: 20 minutes on a CPU, 5 on a GPU."""
    return (20.0 if pick_device(device).type == "cpu" else 5.0) * 60
