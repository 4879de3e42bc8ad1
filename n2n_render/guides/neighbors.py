"""Frames of an animation → for each what its neighbours show of it, for networks that have been given eyes for that."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .denoise import Denoiser, Prefilter
from .errors import N2NError, UnreadableFile, doubt
from .frame.channels import NEIGHBORS, Kind, in_files, kind_of
from .frame.frame import Frame, mean_frame
from .frame.motion import neighbor_guides, share_noise
from .frame.windows import Window, place
from .io.exr import ExrImage
from .io.sequence import find_windows
from .network.checkpoint import Checkpoint
from .network.registry import open_model

GUIDES_VERSION = 3  # counts what changes in frame/motion.py: cached guides are made anew
BESIDE_PX = 1e5  # a motion vector that leads out of every picture
FEATURES = ("albedo", "normal")  # that the neighbours' pictures are made with, and surfaces told apart by; and by depth


def picture_model(model) -> Checkpoint:
    """What makes the neighbours' pictures for `model`, whatever that was trained from: it must always see the same."""
    return open_model("oidn-large" if model.network.topology == "oidn_large" else "oidn")


def open_neighbors(denoiser: Denoiser, groups, shots, layer: str | None, **options) -> "Neighbors | None":
    """For a model that looks at neighbours, as far as it did when it was trained; None for any other.

    options: of the Denoiser that makes the neighbours' pictures.
    """
    if NEIGHBORS not in denoiser.features:
        if shots:
            raise N2NError(
                "--shots is for models that look at neighbouring frames, and this one does not",
                "Leave it out, or adapt a model with --temporal 2.",
            )
        return None
    return Neighbors(denoiser.model, groups, find_windows(groups, denoiser.reach, shots), layer, denoiser.prefilter, **options)


@dataclass(frozen=True)
class Seen:
    """A frame that was read and denoised: its data window, the mean of its seeds with clean guides, its picture (H, W, 3)."""

    window: Window
    frame: Frame
    picture: np.ndarray

    def placed(self, window: Window) -> tuple[Frame, np.ndarray]:
        """Both on the pixels of another data window; beyond its own nothing is trusted, for the vectors lead out of it."""
        if window == self.window:
            return self.frame, self.picture
        frame = self.frame.map(lambda name, image: place(image, self.window, window, _beyond(name)))
        return frame, place(self.picture, self.window, window)


def _beyond(name: str) -> float:
    """What lies outside of a data window."""
    return BESIDE_PX if kind_of(name) is Kind.MOTION else 0.0


class Neighbors:
    """groups: the files of each frame, one for each seed; windows: see frame.sequence.find_windows; layer: the view layer of
    those who do not name one.

    prefilter: what cleans the model's own guides, to be shared if it cleans all that is needed here. Frames that were read
    and denoised are kept as long as a window reaches.
    """

    def __init__(
        self, model, groups: list[tuple[Path, ...]], windows: list[list[int | None]], layer: str | None, prefilter, **options
    ):
        pictures = picture_model(model)
        self.name = f"{GUIDES_VERSION} {pictures.model.network.topology}"
        self.denoiser = Denoiser(pictures, prefilter=False, **options)
        shared = prefilter and set(FEATURES) <= set(prefilter.denoisers)
        self.prefilter = prefilter if shared else Prefilter(pictures.model, **options)
        self.features = tuple(dict.fromkeys((*FEATURES, *in_files(model.features))))
        self.groups, self.windows, self.layer = groups, windows, layer
        self._warned = False
        self._known: dict[tuple[int, str | None], Seen] = {}

    @property
    def frames_held(self) -> int:
        """In memory at a time: those of one window."""
        return len(self.windows[0])

    def of(self, index: int, layer: str | None = None) -> dict[str, np.ndarray]:
        """The channels of `neighbor_guides` for frame `index`. A neighbour that cannot be read is not there, which is said.

        Raises N2NError where the frame itself has no Vector pass.
        """
        layer = layer or self.layer
        window = self.windows[index]
        self._known = {key: known for key, known in self._known.items() if key[0] in window}
        center = self._look_at(index, layer)
        seen = [center if there == index else self._try_to_look_at(there, layer) for there in window]
        sizes = {
            (one.window.height, one.window.width)
            for one in seen
            if one
            and one.window != center.window
            and (one.window.left, one.window.top) == (center.window.left, center.window.top)
        }
        if sizes - {(center.window.height, center.window.width)}:
            raise N2NError(f"{self.groups[index][0]}: its neighbours have another size", "Pass frames of one animation.")
        placed = [one and one.placed(center.window) for one in seen]
        return neighbor_guides(*([one and one[part] for one in placed] for part in (0, 1)))

    def _try_to_look_at(self, index: int | None, layer) -> Seen | None:
        if index is None:
            return None
        try:
            return self._look_at(index, layer)
        except UnreadableFile as error:
            doubt(f"{error.what}; the frames beside it do without it")
            return None

    def check(self, index: int, warn, layer: str | None = None):
        """Raises N2NError where frame `index` and the next differ in size or share their noise: for training only."""
        there = self.windows[index][len(self.windows[index]) // 2 + 1]
        if there is None:
            return
        seeds = [
            [ExrImage(path).frame(layer or self.layer, ("vector",)) for path in self.groups[number]]
            for number in (index, there)
        ]
        if len({seed.color.shape for frame in seeds for seed in frame}) > 1:
            raise N2NError(
                f"{self.groups[index][0]} and {self.groups[there][0]}, or their seeds, differ in size",
                "Pass renders of one animation.",
            )
        if not self._warned and not any(seed.vector.any() for frame in seeds for seed in frame):
            self._warned = True
            warn(
                f"the Vector pass of {self.groups[index][0].name} is zero everywhere: right if nothing moves there, wrong if "
                "it was rendered with motion blur"
            )
        if share_noise(*seeds):
            raise N2NError(
                f"{self.groups[index][0]} and {self.groups[there][0]} have the same noise",
                "Render every frame with another seed (the clock beside Render Properties > Sampling > Advanced > "
                "Seed), or leave --temporal out.",
            )

    def _look_at(self, index: int, layer: str | None) -> Seen:
        key = index, layer
        if key not in self._known:
            window, *frames = self._read(self.groups[index], layer)
            frame = mean_frame(frames)
            clean = self.prefilter(frame)
            self._known[key] = Seen(window, clean.with_channels(depth=frame.depth), self.denoiser.denoise(clean))
        return self._known[key]

    def _read(self, paths: tuple[Path, ...], layer: str | None) -> list:
        """The first file's data window, then all files as frames, on its pixels; with depth where they have it: surfaces are
        told apart by it too.
        """
        images, features, found = [ExrImage(path) for path in paths], (*self.features, "vector"), []
        layers = [image.layer(layer, features) for image in images]
        window = images[0].window(layers[0])
        if "depth" not in features and all(image.find(name, "depth") for image, name in zip(images, layers, strict=True)):
            features = (*features, "depth")
        for image, name in zip(images, layers, strict=True):
            if images[0].common(layers[0], image) == window:  # of a part there is no mean with the whole
                found.append(image.frame(name, features, window))
        return [window, *found]
