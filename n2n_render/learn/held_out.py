"""How good is a network on tiles of a shot that it was not trained on, compared with the one that it started from?"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..errors import N2NError
from ..frame.arrays import Array, Mask
from ..frame.channels import COLOR
from ..frame.tiles import middle
from ..guides.accumulation import judge_model
from ..io.dataset import spaced
from ..judge import error, evidence
from ..network.checkpoint import Checkpoint, load_network
from ..network.specification import Specification
from .arrays import combine, split_exposed
from .protocols import Verdict
from .running import denoise_array
from .shot import ShotFrame

CHECK_PX = 512  # of each frame that is looked at in between at most this much, in the middle
MAX_CHECKED = 12  # frames
LEAST_LEFT = 1e-3  # of the squared error: more than 30 dB nobody gains

Denoise = Callable[[Array], Array]  # (h, w, 10) as of `arrays.combine` → exposed radiance (h, w, 3)


@dataclass(frozen=True)
class Check:
    """What the held-out tiles say at one moment.

    Attributes:
        change: Of the squared error, relative to the start's.
        uncertainty: One standard error of it.
    """

    step: int
    change: float
    uncertainty: float


@dataclass
class ValidationSample:
    """One direction of one checked frame: some seeds as the input, the others as the target.

    Attributes:
        image: (h, w, 10), the input.
        target: (h, w, 3), the other seeds.
        start: (h, w, 3), the start's picture of the input.
        alone: (h, w, 3), with neighbours: what the network that judges them makes of the frame without; else as `start`.
        residual: (h, w, 3), what the target says is missing in it on T.
        initial_estimate: (h, w, 3).
        held_out: (h, w), where nobody was trained on the target.
    """

    image: Array
    target: Array
    start: Array
    alone: Array
    residual: Array
    initial_estimate: Array
    held_out: Mask


def pictures_by(checkpoint: Checkpoint | None, device: torch.device) -> Denoise | None:
    """What a network makes of images; None without any."""
    if checkpoint is None:
        return None
    network: torch.nn.Module = load_network(checkpoint).to(device)
    model = checkpoint.model

    def denoise(image: Array) -> Array:
        return denoise_array(network, model, image, device)

    return denoise


def validation_samples(
    frame: ShotFrame, denoise: Denoise | None, denoise_alone: Denoise | None = None
) -> tuple[ValidationSample, ValidationSample]:
    """Both directions of the middle of one frame.

    Args:
        denoise: By the start; None where it began from nothing: then the noisy picture is the start's.
        denoise_alone: With neighbours, by the network that judges them.
    """
    rows, columns = place = tuple(middle(0, length, CHECK_PX) for length in frame.size)
    images = frame.images[:, rows, columns].astype(np.float32)
    first = len(images) // 2
    halves = range(first), range(first, len(images))
    one, two = (combine(images, half) for half in halves)
    noisy_one, noisy_two = (split_exposed(images[half].mean(0))[COLOR] for half in halves)
    estimate = frame.initial_estimate[place].astype(np.float32)

    def sample(image: Array, noisy: Array, independent: Array) -> ValidationSample:
        start = denoise(image) if denoise else split_exposed(image)[COLOR]
        alone = denoise_alone(np.concatenate([noisy, image[..., 3:]], axis=-1)) if denoise_alone else start
        target = evidence.limit_fireflies(independent, noisy)
        residual = evidence.residual_on_display(start, target, estimate)
        return ValidationSample(image, target, start, alone, residual, estimate, frame.held_out()[place])

    return sample(one, noisy_one, noisy_two), sample(two, noisy_two, noisy_one)


def gain_db(change: float) -> float:
    """What a change of the squared error, relative to that before, is in PSNR; chance can make it look like more than all."""
    return 10 * math.log10(1 / max(1 + change, LEAST_LEFT))


def calibrate(calibration: error.Calibration, one: ValidationSample, two: ValidationSample) -> None:
    """Adds what the start's pictures of a frame say of error and difference; it was trained on none of its pixels."""
    calibration.add((one.start, two.start), (one.target, two.target), one.initial_estimate)


@dataclass(frozen=True)
class Shown:
    """What people are shown while a network is trained: of what is checked the frame that the start is worst at, pixel by
    pixel.

    Attributes:
        index: Of the frame's pair of validation samples.
        noisy: (h, w, 3), one half of its seeds, exposed radiance.
        exposure: The factor in its radiance.
    """

    index: int
    noisy: Array
    exposure: float

    @classmethod
    def of(cls, frames: Sequence[ShotFrame], pairs: Sequence[tuple[ValidationSample, ValidationSample]]) -> "Shown":
        """frames: Those of the pairs."""
        apart = [error.difference(one.start, two.start).mean() for one, two in pairs]
        index = max(range(len(frames)), key=lambda number: (frames[number].light is None, apart[number]))  # a picture first
        frame = frames[index]
        rows, columns = (middle(0, length, CHECK_PX) for length in frame.size)
        half = frame.colors[: len(frame.colors) // 2, rows, columns]
        return cls(index, half.mean(0, dtype=np.float32), frame.exposure)


class HeldOutJudge:
    """The Judge of `adapt`: the change of the squared error on held-out tiles, by independent renders alone.

    Attributes:
        pairs: Both directions of each checked frame.
        checks: All that were made.
        blend_weight: How far to go from the start's picture to that of the best network, for the whole shot.
        gain_db: What is gained on the start that way, on the held-out tiles; 0: nothing.
        shown: What verdicts show.
        patience: So many checks in a row without progress are enough; 0: never. Progress is a picture that is better than
            that of the last progress, at first the start's, by more than one standard error of the difference.
        idle: Checks in a row without progress.
    """

    def __init__(
        self,
        model: Specification,
        pairs: Sequence[tuple[ValidationSample, ValidationSample]],
        shown: Shown,
        device: torch.device,
        from_nothing: bool,
        patience: int = 0,
    ):
        """from_nothing: the start is no picture at all, so that the first network is better."""
        self.model, self.pairs, self.shown, self.device, self.from_nothing = model, pairs, shown, device, from_nothing
        self.checks: list[Check] = []
        self.blend_weight = self.gain_db = 0.0
        self.patience, self.idle = patience, 0
        self._last_progress = [sample.start for sample in self._samples]

    @classmethod
    def open(
        cls,
        model: Specification,
        frames: Sequence[ShotFrame],
        denoise: Denoise | None,
        device: torch.device,
        patience: int = 0,
    ) -> "HeldOutJudge":
        """Of some of the frames; denoise: by the start, None from nothing."""
        alone = pictures_by(judge_model(model.features), device) if model.reach else None
        checked = spaced(list(frames), MAX_CHECKED)
        pairs = [validation_samples(frame, denoise, alone) for frame in checked]
        return cls(model, pairs, Shown.of(checked, pairs), device, denoise is None, patience)

    @property
    def _samples(self) -> list[ValidationSample]:
        return [sample for pair in self.pairs for sample in pair]

    def look(self, network: torch.nn.Module, step: int) -> Verdict:
        """Raises N2NError where the network's pictures are not finite."""
        total, before = evidence.Evidence(0.0, 0.0, 0.0), self._error_of_start()
        pictures = [self._denoise(network, sample.image) for sample in self._samples]
        for sample, picture in zip(self._samples, pictures, strict=True):
            step_taken = evidence.step_on_display(sample.start, picture)
            total = total + evidence.find_evidence(step_taken, sample.residual, sample.held_out).total()
        change = total.change(1.0) / before
        check = Check(step, change, 2 * total.noise**0.5 / before)
        if not np.isfinite(check.change):
            raise N2NError("the network's pictures are not finite any more", "Adapt with a lower --learning-rate.")
        least = min([done.change for done in self.checks] + [0.0] * (not self.from_nothing), default=np.inf)
        is_best = check.change < least or (self.from_nothing and not self.checks)
        if is_best:
            self.blend_weight = evidence.best_weight(total, 0.0 if self.from_nothing else 1.0)
            self.gain_db = gain_db(total.change(self.blend_weight) / before)
        self.checks.append(check)
        if self.patience and step:
            self._look_for_progress(pictures)
        return Verdict(
            is_best,
            {"change": check.change, "uncertainty": check.uncertainty},
            self.show(pictures[2 * self.shown.index]),
            is_enough=0 < self.patience <= self.idle,
        )

    def show(self, picture: Array | None = None) -> tuple[Array, Array, Array]:
        """Noisy, the start's picture, and a network's of the same pixels; None: the start's again."""
        start = self.pairs[self.shown.index][0].start
        return self.shown.noisy, start, start if picture is None else picture

    def _look_for_progress(self, pictures: list[Array]) -> None:
        """Counts `idle`. Slow progress adds up, because pictures are compared with those of the last progress.

        The noise of the renders cancels between the two as far as they are alike: what one picture gains on the other is
        known better than what either gains on the start.
        """
        total = evidence.Evidence(0.0, 0.0, 0.0)
        for sample, picture, last in zip(self._samples, pictures, self._last_progress, strict=True):
            residual = evidence.residual_on_display(last, sample.target, sample.initial_estimate)
            step_taken = evidence.step_on_display(last, picture)
            total = total + evidence.find_evidence(step_taken, residual, sample.held_out).total()
        if 2 * total.gain - total.reach > 2 * total.noise**0.5:
            self._last_progress, self.idle = pictures, 0
        else:
            self.idle += 1

    def calibration(self) -> error.Calibration:
        """Of error and difference, by the start's pictures; without any from nothing."""
        calibration = error.Calibration()
        for one, two in self.pairs if not self.from_nothing else ():
            calibrate(calibration, one, two)
        return calibration

    def shared_error(self, network: torch.nn.Module) -> float:
        """What pictures of both halves get wrong alike because they see the same neighbours: see `error.SharedError`."""
        shared = error.SharedError(0.0) if self.from_nothing else error.SharedError()
        for one, two in self.pairs:
            pictures = [self._denoise(network, sample.image) for sample in (one, two)]
            shared.add(pictures, (one.alone, two.alone), (one.target, two.target), one.initial_estimate, one.held_out)
        return shared.factor()

    def _denoise(self, network: torch.nn.Module, image: Array) -> Array:
        return denoise_array(network, self.model, image, self.device)

    def _error_of_start(self) -> float:
        """The start's squared error on the held-out tiles, by the usual rule of thumb: what changes are compared with."""
        usual = 1.0 if self.from_nothing else error.DIFFERENCE_TO_ERROR

        def apart(one: Array, two: Array, held_out: Mask) -> float:
            return float((error.difference(one, two) * held_out).sum())

        own = usual * sum(apart(one.start, two.start, one.held_out) for one, two in self.pairs)
        wrong_alike = sum(apart(one.alone, two.alone, one.held_out) for one, two in self.pairs if one.alone is not one.start)
        return max(2 * 3 * (own + error.SHARED_ERROR * wrong_alike), 1e-9)  # both directions, three channels
