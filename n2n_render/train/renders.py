"""Noisy renders → what a run learns of them: a denoiser of radiance, or of display-referred images."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..engines.options import EngineOptions
from ..errors import N2NError
from ..frame.arrays import Array
from ..frame.display import TONE_MAP, View
from ..frame.frame import mean_frame
from ..frame.transfer import exposure
from ..guides.prefilter import Prefilter
from ..io.dataset import Pair, find_datasets
from ..io.renders import read_group
from ..io.scene_view import open_shown_view
from ..learn.losses import PairLoss, named_loss
from ..learn.norms import check_crops
from ..learn.protocols import Loss
from ..learn.samplers import PairSampler
from ..learn.start import Start, open_start
from ..learn.team import ALONE, Team
from ..learn.validation import PairJudge
from ..network.specification import OIDN_NETWORKS, PaperNetwork, Specification, oidn_specification
from ..progress import Progress
from .lesson import Lesson
from .pairs import Source, load_pairs
from .settled import Settled


def open_renders(
    options: Settled,
    earlier: Specification | None,
    progress: Progress,
    held: contextlib.ExitStack,
    team: Team = ALONE,
) -> Lesson:
    """The lesson of `train` without noise: seeds of one view against each other.

    Args:
        earlier: The network of the run that goes on; None: a new run.
        held: What is locked until it is closed.
        team: Whose first member decodes the pairs; of which this process makes its part of each batch.

    Raises:
        N2NError: The options ask for what cannot be, or pairs are missing or damaged.
    """
    loss, crops = _loss(options), options.crops.of(team.rank)
    start = Start(earlier, None) if earlier else _start(options)
    if not earlier and not start.checkpoint and start.model.network.norm == "batch":
        check_crops(start.model, crops.batch * team.size, crops.size_px)
    model, engine = start.model, EngineOptions(options.device)
    prefilter = Prefilter.open(model, engine) if model.clean_guides else None
    with team.first_ahead():
        view = _view(options, progress)
        pairs = load_pairs(_source(options), model, prefilter, engine, progress, held)
    return Lesson(
        start,
        PairSampler(pairs.training, model.features, crops, options.target),
        loss,
        lambda loop: PairJudge(model, pairs.validation, loop.device, loop.precision),
        _show(view if team.is_first else TONE_MAP, pairs.validation[0].pair),
        tuple(cached.pair.name for cached in pairs.training),
        pairs.datasets,
        f"{len(pairs.training)} views to learn from, {len(pairs.validation)} held out",
    )


def _view(options: Settled, progress: Progress) -> View:
    """Of the previews."""
    view = open_shown_view(options.ocio, options.view, find_datasets([Path(root) for root in options.data]))
    progress.note(f"previews through {view.described}")
    return view


def _show(view: View, pair: Pair) -> Callable[[Array], Array]:
    """What makes pixels of a judge's images, which show that pair's first frame, exposed."""
    factor = exposure(mean_frame(read_group(pair.noisy, None, ())).color) if view.as_rendered else 1.0
    return lambda image: view.pixels(view.exposed(image, factor))


def _start(options: Settled) -> Start:
    """The network to train."""
    if options.init is not None:
        return open_start(options.init, options.hdr, options.features, options.temporal, options.prefilter)
    shared: dict[str, Any] = {
        "features": options.features or (),
        "reach": options.temporal,
        "clean_guides": bool(options.prefilter),
    }
    if options.network == "paper":
        widths = options.encoder_width, options.decoder_width
        network = PaperNetwork(options.norm, options.head, options.levels, *widths)
        output = "radiance" if options.hdr else "display"
        return Start(Specification(**shared, encoding=options.encoding, output=output, network=network), None)
    if not options.hdr:
        raise N2NError(
            f"--network {options.network} is not for --ldr",
            "Train on linear radiance (--hdr, the default), or with --network paper.",
        )
    return Start(oidn_specification(*OIDN_NETWORKS[options.network], options.norm, **shared), None)


def _source(options: Settled) -> Source:
    references_only = options.target == "reference"
    return Source(options.data, options.validation_fraction, references_only, options.temporal, options.shots)


def _loss(options: Settled) -> Loss:
    """Only noisy targets hold fireflies."""
    compare = named_loss(options.loss, options.hdr)
    return PairLoss(compare, options.firefly_clamp if options.target == "noisy" else 0.0)
