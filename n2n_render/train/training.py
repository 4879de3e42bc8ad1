"""Renders, or observations of images → a run folder: its best and last weights, its curves."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import to_dict
from ..learn.loop import Advice, Loop, Schedule
from ..learn.protocols import Loss, Sampler
from ..network.device import Float32, cpu_threads, describe_device, pick_device
from ..network.provenance import Facts
from ..progress import Progress, Reporter, silent
from .earlier import Earlier
from .folder import held_run, new_folder
from .journal import Journal
from .keeper import BEST, LAST, Background, RunKeeper
from .lesson import Lesson, RankingJudge
from .observations import open_observations
from .options import OF_RENDERS, ResumeOptions, TrainOptions
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

    Args:
        loss: Instead of the options' own; see learn/loop.py for an example.
        sampler: Takes the sampler of the pairs and gives the one to train with, such as a corruption of it.

    Raises:
        N2NError: The options ask for what cannot be, or something is missing, full or damaged.
    """
    with reporter("training") as progress, Float32(), cpu_threads(options.threads), contextlib.ExitStack() as held:
        return Run.open(options, progress, held, loss=loss, sampler=sampler).train()


def resume(
    options: ResumeOptions, reporter: Reporter = silent, loss: Loss | None = None, sampler: WrapSampler | None = None
) -> Trained:
    """Goes on with an earlier run, as if it had not been interrupted.

    Args:
        loss, sampler: As they were; a run does not remember them.
    """
    resumed = Earlier.open(Path(options.run)).options(options)
    with reporter("training") as progress, Float32(), cpu_threads(resumed.threads), contextlib.ExitStack() as held:
        held.enter_context(held_run(Path(options.run)))
        earlier = Earlier.open(Path(options.run))  # once more: another training may just have ended
        return Run.open(resumed, progress, held, earlier, loss, sampler).train()


@dataclass(frozen=True)
class Run:
    """One training, ready to begin or to go on."""

    loop: Loop
    judge: RankingJudge
    keeper: RunKeeper
    lesson: Lesson
    settings: dict[str, Any]

    @classmethod
    def open(
        cls,
        options: TrainOptions,
        progress: Progress,
        held: contextlib.ExitStack,
        earlier: Earlier | None = None,
        loss: Loss | None = None,
        sampler: WrapSampler | None = None,
    ) -> "Run":
        """Everything that can be refused is refused here, before a run folder is made.

        Args:
            held: What is locked until it is closed.
        """
        wanted = settled(options)
        settings, precision = to_dict(wanted), wanted.precision
        pick_device(options.device)  # a device that is not there is refused before anything is decoded
        lesson = _lesson(wanted, earlier, progress, held)
        start, origin = lesson.start.checkpoint, None
        if earlier:
            origin, precision, folder = earlier.last.provenance.origin, earlier.check(lesson.datasets), earlier.folder
        else:
            origin = start.provenance.describe() if start else None
            folder = new_folder(options.out, options.name or _name_of(lesson.datasets), settings, held)
        loop = Loop.open(
            lesson.start.model,
            start.tensors() if start else None,
            sampler(lesson.sampler) if sampler else lesson.sampler,
            loss or lesson.loss,
            _schedule(wanted),
            options.device,
            precision,
            options.seed,
        )
        loop.advice = Advice(f"{Advice.gradient[:-1]}; the best checkpoint so far is in {folder}.")
        judge, journal = lesson.open_judge(loop), Journal.open(folder, progress.warn)
        if earlier:
            earlier.restore(loop, judge, journal)
        background = Background(settings, tuple(lesson.trained_on), lesson.datasets, origin)
        return cls(loop, judge, RunKeeper(folder, journal, judge, background, progress, lesson.show), lesson, settings)

    def train(self) -> Trained:
        """To the end, or until Ctrl-C."""
        loop, keeper, progress, folder = self.loop, self.keeper, self.keeper.progress, self.keeper.folder
        progress.note(_told(self.settings))
        progress.note(f"training on {describe_device(loop.device)}, {loop.precision}: {self.lesson.described}, into {folder}")
        try:
            loop.run(self.judge, keeper, progress)
        except KeyboardInterrupt:
            loop.settle()
            keeper.save(loop, LAST)
            keeper.rescue()
            progress.note(f"saved at step {loop.steps}; go on with: n2n-render train --resume {folder}")
            raise
        keeper.rescue()
        return Trained(folder, folder / BEST, folder / LAST, loop.steps, self.settings["noise"], self.judge.best)


def _lesson(options: Settled, earlier: Earlier | None, progress: Progress, held: contextlib.ExitStack) -> Lesson:
    model = earlier.last.model if earlier else None
    return open_observations(options, model) if options.noise else open_renders(options, model, progress, held)


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
