"""What is known of a shot's times, and how many frames a task is to have."""

import math
from dataclasses import dataclass, field

STARTUP_FRACTION = 0.1  # of a task, at most
LONGEST_S = 20 * 60  # of a task, as far as frames allow: more would be lost with it
PARTS_A_WORKER = 4  # tasks that each has to do where nothing was timed: then one that is lost costs a quarter of its work


@dataclass(frozen=True)
class Times:
    """Of a task: seconds before its first frame, and of each frame."""

    startup_s: float
    frame_s: float

    def of(self, frames: int) -> float:
        """A task of so many frames."""
        return self.startup_s + frames * self.frame_s


def frames_a_task(times: Times | None, frames: int, workers: int) -> int:
    """The fewest frames for which starting up is a tenth of a task; but no worker is left without one, and none takes longer
    than 20 minutes where a frame does not.
    """
    if times is None:
        return max(1, frames // (PARTS_A_WORKER * workers))
    enough, short = frames, frames
    if times.frame_s > 0:
        enough = math.ceil((1 - STARTUP_FRACTION) / STARTUP_FRACTION * times.startup_s / times.frame_s)
        short = int((LONGEST_S - times.startup_s) // times.frame_s)
    return max(1, min(enough, short, _keeping_busy(frames, workers)))


def _keeping_busy(frames: int, workers: int) -> int:
    """The most frames a task for which there are as many tasks as workers, or as frames."""
    return (frames - 1) // (min(workers, frames) - 1) if min(workers, frames) > 1 else frames


@dataclass(frozen=True)
class Measured:
    """What the probe found; all of it unknown where there was none.

    Attributes:
        size: (width, height) of the frames in pixels.
        memory_mib: Step → peak of its process.
    """

    sample: Times | None = None
    paint: Times | None = None
    size: tuple[int, int] | None = None
    memory_mib: dict[str, int] = field(default_factory=dict)
