"""What a run of `adapt` gave, and who draws pictures of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..denoise.artist import FrameResult
from ..frame.arrays import Array
from ..report import Written
from .model import Learned


def _draw_nothing(path: Path, *picture: Any) -> None:
    pass


@dataclass(frozen=True)
class Pictures:
    """What draws pictures for people; by default nobody does. What fails there is told of once and ends nothing.

    Attributes:
        error_map: Is given the path of each denoised frame (of each of its view layers) and its expected RMS error on T
            (H, W), where that is known.
        preview: Is given the path of a picture, what it shows, and the exposure in that, when the training begins and
            whenever the held-out tiles were asked: noisy (one half of the seeds), start and adapted (of that half), exposed
            radiance (h, w, 3) of the same pixels: the middle of the frame that the start is worst at.
    """

    error_map: Callable[[Path, Array], None] = _draw_nothing
    preview: Callable[[Path, Sequence[Array], float], None] = _draw_nothing


NO_PICTURES = Pictures()


@dataclass(frozen=True)
class Adapted:
    """What a run of `adapt` gave.

    Attributes:
        model: For other frames of this shot; None, as `learned`: no frame held noise, so that there was nothing to learn.
        frames: What was denoised, in order.
        report: The page that shows it, if one was written.
    """

    folder: Path
    model: Path | None
    learned: Learned | None
    frames: list[FrameResult] = field(default_factory=list)
    report: Written | None = None

    @property
    def expected_psnr_db(self) -> float | None:
        """On T, mean of the frames; None where none held noise."""
        values = [frame.psnr_db for frame in self.frames if frame.psnr_db is not None]
        return sum(values) / len(values) if values else None

    @property
    def worst(self) -> FrameResult | None:
        """The frame with the least expected PSNR; None where none held noise."""
        noisy = [frame for frame in self.frames if frame.psnr_db is not None]
        return min(noisy, key=lambda frame: (frame.psnr_db, frame.output), default=None)
