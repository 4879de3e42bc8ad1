"""Frames of a shot → weights for this shot: trained on one render against the other, judged on tiles held out."""

import copy
import time
from dataclasses import dataclass

import numpy as np
import torch

from ..adapt.options import AdaptOptions
from ..errors import N2NError
from ..frame.channels import NEIGHBORS
from ..io.dataset import spaced
from ..network.build import build_network
from ..network.checkpoint import Checkpoint, load_network
from ..network.device import Float32, describe_device, pick_device
from ..network.specification import decode_output
from ..train.descent import Descent, faster_precision, learning_rate_factor, stop_on_ctrl_c
from ..train.losses import clamp_fireflies, perceptual_weight
from ..train.setup import check_crops
from ..train.validate import denoise_array, encode_input, reestimate_norms, set_norms_fixed
from . import judge
from .shot import Crops, ShotFrame

LEARNING_RATE = 3e-5  # from a trained model; 1e-4 loses quality before it gains any
LEARNING_RATE_NEW = 1e-3  # from nothing
NORM_BATCH_SHARE = 0.1  # from nothing: of the run that BatchNorm uses batch statistics
REESTIMATE_BATCHES = 32
ONLINE_NORM_STEPS = 64  # online and from nothing: then statistics are fixed
CHECK_PX = 512  # of each frame that is looked at in between at most this much, in the middle
MAX_CHECKED = 12  # frames


@dataclass
class Check:
    """What the held-out tiles say at one moment. change: of the squared error, relative to the start's; its uncertainty."""

    step: int
    change: float
    uncertainty: float


@dataclass
class Tuned:
    """weights: of the best moment; share: how far to go from the start's picture to theirs, for the whole shot."""

    weights: dict
    share: float
    checks: list[Check]
    steps: int
    seconds: float


@dataclass
class _Sight:
    """One direction of one checked frame: an input, and the other seeds that judge what is made of it."""

    image: np.ndarray  # (h, w, 10 or 17)
    judge: np.ndarray  # (h, w, 3)
    start: np.ndarray  # (h, w, 3)
    residual: np.ndarray  # (h, w, 3), of the start by the judge
    pilot: np.ndarray  # (h, w, 3)
    known: np.ndarray  # (h, w) bool: held out of training


class Tuning:
    """`model`, `weights`: the network to start from; weights None: from nothing, and the noisy picture is the start.

    plain: with neighbours, what the pictures are compared with and blended with: a start that does not look at them.
    on_look([noisy, start, adapted]), exposed radiance (h, w, 3) of a part of a frame, is called whenever tiles were judged.
    """

    @Float32()
    def __init__(
        self,
        frames: list[ShotFrame],
        model,
        weights: dict | None,
        config: AdaptOptions,
        progress,
        plain: Checkpoint | None = None,
        on_look=lambda images: None,
    ):
        self.model, self.config, self.progress, self.on_look = model, config, progress, on_look
        self.loss = None
        self.device = pick_device(config.device)
        self.new = weights is None
        self.network = build_network(model, config.seed).to(self.device, memory_format=torch.channels_last)
        if weights:
            self.network.load_state_dict(weights)
        self.start = load_network(plain).to(self.device) if plain else copy.deepcopy(self.network)
        self.start.eval()
        self.temporal = NEIGHBORS in model.features
        self.norms_fixed = not self.new
        self.descent = Descent(self.network, config.ema)
        self.learning_rate = config.learning_rate or (LEARNING_RATE_NEW if self.new else LEARNING_RATE)
        self.minutes = config.minutes or (20.0 if self.device.type == "cpu" else 5.0)
        if self.new:
            check_crops(self.network, config.batch, config.crop_px)
        self.crops = Crops(frames, model.features, config.batch, config.crop_px, config.seed)
        self.precision = "float32"  # of a small step from good weights half precision would round most away
        if self.new:
            batch = self._batch(0)
            self.precision = faster_precision(self.network, self.device, lambda precision: self._loss(batch, precision))
        self.seconds = 0.0
        self.calibration = judge.Calibration()
        self.shared = 0.0  # see `judge.SharedError`
        self.sights = [sight for frame in spaced(frames, MAX_CHECKED) for sight in self._look_at(frame)]
        self.checks: list[Check] = []
        # Until something is better, the start is the best; from nothing, the first check is.
        self.best = None if self.new else Tuned(self.descent.weights(), 0.0, self.checks, 0, 0.0)

    @Float32()
    def run(self) -> Tuned:
        """Raises KeyboardInterrupt after Ctrl-C; `best` is then what was best so far. What goes wrong later than that
        ends the run with a warning.
        """
        config, total = self.config, self.config.steps or self.minutes * 60
        self.progress.note(
            f"training on {describe_device(self.device)}, {self.precision}, "
            + (f"{config.steps} steps" if config.steps else f"{self.minutes:g} minutes")
        )
        self.progress.start(total)
        if self.temporal and not self.new:
            self._check()
        checked, started = 0, time.time()
        try:
            with stop_on_ctrl_c() as stop_asked:
                while self._share() < 1.0:
                    if stop_asked():
                        raise KeyboardInterrupt
                    tick = time.time()
                    self._step()
                    self.seconds = time.time() - started
                    self.progress.advance(1 if config.steps else time.time() - tick, self._line())
                    due = int(self._share() * config.checks)
                    if due > checked:
                        checked, tick = due, time.time()
                        self._check()
                        started += time.time() - tick  # the time asked for is for training
        except (N2NError, torch.OutOfMemoryError) as error:
            problem = (
                error
                if isinstance(error, N2NError)
                else N2NError(f"not enough memory on {describe_device(self.device)}", "Adapt with a smaller --batch or --crop.")
            )
            if not self.checks:
                raise problem from None
            self.progress.warn(f"stopped early: {problem.what}; going on with the best so far. {problem.hint}")
        finally:
            self.crops.close()
        if self.temporal and self.best and self.best.share:
            self._calibrate()
        return self.best

    def _share(self) -> float:
        """How much of the run is done."""
        if self.config.steps:
            return self.descent.steps / self.config.steps
        return self.seconds / (self.minutes * 60)

    def _line(self):
        rate = self.descent.steps * self.config.batch / max(self.seconds, 1e-6)
        line = f"step {self.descent.steps} {rate:.1f} crops/s loss {self.loss:.4g}"
        if self.checks:
            line += f" error on held-out tiles {self.checks[-1].change:+.1%} ± {self.checks[-1].uncertainty:.1%}"
        return line

    def _batch(self, step):
        return {key: torch.from_numpy(value).to(self.device, non_blocking=True) for key, value in self.crops.get(step).items()}

    def _loss(self, batch, precision):
        target = clamp_fireflies(batch["target"], batch["noisy"], judge.FIREFLY_CLAMP)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            prediction = self.network(encode_input(self.model, batch["noisy"], batch["guides"]))
        prediction = prediction.float()
        if self.model.output == "encoded":
            prediction = decode_output(self.model, prediction, torch)
        weight = perceptual_weight(prediction.detach(), prediction.detach() if self.new else batch["pilot"], torch)
        return (batch["known"] * weight * (prediction - target) ** 2).mean()

    def _step(self):
        if not self.norms_fixed and self._share() >= NORM_BATCH_SHARE:
            self._fix_norms()
        self._descend("cosine", self._share())

    def _descend(self, schedule: str, share: float):
        self.network.train()
        if self.norms_fixed:
            set_norms_fixed(self.network)
        loss = self._loss(self._batch(self.descent.steps), self.precision)
        rate = self.learning_rate * learning_rate_factor(schedule, share, self.descent.steps, self.config.warmup_steps)
        self.descent.step(loss, rate, "Adapt with a lower --learning-rate.")
        self.loss = loss.item() if self.loss is None else 0.95 * self.loss + 0.05 * loss.item()

    @Float32()
    def learn(self, frames: list[ShotFrame], steps: int):
        """Goes on with other frames, the newest of a sequence, at a constant rate: online training."""
        self.crops.close()
        self.crops = Crops(frames, self.model.features, self.config.batch, self.config.crop_px, self.config.seed)
        for _ in range(steps):
            self._descend("constant", 1.0)
            if not self.norms_fixed and self.descent.steps >= ONLINE_NORM_STEPS:
                self._fix_norms()

    @Float32()
    def pictures(self, frame: ShotFrame) -> list[np.ndarray]:
        """What the running mean of the weights makes of each seed: exposed radiance (H, W, 3)."""
        if not self.norms_fixed:
            reestimate_norms(self.descent.average, self.crops, self.device, self.precision, REESTIMATE_BATCHES)
        pictures = [denoise_array(self.descent.average, image, self.device) for image in frame.images]
        if not all(np.isfinite(picture).all() for picture in pictures):
            raise N2NError("the network's pictures are not finite any more", "Learn with a lower --learning-rate.")
        return pictures

    def ratio_on(self, frame: ShotFrame, pictures, count: int) -> float:
        """Of error and difference, measured on the newest `count` frames *before* they are learned from."""
        seeds = [image[..., :3].astype(np.float32) for image in frame.images]
        judges = [judge.without_fireflies(seeds[1], seeds[0]), judge.without_fireflies(seeds[0], seeds[1])]
        self.calibration.add(pictures, judges, frame.pilot.astype(np.float32))
        self.calibration.forget_all_but(count)
        return self.calibration.ratio()

    @Float32()
    def final_weights(self) -> dict:
        """The running mean; its BatchNorm statistics are set."""
        if not self.norms_fixed:
            self._fix_norms()
        return self.descent.weights()

    def _fix_norms(self):
        reestimate_norms(self.network, self.crops, self.device, self.precision, REESTIMATE_BATCHES)
        self.descent.copy_statistics()
        self.norms_fixed = True

    def _look_at(self, frame: ShotFrame) -> list[_Sight]:
        """Both directions of one frame: half of the seeds as the input, the others as the judge."""
        height, width = frame.images_file.shape[1:3]
        top, left = max(0, (height - CHECK_PX) // 2), max(0, (width - CHECK_PX) // 2)
        place = slice(top, top + CHECK_PX), slice(left, left + CHECK_PX)
        images = frame.images[(slice(None), *place)].astype(np.float32)
        middle = len(images) // 2
        halves = images[:middle].mean(0), images[middle:].mean(0)
        pilot = frame.pilot[place].astype(np.float32)
        known = frame.held_out()[place]
        sights = []
        for image, other in (halves, halves[::-1]):
            start = image[..., :3] if self.new else denoise_array(self.start, image, self.device)
            limited = judge.without_fireflies(other[..., :3], image[..., :3])
            residual = judge.shown_residual(start, limited, pilot)
            sights.append(_Sight(image, limited, start, residual, pilot, known))
        if not self.new:
            self.calibration.add([sight.start for sight in sights], [sight.judge for sight in sights], pilot)
        return sights

    def _check(self):
        """Judges the running mean of the weights on the held-out tiles; keeps it if it is the best yet."""
        if not self.norms_fixed:
            reestimate_norms(self.descent.average, self.crops, self.device, self.precision, REESTIMATE_BATCHES)
        evidence, before = None, self._error_of_start()
        for sight in self.sights:
            picture = denoise_array(self.descent.average, sight.image, self.device)
            found = judge.find_evidence(judge.shown_step(sight.start, picture), sight.residual, sight.known).total()
            if evidence is None:
                self.on_look([sight.image[..., :3], sight.start, picture])
            evidence = evidence + found if evidence else found
        check = Check(self.descent.steps, (evidence.reach - 2 * evidence.gain) / before, 2 * evidence.noise**0.5 / before)
        if not np.isfinite(check.change):
            raise N2NError("the network's pictures are not finite any more", "Adapt with a lower --learning-rate.")
        if self.best is None or check.change < self._least_change():
            share = judge.best_share(_arrays(evidence), 0.0 if self.new else 1.0)
            self.best = Tuned(self.descent.weights(), share, self.checks, self.descent.steps, self.seconds)
        self.checks.append(check)

    def _calibrate(self):
        """By the best weights' own pictures: both halves of a frame see the same neighbours, so that they differ by less."""
        found = judge.SharedError(0.0) if self.new else judge.SharedError()
        self.calibration = judge.Calibration()  # the usual ratio
        self.network.load_state_dict(self.best.weights)
        for one, two in zip(self.sights[::2], self.sights[1::2], strict=True):
            pictures = [denoise_array(self.network.eval(), sight.image, self.device) for sight in (one, two)]
            found.add(pictures, (one.start, two.start), (one.judge, two.judge), one.pilot, one.known)
        self.shared = found.share()

    def _least_change(self) -> float:
        """Of the best so far: of the start it is 0."""
        return min([done.change for done in self.checks] + [0.0] * (not self.new))

    def _error_of_start(self) -> float:
        """The start's squared error on the held-out tiles, by the usual rule of thumb: what changes are compared with."""
        usual = 1.0 if self.new else judge.DIFFERENCE_TO_ERROR
        apart = sum(
            float((judge.difference(one.start, two.start) * one.known).sum())
            for one, two in zip(self.sights[::2], self.sights[1::2], strict=True)
        )
        return max(2 * 3 * usual * apart, 1e-9)  # both directions, three channels


def _arrays(evidence: judge.Evidence) -> judge.Evidence:
    return judge.Evidence(*(np.array([value]) for value in (evidence.gain, evidence.reach, evidence.noise)))
