"""Losses: what each does to the *expectation* of a noisy target decides whether Noise2Noise works with it.

The functions take prediction and target (N, 3, h, w), exposed linear radiance unless said otherwise, and return
(N, 3, h, w). `PairLoss` and `ShotLoss` make of them what the loop takes. Below them are those of signals, see
frame/signal.py, which `SignalLoss` makes what the loop takes.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F

from ..errors import N2NError
from ..frame.transfer import LOG_EPSILON, encode_tonemap, tonemap_secant, tonemap_slope
from ..judge.evidence import CLAMP_FLOOR, CLAMP_WINDOW_PX, FIREFLY_CLAMP
from ..noise.kspace import put_back
from .protocols import Batch

Tensor = torch.Tensor
L0_EPSILON = 1e-8  # Noise2Noise §3.2


def relative_l2(prediction: Tensor, target: Tensor) -> Tensor:
    """(f - y)² / (f + ε)², no gradient through the denominator (Noise2Noise §3.3). Its minimum is E[y]: unbiased.

    The prediction is never negative, so the denominator never vanishes.
    """
    return (prediction - target) ** 2 / (prediction.detach() + LOG_EPSILON) ** 2


def l2(prediction: Tensor, target: Tensor) -> Tensor:
    """(f - y)². Its minimum is E[y]: unbiased, but ruled by the brightest pixels."""
    return (prediction - target) ** 2


def l2_display(prediction: Tensor, target: Tensor) -> Tensor:
    """(f - T(y))² of a display-referred prediction [0, 1]. Its minimum is E[T(y)] < T(E[y]): too dark where it is noisy."""
    loss: Tensor = (prediction - encode_tonemap(target, torch)) ** 2
    return loss


def l2_tonemapped(prediction: Tensor, target: Tensor) -> Tensor:
    """(T(f) - T(y))²: biased like l2_display, for the comparison of Noise2Noise's Fig 6."""
    loss: Tensor = (encode_tonemap(prediction + 1e-6, torch) - encode_tonemap(target, torch)) ** 2
    return loss


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "relative_l2": relative_l2,
    "l2": l2,
    "l2_display": l2_display,
    "l2_tonemapped": l2_tonemapped,
}


def named_loss(name: str, hdr: bool) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss of that name; "auto": relative_l2 with `hdr`, l2_display without.

    Raises N2NError where they do not go together.
    """
    if name == "auto":
        return relative_l2 if hdr else l2_display
    if name not in LOSSES:
        raise N2NError(f"--loss {name} is for --noise, and not for renders", f"Choose among {', '.join(LOSSES)}.")
    if (name == "l2_display") == hdr:
        raise N2NError(
            f"--loss {name} is not for {'--hdr' if hdr else '--ldr'}",
            "relative_l2, l2 and l2_tonemapped go with --hdr, the default; l2_display goes with --ldr.",
        )
    return LOSSES[name]


def perceptual_weight(prediction: Any, initial_estimate: Any, xp: Any) -> Any:
    """What (f - y)² is multiplied by to become the squared error on T, for pictures that are uncertain.

    With T'(f)² alone the minimum is E[y], the mean of all pictures that the input allows; the best one on T is darker
    by about ½ T''/T' Var. Down the slope of (T(f) - T(true))² one goes by T'(f) (T(f) - T(true)), and T(f) - T(true) is
    the secant's slope between them times f - true, of which f - y is an unbiased estimate. No gradient goes through the
    weight.

    Args:
        initial_estimate: A denoised mean of all seeds; it stands for the truth in the slope only.
        xp: numpy or torch, the module that both arrays belong to.
    """
    return tonemap_slope(prediction, xp) * tonemap_secant(prediction, initial_estimate, xp)


def clamp_fireflies(target: Tensor, noisy_input: Tensor, times: float) -> Tensor:
    """Limits a noisy target to `times` the local mean of the *other* seed. 0: returns it as it is.

    The limit does not depend on the target, so all that is lost is the energy above it: E[min(y, limit)] ≤ E[y]. What
    that costs is logged while training ("clamped energy") and is the only bias that fireflies are given.
    """
    if times <= 0:
        return target
    mean = F.avg_pool2d(noisy_input, CLAMP_WINDOW_PX, stride=1, padding=CLAMP_WINDOW_PX // 2, count_include_pad=False)
    brightest = mean.amax(dim=1, keepdim=True)
    return torch.minimum(target, times * torch.clamp(brightest, min=CLAMP_FLOOR))


class PairLoss:
    """One seed against another: the mean of a loss of this module over a batch of "noisy" and "target".

    Logs "clamped_energy", the part of the targets' energy that the firefly clamp took.
    """

    def __init__(self, compare: Callable[[Tensor, Tensor], Tensor], firefly_clamp: float):
        """firefly_clamp: see `clamp_fireflies`; 0 for targets without noise."""
        self.compare, self.firefly_clamp = compare, firefly_clamp

    def __call__(self, prediction: Tensor, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        target = batch["target"]
        clamped = clamp_fireflies(target, batch["noisy"], self.firefly_clamp)
        taken = 1 - clamped.sum() / target.sum().clamp(min=1e-9)
        return self.compare(prediction, clamped).mean(), {"clamped_energy": taken}


class ShotLoss:
    """Seeds against the others of a frame: squared error on T where "trainable" (N, 1, h, w) is 1, see `perceptual_weight`.

    The batch holds an "initial_estimate" (N, 3, h, w) too, or the network's own prediction stands for it.
    """

    def __init__(self, has_estimate: bool):
        """has_estimate: False for a network from nothing, whose initial estimate is only a blurred picture."""
        self.has_estimate = has_estimate

    def __call__(self, prediction: Tensor, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        target = clamp_fireflies(batch["target"], batch["noisy"], FIREFLY_CLAMP)
        fixed = prediction.detach()
        weight = perceptual_weight(fixed, batch["initial_estimate"] if self.has_estimate else fixed, torch)
        return (batch["trainable"] * weight * (prediction - target) ** 2).mean(), {}


def signal_l2(prediction: Tensor, batch: Batch) -> Tensor:
    """(f - y)². Its minimum is the mean E[y]: unbiased for all noise of mean 0, however it is shaped or correlated."""
    return (prediction - batch["target"]) ** 2


def signal_l1(prediction: Tensor, batch: Batch) -> Tensor:
    """|f - y|. Its minimum is the median of y: the clean signal where less than half of the targets are wrong there."""
    return (prediction - batch["target"]).abs()


def masked_l2(prediction: Tensor, batch: Batch) -> Tensor:
    """m (f - y)², m 1 where the target was measured. Its minimum is E[y | m = 1]: unbiased, as what is missing says nothing.

    Without "target_measured" (N, 1, h, w) all of it was: targets are clean.
    """
    return batch.get("target_measured", 1.0) * signal_l2(prediction, batch)


def annealed_l0(prediction: Tensor, batch: Batch) -> Tensor:
    """(|f - y| + 1e-8)^γ, γ falling from 2 to 0 with "fraction" (0-d), how much of the run is done: Noise2Noise §3.2.

    Its minimum goes from the mean of y by its median to its mode: the clean signal wherever that is the most frequent value.
    """
    return ((prediction - batch["target"]).abs() + L0_EPSILON) ** (2 * (1 - batch["fraction"]).clamp(min=0))


def data_consistency(prediction: Tensor, batch: Batch) -> Tensor:
    """(g - y)², g the prediction with what was measured of the *input* put back, see noise/kspace.py: Noise2Noise §3.4.

    Its minimum is E[y] in the frequencies that the input lacks, the only ones that are asked of the network; unbiased, as
    the mean of zero-filled images weighted by 1 / p is the true image, and as the masks of input and target are independent.
    Needs "noisy_spectrum" (N, 2, H, W) and "noisy_measured" (N, 1, H, W).
    """
    consistent: Tensor = put_back(prediction.float(), batch["noisy_spectrum"], batch["noisy_measured"], torch)
    return (consistent - batch["target"]) ** 2


SIGNAL_LOSSES: dict[str, Callable[[Tensor, Batch], Tensor]] = {
    "l2": signal_l2,
    "masked_l2": masked_l2,
    "l1": signal_l1,
    "annealed_l0": annealed_l0,
    "data_consistency": data_consistency,
}


class SignalLoss:
    """One observation of a signal against another, or against the clean one: the mean of a loss of `SIGNAL_LOSSES`.

    The batch holds "target" (N, C, h, w) and what the loss names besides.
    """

    def __init__(self, name: str):
        self.compare = SIGNAL_LOSSES[name]

    def __call__(self, prediction: Tensor, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        return self.compare(prediction, batch).mean(), {}
