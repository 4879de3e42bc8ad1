"""The frames of a shot → denoised files, by the adapted network and its start: all view layers, alpha, error maps."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..denoise import Denoiser, PictureOptions
from ..denoise.alpha import AlphaDenoiser
from ..denoise.layers import put_layer
from ..denoise.renders import LayerRender
from ..engines.options import EngineOptions
from ..errors import N2NError, UnreadableFile
from ..frame.frame import Frame, mean_frame
from ..frame.independence import still_alpha
from ..guides.neighbors import Neighbors
from ..io.exr import ExrImage
from ..io.renders import read_group
from ..io.sources import Sources
from ..judge.blend import Blended, Usual
from ..judge.error import psnr_of
from ..learn.arrays import Cleaner
from ..learn.shot import held_out_pixels
from ..learn.start import features_of
from ..network.checkpoint import Checkpoint
from ..progress import OnFraction, Progress, part
from .picture import Painter, finished_picture
from .report import FrameResult, Report
from .subjects import Subject

ERROR_PASS = "Error"


@dataclass(frozen=True)
class Painting:
    """How frames are denoised and written.

    Attributes:
        average: Orientations that each picture is the mean of.
        engine: Of all denoisers.
        picture: What is put into the files.
        sources: Where the channels lie that are not where they are recognised.
    """

    average: int
    engine: EngineOptions
    picture: PictureOptions
    sources: Sources


def denoise_shot(
    artist: "Artist",
    subjects: list[list[Subject]],
    outputs: list[Path],
    report: Report,
    failed: dict[Path, N2NError],
    progress: Progress,
) -> list[FrameResult]:
    """All frames that the report does not know yet. Those that cannot be read go to `failed`, first file → why."""
    progress.start(len(subjects), len(subjects))
    for layers, output in zip(subjects, outputs, strict=True):
        looked_at = artist.looks_at(layers)
        if not layers or report.has(output, looked_at):
            progress.advance(1, f"{output.name}: {'was there' if layers else 'left out'}")
            continue
        done = [0.0]

        def on_fraction(fraction: float, done: list[float] = done) -> None:
            progress.advance(fraction - done[0], finished=False)
            done[0] = fraction

        try:
            result = artist.denoise(layers, output, on_fraction)
        except UnreadableFile as error:
            if len(subjects) == 1:
                raise
            failed[layers[0].paths[0]] = error
            progress.advance(1 - done[0], f"{output.name}: failed")
            continue
        report.add(result, looked_at)
        expected = "no noise" if result.psnr_db is None else f"about {result.psnr_db:.1f} dB"
        progress.advance(1 - done[0], f"{output.name}: {expected}")
    return [report.frames[output.name] for output in outputs if output.name in report.frames]


class Artist:
    """Denoises one frame after the other, all its view layers, into files. Prefiltering is done once for both networks."""

    def __init__(
        self,
        painter: Painter | None,
        features: tuple[str, ...],
        alpha: AlphaDenoiser,
        neighbors: Neighbors | None,
        painting: Painting,
        on_picture: Callable[[Path, Blended], None],
    ):
        """painter None: no frame of the shot held any noise. on_picture(file of a view layer, its picture)."""
        self.painter, self.features, self.alpha, self.neighbors = painter, features, alpha, neighbors
        self.painting, self.on_picture = painting, on_picture

    @classmethod
    def open(
        cls,
        adapted: Checkpoint | None,
        baseline: Checkpoint | None,
        guides: tuple[Cleaner | None, Neighbors | None],
        painting: Painting,
        on_picture: Callable[[Path, Blended], None],
        progress: Progress,
    ) -> "Artist":
        """adapted None: no frame of the shot held any noise. baseline None: it was adapted from nothing."""
        engine, average, warn = painting.engine, painting.average, progress.warn
        prefilter, neighbors = guides
        painter, features = None, features_of(adapted.model, baseline) if adapted else ()
        if adapted:
            told = adapted.provenance
            painter = Painter(
                Denoiser.open(adapted, engine, False, average, warn),
                Denoiser.open(baseline, engine, False, average, warn) if baseline else None,
                prefilter,
                Usual(told.blend_weight or 0.0, told.error_ratio or 1.0, told.shared_error),
            )
            progress.note(f"denoising with {painter.adapted.engine.description}")
        return cls(painter, features, AlphaDenoiser(engine, warn), neighbors, painting, on_picture)

    def looks_at(self, subjects: list[Subject]) -> list[Path]:
        """The files that the picture depends on."""
        all_files = self.painting.sources.all_files
        if not self.neighbors:
            return all_files(subjects[0].paths) if subjects else []
        places = {there for subject in subjects for there in self.neighbors.windows[subject.index] if there is not None}
        return [path for there in sorted(places) for path in all_files(self.neighbors.groups[there])]

    def denoise(self, subjects: list[Subject], output: Path, on_fraction: OnFraction) -> FrameResult:
        """All view layers of one frame."""
        sources = self.painting.sources
        image = ExrImage.open(subjects[0].paths[0], sources=sources)
        pictures = []
        for number, subject in enumerate(subjects):
            frames = read_group(subject.paths, subject.layer, self.features, sources)
            picture = self._paint(subject, frames, part(on_fraction, number, len(subjects)))
            render = LayerRender(subject.layer, mean_frame(frames), still_alpha=still_alpha(frames))
            put_layer(image, render, picture.color, self.alpha, self.painting.picture)
            image.add_pass(subject.layer, ERROR_PASS, {"V": picture.error})
            pictures.append((subject.layer, picture))
        image.write(output)
        for layer, picture in pictures:
            named = output if len(pictures) == 1 else output.with_name(f"{output.stem}.{_in_file_name(layer)}{output.suffix}")
            self.on_picture(named, picture)
        weights = {name: float(np.mean([picture.weights[name] for _, picture in pictures])) for name in pictures[0][1].weights}
        return FrameResult(output, psnr_of(max(picture.squared_error for _, picture in pictures)), weights)

    def _paint(self, subject: Subject, frames: list[Frame], on_fraction: OnFraction) -> Blended:
        if self.painter is None:
            return finished_picture(frames)
        neighbors = self.neighbors.of(subject.index, subject.layer) if self.neighbors else {}
        height, width = frames[0].color.shape[:2]
        return self.painter.paint(frames, held_out_pixels(height, width), on_fraction, neighbors)


def _in_file_name(layer: str) -> str:
    """The layer's name as a part of a file's."""
    return re.sub(r'[\\/:*?"<>|]', "_", layer)
