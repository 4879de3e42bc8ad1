"""Folders → the views that can be evaluated, and what is compared on each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import N2NError, doubt
from ..frame.arrays import Array
from ..frame.frame import Frame
from ..frame.transfer import exposure
from ..io.dataset import FrameName, Pair, find_datasets, find_pairs, parse_name
from ..io.exr import ExrImage
from ..io.light import LIGHT_GROUPS, LIGHT_PASSES, LightPass, Role, choose_light
from ..network.checkpoint import Checkpoint

PARTS = {Role.GROUP: LIGHT_GROUPS, Role.LIGHT: LIGHT_PASSES}  # kinds of passes that are parts of the picture


@dataclass(frozen=True)
class References:
    """Two independent renders (H, W, 3) of one view, exposed by `factor`. spp: samples a pixel of each."""

    halves: tuple[NDArray[np.float32], NDArray[np.float32]]
    factor: np.float32
    spp: int

    @property
    def mean(self) -> NDArray[np.float32]:
        first, second = self.halves
        return np.asarray((first + second) / 2, np.float32)


@dataclass(frozen=True)
class PassesToCompare:
    """Passes of light of a view. whole: the kinds of which they are all, so that they should add up to the picture."""

    light: list[LightPass]
    whole: list[Role]


def find_views(roots: Iterable[str | Path]) -> list[Pair]:
    """The pairs under these folders that have two reference halves. Raises N2NError where none has."""
    folders = [Path(root) for root in roots]
    pairs = [pair for folder in find_datasets(folders) for pair in find_pairs(folder)]
    views = [pair for pair in pairs if pair.references]
    if not views:
        raise N2NError(
            f"no view under {', '.join(map(str, folders))} has references",
            "Sample them with `n2n-render sample … --reference-spp 512`, with the same options as before.",
        )
    return views


def find_finished(folders: Iterable[str | Path], pairs: Sequence[Pair]) -> dict[str, dict[Pair, Path]]:
    """Denoised frames that lie in `folders` under the names that `adapt` gives them: folder → view → file."""
    several = len({pair.dataset for pair in pairs}) > 1
    finished = {}
    for folder in map(Path, folders):
        full = {pair: folder / f"{pair.name.replace('/', '-')}.exr" for pair in pairs}  # of several datasets
        short = {pair: folder / f"{pair.name.split('/')[1]}.exr" for pair in pairs}
        files = {pair: full[pair] if several or full[pair].is_file() else short[pair] for pair in pairs}
        missing = [path for path in files.values() if not path.is_file()]
        if missing:
            raise N2NError(
                f"{missing[0]}: no such file, so {folder} cannot be compared",
                "--frames takes a folder with one denoised frame for each view of --data that has references, as "
                "`n2n-render adapt` writes it.",
            )
        finished[str(folder)] = files
    return finished


def was_trained_on(pair: Pair, checkpoints: Iterable[Checkpoint]) -> bool:
    """Whether one of the models saw this very view in its training, as its file tells."""
    return any(pair.name in checkpoint.provenance.trained_on for checkpoint in checkpoints)


def follows(pair: Pair, before: Pair) -> bool:
    """Whether `pair` is the next frame of the same animation."""
    return (before.dataset, before.view, before.frame + 1) == (pair.dataset, pair.view, pair.frame)


def read_references(pair: Pair) -> References:
    """The reference halves of a view. Their own mean decides the exposure of everything that is compared with them."""
    first, second = (ExrImage.open(path).frame().color for path in pair.references)
    factor = np.float32(exposure((first + second) / 2))
    return References((first * factor, second * factor), factor, samples_of(pair.references[0]))


def read_finished(path: Path) -> NDArray[np.float32]:
    """(H, W, 3): what a finished file shows, also where it still holds the noisy picture that Cycles put beside its own."""
    image = ExrImage.open(path)
    color = image.shown_color(image.layer(None))
    if not np.isfinite(color).all():
        raise N2NError(f"{path}: its picture holds pixels that are no numbers", "Denoise it again, or leave it out.")
    return np.maximum(color, 0)


def find_passes(pair: Pair, wanted: Sequence[str], features: tuple[str, ...]) -> PassesToCompare:
    """The wanted passes of light that both the renders of a view and its references hold, by their names alone.

    Args:
        wanted: As `choose_light` takes them.
        features: Of the layer that is compared.

    Raises:
        N2NError: There is none, or not one that is named.
    """
    noisy, reference = (ExrImage.open(path, header_only=True) for path in (pair.noisy[0], pair.references[0]))
    every = noisy.light(noisy.layer(None, features))
    light = choose_light(every, wanted, str(noisy.path))
    there = {one.name for one in reference.light(reference.layer(None))}
    found, lacking = [one for one in light if one.name in there], [one.name for one in light if one.name not in there]
    if not found:
        raise N2NError(
            f"{pair.name}: its renders and its references have no pass of light in common that is wanted",
            "Sample them with the same --passes all, or leave --passes out.",
        )
    if lacking:
        doubt(f"{pair.name}: not compared are {', '.join(lacking)}, which the references lack")
    parts = {role: [one for one in every if one.role is role] for role in PARTS}
    whole = [role for role, those in parts.items() if len(those) > 1 and all(one in found for one in those)]
    return PassesToCompare(found, whole)


def read_with_light(path: Path, features: tuple[str, ...], light: Sequence[LightPass]) -> Frame:
    """A render, with those of these passes that it has."""
    image, names = ExrImage.open(path), {one.name for one in light}
    layer = image.layer(None, features)
    return image.frame(layer, features, light=[one for one in image.light(layer) if one.name in names])


def read_shown_light(path: Path, light: Sequence[LightPass]) -> dict[str, Array]:
    """Channel → (H, W, 3) or (H, W, 1) of those of these passes that a file shows, as they are in the picture: also where it
    still holds the noisy ones that Cycles put beside its own.
    """
    image, names = ExrImage.open(path), {one.name for one in light}
    layer = image.layer(None)
    return image.light_pixels(layer, [replace(one, noisy=one.places) for one in image.light(layer) if one.name in names])


def samples_of(path: Path) -> int:
    """Samples a pixel of a file of a dataset, by its name."""
    name: FrameName | None = parse_name(path.name)
    assert name is not None  # datasets list no other files
    return name.spp
