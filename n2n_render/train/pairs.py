"""Datasets → pairs to learn from and pairs to validate on, decoded into their caches."""

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..engines.options import EngineOptions
from ..errors import N2NError, doubt
from ..frame.channels import guide_names
from ..guides.accumulation import Accumulator
from ..guides.prefilter import Prefilter
from ..io.dataset import MANIFEST, Pair, find_datasets, find_pairs, read_manifest, split_pairs
from ..io.exr import ExrImage
from ..io.sequence import find_windows
from ..learn.arrays import CachedPair, SeenFrom, cache_pair, split_single_view, used_caches
from ..network.provenance import Facts
from ..network.specification import Specification
from ..progress import Progress


@dataclass(frozen=True)
class Source:
    """Where pairs come from, and how they are divided.

    Attributes:
        data: Datasets, or folders of datasets.
        validation_fraction: Of each dataset's views.
        references_only: Pairs without a reference are not trained on.
        temporal: Frames before and after each one that are looked at too.
        shots: First and last frame of each.
    """

    data: tuple[str, ...]
    validation_fraction: float
    references_only: bool = False
    temporal: int = 0
    shots: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Pairs:
    """datasets: what a model remembers of each, see `describe_dataset`."""

    training: list[CachedPair]
    validation: list[CachedPair]
    datasets: tuple[Facts, ...]


def features_of(data: Sequence[str]) -> tuple[str, ...]:
    """What every view of these datasets holds of the guides, by the headers of its renders; one that only some hold is told.

    Raises N2NError where there are no datasets, or one of their files is damaged.
    """
    found: list[tuple[Path, set[str]]] = []
    for folder in find_datasets([Path(root) for root in data]):
        for pair in find_pairs(folder):
            image = ExrImage.open(pair.noisy[0], header_only=True)
            most = max((image.available(layer) for layer in image.layers_with(None)), key=lambda names: len(names))
            found.append((pair.noisy[0], set(most)))  # reading takes the layer that has them all
    everywhere = [name for name in guide_names() if found and all(name in here for _, here in found)]
    for name in guide_names():
        lacking = [path for path, here in found if name not in here]
        if lacking and len(lacking) < len(found):
            doubt(f"{name} is left out: {len(lacking)} of {len(found)} views lack it, like {lacking[0]}")
    return tuple(everywhere)


def load_pairs(
    source: Source,
    model: Specification,
    prefilter: Prefilter | None,
    engine: EngineOptions,
    progress: Progress,
    held: contextlib.ExitStack,
) -> Pairs:
    """Decodes all pairs with the model's guides.

    Args:
        engine: Of what makes the neighbours' pictures.
        held: Until it is closed no other training removes anything from the caches.
    """
    folders = find_datasets([Path(root) for root in source.data])
    pairs = [pair for folder in folders for pair in find_pairs(folder)]
    if not pairs:
        raise N2NError(
            f"no pairs in {', '.join(map(str, folders))}",
            "A pair is one view with two seeds; finish `n2n-render sample` first.",
        )
    progress.start(len(pairs), len(pairs))
    accumulator = None
    if source.temporal:
        groups = [pair.noisy for pair in pairs]
        windows = find_windows(groups, source.temporal, list(source.shots))
        accumulator = Accumulator.open(model.features, groups, windows, None, prefilter, engine)
    held.enter_context(used_caches(pairs))
    cached = {}
    for index, pair in enumerate(pairs):
        seen = None
        if accumulator:
            accumulator.neighbors.check(index)
            seen = SeenFrom(accumulator, pairs, index)
        cached[pair] = cache_pair(pair, model.features, prefilter, seen)
        progress.advance(1, f"decoding {pair.name}")
    training, validation = _split(source, pairs, cached)
    single = set(training) & set(validation)
    halves = {pair: split_single_view(cached[pair]) for pair in single}
    return Pairs(
        [halves[pair][0] if pair in single else cached[pair] for pair in training],
        [halves[pair][1] if pair in single else cached[pair] for pair in validation],
        tuple(describe_dataset(folder, pairs) for folder in folders),
    )


def _split(source: Source, pairs: list[Pair], cached: Mapping[Pair, CachedPair]) -> tuple[list[Pair], list[Pair]]:
    """Pairs to train on and to validate on, of those that hold noise: a black frame, or a title, teaches nothing."""
    noisy = [pair for pair in pairs if cached[pair].has_noise]
    if not noisy:
        raise N2NError(
            "none of the pairs holds any noise, so there is nothing to learn",
            "Sample with fewer samples a pixel, or other frames.",
        )
    if len(noisy) < len(pairs):
        still = next(pair for pair in pairs if pair not in noisy)
        doubt(f"{len(pairs) - len(noisy)} of {len(pairs)} pairs hold no noise, like {still.name}: nothing is learned from them")
    training, validation = split_pairs(noisy, source.validation_fraction)
    if not source.references_only:
        training, validation = _without_parts(training, validation, [pair for pair in noisy if cached[pair].are_parts])
    if source.references_only:
        training = [pair for pair in training if pair.references]
        if not training:
            raise N2NError(
                "--target reference needs references of views that are not held out, and there are none",
                "Sample with --reference-spp N --reference-frames 0,1,2,…",
            )
    return training, validation


def _without_parts(training: list[Pair], validation: list[Pair], parts: list[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Of parts of one render, one says something of the other's noise: none is trained on, and where there are enough
    others, one of them judges besides.
    """
    training = [pair for pair in training if pair not in parts]
    if all(pair in parts for pair in validation) and len(training) > 1:
        training, validation = training[1:], [*validation, *training[:1]]
    if not training:
        raise N2NError(
            f"{parts[0].name}: its renders are parts of one render, and no other views are there to train on",
            "Sample more --views, or with --independent.",
        )
    return training, validation


def describe_dataset(folder: Path, pairs: Sequence[Pair]) -> Facts:
    """What a model remembers of a dataset that it was trained on."""
    manifest = read_manifest(folder)
    files = [(path.name, path.stat().st_size) for pair in pairs if pair.dataset == folder for path in pair.noisy]
    digest = hashlib.sha256((folder / MANIFEST).read_bytes() + repr(files).encode()).hexdigest()
    return {
        "name": folder.name,
        "sha256": digest,
        "scene": manifest["scene"]["file"],
        "spp": manifest["spp"],
        "frames": len(files),
    }
