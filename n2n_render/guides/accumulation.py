"""Frames of an animation → each with its neighbours' samples taken in, as far as that pays, region by region.

How far that is, the frame's own noise says: each candidate picture is made of a part of the frame's samples and judged by
those that were held out of it (judge/splits.py). No reference is needed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..engines.options import ANY_ENGINE, EngineOptions
from ..errors import N2NError, doubt
from ..frame.accumulate import Looked, Version, bring, bring_light, copies_noise, take_in
from ..frame.arrays import Array
from ..frame.frame import Frame
from ..frame.transfer import RADIANCE_MAX, exposure
from ..io.light import CHANNEL
from ..io.sources import DETECT, Sources
from ..judge.splits import Split, split, step_weight
from ..ladder.memory import ResilientLadder
from ..network.checkpoint import Checkpoint
from ..network.registry import open_model
from ..progress import OnFraction, Warn, ignore, part
from .neighbors import Neighbors, Windows
from .prefilter import Prefilter

JUDGED_EVERY = 8  # frames, if it is to be fast
ACCUMULATION_VERSION = 1  # counts what changes in what is taken in: cached arrays are made anew


def judge_model(features: Sequence[str]) -> Checkpoint:
    """What makes the pictures by which neighbours are judged for a model with these features: Open Image Denoise's small
    network. Judged by the large one the pictures are the same within 0.05 dB, at four times the cost.
    """
    if {"albedo", "normal"} <= set(features):
        return open_model("oidn-small")
    return open_model("oidn-small-albedo" if "albedo" in features else "oidn-small-color")


@dataclass(frozen=True)
class Accumulated:
    """A frame with its neighbours taken in; colours exposed by `factor`.

    Attributes:
        frame: The mean of its seeds in its own scale, with clean guides where there is what cleans them.
        whole: All seeds.
        versions: Each seed alone; of a single render, without the pixels that were held out.
        light: Channel → (H, W, C), noisy, in the frame's own scale: its passes of light with those of the neighbours.
        is_clean: Whether albedo and normal of `frame` were cleaned.
        neighbors: (1 + versions, H, W, 4): what of the neighbours is taken in, of the whole first: the sum of their colours
            times their weights, and of their weights.
    """

    frame: Frame
    factor: np.float32
    whole: Version
    versions: list[Version]
    neighbors: Array
    is_clean: bool
    light: Mapping[str, Array] = field(default_factory=dict)

    def color(self, seeds: Sequence[int] | None = None) -> Array:
        """(H, W, 3), noisy: these seeds (None: all) and what is taken in of the neighbours, in the frame's own scale."""
        version, sums = self.whole, self.neighbors[0]
        if seeds is not None:
            chosen = [self.versions[seed] for seed in seeds]
            color, weight = np.mean([one.color for one in chosen], axis=0), sum(one.weight for one in chosen)
            version, sums = Version(color, version.picture, weight), self.neighbors[[1 + seed for seed in seeds]].mean(0)
        accumulated: Array = take_in(version, sums[None], (1.0,))[0] / self.factor
        return accumulated

    def alone(self, seeds: Sequence[int]) -> Array:
        """(H, W, 3), exposed: what the network that judges neighbours makes of seeds without any; the mean of its pictures."""
        picture: Array = np.mean([self.versions[seed].picture for seed in seeds], axis=0)
        return picture

    def with_clean_guides(self, frame: Frame) -> Frame:
        """A frame of some of the seeds with the guides that were cleaned for all."""
        return frame.with_channels(**{name: self.frame[name] for name in ("albedo", "normal") if name in self.frame})

    @property
    def frames_worth(self) -> float:
        """How many frames' samples are in it, mean over the picture."""
        return 1.0 + float(self.neighbors[0, ..., 3].mean())


def _by_place(window: Sequence[Looked | None]) -> list[tuple[tuple[bool, ...], list[str]]]:
    """The passes of light of the frame in the middle, those together that the same frames of the window have."""
    here, together = window[len(window) // 2], dict[tuple[bool, ...], list[str]]()
    for name in (name for name in (here.frame if here else ()) if name.startswith(CHANNEL)):
        together.setdefault(tuple(looked is not None and name in looked.frame for looked in window), []).append(name)
    return list(together.items())


@dataclass(frozen=True)
class _Judged:
    """index: of a frame. weights: of the rings, means over it."""

    index: int
    weights: list[float]


class Accumulator:
    """Takes in neighbours' samples.

    Attributes:
        name: What it gives depends on this and on the files alone.
        fast: Judges the first of each eight frames of a shot only; those after it take in as much of each ring as that one did
            in the mean.
    """

    def __init__(self, name: str, neighbors: Neighbors, ladder: ResilientLadder, fast: bool = False):
        """ladder: of the network whose pictures are judged."""
        self.name, self.neighbors, self._ladder, self.fast = name, neighbors, ladder, fast
        self._judged: dict[str | None, _Judged] = {}  # the frame of each view layer that was judged last
        self._told_of_same_noise = False

    @classmethod
    def open(
        cls,
        features: Sequence[str],
        groups: Sequence[Sequence[Path]],
        windows: Windows,
        layer: str | None = None,
        prefilter: Prefilter | None = None,
        options: EngineOptions = ANY_ENGINE,
        warn: Warn = ignore,
        sources: Sources = DETECT,
        fast: bool = False,
        passes: Sequence[str] = (),
    ) -> "Accumulator":
        """Opens the network that makes the pictures by which neighbours are judged.

        Args:
            features: Of the model that is given the frames.
            prefilter: What cleans guides for that model, to be shared if it cleans all that is needed here.
            options: Of the network that is opened.
            fast: See `Accumulator`.
            passes: Of light that neighbours' samples are taken in of, too.
        """
        pictures = judge_model(features)
        ladder = ResilientLadder.open(pictures, options, warn)
        if not pictures.model.clean_guides:
            prefilter = None
        elif prefilter is None or not set(pictures.model.features) <= set(prefilter.ladders):
            prefilter = Prefilter.open(pictures.model, options, warn)
        neighbors = Neighbors(groups, windows, layer, prefilter, ladder, sources, passes)
        name = f"{ACCUMULATION_VERSION} {features} {prefilter.name if prefilter else None} {len(windows[0])}"
        return cls(name, neighbors, ladder, fast)

    def of(self, index: int, layer: str | None = None, on_fraction: OnFraction = ignore) -> Accumulated:
        """Frame `index` with its neighbours taken in.

        Raises:
            N2NError: The frame itself cannot be read, or has no Vector pass.
        """
        usual = self._usual(index, layer) if self.fast else []
        center, beside = self.neighbors.beside(index, layer, part(on_fraction, 0, 2))
        factor = np.float32(exposure(center.frame.color))
        window = [Looked(*looked) if looked else None for looked in beside]
        here = window[len(window) // 2]
        assert here is not None
        whole = Version(np.minimum(here.frame.color * factor, RADIANCE_MAX), here.picture * factor, 1.0)
        same_noise = self._same_noise(window, factor)
        if usual:
            return self._finish(window, factor, [whole], bring(window, factor, [whole], same_noise), usual, same_noise)
        splits = split([np.minimum(seed * factor, RADIANCE_MAX) for seed in center.seeds])
        own = [self._picture(center.frame, one.seen, factor) for one in splits]
        versions = [Version(one.seen, picture, one.weight) for one, picture in zip(splits, own, strict=True)]
        sums = bring(window, factor, [whole, *versions], same_noise)
        weights = self._weigh_rings(center.frame, factor, splits, versions, sums[1:], part(on_fraction, 1, 2))
        self._judged[layer] = _Judged(index, [float(np.mean(weight)) for weight in weights])
        return self._finish(window, factor, [whole, *versions], sums, weights, same_noise)

    def _usual(self, index: int, layer: str | None) -> list[float]:
        """How much of each ring is taken in unjudged; [] where the frame is to be judged itself: it is the first of eight, or
        that one cannot be read.
        """
        first = self._first_of_eight(index)
        if first == index:
            return []
        if layer not in self._judged or self._judged[layer].index != first:
            try:
                self.of(first, layer)  # in order, it has just been done
            except N2NError:
                return []
        return self._judged[layer].weights

    def _first_of_eight(self, index: int) -> int:
        """The frame of its shot that is judged for it, whichever frames are asked for, in whatever order."""
        before, windows = [index], self.neighbors.windows
        while (there := windows[before[-1]][len(windows[index]) // 2 - 1]) is not None:
            before.append(there)
        return before[(len(before) - 1) % JUDGED_EVERY]

    def _finish(
        self,
        window: Sequence[Looked | None],
        factor: np.float32,
        versions: Sequence[Version],
        sums: Array,
        weights: Sequence[Array | float],
        same_noise: bool,
    ) -> Accumulated:
        taken = sum(weight * sums[:, ring] for ring, weight in enumerate(weights))
        here = window[len(window) // 2]
        assert here is not None
        whole, *others = versions
        light: dict[str, Array] = {}
        for there, names in _by_place(window):
            having = [looked if has else None for looked, has in zip(window, there, strict=True)]
            light |= bring_light(having, factor, whole, weights, names, same_noise, self.neighbors.colors)
        return Accumulated(here.frame, factor, whole, others, np.asarray(taken, np.float32), self.neighbors.cleans, light)

    def _same_noise(self, window: Sequence[Looked | None], factor: np.float32) -> bool:
        """Whether the frame in the middle and the next one share their noise, which is said once."""
        middle = len(window) // 2
        here, beside = window[middle], window[middle + 1] or window[middle - 1]
        if here is None or beside is None or not copies_noise(here, beside, factor):
            return False
        if not self._told_of_same_noise:
            self._told_of_same_noise = True
            doubt(
                "neighbouring frames have the same noise in the same pixels: where nothing moves, they bring nothing. Render "
                "every frame with another seed (the clock beside Render Properties > Sampling > Advanced > Seed)"
            )
        return True

    def _weigh_rings(
        self,
        frame: Frame,
        factor: np.float32,
        splits: Sequence[Split],
        versions: Sequence[Version],
        sums: Array,
        on_fraction: OnFraction,
    ) -> list[Array | float]:
        """How much of each ring pays, (H, W, 1) each: one ring more at a time, each time as far as what was held out says."""
        pictures = [version.picture for version in versions]
        weights: list[Array | float] = []
        for _ in range(sums.shape[1]):
            wider = [
                self._picture(frame, take_in(version, of_version, [*weights, 1.0])[0], factor)
                for version, of_version in zip(versions, sums, strict=True)
            ]
            weight = step_weight(splits, pictures, wider, np.mean(pictures, axis=0))
            pictures = [before + weight * (after - before) for before, after in zip(pictures, wider, strict=True)]
            weights.append(weight)
            on_fraction(len(weights) / sums.shape[1])
        return weights

    def _picture(self, frame: Frame, color: Array, factor: np.float32) -> Array:
        """(H, W, 3), exposed, of an exposed colour with the frame's guides."""
        picture: Array = self._ladder.denoise(frame.with_channels(color=color / factor)) * factor
        return picture
