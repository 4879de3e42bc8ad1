"""Images and a noise, or bursts → what a run learns of them: a denoiser of photographs, of grey images, of k-space."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..config import SIGNAL_LOSSES
from ..errors import N2NError, doubt
from ..frame.arrays import Array
from ..frame.signal import from_signal
from ..io.collection import Collection, Item, open_collection
from ..io.dataset import spaced
from ..learn.losses import SignalLoss
from ..learn.norms import check_crops
from ..learn.observations import ObservationSampler, SignalJudge, is_real, middle_square
from ..learn.protocols import Loss
from ..learn.start import Start
from ..learn.team import ALONE, Team
from ..network.registry import open_model
from ..network.specification import PaperNetwork, Specification, signal_specification
from ..noise.bursts import kept_shots
from ..noise.kspace import sampling_probability
from ..noise.table import Noise
from .lesson import Lesson
from .settled import Settled

LEAST_PX = 16  # sides of what can be learned from
OWN_LOSSES = ("masked_l2", "data_consistency")  # of one noise each: they need what its observations tell besides
TRAINING_FRACTION = 0.8  # of the width of an image, when there is no other one; the rest is for validation


def open_observations(options: Settled, earlier: Specification | None, team: Team = ALONE) -> Lesson:
    """The lesson of `train` with a noise: two observations of one image against each other.

    Args:
        earlier: The network of the run that goes on; None: a new run.
        team: Of which this process makes its part of each batch.

    Raises:
        N2NError: The options ask for what cannot be, or images are missing or damaged.
    """
    noise = Noise.parse(options.noise or "")
    if is_real(noise) and options.target == "clean":
        raise N2NError("bursts hold no clean images", "Leave --target out, or pass another --noise with clean photographs.")
    loss = _loss(options, noise)
    folders = {Path(folder).resolve(): Path(folder) for folder in options.data}  # each once
    collections = [open_collection(folder, bursts=is_real(noise)) for folder in folders.values()]
    training, validation = _split(_things(collections, noise), options.validation_fraction)
    start = Start(earlier, None) if earlier else _start(options, noise, [*training, *validation])
    channels = start.model.gives.count
    crops = options.crops.of(team.rank)
    sampler = ObservationSampler(training, noise, channels, crops, options.target == "clean")
    if noise.about.is_whole:
        _check_slices(sampler, validation)
    if not earlier and not start.checkpoint and start.model.network.norm == "batch":
        check_crops(start.model, options.batch * team.size, sampler.size_px)
    sampler.make(0)  # noise that cannot be made here is refused before there is a run folder
    return Lesson(
        start,
        sampler,
        loss,
        lambda loop: SignalJudge(start.model, validation, noise.at_test(), loop.device, loop.precision),
        _show,
        tuple(item.name for item in training),
        tuple(collection.facts() for collection in collections),
        f"{noise.about.title} ({noise}): {len(training)} images to learn from, {len(validation)} held out",
    )


def _usable(collection: Collection, noise: Noise) -> list[Item]:
    """The items that can be learned from; of what is left out a sentence says why."""
    if not is_real(noise):
        if collection.kind == "bursts":  # a prepared one: plain folders are read as they are wanted
            raise N2NError(
                f"{collection.folder}: is a dataset of bursts, whose images are noisy already",
                "Pass --noise pairs, or clean images.",
            )
        return list(collection.items)
    if collection.kind != "bursts":
        raise N2NError(
            f"{collection.folder}: is a dataset of single images, and --noise pairs needs bursts",
            "Prepare a folder of bursts, each in a folder of its own: n2n-render prepare FOLDER --bursts -o OUT.",
        )
    kept = [item.only(kept_shots(item.shots, item.name)) for item in collection.items]
    kept = [item for item in kept if item.files]
    if not kept:
        raise N2NError(
            f"{collection.folder}: holds no burst of two or more usable shots",
            "Noise2Noise needs two shots of the same thing that differ by their noise only: a tripod, and fixed settings.",
        )
    return kept


def _large_enough(items: Sequence[Item]) -> list[Item]:
    small = [item for item in items if min(item.shots[0].shape[:2]) < LEAST_PX]
    told = [f"{item.name}: has {item.shots[0].shape[1]}×{item.shots[0].shape[0]} pixels" for item in small]
    if len(small) == len(items):
        raise N2NError(f"{told[0]}, too few to learn from", f"Pass images of {LEAST_PX}×{LEAST_PX} pixels or more.")
    for text in told:
        doubt(f"{text}, too few to learn from; left out")
    return [item for item in items if item not in small]


def _check_slices(sampler: ObservationSampler, validation: Sequence[Item]) -> None:
    """Raises N2NError where a network or sizes do not go with spectra; says where small slices make all crops small."""
    noise, wanted = sampler.noise, sampler.noise.about.channels
    if sampler.channels != wanted:
        raise N2NError(
            f"--noise {noise.kind} trains networks of {wanted} channel(s), and this one has {sampler.channels}",
            "Leave --channels out, and start from nothing or from a run with this noise.",
        )
    sides = [sampler.size_px, *(len(middle_square(item.shots[0], sampler.size_px)) for item in validation)]
    sampling_probability(min(sides), min(sides), noise.low)
    if sampler.size_px < min(sampler.crops.size_px, max(min(item.shots[0].shape[:2]) for item in sampler.items)):
        doubt(f"crops have {sampler.size_px} pixels in width and height, as the smallest image has")


def _things(collections: Sequence[Collection], noise: Noise) -> list[list[Item]]:
    """The images of each thing that is there: slices of one volume are of one head."""
    things: dict[tuple[Path, str], list[Item]] = {}
    for collection in collections:
        for item in _large_enough(_usable(collection, noise)):
            thing = item.name.rpartition("/")[0] if collection.kind == "slices" else item.name
            things.setdefault((collection.folder, thing), []).append(item)
    return list(things.values())


def _split(things: Sequence[list[Item]], fraction: float) -> tuple[list[Item], list[Item]]:
    """(training, validation): whole things are held out; of a single volume its middle slices, of a single image a part."""
    if len(things) > 1:
        held_out = spaced([*range(len(things))], _held_out_count(len(things), fraction))
        training = [item for number, items in enumerate(things) if number not in held_out for item in items]
        return training, [item for number in held_out for item in things[number]]
    (items,) = things
    if len(items) > 1:
        count = _held_out_count(len(items), fraction)
        first = (len(items) - count) // 2
        return items[:first] + items[first + count :], items[first : first + count]
    cut = int(items[0].shots[0].shape[1] * TRAINING_FRACTION)
    return [items[0].columns(0, cut)], [items[0].columns(cut)]


def _held_out_count(count: int, fraction: float) -> int:
    return min(max(1, round(fraction * count)), count - 1)


def _start(options: Settled, noise: Noise, items: Sequence[Item]) -> Start:
    """The network to train: the one of a run on signals, or a new one."""
    are_grey = all(item.shots[0].shape[-1] == 1 for item in items)
    if options.init is None:
        channels = options.channels or (1 if are_grey else noise.about.channels)
        widths = options.encoder_width, options.decoder_width
        network = PaperNetwork(options.norm, options.head, options.levels, *widths)
        return Start(signal_specification(channels, network), None)
    checkpoint = open_model(options.init, signals=True)
    if not checkpoint.model.is_signal:
        raise N2NError(
            f"--init {options.init} is a model of renders, and --noise trains one of photographs or grey images",
            "Start from a run that was trained with --noise, or from nothing.",
        )
    if options.channels not in (None, checkpoint.model.gives.count):
        raise N2NError(f"--init {options.init} has {checkpoint.model.gives.count} channel(s)", "Leave --channels out.")
    return Start(checkpoint.model, checkpoint)


def _loss(options: Settled, noise: Noise) -> Loss:
    name = options.loss
    if name not in SIGNAL_LOSSES or (name in OWN_LOSSES and name != noise.about.loss):
        there = [other for other in SIGNAL_LOSSES if other not in OWN_LOSSES or other == noise.about.loss]
        raise N2NError(f"--loss {name} is not for --noise {noise.kind}", f"Pass one of {', '.join(there)}.")
    return SignalLoss(name)


def _show(signal: Array) -> Array:
    """(h, w, 3 or 1) → (h, w, 3) uint8."""
    pixels = from_signal(signal, np.uint8)
    return np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels
