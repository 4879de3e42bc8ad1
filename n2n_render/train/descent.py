"""One optimiser step after the other: Adam, unusually long gradients shortened, and the running mean of the weights."""

import contextlib
import copy
import math
import signal
import threading
import time

import torch

from ..errors import N2NError
from ..io.atomic import temporary_folder
from ..schema import problem

CLIP_FACTOR = 2.0  # gradients longer than this times their usual length are shortened to it
CLIP_MEMORY = 0.98  # of the running mean of the log of the gradient's length
GIVE_UP_AFTER = 100  # steps in a row whose gradient is not finite
FINAL_SHARE = 0.02  # schedule "cosine": of the learning rate, at the end
STEP_DECAY = 0.55  # schedule "step": the Monte Carlo fork's factor
STEP_DECAYS = 6  # … so many times in a run


def learning_rate_factor(schedule: str, share: float, step: int, warmup_steps: int) -> float:
    """What the learning rate is multiplied by at `share` (0 to 1) of a run. warmup_steps 0: no warm-up."""
    share = min(share, 1.0)
    factor = {
        "constant": 1.0,
        "step": STEP_DECAY ** int(share * (STEP_DECAYS + 1)),
        "cosine": FINAL_SHARE + (1 - FINAL_SHARE) * (1 + math.cos(math.pi * share)) / 2,
    }[schedule]
    return factor * min(1.0, (step + 1) / max(warmup_steps, 1))


class Descent:
    """A network being trained, and `average`, the running mean of its weights, which is what is kept.

    ema: share of the old mean that survives a step. clipped: steps since the last look whose gradient was shortened.
    """

    def __init__(self, network: torch.nn.Module, ema: float):
        self.network, self.ema = network, ema
        self.average = copy.deepcopy(network).eval().requires_grad_(False)
        self.parameters = list(network.parameters())
        temporary_folder("optimiser").rmdir()  # PyTorch's optimisers do not load without
        self.adam = torch.optim.Adam(self.parameters, betas=(0.9, 0.99), eps=1e-8)
        self.steps, self.clipped, self._usual_log_norm, self._skipped_in_a_row = 0, 0, None, 0

    def step(self, loss: torch.Tensor, learning_rate: float, advice: str):
        """Raises N2NError with `advice` when gradients have long not been finite."""
        for group in self.adam.param_groups:
            group["lr"] = learning_rate
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        if self._limit_gradient():
            self.adam.step()
            self._skipped_in_a_row = 0
        else:
            self._skipped_in_a_row += 1
            if self._skipped_in_a_row >= GIVE_UP_AFTER:
                raise N2NError(f"the gradient is not finite any more (step {self.steps})", advice)
        decay = min(self.ema, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), self.parameters, 1 - decay)
        self.steps += 1

    def _limit_gradient(self) -> bool:
        """Shortens unusually long gradients; False where they are not finite and the step must be left out.

        Bias: batches with outliers pull less than their share. The limit follows the run, so it never stops learning.
        """
        known = self._usual_log_norm
        usual = math.inf if known is None else math.exp(known)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, CLIP_FACTOR * usual if usual < math.inf else 1e9).item()
        if not math.isfinite(norm):
            return False
        if norm == 0:  # nothing to learn from in this batch says nothing of what is usual
            return True
        self.clipped += norm > CLIP_FACTOR * usual
        log_norm = math.log(max(min(norm, CLIP_FACTOR * usual), 1e-12))
        self._usual_log_norm = log_norm if known is None else CLIP_MEMORY * known + (1 - CLIP_MEMORY) * log_norm
        return True

    def copy_statistics(self):
        """BatchNorm's statistics of the network → the average."""
        for ours, theirs in zip(self.average.buffers(), self.network.buffers(), strict=True):
            ours.copy_(theirs)

    def weights(self) -> dict[str, torch.Tensor]:
        """Of the average, on the CPU."""
        return {key: value.float().cpu().contiguous().clone() for key, value in self.average.state_dict().items()}

    def state(self) -> dict:
        return {
            "network": self.network.state_dict(),
            "optimizer": self.adam.state_dict(),
            "usual_log_norm": self._usual_log_norm,
        }

    def load(self, weights: dict, state: dict, steps: int, where: str = "the checkpoint"):
        """The inverse of `weights` and `state`. Raises N2NError, which names `where`, for an optimiser of other tensors."""
        moments = state["optimizer"].get("state")
        wrong = problem(moments, dict[int, dict], "state") or _wrong_moments(moments, self.parameters)
        if wrong:
            raise N2NError(f"{where}: training: optimizer: {wrong}", "The file is damaged; start a new run.")
        self.average.load_state_dict(weights)
        self.network.load_state_dict(state["network"])
        self.adam.load_state_dict({**self.adam.state_dict(), "state": moments})
        self._usual_log_norm, self.steps = state["usual_log_norm"], steps


def _wrong_moments(moments: dict, parameters: list[torch.nn.Parameter]) -> str | None:
    """What keeps Adam from going on with these; before the first step there are none."""
    if moments and set(moments) != set(range(len(parameters))):
        return f"has {len(moments)} states for {len(parameters)} tensors"
    for index, found in moments.items():
        shapes = {"step": torch.Size(()), "exp_avg": parameters[index].shape, "exp_avg_sq": parameters[index].shape}
        if set(found) != set(shapes) or not all(
            isinstance(tensor, torch.Tensor)
            and tensor.layout == torch.strided
            and tensor.dtype == torch.float32
            and tensor.shape == shapes[name]
            and torch.isfinite(tensor).all()
            for name, tensor in found.items()
        ):
            return f"the state of tensor {index} is of another kind or shape, or not finite"
    return None


def faster_precision(network: torch.nn.Module, device: torch.device, loss_of) -> str:
    """Times one step each way on this machine; `loss_of(precision)` is a loss to go back from. Weights are not touched."""
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.get_device_capability(device)[0] >= 8 else "float32"  # Ampere
    if device.type != "cpu":
        return "float32"
    state, took = copy.deepcopy(network.state_dict()), {}
    for precision in ("bfloat16", "float32") * 2:  # the first round warms up
        started = time.time()
        loss_of(precision).backward()
        took[precision] = time.time() - started
    network.load_state_dict(state)
    network.zero_grad(set_to_none=True)
    return min(took, key=took.get)


@contextlib.contextmanager
def stop_on_ctrl_c():
    """Yields a function that tells whether Ctrl-C asked for a stop after the present step; a second one stops at once."""
    asked = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(*_):
        asked.append(True)
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)
