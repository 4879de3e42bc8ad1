"""A frame that is to be denoised becomes arrays: all seeds with clean guides, an initial estimate, pixels held out."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..denoise.passes import as_denoised, without_light
from ..frame.arrays import Array, Mask
from ..frame.channels import COLOR, brought_guides
from ..frame.frame import Frame
from ..frame.independence import has_noise
from ..frame.transfer import RADIANCE_MAX
from ..guides.accumulation import Accumulated
from ..io.array_files import ArrayFile, save_array
from ..io.light import LightPass
from ..io.renders import read_group
from ..io.sources import DETECT, Sources
from ..judge.held_out import held_out_pixels
from ..progress import OnFraction, ignore, part
from .arrays import Cleaner, clean_mean, split_exposed, stack_seeds

# The mean of all seeds, guides cleaned, and what is told how much of it is done → its denoised radiance (H, W, 3).
Estimate = Callable[[Frame, OnFraction], Array]


@dataclass(frozen=True)
class ShotFrame:
    """One frame: the files of its seeds (two or more), and its arrays on disk.

    exposure: the factor in its radiance. light: the pass of light that its colour is; None: the picture.
    """

    paths: tuple[Path, ...]
    images_file: ArrayFile
    initial_estimate_file: ArrayFile
    exposure: float = 1.0
    light: str | None = None

    @property
    def images(self) -> Array:
        """(seeds, H, W, 10 or, with neighbours, 14) float16, see `arrays.stack_seeds`."""
        return self.images_file.map()

    @property
    def colors(self) -> Array:
        """(seeds, H, W, 3) float16, exposed radiance."""
        color: Array = split_exposed(self.images)[COLOR]
        return color

    @property
    def initial_estimate(self) -> Array:
        """(H, W, 3) float16, exposed radiance: the start's picture of the mean of all seeds."""
        return self.initial_estimate_file.map()

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        height, width = self.images_file.shape[1:3]
        return height, width

    def held_out(self) -> Mask:
        """(H, W): pixels that no training sees as targets."""
        return held_out_pixels(*self.size)


@dataclass(frozen=True)
class FrameLoader:
    """What frames become arrays with.

    Attributes:
        folder: Where the arrays are kept.
        features: What is read of each file.
        estimate: What makes the initial estimate.
        prefilter: What cleans albedo and normal, if they are to be clean.
        sources: Where the channels lie that are not where they are recognised.
    """

    folder: Path
    features: tuple[str, ...]
    estimate: Estimate
    prefilter: Cleaner | None
    sources: Sources = DETECT

    def load(
        self,
        paths: Sequence[Path],
        layer: str | None,
        key: str,
        accumulate: Callable[[OnFraction], Accumulated] | None = None,
        on_fraction: OnFraction = ignore,
        light: LightPass | None = None,
    ) -> ShotFrame | None:
        """Decodes one frame unless that has been done; None for a frame without noise, which teaches nothing.

        Args:
            layer: The view layer; None: the first that has the features.
            key: Says what else the arrays depend on.
            accumulate: Takes in the samples of the frames beside it; is given what is told how much of that is done.
            on_fraction: Is told how much of the frame is done.
            light: A pass of light of the first file, which is the frame's colour instead of the picture.
        """
        files = [(path, path.stat()) for path in self.sources.all_files(paths)]
        facts = [*((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in files), *self.sources.keys(paths)]
        made_of = (key, layer, self.features, facts, *([light.name] if light else ()), *brought_guides())
        name = hashlib.sha256(repr(made_of).encode()).hexdigest()[:16]
        places = [self.folder / f"{name}{kind}.npy" for kind in ("", ".estimate", ".exposure")]
        if not all(place.exists() for place in places):
            frames = read_group(paths, layer, self.features, self.sources, [light] if light else ())
            frames = [lit_by(frame, light) for frame in frames] if light else frames
            if not has_noise(frames):
                return None
            count = 3 if accumulate else 2  # pieces of about equal length
            accumulated = accumulate(part(on_fraction, 0, count)) if accumulate else None
            told = part(on_fraction, count - 2, count), part(on_fraction, count - 1, count)
            images, factor = stack_seeds(frames, self.features, self.prefilter, accumulated, told[0])
            estimate = self.estimate(clean_mean(frames, self.prefilter, accumulated), told[1]) * factor
            for place, array in zip(places, (images, _half(estimate), np.array(factor)), strict=True):
                save_array(place, array)
        images_file, estimate_file = (ArrayFile.of(place) for place in places[:2])
        return ShotFrame(tuple(paths), images_file, estimate_file, float(np.load(places[2])), light.name if light else None)


def lit_by(frame: Frame, light: LightPass) -> Frame:
    """The frame with a pass of light, as it is denoised, for its colour; black where the frame lacks it."""
    color = as_denoised(frame, light) if light.channel in frame else np.zeros_like(frame.color)
    return without_light(frame).with_channels(color=color)


def _half(radiance: Array) -> Array:
    """In half floats, of which the largest stands for all that is brighter."""
    half: Array = np.minimum(radiance, RADIANCE_MAX).astype(np.float16)
    return half
