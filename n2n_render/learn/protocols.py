"""What the loop takes: where batches come from, what is asked of a prediction, what is best so far, who keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import torch

from ..frame.arrays import Array

if TYPE_CHECKING:
    from .loop import Loop

Batch = Mapping[str, torch.Tensor]
Weights = dict[str, torch.Tensor]  # of a network, by the names of its `state_dict`


class Sampler(Protocol):
    """Where batches come from."""

    def make(self, step: int, stream: int = 0) -> Mapping[str, Array]:
        """Batch `step`, a function of the sampler's own seed, the stream and the step; it is called on several threads.

        Args:
            step: 0, 1, …; the same one may be asked for again.
            stream: Another one gives other crops of the same frames; BatchNorm's statistics are estimated with stream 1.

        Returns:
            Contiguous float32 arrays. The network is given "noisy" (N, 3, h, w), exposed radiance, and "guides"
            (N, C, h, w), the exposed channels of its features in order. Everything else is for the loss, mostly "target"
            (N, 3, h, w), exposed radiance whose noise is independent of "noisy".
        """
        ...


class Loss(Protocol):
    """What is asked of a prediction."""

    def __call__(self, prediction: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        """The loss, one number to go down from, and other numbers that are averaged and logged by name.

        Args:
            prediction: (N, 3, h, w) float32, exposed radiance; of models with output "display": display-referred, [0, 1];
                "signal": signals (N, C, h, w).
            batch: As the sampler made it, on the device; and "fraction", how much of the run is done, 0 to 1.
        """
        ...


@dataclass(frozen=True)
class Verdict:
    """What a judge says of the running mean of the weights.

    Attributes:
        is_best: Nothing was better so far.
        values: What was measured, by name.
        images: Exposed radiance (h, w, 3), or signals, of one place, for people: noisy, …, by this network, perhaps the
            reference.
        is_enough: Nothing better is to be expected: the loop ends.
    """

    is_best: bool
    values: Mapping[str, float] = field(default_factory=dict)
    images: tuple[Array, ...] = ()
    is_enough: bool = False


class Judge(Protocol):
    """What is best so far."""

    def look(self, network: torch.nn.Module, step: int) -> Verdict:
        """Judges a network in evaluation mode. Raises N2NError where it cannot be used any more."""
        ...


class Unasked:
    """The Judge of a process that is not the first of its team, whose judge speaks for all."""

    def look(self, network: torch.nn.Module, step: int) -> Verdict:
        raise AssertionError("the first one's judge is asked")


class Keeper(Protocol):
    """What becomes of a loop's steps and verdicts: saving, curves, previews."""

    def line(self, loop: "Loop") -> str:
        """What the progress says after a step."""
        ...

    def stepped(self, loop: "Loop") -> None:
        """A step was done after which the judge was not asked."""
        ...

    def judged(self, loop: "Loop", verdict: Verdict) -> None:
        """The judge was asked."""
        ...


class Forgetful:
    """The Keeper that keeps nothing."""

    def line(self, loop: "Loop") -> str:
        return f"step {loop.steps} loss {loop.last_loss:.3g} {loop.crops_per_s:.1f} crops/s"

    def stepped(self, loop: "Loop") -> None:
        pass

    def judged(self, loop: "Loop", verdict: Verdict) -> None:
        pass
