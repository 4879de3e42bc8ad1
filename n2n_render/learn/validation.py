"""How good is the network on held-out views? Pair estimates need no reference; where references are, they are used too."""

import math
from collections.abc import Sequence

import numpy as np
import torch

from ..frame.arrays import Array
from ..frame.channels import COLOR
from ..frame.filters import box_sum
from ..frame.metrics import psnr, relmse
from ..frame.tiles import middle
from ..frame.transfer import LOG_EPSILON
from ..network.specification import Specification
from .arrays import CachedPair, split_exposed
from .protocols import Verdict
from .running import denoise_array

WINDOW_PX = 512  # of each held-out frame at most this much is looked at, in the middle
MAX_PAIRS = 12  # and at most so many frames, evenly spaced
LEVEL_PX = 7  # around a pixel: the square whose mean says how bright it is there


class PairJudge:
    """The Judge of `train`: held-out pairs; the best network is the one with the least `pair_error`.

    Attributes:
        best: The least one so far.
    """

    def __init__(
        self, model: Specification, pairs: Sequence[CachedPair], device: torch.device, precision: str, best: float = math.inf
    ):
        self.model, self.pairs, self.device, self.precision, self.best = model, pairs, device, precision, best

    def look(self, network: torch.nn.Module, step: int) -> Verdict:
        values, images = validate(network, self.model, self.pairs, self.device, self.precision)
        is_best = values["pair_error"] < self.best
        self.best = values["pair_error"] if is_best else self.best
        return Verdict(is_best, values, tuple(images))


def pair_error(denoised: Array, noisy: Array, other: Array) -> float:
    """Relative squared error of `denoised` (made from `noisy`), estimated with the independent render `other`.

    E[(f(A) - B)²] = MSE + Var(B) and E[(A - B)²] / 2 = Var (facts of Noise2Noise validation); both are divided by the
    squared mean of A around the pixel, without the pixel itself: so neither term's noise is in its weight. (H, W, 3).
    """
    sums, counts = box_sum(noisy, LEVEL_PX)
    local = np.maximum((sums - noisy) / (counts - 1), 0).astype(np.float32)
    weight = 1.0 / (local + LOG_EPSILON) ** 2
    return float((weight * ((denoised - other) ** 2 - (noisy - other) ** 2 / 2)).mean())


def validate(
    network: torch.nn.Module, model: Specification, pairs: Sequence[CachedPair], device: torch.device, precision: str
) -> tuple[dict[str, float], list[Array]]:
    """Means over held-out pairs, and the images (noisy, denoised[, reference]) of the first for the preview strip.

    Keys: pair_error always, of parts of one render only if there is nothing else; psnr_db and relmse where references exist.
    """
    chosen = pairs[:: -(-len(pairs) // MAX_PAIRS)]
    only_parts = all(pair.are_parts for pair in chosen)
    measured: dict[str, list[float]] = {"pair_error": []}
    strip: list[Array] = []
    for pair in chosen:
        window = _window(pair)
        images = [np.array(image[window], np.float32) for image in pair.images[:2]]
        reference = pair.reference
        noisy = [split_exposed(image)[COLOR] for image in images]
        denoised = [denoise_array(network, model, image, device, precision) for image in images]
        if only_parts or not pair.are_parts:
            measured["pair_error"] += [pair_error(denoised[0], noisy[0], noisy[1]), pair_error(denoised[1], noisy[1], noisy[0])]
        if reference is not None:
            halves = {f"reference_{name}": np.array(half[window]) for name, half in zip("ab", reference, strict=True)}
            measured.setdefault("psnr_db", []).append(psnr(image=denoised[0], **halves))
            measured.setdefault("relmse", []).append(relmse(image=denoised[0], **halves))
        if not strip:
            strip = [noisy[0], denoised[0]] + ([reference[:, window[0], window[1]].mean(0)] if reference is not None else [])
    return {key: float(np.nanmean(values)) for key, values in measured.items()}, strip


def _window(pair: CachedPair) -> tuple[slice, slice]:
    return middle(0, pair.shape[1], WINDOW_PX), middle(*pair.columns, WINDOW_PX)
