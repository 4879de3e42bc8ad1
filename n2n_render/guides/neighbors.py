"""Frames of an animation → for each what its neighbours show of it, for networks that have been given eyes for that."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..engines.options import ANY_ENGINE, EngineOptions
from ..errors import N2NError, UnreadableFile, doubt
from ..frame.arrays import Array
from ..frame.channels import Kind, in_files, kind_of
from ..frame.frame import Frame, mean_frame
from ..frame.motion import neighbor_guides, share_noise
from ..frame.windows import Window, place
from ..io.exr import ExrImage
from ..io.sources import DETECT, Sources
from ..ladder.memory import ResilientLadder
from ..network.checkpoint import Checkpoint
from ..network.registry import open_model
from ..network.specification import Specification
from ..progress import Warn, ignore
from .prefilter import Prefilter

GUIDES_VERSION = 3  # counts what changes in frame/motion.py: cached guides are made anew
BESIDE_PX = 1e5  # a motion vector that leads out of every picture
FEATURES = ("albedo", "normal")  # that the neighbours' pictures are made with, and surfaces told apart by; and by depth

Windows = Sequence[Sequence[int | None]]


def picture_model(model: Specification) -> Checkpoint:
    """What makes the neighbours' pictures for `model`, whatever that was trained from: it must always see the same."""
    return open_model("oidn-large" if model.network.topology == "oidn_large" else "oidn")


@dataclass(frozen=True)
class DenoisedFrame:
    """A frame that was read and denoised: its data window, the mean of its seeds with clean guides, its picture (H, W, 3)."""

    window: Window
    frame: Frame
    picture: Array

    def placed(self, window: Window) -> tuple[Frame, Array]:
        """Both on the pixels of another data window; beyond its own nothing is trusted, for the vectors lead out of it."""
        if window == self.window:
            return self.frame, self.picture
        frame = self.frame.map(lambda name, image: place(image, self.window, window, _beyond(name)))
        return frame, place(self.picture, self.window, window)


def _beyond(name: str) -> float:
    """What lies outside of a data window."""
    return BESIDE_PX if kind_of(name) is Kind.MOTION else 0.0


class Neighbors:
    """What is seen of each frame of an animation in those beside it.

    Frames that were read and denoised are kept as long as a window reaches.

    Attributes:
        name: What it finds depends on this and on the files alone.
        groups: The files of each frame, one for each seed.
        windows: For each frame the indices of those to look at, see `io.sequence.find_windows`.
        layer: The view layer of those who do not name one.
    """

    def __init__(
        self,
        name: str,
        groups: Sequence[Sequence[Path]],
        windows: Windows,
        layer: str | None,
        features: tuple[str, ...],
        prefilter: Prefilter,
        ladder: ResilientLadder,
        sources: Sources = DETECT,
    ):
        self.name, self.groups, self.windows, self.layer, self.features = name, groups, windows, layer, features
        self._prefilter, self._ladder, self._sources = prefilter, ladder, sources
        self._told_of_zero_vectors = False
        self._denoised: dict[tuple[int, str | None], DenoisedFrame] = {}

    @classmethod
    def open(
        cls,
        model: Specification,
        groups: Sequence[Sequence[Path]],
        windows: Windows,
        layer: str | None = None,
        prefilter: Prefilter | None = None,
        options: EngineOptions = ANY_ENGINE,
        warn: Warn = ignore,
        sources: Sources = DETECT,
    ) -> "Neighbors":
        """For a `model` that looks at neighbours.

        Args:
            prefilter: What cleans the model's own guides, to be shared if it cleans all that is needed here.
            options: Of what makes the neighbours' pictures.
        """
        pictures = picture_model(model)
        if prefilter is None or not set(FEATURES) <= set(prefilter.ladders):
            prefilter = Prefilter.open(pictures.model, options, warn)
        features = tuple(dict.fromkeys((*FEATURES, *in_files(model.features))))
        ladder = ResilientLadder.open(pictures, options, warn)
        name = f"{GUIDES_VERSION} {pictures.model.network.topology}"
        return cls(name, groups, windows, layer, features, prefilter, ladder, sources)

    @property
    def frames_held(self) -> int:
        """In memory at a time: those of one window."""
        return len(self.windows[0])

    def of(self, index: int, layer: str | None = None) -> dict[str, Array]:
        """The channels of `neighbor_guides` for frame `index`. A neighbour that cannot be read is not there, which is said.

        Raises:
            N2NError: The frame itself has no Vector pass, or its neighbours another size.
        """
        layer = layer or self.layer
        window = self.windows[index]
        self._denoised = {key: frame for key, frame in self._denoised.items() if key[0] in window}
        center = self._look_at(index, layer)
        seen = [center if there == index else self._try_to_look_at(there, layer) for there in window]
        if any(frame and _has_another_size(frame.window, center.window) for frame in seen):
            raise N2NError(f"{self.groups[index][0]}: its neighbours have another size", "Pass frames of one animation.")
        placed = [frame.placed(center.window) if frame else (None, None) for frame in seen]
        return neighbor_guides([frame for frame, _ in placed], [picture for _, picture in placed])

    def _try_to_look_at(self, index: int | None, layer: str | None) -> DenoisedFrame | None:
        if index is None:
            return None
        try:
            return self._look_at(index, layer)
        except UnreadableFile as error:
            doubt(f"{error.what}; the frames beside it do without it")
            return None

    def check(self, index: int, warn: Warn, layer: str | None = None) -> None:
        """Raises N2NError where frame `index` and the next differ in size or share their noise: for training only."""
        there = self.windows[index][len(self.windows[index]) // 2 + 1]
        if there is None:
            return
        here, next_ones = ([self._vectors(path, layer) for path in self.groups[number]] for number in (index, there))
        if len({seed.color.shape for seed in (*here, *next_ones)}) > 1:
            raise N2NError(
                f"{self.groups[index][0]} and {self.groups[there][0]}, or their seeds, differ in size",
                "Pass renders of one animation.",
            )
        if not self._told_of_zero_vectors and not any(seed["vector"].any() for seed in (*here, *next_ones)):
            self._told_of_zero_vectors = True
            warn(
                f"the Vector pass of {self.groups[index][0].name} is zero everywhere: right if nothing moves there, wrong if "
                "it was rendered with motion blur"
            )
        if share_noise(here, next_ones):
            raise N2NError(
                f"{self.groups[index][0]} and {self.groups[there][0]} have the same noise",
                "Render every frame with another seed (the clock beside Render Properties > Sampling > Advanced > "
                "Seed), or leave --temporal out.",
            )

    def _vectors(self, path: Path, layer: str | None) -> Frame:
        return ExrImage.open(path, sources=self._sources).frame(layer or self.layer, ("vector",))

    def _look_at(self, index: int, layer: str | None) -> DenoisedFrame:
        key = index, layer
        if key not in self._denoised:
            window, frames = self._read(self.groups[index], layer)
            frame = mean_frame(frames)
            clean = self._prefilter(frame)
            picture = self._ladder.denoise(clean)
            self._denoised[key] = DenoisedFrame(window, clean.with_channels(depth=frame.depth), picture)
        return self._denoised[key]

    def _read(self, paths: Sequence[Path], layer: str | None) -> tuple[Window, list[Frame]]:
        """The first file's data window, and all files as frames, on its pixels; with depth where they have it: surfaces are
        told apart by it too.
        """
        images, features = [ExrImage.open(path, sources=self._sources) for path in paths], (*self.features, "vector")
        layers = [image.layer(layer, features) for image in images]
        window = images[0].window(layers[0])
        if "depth" not in features and all(image.has(name, "depth") for image, name in zip(images, layers, strict=True)):
            features = (*features, "depth")
        frames = [
            image.frame(name, features, window)
            for image, name in zip(images, layers, strict=True)
            if images[0].common(layers[0], image) == window  # of a part there is no mean with the whole
        ]
        return window, frames


def _has_another_size(window: Window, center: Window) -> bool:
    """Two borders of one size may lie elsewhere; from one corner on, another size is that of another animation."""
    if (window.left, window.top) != (center.left, center.top):
        return False
    return (window.height, window.width) != (center.height, center.width)
