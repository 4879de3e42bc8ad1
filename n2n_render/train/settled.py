"""What TrainOptions leaves open → what it means: a run folder says all of it, and a resumed run keeps it."""

from dataclasses import dataclass
from typing import Any

from ..config import Crop, Head, Norm, Positive, Schedule
from ..learn.samplers import Crops
from ..noise.table import Noise
from .options import TrainOptions

LEARNING_RATE_FROM_MODEL = 1e-4  # of renders
LEARNING_RATE_LONG = 3e-4  # of renders, from nothing; paper: 0.0003 for Monte Carlo, which it trains for days
LONG_MINUTES = 60.0


@dataclass(frozen=True)
class Settled(TrainOptions):
    """TrainOptions in which nothing is left open that a training needs. Its own values are those of renders."""

    norm: Norm = "batch"
    head: Head = "gated"
    crop_px: Crop = 128
    learning_rate: Positive = 1e-3
    schedule: Schedule = "cosine"

    @property
    def crops(self) -> Crops:
        """How a sampler cuts."""
        return Crops(self.batch, self.crop_px, self.seed)


def settled(options: TrainOptions) -> Settled:
    """With noise, its text says its range, too, and the loss is its own unless another one is asked for.

    Raises N2NError for noise that there is not.
    """
    given = {name: value for name, value in vars(options).items() if value is not None}
    if options.noise is not None:
        noise = Noise.parse(options.noise)
        return Settled(**{**_usual_of(noise), **given, "noise": str(noise), "loss": _loss(options, noise)})
    return Settled(**{**_usual_of_renders(options), **given})


def _usual_of_renders(options: TrainOptions) -> dict[str, Any]:
    if options.init is not None:
        return {"learning_rate": LEARNING_RATE_FROM_MODEL}
    is_long = options.steps is None and options.minutes > LONG_MINUTES
    return {"learning_rate": LEARNING_RATE_LONG} if is_long else {}


def _usual_of(noise: Noise) -> dict[str, Any]:
    """The paper's network: no norm, linear output."""
    crop = {"crop_px": noise.about.crop_px} if noise.about.crop_px else {}
    rate = {"learning_rate": noise.about.learning_rate, "schedule": noise.about.schedule}
    return {"norm": "none", "head": "direct", **crop, **rate}


def _loss(options: TrainOptions, noise: Noise) -> str:
    return noise.about.loss if options.loss == "auto" else options.loss
