"""What `demo` is asked."""

from dataclasses import dataclass

from ..config import Pixels, Positive, Samples, Views
from ..schema import Checked


@dataclass(frozen=True)
class DemoOptions(Checked):
    """What `demo` does; sized for two CPU cores and less than ten minutes.

    A brief one, with less than a minute of training, renders less, too.
    """

    out: str = "demo"
    minutes: Positive = 5.0  # of both trainings together
    blender: str | None = None
    spp: Samples = 8
    views: Views | None = None  # None: 10, of a brief demo 6
    reference_spp: Samples = 192  # of each half
    size: tuple[Pixels, Pixels] | None = None  # None: as in the folder, else 320×180, of a brief demo 240×135
    learning_rate: Positive = 1e-3  # from nothing: a short run learns more with it than with train's default
    device: str = "auto"
    ocio: str | None = None  # how the pictures are shown, as of `io.scene_view.open_shown_view`
    view: str | None = None

    @property
    def brief(self) -> bool:
        return self.minutes < 1
