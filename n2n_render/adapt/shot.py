"""The frames that are to be denoised become arrays: all seeds with cleaned guides, the start's picture, pixels held out."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..denoise.renders import layers_to_denoise
from ..errors import N2NError, UnreadableFile, doubt
from ..frame.channels import COLOR, FEATURES, expand
from ..frame.frame import mean_frame
from ..frame.independence import has_noise
from ..frame.transfer import RADIANCE_MAX
from ..io.dataset import MANIFEST, find_pairs, parse_name
from ..io.exr import ExrImage
from ..io.numbering import doubt_gaps, place_files
from ..io.renders import check_covered, read_group
from ..io.sequence import are_named, find_inputs, match_pairs
from ..network.checkpoint import Checkpoint
from ..network.specification import Specification
from ..train.augment import augment
from ..train.dataset import ArrayFile, Prefetched, save_array, split_exposed, stack_guides, stack_seeds

TILE_PX = 32  # pixels are held out of training in tiles of this size
HELD_OUT = 1 / 8  # of all tiles
USUAL_INPUT_SHARE = 0.5  # of the crops: all seeds but one are the input, so that it is almost as clean as at the end


@dataclass(frozen=True)
class ShotFrame:
    """One frame: the files of its seeds (two or more), and its arrays on disk.

    images: (seeds, H, W, 10 or, with neighbours, 17) float16 as of train/dataset.py's stack_seeds. pilot: (H, W, 3)
    float16, exposed radiance: the start's picture of the mean of all seeds.
    """

    paths: tuple[Path, ...]
    images_file: ArrayFile
    pilot_file: ArrayFile

    @property
    def images(self) -> np.ndarray:
        return self.images_file.map()

    @property
    def pilot(self) -> np.ndarray:
        return self.pilot_file.map()

    def held_out(self) -> np.ndarray:
        """(H, W) bool: pixels that no training sees as targets."""
        height, width = self.images_file.shape[1:3]
        return held_out_pixels(height, width)


def held_out_pixels(height: int, width: int) -> np.ndarray:
    """(H, W) bool: whole tiles, at least one.

    The same ones in all frames of a shot: where an artist renders an animation with one fixed seed and a locked camera,
    the noise is the same in all frames too, and what is held out of one must not be learned from the next.
    """
    rng = np.random.default_rng(7)
    rows, columns = -(-height // TILE_PX), -(-width // TILE_PX)
    order = rng.permutation(rows * columns)
    tiles = np.zeros(rows * columns, bool)
    tiles[order[: max(1, round(HELD_OUT * len(order)))]] = True
    return tiles.reshape(rows, columns).repeat(TILE_PX, 0).repeat(TILE_PX, 1)[:height, :width]


def find_groups(inputs: list[str], others: list[str]) -> tuple[list[tuple[Path, ...]], list[str]]:
    """Arguments → the files of each frame, one for each seed, and the frames' names.

    A dataset of `sample` knows its seeds; of other files, `others` are the same frames rendered with other seeds.
    """
    if all(os.path.isfile(os.path.join(text, MANIFEST)) for text in inputs):
        if others:
            raise N2NError("--pair is not for datasets: they hold all seeds already", "Leave it out.")
        pairs = [pair for text in inputs for pair in find_pairs(Path(text))]
        _refuse_single_seeds(inputs, pairs)
        firsts = [pair.noisy[0] for pair in pairs]
        doubt_gaps(firsts, place_files(firsts))
        several = len(inputs) > 1
        return [pair.noisy for pair in pairs], [
            (pair.name.replace("/", "-") if several else pair.name.split("/")[1]) + ".exr" for pair in pairs
        ]
    if not others:
        raise N2NError(
            "adapting needs every frame rendered twice, with different seeds",
            "Pass the second renders with --pair, or a dataset of `n2n-render sample`.",
        )
    paths = find_inputs(inputs)
    groups = match_pairs(paths, [find_inputs([text]) for text in others], are_named(inputs, others))
    return [tuple(group) for group in groups], [path.name for path in paths]


def _refuse_single_seeds(inputs, pairs):
    """A frame that is not finished is not left out silently."""
    there = {
        (Path(text).resolve(), name.view, name.frame)
        for text in inputs
        for path in Path(text).iterdir()
        for name in [parse_name(path.name)]
        if name and name.kind == "s"
    }
    single = sorted(there - {(pair.dataset.resolve(), pair.view, pair.frame) for pair in pairs})
    if single or not pairs:
        what = f"{single[0][1]}, frame {single[0][2]}, has one seed only" if single else "there is no frame"
        raise N2NError(f"{', '.join(inputs)}: {what}", "Finish `n2n-render sample` first: adapting needs two of each.")


@dataclass(frozen=True)
class Subject:
    """One view layer of one frame, as one view shows it: what is trained on and denoised at a time. index: of the frame."""

    index: int
    paths: tuple[Path, ...]
    layer: str


def find_subjects(index: int, paths: tuple[Path, ...], wanted: str | None, features: tuple[str, ...]) -> list[Subject]:
    """What there is to denoise in one frame, by the headers of its files alone.

    Raises N2NError for a file that is missing, lacks a pass, or does not cover the first one's pixels.
    """
    images = [ExrImage(path, header_only=True) for path in paths]
    layers = layers_to_denoise(images[0], wanted, features)
    for image in images[1:]:
        for layer in layers:
            image.check(image.layer(layer), features)
            check_covered(images[0].window(layer), images[0].common(layer, image), image.path)
    return [Subject(index, paths, layer) for layer in layers]


def find_all_subjects(groups, wanted, features) -> tuple[list[list[Subject]], dict[Path, N2NError]]:
    """What there is to denoise in each frame, and first file → why a frame cannot be denoised, by the headers alone.

    Raises N2NError where no frame can.
    """
    subjects: list[list[Subject]] = []
    failed: dict[Path, N2NError] = {}
    for index, group in enumerate(groups):
        try:
            subjects.append(find_subjects(index, group, wanted, features))
        except UnreadableFile as error:
            subjects.append([])
            failed[group[0]] = error
            if len(failed) == len(groups):
                raise
    for problem in failed.values():
        doubt(f"left out: {problem.what}")
    return subjects, failed


def features_of(model: Specification, plain: Checkpoint | None) -> tuple[str, ...]:
    """What is read of each frame."""
    wanted = {*model.features, *(plain.model.features if plain else ())}
    return tuple(feature for feature in FEATURES if feature in wanted)


def load_frame(paths, layer, features, prefilter, make_pilot, folder: Path, key: str, find_neighbors=None) -> ShotFrame | None:
    """Decodes one frame into `folder` unless that has been done; None for a frame without noise, which teaches nothing.

    key: says what else the arrays depend on. make_pilot(mean Frame with cleaned guides) → radiance (H, W, 3).
    find_neighbors() → the channels of `neighbor_guides`.
    """
    facts = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    name = hashlib.sha256(repr((key, layer, features, facts)).encode()).hexdigest()[:16]
    images_path, pilot_path = folder / f"{name}.npy", folder / f"{name}.pilot.npy"
    if not (images_path.exists() and pilot_path.exists()):
        frames = read_group(paths, layer, features)
        if not has_noise(frames):
            return None
        images, factor = stack_seeds(frames, features, prefilter, find_neighbors() if find_neighbors else None)
        mean = mean_frame(frames)
        save_array(
            pilot_path, np.minimum(make_pilot(prefilter(mean) if prefilter else mean) * factor, RADIANCE_MAX).astype(np.float16)
        )
        save_array(images_path, images)
    return ShotFrame(tuple(paths), ArrayFile.of(images_path), ArrayFile.of(pilot_path))


class Crops(Prefetched):
    """Batch k of a shot: the mean of some seeds as the input, the mean of the others as the target.

    noisy, target, pilot (N, 3, h, w) exposed radiance; guides (N, C, h, w); known (N, 1, h, w): 1 where the target may be
    looked at, 0 in held-out tiles. float32, contiguous.
    """

    def __init__(self, frames: list[ShotFrame], features, batch: int, crop_px: int, seed: int):
        super().__init__()
        self.frames, self.features, self.batch, self.seed = frames, features, batch, seed
        self.crop_px = min(crop_px, *(size for frame in frames for size in frame.images_file.shape[1:3]))
        pixels = np.array([np.prod(frame.images_file.shape[1:3], dtype=float) for frame in frames])
        self._shares = np.cumsum(pixels / pixels.sum())
        self._known = [~frame.held_out() for frame in frames]

    def make(self, step: int, stream: int = 0) -> dict[str, np.ndarray]:
        """Batch `step`; another `stream` gives other crops."""
        rng = np.random.default_rng([self.seed, stream, step])
        crops = [self._crop(rng) for _ in range(self.batch)]
        return {
            key: np.ascontiguousarray(np.stack([crop[key] for crop in crops]).transpose(0, 3, 1, 2), np.float32)
            for key in crops[0]
        }

    def _crop(self, rng):
        chosen = min(int(np.searchsorted(self._shares, rng.random())), len(self.frames) - 1)
        frame, size = self.frames[chosen], self.crop_px
        seeds, height, width = frame.images_file.shape[:3]
        count = seeds - 1 if rng.random() < USUAL_INPUT_SHARE else int(rng.integers(1, seeds))
        order = rng.permutation(seeds)
        y, x = int(rng.integers(0, height - size + 1)), int(rng.integers(0, width - size + 1))
        place = slice(y, y + size), slice(x, x + size)
        images = frame.images[(slice(None), *place)].astype(np.float32)
        image = split_exposed(images[order[:count]].mean(0))
        target = split_exposed(images[order[count:]].mean(0))[COLOR]
        known = self._known[chosen][place][..., None].repeat(3, -1)
        given = {name: image[name] for name in expand(self.features)}
        color, given = augment([image[COLOR], target, frame.pilot[place], known], given, rng)
        return {
            "noisy": color[0],
            "target": color[1],
            "pilot": color[2],
            "known": color[3][..., :1],
            "guides": stack_guides(given, size),
        }
