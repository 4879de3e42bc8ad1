"""Arrays become batches of crops: crop i of batch k is a function of (seed, k, i), whenever and by whomever it is made."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..frame.arrays import Array
from ..frame.channels import COLOR, Kind, kind_of
from .arrays import CachedPair, combine, split_exposed
from .augment import Change, no_change, random_change
from .protocols import Sampler
from .shot import ShotFrame

INPUT_FRACTION = 0.5  # of a shot's crops: all seeds but one are the input, so that it is almost as clean as at the end
Crop = dict[str, Array]


@dataclass(frozen=True)
class Crops:
    """How many crops a batch has, and how large they are: smaller ones where a frame is smaller.

    Attributes:
        first: The place of its first crop in the whole batch, of which each process of a team makes a part.
    """

    batch: int
    size_px: int
    seed: int
    first: int = 0

    def of(self, rank: int) -> "Crops":
        """The part of the whole batch that a member of a team makes."""
        return replace(self, first=rank * self.batch)

    def generators(self, step: int, stream: int) -> list[np.random.Generator]:
        """One for each crop of a batch: so it is the same crop whoever makes the others."""
        places = range(self.first, self.first + self.batch)
        return [np.random.default_rng([self.seed, stream, step, place]) for place in places]


class Prefetch:
    """Batches as tensors, made ahead of time on threads; in page-locked memory where a GPU fetches them from."""

    def __init__(self, sampler: Sampler, pinned: bool = False, workers: int = 2):
        self.sampler, self.pinned = sampler, pinned
        self._pool = ThreadPoolExecutor(workers)
        self._ahead: dict[int, Future[dict[str, torch.Tensor]]] = {}
        self._depth = 2 * workers

    def get(self, step: int) -> dict[str, torch.Tensor]:
        for ahead in range(step, step + self._depth):
            if ahead not in self._ahead:
                self._ahead[ahead] = self._pool.submit(self._make, ahead)
        for past in [key for key in self._ahead if key < step]:
            del self._ahead[past]
        return self._ahead.pop(step).result()

    def _make(self, step: int) -> dict[str, torch.Tensor]:
        tensors = {name: torch.from_numpy(array) for name, array in self.sampler.make(step).items()}
        return {name: tensor.pin_memory() for name, tensor in tensors.items()} if self.pinned else tensors

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


class PairSampler:
    """One seed of a view is the input, another one the target (or the reference).

    A batch: noisy (N, 3, h, w) and target (N, 3, h, w) exposed radiance, guides (N, C, h, w); float32, contiguous.
    """

    def __init__(
        self,
        pairs: Sequence[CachedPair],
        features: tuple[str, ...],
        crops: Crops,
        target: str = "noisy",
        augmented: bool = True,
    ):
        """target: "noisy" or "reference"; augmented: crops are mirrored, transposed and recoloured."""
        self.pairs, self.names = pairs, features
        self.crops, self.target, self.augmented = crops, target, augmented
        heights = [pair.shape[1] for pair in pairs]
        widths = [pair.columns[1] - pair.columns[0] for pair in pairs]
        self.crop_px = min(crops.size_px, *heights, *widths)
        self._bounds = bounds_of([height * width for height, width in zip(heights, widths, strict=True)])

    def make(self, step: int, stream: int = 0) -> Crop:
        return stack_crops([self._crop(rng) for rng in self.crops.generators(step, stream)])

    def _crop(self, rng: np.random.Generator) -> Crop:
        pair = self.pairs[int(np.searchsorted(self._bounds, rng.random()))]
        a, b = rng.permutation(pair.shape[0])[:2]  # either seed may be the input, each with its own guides
        size = self.crop_px
        y = int(rng.integers(0, pair.shape[1] - size + 1))
        x = int(rng.integers(pair.columns[0], pair.columns[1] - size + 1))
        place = slice(y, y + size), slice(x, x + size)
        images = pair.images[(slice(None), *place)]
        image, other = split_exposed(combine(images, [a])), split_exposed(images[b])
        reference = pair.reference if self.target == "reference" else None
        target = other[COLOR] if reference is None else reference[:, place[0], place[1]].mean(0)
        guides = {name: image[name] for name in self.names}
        change = random_change(rng) if self.augmented else no_change
        return {
            "noisy": change(Kind.RADIANCE, image[COLOR]),
            "target": change(Kind.RADIANCE, target),
            "guides": _stack_guides(guides, change, size),
        }


class ShotSampler:
    """The mean of some seeds of a frame is the input, the mean of the others the target.

    A batch: noisy, target, initial_estimate (N, 3, h, w) exposed radiance; guides (N, C, h, w); trainable (N, 1, h, w): 1
    where the target may be looked at, 0 in held-out tiles. float32, contiguous.
    """

    def __init__(self, frames: Sequence[ShotFrame], features: tuple[str, ...], crops: Crops):
        self.frames, self.names, self.crops = frames, features, crops
        self.crop_px = min(crops.size_px, *(length for frame in frames for length in frame.size))
        self._bounds = bounds_of([height * width for height, width in (frame.size for frame in frames)])
        self._trainable = [~frame.held_out() for frame in frames]

    def make(self, step: int, stream: int = 0) -> Crop:
        return stack_crops([self._crop(rng) for rng in self.crops.generators(step, stream)])

    def _crop(self, rng: np.random.Generator) -> Crop:
        chosen = min(int(np.searchsorted(self._bounds, rng.random())), len(self.frames) - 1)
        frame, size = self.frames[chosen], self.crop_px
        seeds, (height, width) = frame.images_file.shape[0], frame.size
        count = seeds - 1 if rng.random() < INPUT_FRACTION else int(rng.integers(1, seeds))
        order = rng.permutation(seeds)
        y, x = int(rng.integers(0, height - size + 1)), int(rng.integers(0, width - size + 1))
        place = slice(y, y + size), slice(x, x + size)
        images = frame.images[(slice(None), *place)].astype(np.float32)
        image = split_exposed(combine(images, order[:count]))
        target = split_exposed(images[order[count:]].mean(0))[COLOR]
        guides = {name: image[name] for name in self.names}
        change = random_change(rng)
        return {
            "noisy": change(Kind.RADIANCE, image[COLOR]),
            "target": change(Kind.RADIANCE, target),
            "initial_estimate": change(Kind.RADIANCE, frame.initial_estimate[place]),
            "trainable": change(Kind.COVERAGE, self._trainable[chosen][place][..., None]),
            "guides": _stack_guides(guides, change, size),
        }


def bounds_of(pixels: Sequence[int]) -> Array:
    """Where each frame ends between 0 and 1, if it has as much of that as it has of all pixels."""
    counts = np.array(pixels, float)
    return np.cumsum(counts / counts.sum())


def stack_crops(crops: Sequence[Mapping[str, Array]]) -> Crop:
    """Images (h, w, C) of each crop → (N, C, h, w) float32, contiguous."""
    return {
        name: np.ascontiguousarray(np.stack([crop[name] for crop in crops]).transpose(0, 3, 1, 2), np.float32)
        for name in crops[0]
    }


def _stack_guides(images: Mapping[str, Array], change: Change, size: int) -> Array:
    """Guides of a crop → (size, size, C); C may be 0."""
    changed = [change(kind_of(name), image) for name, image in images.items()]
    return np.concatenate(changed, axis=-1) if changed else np.zeros((size, size, 0), np.float32)
