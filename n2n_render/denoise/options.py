"""What `denoise` is asked."""

from dataclasses import dataclass

from ..config import Count, Fraction, Frames, Orientations, Reach, Shots
from ..engines.options import ANY_ENGINE, EngineOptions
from ..io.ranges import WHOLE
from ..io.sources import RECOGNISED, SourceOptions
from ..schema import Checked

Strengths = tuple[tuple[str, Fraction], ...]  # of what masks name, see strength.py
PAINTED_AVERAGE = 2  # orientations that the picture of all seeds is the mean of, where a model of `adapt` paints pairs


@dataclass(frozen=True)
class PictureOptions(Checked):
    """What is put into a file for a layer that was denoised."""

    keep_noisy: bool = False  # the noisy picture stays, as the pass <layer>.Noisy
    strength: Fraction = 1.0  # 0 leaves the noisy picture (the mean, if there are several renders), 1 takes the denoised one
    passes: tuple[str, ...] = ()  # of light that are denoised too: "all", "light-groups", "light-passes", "aovs", or names
    strengths: Strengths = ()  # (name, strength) of objects, materials, … of Cryptomatte; "mask:NAME" is a pass
    exact_sums: bool = False  # the picture is the sum of the denoised groups, or light passes, as the file has them, rounded

    def contradiction(self) -> str | None:
        if self.exact_sums and not self.passes:
            return "exact_sums is for passes, which are not asked for"
        return wrong_strengths(self.strengths)


def wrong_strengths(strengths: Strengths) -> str | None:
    """What is wrong with them: a contradiction of options; None: nothing."""
    names = [name for name, _ in strengths]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        return f"strengths has {twice!r} twice"
    return None if all(name.strip() for name in names) else "strengths has an empty name"


AS_DENOISED = PictureOptions()


@dataclass(frozen=True)
class DenoiseOptions(Checked):
    """Which EXR files, photographs or arrays of k-space are denoised, with what, and where they go."""

    inputs: tuple[str, ...]  # files, folders of them, or patterns as frame_####.exr; image files with a model of them
    output: str  # a file for one input, else a folder
    model: str = "auto"  # a built-in name, a run folder, a checkpoint or a .safetensors or .tza file; auto: what fits each file
    pairs: tuple[str, ...] = ()  # the same frames with other seeds: averaged, or, with a model of `adapt`, judging each other
    frames: Frames | None = None  # of the inputs those that are denoised, by number; None: all
    chunk: tuple[Count, Count] = WHOLE  # of these this machine's share, and of how many
    skip_existing: bool = False  # outputs that are newer than all that they are made of stay
    shared: bool = False  # other processes do the same: each takes the next that nobody has taken, and outputs stay as above
    layer: str | None = None  # the only view layer (LAYER.VIEW: of one view); None: all that have what the model needs
    temporal: Reach | None = None  # frames before and after each one that are taken in; None: as the model was trained
    shots: Shots = ()  # first and last frame of each: beyond a cut there are no neighbours
    prefilter: bool | None = None  # clean albedo and normal first; None: if the model was trained with clean ones
    average: Orientations | None = None  # orientations that each picture is the mean of; None: 1, with `adapt`'s and pairs 2
    fast: bool = False  # of a model of `adapt` with pairs: paint their mean only, and tell nothing of the error
    picture: PictureOptions = AS_DENOISED
    sources: SourceOptions = RECOGNISED  # where albedo, normal, … lie
    engine: EngineOptions = ANY_ENGINE

    def contradiction(self) -> str | None:
        if not self.inputs:
            return "inputs names no file"
        if self.chunk[0] > self.chunk[1]:
            return f"chunk {self.chunk[0]} of {self.chunk[1]} is none"
        return "a shot ends before it begins" if any(first > last for first, last in self.shots) else None
