"""One image and a noise → what every method gets of it, and how near each picture is to the truth."""

import functools
import zlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..denoise.signals import SignalDenoiser
from ..denoise.slices import reconstruct_signal
from ..frame import metrics
from ..frame.arrays import Array
from ..frame.signal import psnr_8bit, to_signal
from ..io.collection import Item
from ..noise.agreement import noise_fractions
from ..noise.kspace import put_back
from ..noise.observation import Observation
from ..noise.table import Noise
from .classical import NLM, TV, least_variation, non_local_means, non_local_means_of_counts
from .scores import NOISY, Scores

ZERO_FILLED, UNWEIGHTED = "zero-filled", "zero-filled, not weighted"


class Case(Protocol):
    """One image to be judged on."""

    @property
    def shown(self) -> dict[str, Array]:
        """Name → signal (H, W, C) of what was observed, and "clean" where that is known."""

    def denoise(self, denoiser: SignalDenoiser) -> Array:
        """The picture (H, W, C) that a network makes of it."""

    def classical(self) -> dict[str, Array]:
        """Method → picture (H, W, C), of what needs no training."""

    def score(self, picture: Array) -> Scores:
        """How near a picture is to the truth."""


@dataclass(frozen=True)
class SyntheticCase:
    """A clean image with noise that was made. The pictures are judged by Noise2Noise's rule, rounded to 8 bits."""

    clean: Array
    observation: Observation
    noise: Noise  # at one strength

    @property
    def shown(self) -> dict[str, Array]:
        return {NOISY: self.observation.signal, "clean": self.clean}

    def denoise(self, denoiser: SignalDenoiser) -> Array:
        return denoiser.denoise(self.observation.signal)

    def classical(self) -> dict[str, Array]:
        """It is told the true strength; of noise that it is not made for, the true deviation of this observation."""
        noisy, strength = self.observation.signal, self.noise.low
        if self.noise.kind == "poisson" and strength > 0:
            return {NLM: non_local_means_of_counts(noisy, strength)}
        known = self.noise.kind == "gaussian"
        return {NLM: non_local_means(noisy, strength / 255 if known else float(np.std(noisy - self.clean)))}

    def score(self, picture: Array) -> Scores:
        return {"psnr_db": psnr_8bit(picture, self.clean), "ssim": metrics.ssim_8bit(picture, self.clean)}


@dataclass(frozen=True)
class SliceCase(SyntheticCase):
    """A slice of which some frequencies were measured."""

    @property
    def shown(self) -> dict[str, Array]:
        spectrum, measured = self._facts
        unweighted = put_back(np.zeros_like(self.clean), spectrum, measured, np)
        return {ZERO_FILLED: self.observation.signal, UNWEIGHTED: unweighted, "clean": self.clean}

    def denoise(self, denoiser: SignalDenoiser) -> Array:
        return reconstruct_signal(denoiser, self.observation.signal, *self._facts)

    def classical(self) -> dict[str, Array]:
        return {TV: least_variation(*self._facts)}

    @property
    def _facts(self) -> tuple[Array, Array]:
        return self.observation.facts["spectrum"], self.observation.facts["measured"]


@dataclass(frozen=True)
class BurstCase:
    """Two shots of the same thing, the truth of which nobody knows: the second one judges what is made of the first."""

    shots: tuple[Array, Array]

    @property
    def shown(self) -> dict[str, Array]:
        return {NOISY: self.shots[0]}

    def denoise(self, denoiser: SignalDenoiser) -> Array:
        return denoiser.denoise(self.shots[0])

    def classical(self) -> dict[str, Array]:
        return {NLM: non_local_means(self.shots[0], float(np.sqrt(self._variances[0])))}

    @functools.cached_property
    def _variances(self) -> tuple[float, float]:
        """Of the noise in each shot: that of their difference, divided as their finest detail is, which holds little else."""
        difference = float(np.mean((self.shots[0] - self.shots[1]) ** 2, dtype=np.float64))
        fractions = noise_fractions(*self.shots)
        return difference * fractions[0], difference * fractions[1]

    def score(self, picture: Array) -> Scores:
        """The expected squared error: the difference to the second shot, less that one's own noise."""
        error = float(np.mean((picture - self.shots[1]) ** 2, dtype=np.float64)) - self._variances[1]
        return {"psnr_db": float(-10 * np.log10(error)) if error > 0 else float("nan"), "ssim": float("nan")}


def make_case(item: Item, noise: Noise, channels: int, seed: int) -> Case:
    """The noise is the same for the same image and seed, whatever other images there are.

    Args:
        noise: At one strength, or of pairs: then the item is a burst.
        channels: Of the signal, 3 or 1.
    """
    if noise.about.observe is None:
        first, second = (to_signal(shot, channels) for shot in item.shots[:2])
        return BurstCase((first, second))
    clean = to_signal(item.shots[0], channels)
    picture = item.name.partition("/")[2] or item.name
    observation = noise.observe(clean, np.random.default_rng([seed, zlib.crc32(picture.encode())]), noise.low)
    return (SliceCase if "spectrum" in observation.facts else SyntheticCase)(clean, observation, noise)
