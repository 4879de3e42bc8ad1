"""What `watch` is asked."""

from dataclasses import dataclass
from typing import Annotated

from ..config import Frames, Orientations, Reach, Shots
from ..denoise.options import AS_DENOISED, PictureOptions
from ..engines.options import ANY_ENGINE, EngineOptions
from ..io.sources import RECOGNISED, SourceOptions
from ..schema import Checked, Range

Seconds = Annotated[float, Range(0, 86400)]
Minutes = Annotated[float, Range(0, 10**6)]


@dataclass(frozen=True)
class WatchOptions(Checked):
    """Which folder is watched, for how long, and what its frames are denoised with; what is not said here: `DenoiseOptions`."""

    folder: str
    output: str  # a folder
    model: str = "auto"
    pairs: tuple[str, ...] = ()  # folders where the same frames come with other seeds
    frames: Frames | None = None  # the frames that will come, by number: when all are done, it ends; None: not known
    until_idle: Minutes | None = None  # without a new file: it ends; None: never
    settle: Seconds = 2.0  # a file is taken when it has not changed for so long
    shared: bool = False  # other processes do the same: each takes the next that nobody has taken
    layer: str | None = None
    temporal: Reach | None = None
    shots: Shots = ()
    prefilter: bool | None = None
    average: Orientations | None = None
    fast: bool = False
    picture: PictureOptions = AS_DENOISED
    sources: SourceOptions = RECOGNISED  # folders or patterns
    engine: EngineOptions = ANY_ENGINE

    def contradiction(self) -> str | None:
        if self.frames is not None and not self.frames:
            return "frames names none"
        return "a shot ends before it begins" if any(first > last for first, last in self.shots) else None
