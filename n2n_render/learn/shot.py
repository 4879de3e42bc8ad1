"""A frame that is to be denoised becomes arrays: all seeds with clean guides, an initial estimate, pixels held out."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..frame.arrays import Array, Mask
from ..frame.channels import COLOR
from ..frame.frame import Frame
from ..frame.independence import has_noise
from ..frame.transfer import RADIANCE_MAX
from ..guides.accumulation import Accumulated
from ..io.renders import read_group
from ..io.sources import DETECT, Sources
from ..judge.held_out import held_out_pixels
from .arrays import ArrayFile, Cleaner, clean_mean, save_array, split_exposed, stack_seeds

Estimate = Callable[[Frame], Array]  # the mean of all seeds, guides cleaned → its denoised radiance (H, W, 3)


@dataclass(frozen=True)
class ShotFrame:
    """One frame: the files of its seeds (two or more), and its arrays on disk."""

    paths: tuple[Path, ...]
    images_file: ArrayFile
    initial_estimate_file: ArrayFile

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
        accumulate: Callable[[], Accumulated] | None = None,
    ) -> ShotFrame | None:
        """Decodes one frame unless that has been done; None for a frame without noise, which teaches nothing.

        Args:
            layer: The view layer; None: the first that has the features.
            key: Says what else the arrays depend on.
            accumulate: Takes in the samples of the frames beside it.
        """
        files = [(path, path.stat()) for path in self.sources.all_files(paths)]
        facts = [*((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in files), *self.sources.keys(paths)]
        name = hashlib.sha256(repr((key, layer, self.features, facts)).encode()).hexdigest()[:16]
        images_path, estimate_path = self.folder / f"{name}.npy", self.folder / f"{name}.estimate.npy"
        if not (images_path.exists() and estimate_path.exists()):
            frames = read_group(paths, layer, self.features, self.sources)
            if not has_noise(frames):
                return None
            accumulated = accumulate() if accumulate else None
            images, factor = stack_seeds(frames, self.features, self.prefilter, accumulated)
            estimate = self.estimate(clean_mean(frames, self.prefilter, accumulated)) * factor
            save_array(estimate_path, np.minimum(estimate, RADIANCE_MAX).astype(np.float16))
            save_array(images_path, images)
        return ShotFrame(tuple(paths), ArrayFile.of(images_path), ArrayFile.of(estimate_path))
