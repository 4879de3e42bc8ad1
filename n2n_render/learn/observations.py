"""Images under a noise, or bursts → batches of crops, and what is best on images that are held out."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ..engines.torch_engine import TorchEngine
from ..errors import N2NError
from ..frame.arrays import Array
from ..frame.channels import Kind
from ..frame.signal import psnr_8bit, to_signal
from ..frame.tiles import middle
from ..io.collection import Item
from ..network.specification import Specification
from ..noise.kspace import put_back
from ..noise.observation import Observation
from ..noise.table import Noise
from .augment import random_turn
from .protocols import Verdict
from .running import LiveLadder
from .samplers import Crops, bounds_of, stack_crops

WINDOW_PX = 256  # of each held-out image at most this much is looked at, in the middle
MAX_ITEMS = 6  # and at most so many of them, evenly spaced
ROLL_FRACTION = 64 / 256  # of a slice, each way at most (the paper's 64 pixels)


def is_real(noise: Noise) -> bool:
    """Whether it lies in the images already: two shots of a burst are two observations."""
    return noise.about.observe is None


class ObservationSampler:
    """One observation of an image is the input, another one the target (or the image itself). Of a burst: two of its shots.

    Crops are smaller than asked for where no image is as large, and, of noise of whole images, where one is not.

    A batch: noisy and target (N, C, h, w), signals; guides (N, 0, h, w); noisy_<fact> and target_<fact> for each fact of an
    observation, see noise/observation.py; float32, contiguous.
    """

    def __init__(self, items: Sequence[Item], noise: Noise, channels: int, crops: Crops, clean_targets: bool = False):
        """channels: of the network, 3 or 1. clean_targets: the target is the image itself."""
        self.items, self.noise, self.channels, self.crops, self.clean_targets = items, noise, channels, crops, clean_targets
        sides = [item.shots[0].shape[:2] for item in items]
        largest = min(map(min, sides)) if noise.about.is_whole else max(map(max, sides))
        self.size_px = min(crops.size_px, largest)
        self._bounds = bounds_of([item.shots[0].shape[0] * item.shots[0].shape[1] for item in items])

    def make(self, step: int, stream: int = 0) -> dict[str, Array]:
        return stack_crops([self._crop(rng) for rng in self.crops.generators(step, stream)])

    def _crop(self, rng: np.random.Generator) -> dict[str, Array]:
        item = self.items[min(int(np.searchsorted(self._bounds, rng.random())), len(self.items) - 1)]
        cut = rolled(item, self.size_px, rng) if self.noise.about.is_whole else cropped(item, self.size_px, rng)
        turn = random_turn(rng)
        chosen = rng.permutation(len(cut))[:2]
        signals = [turn(Kind.SIGNAL, to_signal(cut[index], self.channels)) for index in chosen]
        seen, target = self._observe(signals, rng)
        facts = _named("noisy", seen) | _named("target", target)
        return {"noisy": seen.signal, "target": target.signal, "guides": seen.signal[..., :0], **facts}

    def _observe(self, signals: Sequence[Array], rng: np.random.Generator) -> tuple[Observation, Observation]:
        if is_real(self.noise):
            return Observation(signals[0]), Observation(signals[1])
        seen = self.noise.observe(signals[0], rng)
        if not self.clean_targets:
            return seen, self.noise.observe(signals[0], rng)
        whole = {name: np.ones_like(fact) for name, fact in seen.facts.items() if name == "measured"}
        return seen, Observation(signals[0], whole)


def _named(role: str, observation: Observation) -> dict[str, Array]:
    return {f"{role}_{name}": fact for name, fact in observation.facts.items()}


def cropped(item: Item, size_px: int, rng: np.random.Generator) -> list[Array]:
    """The same random square of each shot (size, size, C); smaller images go on as in a mirror."""
    height, width = item.shots[0].shape[:2]
    y, x = (int(rng.integers(0, max(length - size_px, 0) + 1)) for length in (height, width))
    cut = [shot[y : y + size_px, x : x + size_px] for shot in item.shots]
    missing = [(0, max(size_px - length, 0)) for length in (height, width)]
    return [np.pad(shot, [*missing, (0, 0)], mode="symmetric") for shot in cut] if any(map(max, missing)) else cut


def rolled(item: Item, size_px: int, rng: np.random.Generator) -> list[Array]:
    """The middle of a slice, rolled by a random part of its size: what leaves on one side comes back on the other, as a
    spectrum has it.
    """
    cut = middle_square(item.shots[0], size_px)
    reach = int(len(cut) * ROLL_FRACTION)
    return [np.roll(cut, rng.integers(-reach, reach + 1, 2), axis=(0, 1))]


def middle_square(image: Array, size_px: int) -> Array:
    """(n, n, C) of an image, n at most `size_px`."""
    size = min(size_px, *image.shape[:2])
    return image[middle(0, image.shape[0], size), middle(0, image.shape[1], size)]


class SignalJudge:
    """The Judge of observations: held-out images at the noise's test value, or held-out bursts.

    The best network is the one with the least mean squared error: against the image, or, of bursts, as it is estimated from
    a second shot: E[(f(A) - B)²] = MSE + Var(B), and E[(A - B)²] = Var(A) + Var(B).

    Attributes:
        best: The least one so far.
    """

    def __init__(self, model: Specification, items: Sequence[Item], noise: Noise, device: torch.device, precision: str):
        self.model, self.items, self.noise = model, items[:: -(-len(items) // MAX_ITEMS)], noise
        self.device, self.precision, self.best = device, precision, math.inf

    def look(self, network: torch.nn.Module, step: int) -> Verdict:
        ladder = LiveLadder(self.model, TorchEngine(network, self.device, self.precision))  # type: ignore[arg-type]
        scores, strips = zip(*(self._score(ladder, index) for index in range(len(self.items))), strict=True)
        error = float(np.mean([error for error, _ in scores]))
        told = [psnr_db for _, psnr_db in scores if not math.isnan(psnr_db)]
        psnr_db = float(np.mean(told)) if told else math.nan
        is_best = error < self.best
        self.best = error if is_best else self.best
        return Verdict(is_best, {"squared_error": error, "psnr_db": psnr_db}, strips[0])

    def _score(self, ladder: LiveLadder, index: int) -> tuple[tuple[float, float], tuple[Array, ...]]:
        """(squared error, PSNR) of one item, and its images: observed, denoised, true.

        A burst's error is an estimate, which may be below 0: its PSNR is NaN then.
        """
        shots = [to_signal(self._window(shot), self.model.gives.count) for shot in self.items[index].shots]
        if is_real(self.noise):
            pictures = [self._picture(ladder, shot) for shot in shots[:2]]
            error = _estimated_error(pictures, shots)
            return (error, -10 * math.log10(error) if error > 0 else math.nan), (shots[0], pictures[0])
        seen = self.noise.observe(shots[0], np.random.default_rng([index, 1]))
        picture = finished(self._picture(ladder, seen.signal), seen.facts)
        return (float(np.mean((picture - shots[0]) ** 2)), psnr_8bit(picture, shots[0])), (seen.signal, picture, shots[0])

    def _picture(self, ladder: LiveLadder, signal: Array) -> Array:
        picture = ladder.denoise_exposed({self.model.shown: signal})
        if not np.isfinite(picture).all():
            raise N2NError("the network's pictures are not finite any more", "Train again with a lower --learning-rate.")
        return picture

    def _window(self, shot: Array) -> Array:
        if self.noise.about.is_whole:
            return middle_square(shot, WINDOW_PX)
        return shot[middle(0, shot.shape[0], WINDOW_PX), middle(0, shot.shape[1], WINDOW_PX)]


def finished(picture: Array, facts: Mapping[str, Any]) -> Array:
    """A network's signal (H, W, C) → the reconstruction: frequencies that were measured are put back."""
    if "spectrum" not in facts:
        return picture
    restored: Array = put_back(picture, facts["spectrum"], facts["measured"], np)
    return restored


def _estimated_error(pictures: Sequence[Array], shots: Sequence[Array]) -> float:
    """Mean squared error of the pictures of two shots."""
    a, b = shots[:2]
    noise = float(np.mean((a - b) ** 2)) / 2
    return (float(np.mean((pictures[0] - b) ** 2)) + float(np.mean((pictures[1] - a) ** 2))) / 2 - noise
