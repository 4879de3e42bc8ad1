"""What `evaluate` is asked."""

from dataclasses import dataclass

from ..config import Count, Engine, Orientations, Precision, Seed
from ..schema import Checked


@dataclass(frozen=True)
class EvaluateOptions(Checked):
    """What `evaluate` compares, with what, and where the results go.

    models: names, files or run folders as of `denoise`. frames: folders with denoised frames of the same views. data: dataset
    folders, or folders of them, whose views have reference halves; with noise, folders of images. more: folders with the same
    views at more samples a pixel. passes: of light that are scored too, each and what they add up to: "all", "light-groups",
    "light-passes", "aovs", or names. chunk, merge: see `evaluate`. ocio, view: how pictures are shown, see `open_shown_view`.
    """

    models: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    data: tuple[str, ...] = ("datasets",)
    more: tuple[str, ...] = ()
    passes: tuple[str, ...] = ()
    out: str = "evaluation"  # folder of the comparison pictures
    json: str | None = None  # file for all numbers
    report: bool = True  # write report.html beside the pictures; of images with noise there is none
    oidn: bool = True  # compare with Open Image Denoise
    device: str = "auto"
    engine: Engine = "auto"
    precision: Precision = "auto"
    average: Orientations = 1  # orientations that each picture is the mean of
    chunk: tuple[Count, Count] | None = None  # this machine's share of the views, and of how many
    merge: bool = False  # compare nothing, and put the shares together
    noise: str | None = None  # that images get, as "gaussian:25"; "pairs": bursts judge themselves; None: renders are compared
    seed: Seed = 1  # of that noise
    ocio: str | None = None  # a configuration of OpenColorIO: a file, or ocio://…
    view: str | None = None  # "AgX", …; "T": T(v), which the numbers are on
    classical: bool = True  # with noise: compare with what needs no training

    def contradiction(self) -> str | None:
        of_renders = [name for name in ("frames", "more", "passes", "merge", "chunk", "ocio", "view") if getattr(self, name)]
        if self.noise is not None and of_renders:
            return f"{of_renders[0]} is for renders, and noise for images"
        if self.chunk and self.chunk[0] > self.chunk[1]:
            return f"chunk {self.chunk[0]} of {self.chunk[1]} is none"
        if self.chunk and (self.merge or self.json):
            return f"{'merge' if self.merge else 'json'} is for all chunks together, and chunk for one"
        return None
