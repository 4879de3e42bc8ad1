"""How a loop runs, and what it advises where it cannot."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """How long a loop runs, and how fast it learns.

    Attributes:
        learning_rate: of Adam, before `shape` and warm-up change it.
        steps: optimiser steps; None: `seconds` decide.
        seconds: of training.
        shape: "cosine", "step", "ramp_down" or "constant", see `descent.learning_rate_factor`.
        warmup_steps: over which the learning rate rises; 0: none.
        ema: what is left of the running mean of the weights after a step.
        looks: how often the judge is asked, evenly; it is always asked at the end.
        looks_count: whether the time that this takes is a part of `seconds`.
        norm_batch_fraction: of the run that BatchNorm uses batch statistics, from nothing; then they are fixed.
        round_steps: of the first round; each one is twice as long as the one before. The learning rate takes its shape in each
            round anew, and the judge is asked at its end instead of evenly: where nobody knows how long to train, what is
            judged has been trained to an end all the same. 0: the run is one round.
    """

    learning_rate: float
    steps: int | None = None
    seconds: float = 20 * 60.0
    shape: str = "cosine"
    warmup_steps: int = 100
    ema: float = 0.998
    looks: int = 20
    looks_count: bool = True
    norm_batch_fraction: float = 0.1
    round_steps: int = 0


@dataclass(frozen=True)
class Advice:
    """The hints of a loop's errors: where gradients are not finite any more, and where the memory is full."""

    gradient: str = "Train with --precision float32 or a lower --learning-rate."
    memory: str = "Train with a smaller --batch or --crop."
