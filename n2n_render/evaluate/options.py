"""What `evaluate` is asked."""

from dataclasses import dataclass

from ..config import Engine, Orientations, Precision
from ..schema import Checked


@dataclass(frozen=True)
class EvaluateOptions(Checked):
    """What `evaluate` compares, with what, and where the results go.

    models: names, files or run folders as of `denoise`. frames: folders with denoised frames of the same views. data: dataset
    folders, or folders of them, whose views have reference halves. more: folders with the same views at more samples a pixel.
    """

    models: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    data: tuple[str, ...] = ("datasets",)
    more: tuple[str, ...] = ()
    out: str = "evaluation"  # folder of the comparison pictures
    json: str | None = None  # file for all numbers
    oidn: bool = True  # compare with Open Image Denoise
    device: str = "auto"
    engine: Engine = "auto"
    precision: Precision = "auto"
    average: Orientations = 1  # orientations that each picture is the mean of
