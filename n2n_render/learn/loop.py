"""Batches → weights: the one loop of `train`, `adapt`, `online` and of programs that bring their own pieces.

A loop is a sampler (where batches come from), a loss (what is asked of a prediction), a judge (what is best so far) and a
keeper (what becomes of steps and verdicts); learn/protocols.py says what each must have. None of them has to be ours:

    class Darker:                                  # a corruption: any sampler may be wrapped
        def __init__(self, sampler): self.sampler = sampler
        def make(self, step, stream=0):
            batch = self.sampler.make(step, stream)
            return {**batch, "noisy": batch["noisy"] * 0.5}

    def cube(prediction, batch):                   # a loss: one number to go down from, and what is logged beside it
        return (prediction - batch["target"]).abs().pow(3).mean(), {}

    train(TrainOptions(data=("datasets",), steps=2000), loss=cube, sampler=Darker)

`train` does everything else: pairs, judge, files. Without its folders and files the same is

    loop = Loop.open(model, None, sampler, cube, Schedule(steps=2000, learning_rate=3e-4))
    loop.run(judge, keeper)                        # or loop.learn(8), to go on step by step
    weights = loop.weights()
"""

import time
from collections.abc import Mapping
from typing import Any

import torch

from ..network.build import build_network
from ..network.device import Float32, pick_device, within_memory
from ..network.specification import Specification
from ..progress import Progress, Silent
from .descent import Descent, learning_rate_factor
from .interrupt import stop_on_ctrl_c
from .norms import reestimate_norms, see_whole_batches, set_norms_fixed
from .precision import faster_precision
from .protocols import Batch, Forgetful, Judge, Keeper, Loss, Sampler, Verdict
from .running import predict
from .samplers import Prefetch
from .schedule import Advice, Schedule
from .team import ALONE, Team


class Loop:
    """A network being trained, the running mean of its weights, and where the run stands.

    Attributes:
        seconds: spent, over all parts of a resumed run.
        precision: "float32" or "bfloat16".
        norms_fixed: whether the phase in which BatchNorm uses batch statistics is over.
        last_loss: of the last step.
        team: the processes that train together.
        advice: the hints of errors.
    """

    def __init__(
        self,
        model: Specification,
        descent: Descent,
        sampler: Sampler,
        loss: Loss,
        schedule: Schedule,
        device: torch.device,
        precision: str,
        norms_fixed: bool,
        team: Team = ALONE,
    ):
        """Keeps what it is given; `open` builds it."""
        self.model, self.descent, self.sampler, self.loss, self.schedule = model, descent, sampler, loss, schedule
        self.device, self.precision, self.norms_fixed = device, precision, norms_fixed
        self.network, self.team = descent.network, team
        self._trained: torch.nn.Module | None = None  # what steps run
        self.seconds, self.last_loss = 0.0, 0.0
        self.advice = Advice()
        self._batches = Prefetch(sampler, pinned=device.type == "cuda")
        self._first_step, self._first_seconds, self._crops = 0, 0.0, 0
        self._round, self._round_first = 0, (0, 0.0)  # step and fraction
        self._sums: dict[str, float] = {}
        self._counted = 0

    @classmethod
    def open(
        cls,
        model: Specification,
        weights: Mapping[str, torch.Tensor] | None,
        sampler: Sampler,
        loss: Loss,
        schedule: Schedule,
        device: str = "auto",
        precision: str = "auto",
        seed: int = 1,
        team: Team = ALONE,
    ) -> "Loop":
        """Builds the network.

        Args:
            weights: To start from; None: new ones by `seed`.
            precision: "float32", "bfloat16", or "auto": what is faster here, which takes four steps on a CPU.
            team: Whose gathered processes do the same, each with its part of every batch.
        """
        place = pick_device(device)
        network = build_network(model, seed).to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if weights is not None:
            network.load_state_dict(weights)
        see_whole_batches(network, team)
        descent, norms_fixed = Descent.open(network, schedule.ema), weights is not None
        loop = cls(model, descent, sampler, loss, schedule, place, precision, norms_fixed, team)
        if precision == "auto":
            loop.precision = team.agree(loop._faster_precision())
        return loop

    @property
    def steps(self) -> int:
        """Optimiser steps so far."""
        return self.descent.steps

    @property
    def average(self) -> torch.nn.Module:
        """The running mean of the weights; ready to be used after `settle`."""
        return self.descent.average

    @property
    def fraction(self) -> float:
        """How much of the run is done, 0 to 1 or a little more."""
        return self.steps / self.schedule.steps if self.schedule.steps else self.seconds / self.schedule.seconds

    @property
    def round_fraction(self) -> float:
        """How much of the round is done. One that would go on beyond the end of the run ends there."""
        first_step, first_fraction = self._round_first
        by_limit = (self.fraction - first_fraction) / max(1.0 - first_fraction, 1e-9)
        length = self.schedule.round_steps * 2**self._round
        return max((self.steps - first_step) / length, by_limit) if length else by_limit

    @property
    def learning_rate(self) -> float:
        """Of the next step."""
        schedule = self.schedule
        factor = learning_rate_factor(schedule.shape, self.round_fraction, self.steps, schedule.warmup_steps)
        return schedule.learning_rate * factor

    @property
    def crops_per_s(self) -> float:
        """Of this part of the run, by all members."""
        return self._crops / max(self.seconds - self._first_seconds, 1e-6)

    def weights(self) -> dict[str, torch.Tensor]:
        """Of the running mean, on the CPU."""
        return self.descent.weights()

    @Float32()
    def run(self, judge: Judge, keeper: Keeper | None = None, progress: Progress | None = None) -> None:
        """Trains to the end of the schedule, or until the judge has seen enough; it is asked on the way and at the end.

        Raises:
            KeyboardInterrupt: After Ctrl-C, between two steps; in all members.
            N2NError: Gradients are not finite any more, or the memory is full; the judge's own.
        """
        progress, schedule, team = progress or Silent(), self.schedule, self.team
        keeper = keeper if keeper and team.is_first else Forgetful()
        progress.start(schedule.steps or schedule.seconds)
        progress.advance(self.steps if schedule.steps else self.seconds, "")
        self._first_step, self._first_seconds, looked = self.steps, self.seconds, self._looks_due()
        started = time.time() - self.seconds
        try:
            with within_memory(self.device, self.advice.memory), stop_on_ctrl_c(team.is_alone) as stop_asked:
                enough = False
                while self.fraction < 1.0 and not enough:
                    if team.any(stop_asked()):
                        raise KeyboardInterrupt
                    tick = time.time()
                    self.step()
                    self.seconds = team.mean({"seconds": time.time() - started})["seconds"]  # all decide by one clock
                    progress.advance(1 if schedule.steps else time.time() - tick, keeper.line(self))
                    if self.fraction < 1.0 and self._looks_due() > looked:
                        looked, tick = self._looks_due(), time.time()
                        enough = self.look(judge, keeper).is_enough
                        started += 0.0 if schedule.looks_count else time.time() - tick
                    elif self.fraction < 1.0:
                        keeper.stepped(self)
                if not enough:
                    self.look(judge, keeper)
        finally:
            self.close()

    def _looks_due(self) -> int:
        """How often the judge should have been asked until now; begins the next round after the end of one."""
        if not self.schedule.round_steps:
            return int(self.fraction * self.schedule.looks)
        if self.round_fraction >= 1.0:
            self._round, self._round_first = self._round + 1, (self.steps, self.fraction)
        return self._round

    @Float32()
    def learn(self, steps: int) -> None:
        """So many steps more, whatever the schedule says of the end: for those who go on step by step.

        Raises N2NError as `run` does.
        """
        with within_memory(self.device, self.advice.memory):
            for _ in range(steps):
                self.step()

    def step(self) -> None:
        """One batch."""
        if not self.norms_fixed and self.fraction >= self.schedule.norm_batch_fraction:
            self.fix_norms()
        self.network.train()
        if self.norms_fixed:
            set_norms_fixed(self.network)
        batch = self._batch(self.steps)
        self._trained = self._trained or self.team.trained(self.network)
        loss, facts = self.loss(predict(self._trained, self.model, batch, self.precision), batch)
        self.descent.step(loss, self.learning_rate, self.advice.gradient)
        told = self.team.mean({"loss": loss.item(), **{name: fact.item() for name, fact in facts.items()}})
        self.last_loss = told["loss"]
        self._crops += len(batch["noisy"]) * self.team.size
        self._counted += 1
        for name, value in told.items():
            self._sums[name] = self._sums.get(name, 0.0) + value

    def take_means(self) -> dict[str, float]:
        """What the loss logged, averaged over the steps since this was last asked; {} without any."""
        count, sums = self._counted, self._sums
        if not count:
            return {}
        means = {name: total / count for name, total in sums.items()} | {"clipped_steps": self.descent.clipped / count}
        self._sums, self._counted, self.descent.clipped = {}, 0, 0
        return means

    def look(self, judge: Judge, keeper: Keeper) -> Verdict:
        """Asks the first member's judge about the running mean of the weights, and tells the keeper."""
        self.settle()
        verdict = self.team.ask(lambda: judge.look(self.average, self.steps))
        keeper.judged(self, verdict)
        return verdict

    @Float32()
    def settle(self) -> None:
        """Gives the running mean statistics of its own, where BatchNorm has not got fixed ones yet."""
        if not self.norms_fixed:
            reestimate_norms(self.average, self.model, self.sampler, self.device, self.precision)

    @Float32()
    def fix_norms(self) -> None:
        """Ends the phase of batch statistics: re-estimates them over the training set and uses them from here on.

        Batch statistics change with every handful of crops, and a network that has only known them is a few percent off
        when they are replaced by the mean ones. From here it is trained with the very statistics that it is used with.
        """
        reestimate_norms(self.network, self.model, self.sampler, self.device, self.precision)
        self.descent.copy_statistics()
        self.norms_fixed = True

    def sample_from(self, sampler: Sampler) -> None:
        """Goes on with other batches."""
        self._batches.close()
        self.sampler, self._batches = sampler, Prefetch(sampler, self._batches.pinned)

    def close(self) -> None:
        """Ends the threads that make batches."""
        self._batches.close()

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps to go on from, beside the weights."""
        return {**self.descent.state(), "norms_fixed": self.norms_fixed}

    def load(self, weights: dict[str, torch.Tensor], state: dict[str, Any], steps: int, seconds: float, where: str) -> None:
        """The inverse of `weights` and `state`; `where` is named in errors."""
        self.descent.load(weights, state, steps, where)
        self.norms_fixed, self.seconds = state["norms_fixed"], seconds

    def _batch(self, step: int) -> Batch:
        batch = self._batches.get(step)
        return self._with_fraction({name: tensor.to(self.device, non_blocking=True) for name, tensor in batch.items()})

    def _with_fraction(self, batch: dict[str, torch.Tensor]) -> Batch:
        return {**batch, "fraction": torch.tensor(self.fraction)}

    def predict(self, batch: Batch, precision: str | None = None) -> torch.Tensor:
        """By the network as it is: what the loss is given."""
        return predict(self.network, self.model, batch, precision or self.precision)

    def _faster_precision(self) -> str:
        arrays = self.sampler.make(0)
        batch = self._with_fraction({name: torch.from_numpy(array).to(self.device) for name, array in arrays.items()})

        def loss_of(precision: str) -> torch.Tensor:
            return self.loss(self.predict(batch, precision), batch)[0]

        return faster_precision(self.network, self.device, loss_of)
