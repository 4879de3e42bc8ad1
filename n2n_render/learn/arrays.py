"""Pairs become memory-mapped arrays: each frame is decoded once, into a cache beside it."""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from ..errors import N2NError
from ..frame.arrays import Array
from ..frame.channels import COLOR, FEATURES, NEIGHBORS, Layout, brought_guides, guide_names
from ..frame.frame import Frame, mean_frame
from ..frame.transfer import depth_scale, expose, exposure
from ..guides.accumulation import Accumulated, Accumulator
from ..io.array_files import ArrayFile, save_array
from ..io.atomic import Busy, locked_file, remove_abandoned, temporary_folder
from ..io.dataset import Pair, picture_name
from ..io.exr import ExrImage
from ..io.renders import are_parts, read_group
from ..progress import OnFraction, ignore

CACHE_VERSION = 3
READER = ".reader"  # a lock that a training holds on a cache
SINGLE_VIEW_TRAINING_FRACTION = 0.8  # of the width, when a dataset has one view only; the rest is for validation


def exposed_layout(neighbors: bool) -> Layout:
    """Of cached arrays: the colour, every guide that there is, and what neighbours show, where they are taken in."""
    return Layout((COLOR, *guide_names(), *(NEIGHBORS if neighbors else ())))


@dataclass(frozen=True)
class CachedPair:
    """One pair as arrays on disk. columns: which part of the width to use. are_parts: its renders are parts of one."""

    pair: Pair
    images_file: ArrayFile
    reference_file: ArrayFile | None
    columns: tuple[int, int]
    are_parts: bool = False

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of `images`."""
        seeds, height, width, channels = self.images_file.shape
        return seeds, height, width, channels

    @property
    def images(self) -> Array:
        """(seeds, H, W, C) float16, exposed, see `exposed_layout`: C is 10, or 14 with neighbours, and guides of packages."""
        return self.images_file.map()

    @property
    def has_noise(self) -> bool:
        """Whether its renders differ anywhere, by more than half floats are rounded."""
        colors = split_exposed(self.images)[COLOR]
        return any(
            not np.array_equal(colors[0, row], colors[seed, row])  # mostly the first row tells
            for row in range(colors.shape[1])
            for seed in range(1, len(colors))
        )

    @property
    def reference(self) -> Array | None:
        """(2, H, W, 3) float32, exposed radiance."""
        return self.reference_file.map() if self.reference_file else None


class Cleaner(Protocol):
    """What cleans the guides of a frame. Its name says how."""

    name: str

    def __call__(self, frame: Frame) -> Frame: ...


@dataclass(frozen=True)
class SeenFrom:
    """What the neighbours of frame `index` show of it, when it is asked for."""

    accumulator: Accumulator
    pairs: list[Pair]
    index: int

    @property
    def name(self) -> str:
        """Other neighbours, other arrays."""
        indices = self.accumulator.neighbors.windows[self.index]
        window = [None if there is None else _fingerprint(self.pairs[there]) for there in indices]
        return "neighbors" + hashlib.sha256(repr((window, self.accumulator.name)).encode()).hexdigest()[:16]

    def find(self) -> Accumulated:
        return self.accumulator.of(self.index)


def cache_pair(
    pair: Pair, features: tuple[str, ...], prefilter: Cleaner | None = None, seen: SeenFrom | None = None
) -> CachedPair:
    """Decodes a pair unless it is cached. Features that are not wanted need not be in the files; they are zeros then.

    Args:
        prefilter: What cleans albedo and normal, if they are to be clean.
        seen: What its neighbours show, for networks that look at them.
    """
    ours = [feature[0] for feature in features if feature in FEATURES]
    brought = [f"{name}{int(name in features)}" for name in brought_guides()]  # each has its place there, wanted or not
    kind = "-".join([*ours, *brought, *(part.name for part in (prefilter, seen) if part)])
    base = _cache_folder(pair) / f"{_place(pair)}-{kind}"
    places = [base.with_suffix(".npy")] + [base.with_suffix(".reference.npy")] * bool(pair.references)
    files = find_arrays(places)
    if not files:
        images, reference = _decode(pair, features, prefilter, seen)
        if reference is not None:
            save_array(places[-1], reference)
        save_array(places[0], images)
        files = [ArrayFile.of(place) for place in places]
    width = files[0].shape[2]
    return CachedPair(pair, files[0], files[1] if pair.references else None, (0, width), are_parts(pair.noisy))


def find_arrays(places: list[Path]) -> list[ArrayFile]:
    """The arrays at these places; none where one of them is missing or damaged: then all are made anew."""
    try:
        files = [ArrayFile.of(place) for place in places]
        for file in files:
            file.map()
        return files
    except (OSError, ValueError, EOFError, N2NError):
        return []


@contextlib.contextmanager
def used_caches(pairs: Sequence[Pair]) -> Iterator[None]:
    """Inside, no other training removes what the caches of these pairs hold; before, what no file fits any more is removed,
    unless another training that began earlier reads it. Trainings that begin later never want it.
    """
    with contextlib.ExitStack() as held:
        for folder in sorted({_cache_folder(pair) for pair in pairs}):
            if not _is_used(folder):
                remove_abandoned(folder)
                current = tuple(f"{_place(pair)}-" for pair in pairs if _cache_folder(pair) == folder)
                for path in folder.glob("*.npy"):
                    if not path.name.startswith(current):
                        path.unlink(missing_ok=True)
            held.enter_context(locked_file(folder / f".{os.getpid()}-{secrets.token_hex(4)}{READER}"))
        yield


def _is_used(folder: Path) -> bool:
    for path in folder.glob(f".*{READER}"):
        try:
            with locked_file(path):
                pass
        except Busy:
            return True
    return False


def _place(pair: Pair) -> str:
    return f"{picture_name(pair.view, pair.frame)}-{_fingerprint(pair)}"


def _decode(
    pair: Pair, features: tuple[str, ...], prefilter: Cleaner | None, seen: SeenFrom | None
) -> tuple[Array, Array | None]:
    frames = read_group(pair.noisy, None, features)
    images, factor = stack_seeds(frames, features, prefilter, seen.find() if seen else None)
    if not pair.references:
        return images, None
    return images, np.stack([ExrImage.open(path).frame().color * factor for path in pair.references])


def stack_seeds(
    frames: list[Frame],
    features: tuple[str, ...],
    prefilter: Cleaner | None = None,
    accumulated: Accumulated | None = None,
    on_fraction: OnFraction = ignore,
) -> tuple[Array, float]:
    """Renders of one view by several seeds → (seeds, H, W, C) float16 as in `CachedPair.images`, and the exposure in it.

    One exposure and depth scale for all, that of their mean. Channels that are not wanted are zeros.

    Args:
        accumulated: What is taken in of the frames beside it, with two seeds or more.
        on_fraction: Is told of each seed.
    """
    mean = mean_frame(frames)
    factor = exposure(mean.color)
    scale = depth_scale(mean.depth) if mean.depth is not None else 1.0
    layout = exposed_layout(accumulated is not None)
    images = np.zeros((len(frames), mean.height, mean.width, layout.count), np.float16)
    for index, frame in enumerate(frames):
        frame = _clean(frame, prefilter, accumulated)
        for name, place in layout.places().items():
            if name in (COLOR, *features):
                images[index, ..., place] = expose(name, frame[name], factor, scale)
        if accumulated:
            taken = accumulated.neighbors[1 + index]
            images[index, ..., layout.places()[NEIGHBORS[0]]] = taken[..., :3] / np.maximum(taken[..., 3:], 1e-6)
            images[index, ..., layout.places()[NEIGHBORS[1]]] = taken[..., 3:]
        on_fraction((index + 1) / len(frames))
    return images, factor


def _clean(frame: Frame, prefilter: Cleaner | None, accumulated: Accumulated | None) -> Frame:
    """A seed with the guides that a network is given: cleaned, if any, once for all seeds where neighbours are taken in."""
    if prefilter is None:
        return frame
    if accumulated is None or not accumulated.is_clean:
        return prefilter(frame)
    return accumulated.with_clean_guides(frame)


def clean_mean(frames: list[Frame], prefilter: Cleaner | None, accumulated: Accumulated | None) -> Frame:
    """The mean of all seeds as a network is given it: guides cleaned, if wanted, neighbours taken in, if there are any."""
    mean = _clean(mean_frame(frames), prefilter, accumulated)
    return mean.with_channels(color=accumulated.color()) if accumulated else mean


def combine(images: Array, chosen: Iterable[int]) -> Array:
    """Some seeds of `CachedPair.images` as one image (H, W, C) float32: their mean, their neighbours' samples taken in."""
    seeds = images[list(chosen)].astype(np.float32)
    mean: Array = seeds.mean(0)
    own = exposed_layout(False).count
    if seeds.shape[-1] == own:
        return mean
    weight = seeds[..., -1:].mean(0)
    sums = (seeds[..., own:-1] * seeds[..., -1:]).mean(0)
    share = np.float32(len(seeds) / len(images))  # of one frame's samples
    mean = mean[..., :own]
    mean[..., :3] = (share * mean[..., :3] + sums) / (share + weight)
    return mean


def split_exposed(images: Array) -> dict[str, Array]:
    """(…, C) of a cached pair → channel name → view."""
    layouts = [exposed_layout(neighbors) for neighbors in (False, True)]
    return next(layout for layout in layouts if layout.count == images.shape[-1]).split(images)


def _cache_folder(pair: Pair) -> Path:
    """Beside the frames; where that is not writable, in the temporary folder."""
    folder = pair.dataset / ".cache"
    try:
        folder.mkdir(exist_ok=True)
        (folder / ".writable").touch()
        return folder
    except OSError:
        name = hashlib.sha256(str(pair.dataset.resolve()).encode()).hexdigest()[:16]
        return temporary_folder("cache", name)


def _fingerprint(pair: Pair) -> str:
    try:
        facts = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in (*pair.noisy, *pair.references)]
    except OSError as error:
        raise N2NError(
            f"{error.filename}: cannot be read ({error.strerror})",
            "Run the command of `sample` again, which renders what is missing.",
        ) from None
    return hashlib.sha256(repr((CACHE_VERSION, facts)).encode()).hexdigest()[:16]


def split_single_view(pair: CachedPair) -> tuple[CachedPair, CachedPair]:
    """A dataset's only view, cut into a training and a validation part by columns."""
    cut = int(pair.shape[2] * SINGLE_VIEW_TRAINING_FRACTION)
    return replace(pair, columns=(0, cut)), replace(pair, columns=(cut, pair.shape[2]))
