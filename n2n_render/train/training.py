"""Renders, or observations of images → a run folder: its best and last weights, its curves."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..config import to_dict
from ..learn.loop import Loop
from ..learn.protocols import Loss, Sampler
from ..learn.schedule import Advice, Schedule
from ..learn.team import ALONE, Team
from ..network.device import Float32, cpu_threads, describe_device, pick_device
from ..network.provenance import Facts
from ..progress import Progress, Reporter, silent
from .earlier import Earlier
from .folder import held_run, new_folder
from .journal import Journal
from .keeper import BEST, LAST, Background, Bystander, RunKeeper
from .lesson import Lesson, RankingJudge
from .observations import open_observations
from .options import OF_RENDERS, SHOWN, ResumeOptions, TrainOptions
from .pairs import features_of
from .renders import open_renders
from .settled import Settled, settled

WrapSampler = Callable[[Sampler], Sampler]


@dataclass(frozen=True)
class Trained:
    """What a run left.

    Attributes:
        folder: The run folder, with metrics.jsonl, training.png and previews too.
        best: The weights that were best on what was held out, to denoise with.
        last: The newest weights, with all that is needed to go on.
        steps: Optimiser steps, those of earlier parts of the run included.
        noise: As the run was asked for; None: renders.
        error: Of the best weights: of renders `validation.pair_error`, of observations the mean squared error of their signals.
    """

    folder: Path
    best: Path
    last: Path
    steps: int
    noise: str | None
    error: float


def train(
    options: TrainOptions, reporter: Reporter = silent, loss: Loss | None = None, sampler: WrapSampler | None = None
) -> Trained:
    """Trains a denoiser on noisy pairs, or on images under a noise, until the options say that it is enough.

    Ctrl-C (KeyboardInterrupt) takes effect between two steps and saves last.pt before it goes on upwards, so that a
    resumed run is the same as an uninterrupted one.

    In processes that `torchrun` started they train together, see learn/team.py; only the first writes and tells.

    Args:
        loss: Instead of the options' own; see learn/loop.py for an example.
        sampler: Takes the sampler of the pairs and gives the one to train with, such as a corruption of it.

    Raises:
        N2NError: The options ask for what cannot be, or something is missing, full or damaged.
    """
    with _at_work(Team.find(), options, reporter) as (progress, held, team):
        return Run.open(options, progress, held, None, loss, sampler, team).train()


def resume(
    options: ResumeOptions, reporter: Reporter = silent, loss: Loss | None = None, sampler: WrapSampler | None = None
) -> Trained:
    """Goes on with an earlier run, as if it had not been interrupted; also in another number of processes, if those can share
    the whole batch.

    Args:
        loss, sampler: As they were; a run does not remember them.
    """
    folder, team = Path(options.run), Team.find()
    resumed = Earlier.open(folder).options(options, team.size)
    with _at_work(team, resumed, reporter) as (progress, held, _):
        with team.first_ahead():
            if team.is_first:
                held.enter_context(held_run(folder))
            earlier = Earlier.open(folder)  # once more: another training may just have ended
        if said := earlier.other_batch(resumed, team.size):
            progress.warn(said)
        return Run.open(resumed, progress, held, earlier, loss, sampler, team).train()


@contextlib.contextmanager
def _at_work(team: Team, options: TrainOptions, reporter: Reporter) -> Iterator[tuple[Progress, contextlib.ExitStack, Team]]:
    """What a training tells, and what holds its locks until the end; inside, the processes are connected."""
    with (
        team.gathered(team.device(options.device)),
        team.reporter(reporter)("training") as progress,
        Float32(),
        cpu_threads(team.threads(options.threads)),
        contextlib.ExitStack() as held,
    ):
        yield progress, held, team


@dataclass(frozen=True)
class Run:
    """One training, ready to begin or to go on."""

    folder: Path
    loop: Loop
    judge: RankingJudge
    keeper: RunKeeper | Bystander
    lesson: Lesson
    settings: dict[str, Any]
    progress: Progress

    @classmethod
    def open(
        cls,
        options: TrainOptions,
        progress: Progress,
        held: contextlib.ExitStack,
        earlier: Earlier | None = None,
        loss: Loss | None = None,
        sampler: WrapSampler | None = None,
        team: Team = ALONE,
    ) -> "Run":
        """Everything that can be refused is refused here, before a run folder is made.

        Args:
            held: What is locked until it is closed.
            team: Whose members do the same, gathered.
        """
        wanted = settled(options)
        device = team.device(wanted.device)
        pick_device(device)  # a device that is not there is refused before anything is read
        wanted = _with_features(wanted)
        settings = {name: value for name, value in to_dict(wanted).items() if name not in SHOWN}
        precision = wanted.precision
        wanted = replace(wanted, device=device)
        lesson = _lesson(wanted, earlier, progress, held, team)
        start, origin = lesson.start.checkpoint, None
        if earlier:
            origin, precision, folder = earlier.last.provenance.origin, earlier.check(lesson.datasets), earlier.folder
        else:
            origin = start.provenance.describe() if start else None
            told = settings if team.is_alone else {**settings, "processes": team.size}
            name = options.name or _name_of(lesson.datasets)
            folder = team.ask(lambda: new_folder(options.out, name, told, held))
        loop = Loop.open(
            lesson.start.model,
            start.tensors() if start else None,
            sampler(lesson.sampler) if sampler else lesson.sampler,
            loss or lesson.loss,
            _schedule(wanted),
            wanted.device,
            precision,
            wanted.seed,
            team,
        )
        loop.advice = Advice(f"{Advice.gradient[:-1]}; the best checkpoint so far is in {folder}.")
        judge = lesson.open_judge(loop)
        keeper: RunKeeper | Bystander = Bystander()
        if earlier:
            earlier.restore(loop, judge)
        if team.is_first:
            journal = Journal.open(folder, progress.warn)
            if earlier:
                journal.forget_after(loop.steps)
            background = Background(settings, tuple(lesson.trained_on), lesson.datasets, team.size, origin)
            keeper = RunKeeper(folder, journal, judge, background, progress, lesson.show)
        return cls(folder, loop, judge, keeper, lesson, settings, progress)

    def train(self) -> Trained:
        """To the end, or until Ctrl-C."""
        loop, keeper, progress, folder = self.loop, self.keeper, self.progress, self.folder
        progress.note(_told(self.settings))
        where = loop.team.each_on(describe_device(loop.device))
        progress.note(f"training on {where}, {loop.precision}: {self.lesson.described}, into {folder}")
        try:
            loop.run(self.judge, keeper, progress)
        except KeyboardInterrupt:
            loop.settle()
            keeper.save(loop, LAST)
            keeper.rescue()
            progress.note(f"saved at step {loop.steps}; go on with: n2n-render train --resume {folder}")
            loop.team.wait()  # for the first: torchrun ends all when one of them has ended
            raise
        keeper.rescue()
        error = loop.team.agree(self.judge.best)
        return Trained(folder, folder / BEST, folder / LAST, loop.steps, self.settings["noise"], error)


def _with_features(options: Settled) -> Settled:
    """From nothing, with all guides that there are, unless some were named."""
    if options.noise is not None or options.init is not None or options.features is not None:
        return options
    return replace(options, features=features_of(options.data))


def _lesson(options: Settled, earlier: Earlier | None, progress: Progress, held: contextlib.ExitStack, team: Team) -> Lesson:
    model = earlier.last.model if earlier else None
    if options.noise:
        return open_observations(options, model, team)
    return open_renders(options, model, progress, held, team)


def _schedule(options: Settled) -> Schedule:
    return Schedule(
        options.learning_rate,
        options.steps,
        options.minutes * 60,
        options.schedule,
        options.warmup_steps,
        options.ema,
        options.validations,
        norm_batch_fraction=options.norm_batch_fraction,
    )


def _told(settings: dict[str, Any]) -> str:
    """All that means something for this run."""
    idle = OF_RENDERS if settings["noise"] else ()
    return ", ".join(f"{key} {value}" for key, value in settings.items() if value is not None and key not in idle)


def _name_of(datasets: tuple[Facts, ...]) -> str:
    """Of a run that was given none."""
    name = str(datasets[0]["name"])
    return name if len(datasets) == 1 else f"{len(datasets)}-datasets"
