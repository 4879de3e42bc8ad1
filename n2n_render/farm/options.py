"""What `farm` is asked."""

from dataclasses import dataclass
from typing import Annotated

from ..config import Count, Frames, Positive, Reach, RenderDevice, Samples, Seeds, Shots, Size, Steps, wrong_shots
from ..schema import Checked, OneOf, Range

ENGINES = ("openjd", "flamenco", "slurm", "deadline")
SHARED_DEVICES = ("auto", "cuda")  # of these each process of a training takes its own
Gpus = Annotated[int, Range(0, 64)]


@dataclass(frozen=True)
class FarmOptions(Checked):
    """A shot that is to be sampled, learned and painted by a render farm, and what is known of its machines."""

    scene: str
    frames: Frames
    spp: Samples
    output: str  # folder of the job, of its renders and of its clean frames, on the storage that all workers have mounted
    engine: Annotated[str, OneOf(ENGINES)] = "openjd"  # what spreads the tasks
    seeds: Seeds = 2
    size: Size | None = None
    camera: str | None = None
    scene_name: str | None = None
    view_layer: str | None = None
    reference_spp: Samples | None = None  # with references the painted frames are evaluated at the end
    reference_frames: Frames | None = None
    temporal: Reach = 0
    shots: Shots = ()
    minutes: Positive | None = None  # of training
    steps: Count | None = None
    init: str = "oidn-large"
    fast: bool = False
    passes: tuple[str, ...] = ()  # of light that are rendered and painted too, as of `denoise`
    render_device: RenderDevice = "auto"
    device: str = "auto"  # of training and painting
    gpus: Gpus = 0  # of a machine that trains or paints; it renders on them too where render_device is none of a CPU
    memory_gib: Positive | None = None  # of every task; None: from measured numbers
    workers: Count = 10  # machines that the frames are divided for
    sample_chunk: Count | None = None  # frames of a task; None: from the probe
    paint_chunk: Count | None = None
    probe: bool = True  # time one frame here before anything is written
    program: str = "n2n-render"  # how workers call us; words as a shell reads them
    blender: str | None = None  # on the workers
    retries: Steps = 3  # of a task that failed
    submit: bool = False
    manager: str | None = None  # address of Flamenco's Manager

    def contradiction(self) -> str | None:
        if self.steps and self.minutes:
            return "steps and minutes both say when to stop"
        if self.seeds < 2:
            return "seeds is 1, but a training pair takes two"
        if self.reference_frames and not self.reference_spp:
            return "reference_frames is for reference_spp, which was not given"
        if not set(self.reference_frames or ()) <= set(self.frames):
            return "reference_frames names a frame that is not among the frames"
        if self.temporal and not any(number + 1 in self.frames for number in self.frames):
            return "temporal takes in the frames beside each one, and none of frames has the one before or after it"
        if self.shots and (alone := [n for n in self.frames if not any(first <= n <= last for first, last in self.shots)]):
            return f"shots says nothing of frame {alone[0]}"
        if self.gpus > 1 and self.device not in SHARED_DEVICES:
            return f"device is {self.device}, but each of {self.gpus} GPUs is to have a process: that takes cuda or auto"
        if self.manager and self.engine != "flamenco":
            return f"manager is of the engine flamenco, and not of {self.engine}"
        if self.gpus and self.device.startswith("cpu"):
            return f"gpus asks for {self.gpus}, but device is a CPU"
        return wrong_shots(self)
