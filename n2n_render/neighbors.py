"""Frames of an animation → for each what its neighbours show of it, for networks that have been given eyes for that."""
from dataclasses import replace
from pathlib import Path

import numpy as np

from .denoise import Denoiser, Prefilter
from .errors import N2NError
from .frame.exr import ExrImage
from .frame.frame import Frame, mean_frame
from .frame.motion import neighbor_guides, share_noise
from .frame.passes import NEIGHBORS, in_files
from .frame.sequence import find_windows
from .network.checkpoint import Checkpoint
from .network.models import open_model

GUIDES_VERSION = 3               # counts what changes in frame/motion.py: cached guides are made anew
FEATURES = ("albedo", "normal")  # that the neighbours' pictures are made with, and surfaces told apart by; and by depth


def picture_model(model) -> Checkpoint:
    """What makes the neighbours' pictures for `model`, whatever that was trained from: it must always see the same."""
    return open_model("oidn-large" if model.topology == "oidn_large" else "oidn")


def open_neighbors(denoiser: Denoiser, groups, shots, layer: str | None, **options) -> "Neighbors | None":
    """For a model that looks at neighbours, as far as it did when it was trained; None for any other.

    options: of the Denoiser that makes the neighbours' pictures.
    """
    if NEIGHBORS not in denoiser.features:
        if shots:
            raise N2NError("--shots is for models that look at neighbouring frames, and this one does not",
                           "Leave it out, or adapt a model with --temporal 2.")
        return None
    return Neighbors(denoiser.model, groups, find_windows(groups, denoiser.reach, shots), layer, denoiser.prefilter, **options)


class Neighbors:
    """groups: the files of each frame, one for each seed; windows: see frame.sequence.find_windows.

    prefilter: what cleans the model's own guides, to be shared if it cleans all that is needed here. Frames that were read
    and denoised are kept as long as a window reaches.
    """

    def __init__(self, model, groups: list[tuple[Path, ...]], windows: list[list[int | None]], layer: str | None, prefilter,
                 **options):
        pictures = picture_model(model)
        self.name = f"{GUIDES_VERSION} {pictures.model.topology}"
        self.denoiser = Denoiser(pictures, prefilter=False, **options)
        shared = prefilter and set(FEATURES) <= set(prefilter.denoisers)
        self.prefilter = prefilter if shared else Prefilter(pictures.model, **options)
        self.features = tuple(dict.fromkeys((*FEATURES, *in_files(model.features))))
        self.groups, self.windows, self.layer = groups, windows, layer
        self._warned = False
        self._known: dict[int, tuple[Frame, np.ndarray]] = {}

    @property
    def frames_held(self) -> int:
        """In memory at a time: those of one window."""
        return len(self.windows[0])

    def of(self, index: int) -> np.ndarray:
        """(H, W, 7), see `neighbor_guides`, of frame `index`. Raises N2NError where a frame has no Vector pass."""
        window = self.windows[index]
        self._known = {there: known for there, known in self._known.items() if there in window}
        seen = [None if there is None else self._look_at(there) for there in window]
        sizes = {frame[0].color.shape for frame in seen if frame}
        if len(sizes) > 1:
            raise N2NError(f"{self.groups[index][0]}: its neighbours have another size", "Pass frames of one animation.")
        return neighbor_guides(*([frame and frame[part] for frame in seen] for part in (0, 1)))

    def check(self, index: int, warn):
        """Raises N2NError where frame `index` and the next differ in size or share their noise: for training only."""
        there = self.windows[index][len(self.windows[index]) // 2 + 1]
        if there is None:
            return
        seeds = [[ExrImage(path).frame(self.layer, ("vector",)) for path in self.groups[place]] for place in (index, there)]
        if len({seed.color.shape for frame in seeds for seed in frame}) > 1:
            raise N2NError(f"{self.groups[index][0]} and {self.groups[there][0]}, or their seeds, differ in size",
                           "Pass renders of one animation.")
        if not self._warned and not any(seed.vector.any() for frame in seeds for seed in frame):
            self._warned = True
            warn(f"the Vector pass of {self.groups[index][0].name} is zero everywhere: right if nothing moves there, wrong if "
                 "it was rendered with motion blur")
        if share_noise(*seeds):
            raise N2NError(f"{self.groups[index][0]} and {self.groups[there][0]} have the same noise",
                           "Render every frame with another seed (the clock beside Render Properties > Sampling > Advanced > "
                           "Seed), or leave --temporal out.")

    def _look_at(self, index: int) -> tuple[Frame, np.ndarray]:
        if index not in self._known:
            frame = mean_frame([self._read(path) for path in self.groups[index]])
            clean = self.prefilter(frame)
            self._known[index] = replace(clean, depth=frame.depth), self.denoiser.denoise(clean)
        return self._known[index]

    def _read(self, path: Path) -> Frame:
        """With depth where the file has it: surfaces are told apart by it too."""
        image, features = ExrImage(path), (*self.features, "vector")
        layer = image.layer(self.layer, features)
        found = ("depth",) if "depth" not in features and image.find(layer, "depth") else ()
        return image.frame(layer, (*features, *found))
