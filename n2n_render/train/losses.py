"""Losses: what each does to the *expectation* of a noisy target decides whether Noise2Noise works with it.

All take prediction and target (N, 3, h, w), exposed linear radiance unless said otherwise, and return (N, 3, h, w).
"""

import torch
import torch.nn.functional as F

from ..frame.transfer import LOG_EPSILON, encode_tonemap, tonemap_secant, tonemap_slope

CLAMP_WINDOW_PX = 7  # the neighbourhood whose mean says what is a firefly
CLAMP_FLOOR = 0.1  # exposed radiance: in darkness the limit does not fall below firefly_clamp times this


def relative_l2(prediction, target):
    """(f - y)² / (f + ε)², no gradient through the denominator (Noise2Noise §3.3). Its minimum is E[y]: unbiased.

    The prediction is never negative, so the denominator never vanishes.
    """
    return (prediction - target) ** 2 / (prediction.detach() + LOG_EPSILON) ** 2


def l2(prediction, target):
    """(f - y)². Its minimum is E[y]: unbiased, but ruled by the brightest pixels."""
    return (prediction - target) ** 2


def l2_display(prediction, target):
    """(f - T(y))² of a display-referred prediction [0, 1]. Its minimum is E[T(y)] < T(E[y]): too dark where it is noisy."""
    return (prediction - encode_tonemap(target, torch)) ** 2


def l2_tonemapped(prediction, target):
    """(T(f) - T(y))²: biased like l2_display, for the comparison of Noise2Noise's Fig 6."""
    return (encode_tonemap(prediction + 1e-6, torch) - encode_tonemap(target, torch)) ** 2


def perceptual_weight(prediction, pilot, xp):
    """What (f - y)² is multiplied by to become the squared error on T, for pictures that are uncertain.

    With T'(f)² alone the minimum is E[y], the mean of all pictures that the input allows; the best one on T is darker
    by about ½ T''/T' Var. Down the slope of (T(f) - T(true))² one goes by T'(f) (T(f) - T(true)), and T(f) - T(true) is
    the secant's slope between them times f - true, of which f - y is an unbiased estimate. `pilot`, a denoised mean of
    all seeds, stands for the truth in the slope only. No gradient goes through the weight.
    """
    return tonemap_slope(prediction, xp) * tonemap_secant(prediction, pilot, xp)


LOSSES = {"relative_l2": relative_l2, "l2": l2, "l2_display": l2_display, "l2_tonemapped": l2_tonemapped}


def clamp_fireflies(target, noisy_input, times: float):
    """Limits a noisy target to `times` the local mean of the *other* seed. 0: returns it as it is.

    The limit does not depend on the target, so all that is lost is the energy above it: E[min(y, limit)] ≤ E[y]. What
    that costs is logged while training ("clamped energy") and is the only bias that fireflies are given.
    """
    if times <= 0:
        return target
    mean = F.avg_pool2d(noisy_input, CLAMP_WINDOW_PX, stride=1, padding=CLAMP_WINDOW_PX // 2, count_include_pad=False)
    brightest = mean.amax(dim=1, keepdim=True)
    return torch.minimum(target, times * torch.clamp(brightest, min=CLAMP_FLOOR))
