"""Frames of an animation → for each those beside it, read and denoised once, on its own pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import N2NError, doubt
from ..frame.arrays import Array
from ..frame.channels import Kind, kind_of
from ..frame.frame import Frame, mean_frame
from ..frame.motion import share_noise
from ..frame.windows import Window, place
from ..io.exr import ExrImage
from ..io.light import LightPass, missing_light
from ..io.sources import DETECT, Sources
from ..ladder.memory import ResilientLadder
from ..progress import OnFraction, ignore
from .prefilter import Prefilter

BESIDE_PX = 1e5  # a motion vector that leads out of every picture
SURFACES = ("albedo", "normal", "depth")  # that are told apart by those of them that files have

Windows = Sequence[Sequence[int | None]]


@dataclass(frozen=True)
class DenoisedFrame:
    """A frame that was read and denoised.

    Attributes:
        window: Its data window.
        seeds: The colours of its renders, (H, W, 3) each.
        frame: Their mean, with clean guides where there is what cleans them.
        picture: (H, W, 3), what a denoiser makes of it alone.
    """

    window: Window
    seeds: list[Array]
    frame: Frame
    picture: Array

    def placed(self, window: Window) -> tuple[Frame, Array]:
        """Mean and picture on the pixels of another data window; beyond its own nothing is trusted, for the vectors lead
        out of it.
        """
        if window == self.window:
            return self.frame, self.picture
        frame = self.frame.map(lambda name, image: place(image, self.window, window, _beyond(name)))
        return frame, place(self.picture, self.window, window)


def _smaller(name: str, image: Array) -> Array:
    """Many frames are held: albedo and normal in half floats, which are fine enough for them."""
    return image.astype(np.float16) if kind_of(name) in (Kind.UNIT_COLOR, Kind.DIRECTION) else image


def _beyond(name: str) -> float:
    """What lies outside of a data window."""
    return BESIDE_PX if kind_of(name) is Kind.MOTION else 0.0


class Neighbors:
    """The frames beside each frame of an animation. Those that were read and denoised are kept as long as a window reaches.

    Attributes:
        groups: The files of each frame, one for each seed; whoever owns the list may add frames that come, with their windows.
        windows: For each frame the indices of those to look at, see `io.sequence.find_windows`.
        layer: The view layer of those who do not name one.
        colors: Channels that passes of light were divided by, of all frames that were read.
    """

    def __init__(
        self,
        groups: Sequence[Sequence[Path]],
        windows: Windows,
        layer: str | None,
        prefilter: Prefilter | None,
        ladder: ResilientLadder,
        sources: Sources = DETECT,
        passes: Sequence[str] = (),
    ):
        """ladder: of the network that makes the pictures; prefilter: what cleans guides for it, if it wants that; passes: of
        light, that are held too, see `io.light.choose_light`.
        """
        self.groups, self.windows, self.layer, self.passes = groups, windows, layer, passes
        self._prefilter, self._ladder, self._sources = prefilter, ladder, sources
        self.colors: set[str] = set()
        self._told_of_zero_vectors = self._told_of_other_size = False
        self._denoised: dict[tuple[int, str | None], DenoisedFrame] = {}

    @property
    def cleans(self) -> bool:
        """Whether albedo and normal are cleaned."""
        return self._prefilter is not None

    @property
    def frames_held(self) -> int:
        """In memory at a time: those of one window."""
        return len(self.windows[0])

    def beside(
        self, index: int, layer: str | None = None, on_fraction: OnFraction = ignore
    ) -> tuple[DenoisedFrame, list[tuple[Frame, Array] | None]]:
        """Frame `index`, and the means and pictures of its window, on its pixels. One that cannot be read, lacks a pass, or is
        of another size is not there, which is said.

        Raises:
            N2NError: The frame itself cannot be read, or has no Vector pass.
        """
        layer = layer or self.layer
        window = self.windows[index]
        self._denoised = {key: frame for key, frame in self._denoised.items() if key[0] in window}
        center = self._look_at(index, layer)
        seen = []
        for number, there in enumerate(window):
            seen.append(self._try_to_look_at(there, index, center, layer))
            on_fraction((number + 1) / len(window))
        self._doubt_zero_vectors(index, [frame for frame in seen if frame])
        return center, [frame.placed(center.window) if frame else None for frame in seen]

    def _try_to_look_at(self, there: int | None, index: int, center: DenoisedFrame, layer: str | None) -> DenoisedFrame | None:
        """A frame beside the frame `index`, if it can be of use to it."""
        if there is None or there == index:
            return None if there is None else center
        try:
            frame = self._look_at(there, layer)
        except N2NError as error:
            doubt(f"{error.what}; the frames beside it do without it")
            return None
        if not _has_another_size(frame.window, center.window):
            return frame
        if not self._told_of_other_size:
            self._told_of_other_size = True
            doubt(f"{self.groups[index][0]} and {self.groups[there][0]} differ in size: such frames do without each other")
        return None

    def _doubt_zero_vectors(self, index: int, frames: Sequence[DenoisedFrame]) -> None:
        if self._told_of_zero_vectors or len(frames) < 2 or any(one.frame["vector"].any() for one in frames):
            return
        self._told_of_zero_vectors = True
        doubt(
            f"the Vector pass of {self.groups[index][0].name} is zero everywhere: right if nothing moves there, wrong if "
            "it was rendered with motion blur"
        )

    def check(self, index: int, layer: str | None = None) -> None:
        """Raises N2NError where frame `index` and the next, or else the one before, differ in size or share their noise."""
        window, middle = self.windows[index], len(self.windows[index]) // 2
        there = window[middle - 1] if window[middle + 1] is None else window[middle + 1]
        if there is None:
            return
        here, next_ones = ([self._vectors(path, layer) for path in self.groups[number]] for number in (index, there))
        if len({seed.color.shape for seed in (*here, *next_ones)}) > 1:
            raise N2NError(
                f"{self.groups[index][0]} and {self.groups[there][0]}, or their seeds, differ in size",
                "Pass renders of one animation.",
            )
        if len(here) > 1 and len(next_ones) > 1 and share_noise(here, next_ones):
            raise N2NError(
                f"{self.groups[index][0]} and {self.groups[there][0]} have the same noise",
                "Render every frame with another seed (the clock beside Render Properties > Sampling > Advanced > "
                "Seed), or pass --temporal 0.",
            )

    def _vectors(self, path: Path, layer: str | None) -> Frame:
        return ExrImage.open(path, sources=self._sources).frame(layer or self.layer, ("vector",))

    def _look_at(self, index: int, layer: str | None) -> DenoisedFrame:
        key = index, layer
        if key not in self._denoised:
            window, frames = self._read(self.groups[index], layer)
            mean = mean_frame(frames)
            clean = self._prefilter(mean) if self._prefilter else mean
            picture = self._ladder.denoise(clean)
            colors = [frame.color for frame in frames] if len(frames) > 1 else [clean.color]
            self._denoised[key] = DenoisedFrame(window, colors, clean.map(_smaller), picture)
        return self._denoised[key]

    def _read(self, paths: Sequence[Path], layer: str | None) -> tuple[Window, list[Frame]]:
        """The first file's data window, and all files as frames, on its pixels."""
        images, features = [ExrImage.open(path, sources=self._sources) for path in paths], (*self._needed(), "vector")
        layers = [image.layer(layer, features) for image in images]
        window = images[0].window(layers[0])
        both = list(zip(images, layers, strict=True))
        more = [name for name in SURFACES if name not in features and all(image.has(one, name) for image, one in both)]
        frames = [
            image.frame(one, (*features, *more), window, self._light(image, one))
            for image, one in both
            if images[0].common(layers[0], image) == window  # of a part there is no mean with the whole
        ]
        return window, frames

    def _light(self, image: ExrImage, layer: str) -> list[LightPass]:
        """A frame that lacks a pass is there for the picture, and for the other passes, all the same."""
        lacking = missing_light(image.light(layer), self.passes)
        light = image.chosen_light(layer, [name for name in self.passes if name not in lacking])
        self.colors |= {one.color.channel for one in light if one.color}
        return light

    def _needed(self) -> tuple[str, ...]:
        """What the network that makes the pictures takes."""
        return self._ladder.model.features


def _has_another_size(window: Window, center: Window) -> bool:
    """Two borders of one size may lie elsewhere; from one corner on, another size is that of another animation."""
    if (window.left, window.top) != (center.left, center.top):
        return False
    return (window.height, window.width) != (center.height, center.width)
