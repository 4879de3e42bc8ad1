"""What `online` is asked."""

from dataclasses import dataclass

from ..config import Batch, Count, Crop, Engine, Frames, Kept, Positive, Reach, RenderDevice, Samples, Seed, Size
from ..schema import Checked


@dataclass(frozen=True)
class OnlineOptions(Checked):
    """What `online` does: renders a fly-through, denoises and learns from it as it comes."""

    scene: str
    spp: Samples
    frames: Frames
    out: str
    size: Size | None = None
    camera: str | None = None
    reference_spp: Samples | None = None  # of each half, for every frame, after all of them: for the curve only
    init: str = "oidn"
    temporal: Reach = 4  # frames before each one that are taken in
    steps_per_frame: Count = 8
    newest: Count = 4  # frames that are learned from
    batch: Batch = 4
    crop_px: Crop = 128
    learning_rate: Positive | None = None  # None: as `adapt`
    ema: Kept = 0.98
    blender: str | None = None
    render_device: RenderDevice = "auto"
    device: str = "auto"
    engine: Engine = "auto"
    seed: Seed = 1
