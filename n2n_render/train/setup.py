"""What a run starts from: its loss, its network, its pairs, its folder. Checked before the first expensive step."""

import contextlib
import hashlib
import json
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from .. import __version__
from ..config import to_dict
from ..engines.options import EngineOptions
from ..errors import N2NError, doubt
from ..frame.channels import NEIGHBORS, in_files
from ..guides.neighbors import Neighbors
from ..io.atomic import LOCK, Busy, locked_folder, remove_abandoned, write_text
from ..io.dataset import MANIFEST, Pair, find_datasets, find_pairs, read_manifest, split_pairs
from ..io.sequence import find_windows
from ..network.checkpoint import Checkpoint
from ..network.oidn_weights import init_archive, oidn_checkpoint
from ..network.registry import open_model
from ..network.specification import OIDN_NETWORKS, PaperNetwork, Specification, oidn_specification
from ..network.widen import widen
from ..train.options import TrainOptions
from .dataset import SeenFrom, cache_pair, split_single_view, used_caches
from .journal import PREVIEWS


def loss_name(config: TrainOptions) -> str:
    if config.loss == "auto":
        return "relative_l2" if config.hdr else "l2_display"
    if (config.loss == "l2_display") == config.hdr:
        raise N2NError(
            f"--loss {config.loss} {'is not for' if config.hdr else 'needs'} --hdr",
            "relative_l2, l2 and l2_tonemapped go with --hdr; l2_display goes without.",
        )
    return config.loss


def start_model(config: TrainOptions) -> tuple[Specification, Checkpoint | None]:
    """The network to train, and the checkpoint that its weights come from; None: from nothing."""
    if config.init is None:
        return _new_model(config), None
    if config.init in OIDN_NETWORKS:
        features = config.features or ("albedo", "normal")  # as `--model` of the same name
        start = oidn_checkpoint(init_archive(config.init, features, config.prefilter is not False))
    else:
        start = open_model(config.init)
    if (start.model.output == "display") == config.hdr or start.model.subject != "color":
        raise N2NError(
            f"--init {config.init} is no model for {'--hdr' if config.hdr else 'training without --hdr'}",
            "Leave out --hdr for models of display-referred images, else add it; or start from nothing.",
        )
    clean = start.model.clean_guides if config.prefilter is None else config.prefilter
    features = config.features or in_files(start.model.features)
    if NEIGHBORS in start.model.features and not config.temporal:
        raise N2NError(
            f"--init {config.init} is a model that looks at neighbouring frames",
            "Pass --temporal 2 too (train, adapt), or start from a model of single frames.",
        )
    start = widen(start, (*features, NEIGHBORS) if config.temporal else features, config.temporal)
    return replace(start.model, clean_guides=clean), start


def _new_model(config: TrainOptions) -> Specification:
    features = (*config.features, NEIGHBORS) if config.temporal else config.features
    shared = {"features": features, "reach": config.temporal, "clean_guides": bool(config.prefilter)}
    if config.network == "paper":
        return Specification(
            **shared,
            encoding=config.encoding,
            output="radiance" if config.hdr else "display",
            network=PaperNetwork(config.norm, config.head, config.levels, config.encoder_width, config.decoder_width),
        )
    if not config.hdr:
        raise N2NError(f"--network {config.network} needs --hdr", "Train on linear radiance, or with --network paper.")
    return oidn_specification(*OIDN_NETWORKS[config.network], config.norm, **shared)


def check_crops(network, batch: int, crop_px: int):
    """Raises N2NError where BatchNorm would have a single value to look at, at the network's bottom."""
    if batch * max(1, crop_px // network.specification.alignment) ** 2 < 2:
        raise N2NError("a single crop of this size is too little for BatchNorm", "Pass a larger --crop or --batch.")


def load_pairs(config: TrainOptions, model: Specification, prefilter, progress, held: contextlib.ExitStack):
    """(training, validation, [{folder, manifest hash, …}]), decoded into the cache with the model's guides.

    held: until it is closed no other training removes anything from the cache.
    """
    features = model.features
    folders = find_datasets([Path(root) for root in config.data])
    pairs = [pair for folder in folders for pair in find_pairs(folder)]
    if not pairs:
        raise N2NError(
            f"no pairs in {', '.join(map(str, folders))}",
            "A pair is one view with two seeds; finish `n2n-render sample` first.",
        )
    progress.start(len(pairs), len(pairs))
    neighbors = None
    if NEIGHBORS in features:
        groups = [pair.noisy for pair in pairs]
        windows = find_windows(groups, config.temporal, list(config.shots))
        neighbors = Neighbors.open(model, groups, windows, None, prefilter, EngineOptions(config.device))
    held.enter_context(used_caches(pairs))
    cached = {}
    for index, pair in enumerate(pairs):
        if neighbors:
            neighbors.check(index, progress.warn)
        cached[pair] = cache_pair(pair, in_files(features), prefilter, SeenFrom(neighbors, pairs, index) if neighbors else None)
        progress.advance(1, f"decoding {pair.name}")
    training, validation = _split(config, pairs, cached)
    single = set(training) & set(validation)
    halves = {pair: split_single_view(cached[pair]) for pair in single}
    return (
        [halves[pair][0] if pair in single else cached[pair] for pair in training],
        [halves[pair][1] if pair in single else cached[pair] for pair in validation],
        [describe_dataset(folder, pairs) for folder in folders],
    )


def _split(config, pairs, cached) -> tuple[list[Pair], list[Pair]]:
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
    training, validation = split_pairs(noisy, config.validation_share)
    if config.target == "reference":
        training = [pair for pair in training if pair.references]
        if not training:
            raise N2NError(
                "--target reference needs references of views that are not held out, and there are none",
                "Sample with --reference-spp N --reference-frames 0,1,2,…",
            )
    return training, validation


def describe_dataset(folder: Path, pairs) -> dict:
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


def new_folder(config: TrainOptions, datasets, held: contextlib.ExitStack) -> Path:
    """A run folder of our own, locked until `held` is closed: two runs that begin at the same moment get two."""
    name = config.name or (datasets[0]["name"] if len(datasets) == 1 else f"{len(datasets)}-datasets")
    base = Path(config.out) if config.out else Path("runs") / f"{datetime.now():%Y-%m-%d}-{name}"
    folder, number = base, 2
    while not _claim(folder, held):
        folder, number = base.with_name(f"{base.name}-{number}"), number + 1
    write_text(folder / "config.json", json.dumps({"n2n_render": __version__, **to_dict(config)}, indent=1) + "\n")
    return folder


def _claim(folder: Path, held: contextlib.ExitStack) -> bool:
    """Whether the folder was made for us, or holds nothing whole, and is nobody else's."""
    try:
        if folder.exists() and (not folder.is_dir() or _is_settled(os.listdir(folder))):
            return False
    except OSError as error:
        raise N2NError(f"{folder}: cannot be read ({error.strerror})", "Pass another folder with --out.") from None
    with contextlib.ExitStack() as ours:
        try:
            ours.enter_context(held_run(folder))
        except Busy:
            return False
        if set(os.listdir(folder)) - {LOCK}:  # what a killed run has left whole, or a run that began and ended meanwhile
            return False
        held.enter_context(ours.pop_all())
    return True


def _is_settled(names: list[str]) -> bool:
    """Whether a folder holds something, and no sign of a run that is at work there or was killed."""
    return bool(names) and LOCK not in names


@contextlib.contextmanager
def held_run(folder: Path):
    """Only one training writes to a run folder. Inside, nothing half-written is in it that a killed one has left."""
    with locked_folder(folder):
        remove_abandoned(folder / PREVIEWS)
        yield
