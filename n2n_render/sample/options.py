"""What `sample` is asked."""

from dataclasses import dataclass

from ..config import Count, Frames, RenderDevice, RenderedPasses, Samples, Seeds, Size, Views
from ..schema import Checked


@dataclass(frozen=True)
class SampleOptions(Checked):
    """What `sample` renders, how often, and where to. Lists are tuples so that options can be compared and hashed."""

    scene: str
    spp: Samples
    out: str | None = None  # None: datasets/<scene's name>
    seeds: Seeds = 2  # any two of them are a training pair; one alone is for `evaluate --more`
    independent: bool = False  # also the authored view of several has seeds of its own; else its renders are parts of one
    frames: Frames | None = None  # None: the frame that the scene was saved at
    views: Views = 1  # cameras around the authored one, which is view 0
    size: Size | None = None  # (width_px, height_px), a percentage, or as authored
    camera: str | None = None
    scene_name: str | None = None
    view_layer: str | None = None
    passes: RenderedPasses = "none"  # beside the picture, its guides, light groups and shader AOVs
    device: RenderDevice = "auto"
    reference_spp: Samples | None = None  # samples of each of the two reference halves
    reference_frames: Frames | None = None
    blender: str | None = None
    chunk: tuple[Count, Count] = (1, 1)  # this machine's part, and of how many
    only: Frames | None = None  # of the frames those that this machine renders; the dataset is one of all
    dry_run: bool = False  # plan and time it; render nothing

    def contradiction(self) -> str | None:
        if self.only is not None and not set(self.only) <= set(self.frames or ()):
            return "only names a frame that is not among the frames"
        return f"chunk {self.chunk[0]} of {self.chunk[1]} is none" if self.chunk[0] > self.chunk[1] else None
