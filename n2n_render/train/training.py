"""Pairs → a run folder: its best and last weights, its curves."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import to_dict
from ..engines.options import EngineOptions
from ..errors import N2NError
from ..guides.prefilter import Prefilter
from ..learn.loop import Advice, Loop, Schedule
from ..learn.losses import PairLoss, named_loss
from ..learn.norms import check_crops
from ..learn.protocols import Loss, Sampler
from ..learn.samplers import Crops, PairSampler
from ..learn.start import Start, open_start
from ..learn.validation import PairJudge
from ..network.device import Float32, cpu_threads, describe_device, pick_device
from ..network.specification import OIDN_NETWORKS, PaperNetwork, Specification, oidn_specification
from ..progress import Progress, Reporter, silent
from .earlier import Earlier
from .folder import held_run, new_folder
from .journal import Journal
from .keeper import BEST, LAST, Background, RunKeeper
from .options import ResumeOptions, TrainOptions
from .pairs import Pairs, Source, load_pairs

LEARNING_RATE = 3e-4  # from nothing; paper: 0.0003 for Monte Carlo
LEARNING_RATE_FROM_MODEL = 1e-4
WrapSampler = Callable[[Sampler], Sampler]


@dataclass(frozen=True)
class Trained:
    """What a run left.

    Attributes:
        folder: The run folder, with metrics.jsonl, training.png and previews too.
        best: The weights that were best on held-out views, to denoise with.
        last: The newest weights, with all that is needed to go on.
        steps: Optimiser steps, those of earlier parts of the run included.
        pair_error: Of the best weights, see `validation.pair_error`.
    """

    folder: Path
    best: Path
    last: Path
    steps: int
    pair_error: float


def train(
    options: TrainOptions, reporter: Reporter = silent, loss: Loss | None = None, sampler: WrapSampler | None = None
) -> Trained:
    """Trains a denoiser on noisy pairs until the options say that it is enough.

    Ctrl-C (KeyboardInterrupt) takes effect between two steps and saves last.pt before it goes on upwards, so that a
    resumed run is the same as an uninterrupted one.

    Args:
        loss: Instead of the options' own; see learn/loop.py for an example.
        sampler: Takes the sampler of the pairs and gives the one to train with, such as a corruption of it.

    Raises:
        N2NError: The options ask for what cannot be, or something is missing, full or damaged.
    """
    with reporter("training") as progress, Float32(), cpu_threads(options.threads), contextlib.ExitStack() as held:
        return Run.open(options, progress, held, loss=loss, sampler=sampler).train()


def resume(
    options: ResumeOptions, reporter: Reporter = silent, loss: Loss | None = None, sampler: WrapSampler | None = None
) -> Trained:
    """Goes on with an earlier run, as if it had not been interrupted.

    Args:
        loss, sampler: As they were; a run does not remember them.
    """
    resumed = Earlier.open(Path(options.run)).options(options)
    with reporter("training") as progress, Float32(), cpu_threads(resumed.threads), contextlib.ExitStack() as held:
        held.enter_context(held_run(Path(options.run)))
        earlier = Earlier.open(Path(options.run))  # once more: another training may just have ended
        return Run.open(resumed, progress, held, earlier, loss, sampler).train()


@dataclass(frozen=True)
class Run:
    """One training, ready to begin or to go on."""

    loop: Loop
    judge: PairJudge
    keeper: RunKeeper
    pairs: Pairs
    settings: dict[str, Any]

    @classmethod
    def open(
        cls,
        options: TrainOptions,
        progress: Progress,
        held: contextlib.ExitStack,
        earlier: Earlier | None = None,
        loss: Loss | None = None,
        sampler: WrapSampler | None = None,
    ) -> "Run":
        """Everything that can be refused is refused here, before a run folder is made.

        Args:
            held: What is locked until it is closed.
        """
        settings, schedule, source = to_dict(options), _schedule(options), _source(options)
        loss = loss or _loss(options)
        device, precision, seed, target = options.device, options.precision, options.seed, options.target
        crops, out, name = Crops(options.batch, options.crop_px, seed), options.out, options.name
        place = pick_device(device)
        start = Start(earlier.last.model, None) if earlier else start_of(options)
        model = start.model
        engine = EngineOptions(device)
        prefilter = Prefilter.open(model, engine) if model.clean_guides else None
        pairs = load_pairs(source, model, prefilter, engine, progress, held)
        if earlier:
            origin, precision, folder = earlier.last.provenance.origin, earlier.check(pairs), earlier.folder
        else:
            origin = start.checkpoint.provenance.describe() if start.checkpoint else None
            if not start.checkpoint and model.network.norm == "batch":
                check_crops(model, crops.batch, crops.size_px)
            folder = new_folder(out, name or _name_of(pairs), settings, held)
        own = PairSampler(pairs.training, model.features, crops, target)
        weights = start.checkpoint.tensors() if start.checkpoint else None
        loop = Loop.open(model, weights, sampler(own) if sampler else own, loss, schedule, device, precision, seed)
        loop.advice = Advice(f"{Advice.gradient[:-1]}; the best checkpoint so far is in {folder}.")
        judge, journal = PairJudge(model, pairs.validation, place, loop.precision), Journal.open(folder, progress.warn)
        if earlier:
            earlier.restore(loop, judge, journal)
        background = Background(settings, tuple(cached.pair.name for cached in pairs.training), pairs.datasets, origin)
        return cls(loop, judge, RunKeeper(folder, journal, judge, background, progress), pairs, settings)

    def train(self) -> Trained:
        """To the end, or until Ctrl-C."""
        loop, keeper, progress, folder = self.loop, self.keeper, self.keeper.progress, self.keeper.folder
        progress.note(", ".join(f"{key} {value}" for key, value in self.settings.items() if value is not None))
        progress.note(
            f"training on {describe_device(loop.device)}, {loop.precision}: {len(self.pairs.training)} views to "
            f"learn from, {len(self.pairs.validation)} held out, into {folder}"
        )
        try:
            loop.run(self.judge, keeper, progress)
        except KeyboardInterrupt:
            loop.settle()
            keeper.save(loop, LAST)
            keeper.rescue()
            progress.note(f"saved at step {loop.steps}; go on with: n2n-render train --resume {folder}")
            raise
        keeper.rescue()
        return Trained(folder, folder / BEST, folder / LAST, loop.steps, self.judge.best)


def start_of(options: TrainOptions) -> Start:
    """The network to train."""
    if options.init is not None:
        return open_start(options.init, options.hdr, options.features, options.temporal, options.prefilter)
    shared: dict[str, Any] = {"features": options.features, "reach": options.temporal, "clean_guides": bool(options.prefilter)}
    if options.network == "paper":
        widths = options.encoder_width, options.decoder_width
        network = PaperNetwork(options.norm, options.head, options.levels, *widths)
        output = "radiance" if options.hdr else "display"
        return Start(Specification(**shared, encoding=options.encoding, output=output, network=network), None)
    if not options.hdr:
        raise N2NError(f"--network {options.network} needs --hdr", "Train on linear radiance, or with --network paper.")
    return Start(oidn_specification(*OIDN_NETWORKS[options.network], options.norm, **shared), None)


def _source(options: TrainOptions) -> Source:
    references_only = options.target == "reference"
    return Source(options.data, options.validation_fraction, references_only, options.temporal, options.shots)


def _loss(options: TrainOptions) -> Loss:
    """Only noisy targets hold fireflies."""
    compare = named_loss(options.loss, options.hdr)
    return PairLoss(compare, options.firefly_clamp if options.target == "noisy" else 0.0)


def _schedule(options: TrainOptions) -> Schedule:
    return Schedule(
        options.learning_rate or (LEARNING_RATE_FROM_MODEL if options.init else LEARNING_RATE),
        options.steps,
        options.minutes * 60,
        options.schedule,
        options.warmup_steps,
        options.ema,
        options.validations,
        norm_batch_fraction=options.norm_batch_fraction,
    )


def _name_of(pairs: Pairs) -> str:
    """Of a run that was given none."""
    name = str(pairs.datasets[0]["name"])
    return name if len(pairs.datasets) == 1 else f"{len(pairs.datasets)}-datasets"
