"""One table of all noise that images can be trained and judged with, and the texts that name it: "gaussian:0-50".

Figures without another source are Noise2Noise's (its paper, and the behaviour of its official code).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from .. import plugins
from ..config import SIGNAL_LOSSES
from ..errors import N2NError
from ..frame.arrays import Array
from ..schema import Checked, shown
from .kspace import undersample
from .observation import Observation
from .photographic import add_brown, add_gaussian, count_photons, drop_pixels, replace_pixels
from .text import write_text

Observe = Callable[[Array, float, Generator], Observation]
_NUMBER = r"([0-9]+\.?[0-9]*|\.[0-9]+)"
_RANGE = re.compile(f"{_NUMBER}(?:-{_NUMBER})?")


@dataclass(frozen=True)
class NoiseKind:
    """One kind of noise: what strength it may have, and how a network is trained on it.

    Attributes:
        name: What users call it.
        title: The same for people, in a few words.
        unit: What its strength is, in words.
        least: The smallest strength that makes sense; `most`: the largest.
        usual: From where to where strengths are drawn in training, unless said otherwise.
        test: The strength at which networks are compared.
        loss: What finds the clean image among noisy targets: a name of learn/losses.py.
        observe: A signal (H, W, C), a strength, a generator → an Observation. None: the noise is real, and comes in pairs.
        channels: 3, or 1 for what has no colour.
        learning_rate: of Adam, for the paper's U-Net.
        schedule: of the learning rate: "ramp_down" leaves it as it is, and lets it fall at the end.
        is_whole: It is one of whole images, as a spectrum is: crops would be other images.
        crop_px: Side of a training crop, where the noise needs a certain one. None: as for everything else.
    """

    name: str
    title: str
    unit: str
    least: float
    most: float
    usual: tuple[float, float]
    test: float
    loss: str
    observe: Observe | None
    channels: int = 3
    learning_rate: float = 1e-3
    schedule: str = "ramp_down"
    is_whole: bool = False
    crop_px: int | None = None


KINDS: dict[str, NoiseKind] = {
    kind.name: kind
    for kind in (
        NoiseKind("gaussian", "Gaussian noise", "σ of 255", 0, 255, (0, 50), 25, "l2", add_gaussian),
        NoiseKind("brown", "correlated Gaussian noise", "σ of 255", 0, 255, (25, 25), 25, "l2", add_brown),
        NoiseKind("poisson", "Poisson noise", "events where it is white", 0, 1e6, (0, 50), 30, "l2", count_photons),
        NoiseKind("bernoulli", "missing pixels", "share of pixels", 0, 0.99, (0, 0.95), 0.5, "masked_l2", drop_pixels),
        NoiseKind("text", "written text", "share of pixels", 0, 0.75, (0, 0.5), 0.25, "l1", write_text),
        NoiseKind("impulse", "random colours", "share of pixels", 0, 0.99, (0, 0.95), 0.7, "annealed_l0", replace_pixels),
        NoiseKind(
            *("mri", "undersampled frequencies", "share of frequencies measured", 0.01, 1, (0.1, 0.1), 0.1),
            *("data_consistency", undersample),
            channels=1,
            is_whole=True,
            crop_px=256,  # the paper cuts its slices to 255², as its mask needs an odd side; ours takes any
        ),
        NoiseKind("pairs", "real noise, two shots of the same thing", "none", 0, 0, (0, 0), 0, "l2", None),
    )
}


def _wrong_kind(kind: NoiseKind) -> str | None:
    """What is wrong with one that a package brings, as the end of a sentence; it is tried."""
    if not re.fullmatch("[a-z][a-z0-9_]*", kind.name):
        return "its name must be of small letters, digits and _"
    if not 0 <= kind.least <= kind.usual[0] <= kind.usual[1] <= kind.most < np.inf or not kind.least <= kind.test <= kind.most:
        return "its usual strengths and its test must lie between least and most, and those from 0 on"
    if kind.loss not in SIGNAL_LOSSES:
        return f"its loss is {kind.loss!r}, but must be one of {', '.join(SIGNAL_LOSSES)}"
    if kind.channels not in (1, 3) or kind.observe is None:
        return "it must have 3 channels or 1, and observe"
    signal, rng = np.zeros((16, 24, kind.channels), np.float32), np.random.default_rng(1)
    observed = kind.observe(signal, kind.test, rng)
    if not isinstance(observed, Observation) or (observed.signal.shape, observed.signal.dtype) != (signal.shape, signal.dtype):
        return "observe does not give an Observation with a signal (H, W, C) float32 of the size that it was given"
    if kind.loss == "data_consistency" and not {"spectrum", "measured"} <= set(observed.facts):
        return "its loss needs the facts spectrum and measured, which observe does not give"
    return "observe changes the signal that it is given" if signal.any() else None


BROUGHT = plugins.Table(plugins.NOISE, "noise", NoiseKind, tuple(KINDS), _wrong_kind)


def find_kind(name: str) -> NoiseKind | None:
    """Of ours, else of a package's."""
    return KINDS.get(name) or BROUGHT.rows().get(name)


@dataclass(frozen=True)
class Noise(Checked):
    """A kind of noise, and from which strength to which it is drawn, `low` to `high`, evenly."""

    kind: str
    low: float
    high: float

    def contradiction(self) -> str | None:
        limits = find_kind(self.kind)
        if limits is None:
            return f"unknown noise {shown(self.kind)}"
        if not limits.least <= self.low <= self.high <= limits.most:
            given = _number(self.low) if self.low == self.high else f"{_number(self.low)}-{_number(self.high)}"
            return f"{self.kind} cannot be of strength {given}"
        return None

    @classmethod
    def parse(cls, text: str) -> "Noise":
        """ "gaussian:0-50"; "gaussian", which means the usual range; "gaussian:25", always the same strength.

        Raises N2NError, whose hint names what there is.
        """
        name, colon, strength = text.partition(":")
        kind = find_kind(name)
        if kind is None:
            raise N2NError(
                f"unknown noise {shown(name)}", f"Known ones, with all that they may be: {', '.join(known_noise())}."
            )
        hint = f"It may be {_spelled(kind)}: {kind.unit}."
        if name == "pairs":
            hint = 'Say "pairs" alone: real noise has the strength that it has.'
        match = _RANGE.fullmatch(strength)
        if colon and (not match or name == "pairs"):
            raise N2NError(f"{shown(strength)} is no strength of {name} noise", hint)
        low, high = (float(match[1]), float(match[2] or match[1])) if match else kind.usual
        try:
            return cls(name, low, high)
        except N2NError:
            raise N2NError(f"{shown(strength)} is no strength of {name} noise", hint) from None

    def __str__(self) -> str:
        """What `parse` understands."""
        if self.kind == "pairs":
            return self.kind
        ends = [self.low] if self.low == self.high else [self.low, self.high]
        return f"{self.kind}:{'-'.join(map(_number, ends))}"

    @property
    def about(self) -> NoiseKind:
        """The table's line."""
        kind = find_kind(self.kind)
        assert kind is not None  # it was checked
        return kind

    def at_test(self) -> "Noise":
        """The same kind at the one strength at which networks are compared, or at the end of the range that is nearest to it:
        what was never trained says nothing of a training.
        """
        strength = min(max(self.about.test, self.low), self.high)
        return Noise(self.kind, strength, strength)

    def observe(self, signal: Array, rng: Generator, value: float | None = None) -> Observation:
        """A new observation, independent of all others of this generator but for its strength where that is given.

        Args:
            signal: (H, W, C) float32, [-½, ½], what it is without noise.
            value: The strength. None: drawn evenly from the range.
        """
        if self.about.observe is None:
            raise N2NError(
                "real noise cannot be made", 'Take another noise, or, with "pairs", folders that hold two shots or more.'
            )
        return self.about.observe(signal, float(rng.uniform(self.low, self.high)) if value is None else value, rng)


def known_noise() -> list[str]:
    """Every kind with all that its strength may be, as `Noise.parse` takes it: "gaussian:0-255", …, "pairs"."""
    return [_spelled(kind) for kind in (*KINDS.values(), *BROUGHT.rows().values())]


def _spelled(kind: NoiseKind) -> str:
    return str(Noise(kind.name, kind.least, kind.most))


def _number(value: float) -> str:
    """The shortest text without an exponent that is read as the same number."""
    return np.format_float_positional(value, trim="-")
