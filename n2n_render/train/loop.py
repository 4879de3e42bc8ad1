"""Pairs → checkpoint: step, validate, save, resume."""

import contextlib
import math
import time
from pathlib import Path
from typing import Annotated

import torch

from ..config import to_dict
from ..engines.options import EngineOptions
from ..errors import N2NError
from ..guides.prefilter import Prefilter
from ..network.build import build_network
from ..network.checkpoint import DAMAGED, Checkpoint, check_weights, read_checkpoint, write_checkpoint, write_somewhere
from ..network.device import Float32, cpu_threads, describe_device, pick_device
from ..network.provenance import Provenance
from ..network.specification import decode_output
from ..schema import Real, check_items, from_dict
from ..train.options import TrainOptions
from .dataset import Batches
from .descent import Descent, faster_precision, learning_rate_factor, stop_on_ctrl_c
from .journal import Journal
from .losses import LOSSES, clamp_fireflies
from .setup import check_crops, held_run, load_pairs, loss_name, new_folder, start_model
from .validate import encode_input, reestimate_norms, set_norms_fixed, validate

LEARNING_RATE = 3e-4  # from nothing; paper: 0.0003 for Monte Carlo
LEARNING_RATE_FROM_MODEL = 1e-4
RECORD_EVERY_S = 5.0
REESTIMATE_BATCHES = 32  # for BatchNorm's statistics
LAST, BEST = "last.pt", "best.pt"
STATE = {
    "network": dict,
    "optimizer": dict,
    "usual_log_norm": float | None,
    "best": Annotated[object, Real()],
    "norms_fixed": bool,
}


def train(config: TrainOptions, progress, resume: str | None = None) -> Path:
    """Trains until `config` says so and returns the run folder with best.pt, last.pt, metrics.jsonl, training.png.

    resume: the folder of an earlier run, `config` its `resumed_config`; `progress` see progress.py.
    Ctrl-C (KeyboardInterrupt) saves last.pt before it goes on upwards; it takes effect between two steps, so that a
    resumed run is the same as an uninterrupted one.
    """
    with Float32(), cpu_threads(config.threads), contextlib.ExitStack() as held:
        trainer = Trainer(config, progress, resume, held)
        trainer.run()
        return trainer.folder


class Trainer:
    """All state of one run. held: what is locked until it is closed."""

    def __init__(self, config: TrainOptions, progress, resume: str | None = None, held: contextlib.ExitStack | None = None):
        self.config, self.progress, self.held = config, progress, held or contextlib.ExitStack()
        self.loss = LOSSES[loss_name(config)]
        self.device = pick_device(config.device)
        if resume:
            self.held.enter_context(held_run(Path(resume)))
        kept = read_checkpoint(Path(resume) / LAST) if resume else None
        self.model, start = (kept.model, None) if kept else start_model(config)
        self.origin = kept.provenance.origin if kept else start.provenance.describe() if start else None
        prefilter = Prefilter.open(self.model, EngineOptions(config.device)) if self.model.clean_guides else None
        self.training_pairs, self.validation_pairs, self.datasets = load_pairs(
            config, self.model, prefilter, progress, self.held
        )
        self.network = build_network(self.model, config.seed).to(self.device, memory_format=torch.channels_last)
        if start:
            self.network.load_state_dict(start.tensors())
        elif not kept and self.model.network.norm == "batch":
            check_crops(self.network, config.batch, config.crop_px)
        self.descent = Descent(self.network, config.ema)
        self.learning_rate = config.learning_rate or (LEARNING_RATE_FROM_MODEL if config.init else LEARNING_RATE)
        self.seconds, self.best, self.precision = 0.0, math.inf, config.precision
        self.norms_fixed = start is not None
        self.batches = Batches(
            self.training_pairs, self.model.features, config.batch, config.crop_px, config.seed, config.target
        )
        self.folder = Path(resume) if resume else new_folder(config, self.datasets, self.held)
        self.journal = Journal(self.folder, progress.warn)
        self._unsaved: dict[str, Checkpoint] = {}  # what could not be written when it was due
        self._told: set[str] = set()
        if kept:
            self._load(self.folder / LAST, kept)
            self.journal.forget_after(self.step)
        if self.precision == "auto":
            batch = {key: torch.from_numpy(value).to(self.device) for key, value in self.batches.make(0).items()}
            self.precision = faster_precision(self.network, self.device, lambda precision: self._forward(batch, precision)[0])
        self._losses, self._clamped = [], []

    @property
    def step(self) -> int:
        return self.descent.steps

    def run(self):
        config, progress = self.config, self.progress
        progress.note(", ".join(f"{key} {value}" for key, value in to_dict(config).items() if value is not None))
        progress.note(
            f"training on {describe_device(self.device)}, {self.precision}: {len(self.training_pairs)} views to "
            f"learn from, {len(self.validation_pairs)} held out, into {self.folder}"
        )
        total = config.steps or config.minutes * 60
        progress.start(total)
        progress.advance(self.step if config.steps else self.seconds, "")
        first_step, started, before = self.step, time.time(), self.seconds
        next_record, validated = time.time() + RECORD_EVERY_S, self._validations_due()
        try:
            with stop_on_ctrl_c() as stop_asked:
                while self._share() < 1.0:
                    if stop_asked():
                        raise KeyboardInterrupt
                    tick = time.time()
                    self._train_step()
                    self.seconds = before + time.time() - started
                    rate = (self.step - first_step) * config.batch / (time.time() - started)
                    progress.advance(1 if config.steps else time.time() - tick, self._line(rate))
                    if self._validations_due() > validated and self._share() < 1.0:
                        validated = self._validations_due()
                        self._validate()
                    elif time.time() > next_record and self._share() < 1.0:  # the last record is the last validation's
                        next_record = time.time() + RECORD_EVERY_S
                        self._record({})
                self._validate()
            self._rescue()
        except KeyboardInterrupt:
            if not self.norms_fixed:  # until then nobody has set the averaged network's statistics
                reestimate_norms(self.descent.average, self.batches, self.device, self.precision, REESTIMATE_BATCHES)
            self._save(LAST)
            self._rescue()
            progress.note(f"saved at step {self.step}; go on with: n2n-render train --resume {self.folder}")
            raise
        except torch.OutOfMemoryError:
            raise N2NError(
                f"not enough memory on {describe_device(self.device)}", "Train with a smaller --batch or --crop."
            ) from None
        finally:
            self.batches.close()
            self.held.close()

    def _line(self, images_per_s):
        shown = f"step {self.step} loss {self.last_loss:.3g} lr {self._learning_rate():.1e} {images_per_s:.1f} crops/s"
        if self.journal.records:
            last = next((r for r in reversed(self.journal.records) if "pair_error" in r), None)
            shown += f" val {last['pair_error']:.4f}" if last else ""
            shown += f" {last['psnr_db']:.2f} dB" if last and "psnr_db" in last else ""
        return shown

    def _share(self) -> float:
        """How much of the run is done, 0 to 1."""
        return self.step / self.config.steps if self.config.steps else self.seconds / (self.config.minutes * 60)

    def _validations_due(self) -> int:
        return int(self._share() * self.config.validations)

    def _learning_rate(self) -> float:
        config = self.config
        return self.learning_rate * learning_rate_factor(config.schedule, self._share(), self.step, config.warmup_steps)

    def _forward(self, batch, precision):
        """The mean loss of a batch, and how much of the target's energy the firefly clamp took."""
        noisy, target = batch["noisy"], batch["target"]
        clamped = clamp_fireflies(target, noisy, self.config.firefly_clamp if self.config.target == "noisy" else 0)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            prediction = self.network(encode_input(self.model, noisy, batch["guides"]))
            if self.model.output == "encoded":
                prediction = decode_output(self.model, prediction.float(), torch)
        return self.loss(prediction.float(), clamped).mean(), 1 - clamped.sum() / target.sum().clamp(min=1e-9)

    def _train_step(self):
        if not self.norms_fixed and self._share() >= self.config.norm_batch_share:
            self._fix_norms()
        self.network.train()
        if self.norms_fixed:
            set_norms_fixed(self.network)
        batch = self._batch(self.step)
        loss, clamped = self._forward(batch, self.precision)
        self.descent.step(
            loss,
            self._learning_rate(),
            f"Train with --precision float32 or a lower --learning-rate; the best checkpoint so far is in {self.folder}.",
        )
        self.last_loss = loss.item()
        self._losses.append(self.last_loss)
        self._clamped.append(clamped.item())

    def _fix_norms(self):
        """Ends the phase of batch statistics: re-estimates them over the training set and uses them from here on.

        Batch statistics change with every handful of crops, and a network that has only known them is a few percent off
        when they are replaced by the mean ones. From here it is trained with the very statistics that it is used with.
        """
        reestimate_norms(self.network, self.batches, self.device, self.precision, REESTIMATE_BATCHES)
        self.descent.copy_statistics()
        self.norms_fixed = True

    def _batch(self, step):
        return {
            key: torch.from_numpy(value).to(self.device, non_blocking=True) for key, value in self.batches.get(step).items()
        }

    def _validate(self):
        if not self.norms_fixed:
            reestimate_norms(self.descent.average, self.batches, self.device, self.precision, REESTIMATE_BATCHES)
        values, strip = validate(self.descent.average, self.validation_pairs, self.device, self.precision)
        self._record(values, strip)
        if values["pair_error"] < self.best:
            self.best = values["pair_error"]
            self._save(BEST, with_training=False)
        self._save(LAST)

    def _record(self, values, strip=()):
        if not self._losses:
            return
        count = len(self._losses)
        self.journal.record(
            {
                "step": self.step,
                "seconds": round(self.seconds, 1),
                "loss": sum(self._losses) / count,
                "learning_rate": self._learning_rate(),
                "clipped_steps": self.descent.clipped / count,
                "clamped_energy": sum(self._clamped) / count,
                **values,
            },
            strip,
        )
        self._losses, self._clamped, self.descent.clipped = [], [], 0

    def _save(self, name: str, with_training: bool = True):
        training = {**self.descent.state(), "best": self.best, "norms_fixed": self.norms_fixed} if with_training else None
        provenance = Provenance(
            options=to_dict(self.config),
            precision=self.precision,
            step=self.step,
            seconds=self.seconds,
            trained_on=tuple(cached.pair.name for cached in self.training_pairs),
            datasets=tuple(self.datasets),
            torch=str(torch.__version__),
            origin=self.origin,
        )
        self._unsaved[name] = Checkpoint(self.model, self.descent.weights(), provenance, training)
        for waiting, checkpoint in list(self._unsaved.items()):
            try:
                write_checkpoint(self.folder / waiting, checkpoint)
                del self._unsaved[waiting]
            except N2NError as error:  # the training is not lost, and there may be space when the next one is due
                if waiting not in self._told:
                    self.progress.warn(f"{error.what}; the training goes on and tries again. {error.hint}")
                self._told.add(waiting)

    def _rescue(self):
        """At the end nothing may be left in memory alone. Raises N2NError, which says where the checkpoints are."""
        kept = {name: write_somewhere(self.folder / name, checkpoint) for name, checkpoint in self._unsaved.items()}
        moved = {name: place for name, place in kept.items() if place != self.folder / name}
        if moved:
            raise N2NError(
                f"{self.folder}: {' and '.join(moved)} could not be written, and was kept as "
                f"{' and '.join(map(str, moved.values()))}",
                f"Free some space and move it to {self.folder}.",
            )

    def _load(self, path: Path, found: Checkpoint):
        told, state = found.provenance, found.training
        if state is None:
            raise N2NError(f"{path}: has no training state to go on from", "Resume a run folder that has a last.pt.")
        told.require(("datasets", "step", "seconds", "precision"), f"{path}: provenance", DAMAGED)
        check_items(state, STATE, f"{path}: training", DAMAGED, STATE)
        if told.datasets != tuple(self.datasets):
            raise N2NError(
                f"{path}: the datasets have changed since, so the run cannot go on as if nothing had happened",
                "Start a new run, or put the datasets back as they were.",
            )
        check_weights(self.model, state["network"], f"{path}: training: network")
        self.descent.load(found.weights, state, told.step, str(path))
        self.best, self.norms_fixed = state["best"], state["norms_fixed"]
        self.seconds, self.precision = told.seconds, told.precision


def resumed_config(folder: str, **changes) -> TrainOptions:
    """The config of an earlier run, with `steps` or `minutes`, `device` and `threads` changed where they are not None."""
    if changes.get("steps") and changes.get("minutes"):
        raise N2NError("--steps and --minutes both say when to stop", "Pass one of them.")
    if not Path(folder).is_dir():
        raise N2NError(f"{folder}: is not a run folder", "Pass the folder that holds last.pt, e.g. runs/<date>-<name>.")
    path = Path(folder) / LAST
    told = read_checkpoint(path).provenance
    told.require(("options",), f"{path}: provenance", DAMAGED)
    from_dict(TrainOptions, told.options, f"{path}: provenance: options", DAMAGED)
    values = {**told.options, **{key: value for key, value in changes.items() if value is not None}}
    if changes.get("minutes"):
        values["steps"] = None
    return from_dict(TrainOptions, values)
