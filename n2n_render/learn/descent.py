"""One optimiser step after the other: Adam, unusually long gradients shortened, and the running mean of the weights."""

import math
from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel

from ..errors import N2NError
from ..io.atomic import temporary_folder
from ..schema import problem

CLIP_FACTOR = 2.0  # gradients longer than this times their usual length are shortened to it
CLIP_MEMORY = 0.98  # of the running mean of the log of the gradient's length
GIVE_UP_AFTER = 100  # steps in a row whose gradient is not finite
FINAL_FACTOR = 0.02  # schedule "cosine": of the learning rate, at the end
RAMP_FRACTION = 0.3  # schedule "ramp_down": of the run, at its end, over which the learning rate falls to nothing
STEP_DECAY = 0.55  # schedule "step": the Monte Carlo fork's factor
STEP_DECAYS = 6  # … so many times in a run
MOMENTS = dict[int, dict[object, object]]  # of Adam: tensor's number → what is remembered of it


def learning_rate_factor(schedule: str, fraction: float, step: int, warmup_steps: int) -> float:
    """What the learning rate is multiplied by at a fraction (0 to 1) of a run. warmup_steps 0: no warm-up."""
    fraction = min(fraction, 1.0)
    factor: float = {
        "constant": 1.0,
        "step": STEP_DECAY ** int(fraction * (STEP_DECAYS + 1)),
        "ramp_down": (1 + math.cos(math.pi * max(0.0, 1 - (1 - fraction) / RAMP_FRACTION))) / 2,
        "cosine": FINAL_FACTOR + (1 - FINAL_FACTOR) * (1 + math.cos(math.pi * fraction)) / 2,
    }[schedule]
    return factor * min(1.0, (step + 1) / max(warmup_steps, 1))


class Descent:
    """A network being trained, and `average`, the running mean of its weights, which is what is kept.

    Attributes:
        steps: Optimiser steps so far.
        clipped: Steps with a shortened gradient, since it was last set to 0.
    """

    def __init__(self, network: torch.nn.Module, ema: float, averaged: AveragedModel, adam: torch.optim.Adam):
        """Keeps what it is given; `open` builds it."""
        self.network, self.ema, self.adam, self._averaged = network, ema, adam, averaged
        averaged.multi_avg_fn = self._approach
        self.parameters = list(network.parameters())
        self.steps, self.clipped = 0, 0
        self._usual_log_norm: float | None = None
        self._skipped_in_a_row = 0

    @classmethod
    def open(cls, network: torch.nn.Module, ema: float) -> "Descent":
        """Begins with the network as it is.

        Args:
            ema: What is left of the old mean after a step, [0, 1); at first less, so that the start is forgotten.
        """
        averaged = AveragedModel(network)
        averaged.n_averaged.fill_(1)  # the network as it is at the beginning
        averaged.eval().requires_grad_(False)
        temporary_folder("optimiser").rmdir()  # PyTorch's optimisers do not load without
        return cls(network, ema, averaged, torch.optim.Adam(network.parameters(), betas=(0.9, 0.99), eps=1e-8))

    @property
    def average(self) -> torch.nn.Module:
        """In evaluation mode. Its buffers, BatchNorm's statistics, are the network's."""
        return self._averaged.module

    def _approach(self, averaged: Any, current: Any, _: Any) -> None:
        decay = min(self.ema, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(averaged, current, 1 - decay)

    def step(self, loss: torch.Tensor, learning_rate: float, advice: str) -> None:
        """Raises N2NError with `advice` when gradients have long not been finite."""
        for group in self.adam.param_groups:
            group["lr"] = learning_rate
        self.adam.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self._limit_gradient():
            self.adam.step()
            self._skipped_in_a_row = 0
        else:
            self._skipped_in_a_row += 1
            if self._skipped_in_a_row >= GIVE_UP_AFTER:
                raise N2NError(f"the gradient is not finite any more (step {self.steps})", advice)
        with torch.no_grad():
            self._averaged.update_parameters(self.network)
        self.steps += 1

    def _limit_gradient(self) -> bool:
        """Shortens unusually long gradients; False where they are not finite and the step must be left out.

        Bias: batches with outliers pull less than they should. The limit follows the run, so it never stops learning.
        """
        usual_log = self._usual_log_norm
        usual = math.inf if usual_log is None else math.exp(usual_log)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, CLIP_FACTOR * usual if usual < math.inf else 1e9).item()
        if not math.isfinite(norm):
            return False
        if norm == 0:  # nothing to learn from in this batch says nothing of what is usual
            return True
        self.clipped += norm > CLIP_FACTOR * usual
        log_norm = math.log(max(min(norm, CLIP_FACTOR * usual), 1e-12))
        self._usual_log_norm = log_norm if usual_log is None else CLIP_MEMORY * usual_log + (1 - CLIP_MEMORY) * log_norm
        return True

    def copy_statistics(self) -> None:
        """BatchNorm's statistics of the network → the average."""
        for ours, theirs in zip(self.average.buffers(), self.network.buffers(), strict=True):
            ours.copy_(theirs)

    def weights(self) -> dict[str, torch.Tensor]:
        """Of the average, on the CPU."""
        return {key: value.float().cpu().contiguous().clone() for key, value in self.average.state_dict().items()}

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps to go on from, beside the weights."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.adam.state_dict(),
            "usual_log_norm": self._usual_log_norm,
        }

    def load(self, weights: dict[str, torch.Tensor], state: dict[str, Any], steps: int, where: str = "the checkpoint") -> None:
        """The inverse of `weights` and `state`. Raises N2NError, which names `where`, for an optimiser of other tensors."""
        moments = state["optimizer"].get("state")
        wrong = problem(moments, MOMENTS, "state") or _wrong_moments(moments, self.parameters)
        if wrong:
            raise N2NError(f"{where}: training: optimizer: {wrong}", "The file is damaged; start a new run.")
        self.average.load_state_dict(weights)
        self.network.load_state_dict(state["network"])
        self.adam.load_state_dict({**self.adam.state_dict(), "state": moments})
        self._usual_log_norm, self.steps = state["usual_log_norm"], steps


def _wrong_moments(moments: dict[int, dict[str, Any]], parameters: list[torch.nn.Parameter]) -> str | None:
    """What keeps Adam from going on with these; before the first step there are none."""
    if moments and set(moments) != set(range(len(parameters))):
        return f"has {len(moments)} states for {len(parameters)} tensors"
    for index, moment in moments.items():
        shapes = {"step": torch.Size(()), "exp_avg": parameters[index].shape, "exp_avg_sq": parameters[index].shape}
        if set(moment) != set(shapes) or not all(
            isinstance(tensor, torch.Tensor)
            and tensor.layout == torch.strided
            and tensor.dtype == torch.float32
            and tensor.shape == shapes[name]
            and torch.isfinite(tensor).all()
            for name, tensor in moment.items()
        ):
            return f"the state of tensor {index} is of another kind or shape, or not finite"
    return None
