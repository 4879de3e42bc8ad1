"""The seeds of a frame → its denoised file, by an adapted network and its start: all view layers, alpha, the error."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ..errors import N2NError
from ..frame.arrays import Array, Mask
from ..frame.frame import Frame, mean_frame
from ..frame.independence import noise_free, still_alpha
from ..guides.accumulation import Accumulator
from ..io.exr import ExrImage
from ..io.renders import are_parts, read_group
from ..io.sources import Sources
from ..judge.blend import Blended
from ..judge.error import psnr_of
from ..judge.held_out import held_out_pixels
from ..network.provenance import Provenance
from ..progress import OnFraction, part
from .adapted import is_trained_on
from .alpha import AlphaDenoiser
from .files import Failures, OnFrame
from .layers import put_layer
from .options import PictureOptions
from .passes import Painted, without_light
from .picture import Painter, finished_picture
from .renders import LayerRender
from .strength import strength_map
from .subjects import Subject, find_subjects
from .wanted import wanted_light

ERROR_PASS = "Error"


@dataclass(frozen=True)
class FrameResult:
    """One denoised frame.

    Attributes:
        output: Its file.
        psnr_db: That is expected of it, on T; None: there was no noise in it, and it is as it was, or nothing is known.
        weights: How much of it is the adapted network's and the noisy mean's: "adapted", "noisy", 0 to 1.
    """

    output: Path
    psnr_db: float | None
    weights: dict[str, float]


@dataclass(frozen=True)
class Artist:
    """Denoises one frame after the other, all its view layers, into files.

    Attributes:
        painter: None: no frame of the shot held any noise.
        told: Of the painter's model: what frames it was trained on.
        accumulator: What takes the samples of neighbouring frames in, if anything.
        picture: What is put into the files.
        sources: Where the channels lie that are not where they are recognised.
        on_error: Is given the file of each picture (of several view layers, a name for each) and its expected RMS error on T,
            (H, W), where that is known.
    """

    painter: Painter | None
    told: Provenance
    alpha: AlphaDenoiser
    accumulator: Accumulator | None
    picture: PictureOptions
    sources: Sources
    on_error: Callable[[Path, Array], None] = lambda path, error: None

    def denoise(self, subjects: Sequence[Subject], output: Path, on_fraction: OnFraction) -> FrameResult:
        """All view layers of one frame."""
        image = ExrImage.open(subjects[0].paths[0], sources=self.sources)
        features = self.painter.features if self.painter else ()
        pictures = []
        for number, subject in enumerate(subjects):
            light = wanted_light(image, subject.layer, self.picture.passes)
            frames = read_group(subject.paths, subject.layer, features, self.sources, light)
            told = part(on_fraction, number, len(subjects))
            mean, still = mean_frame(frames), noise_free(frames) if light else None
            frames = [without_light(frame) for frame in frames]  # the mean has the passes: once is much memory already
            light = [one for one in light if one.channel in mean]
            strength = strength_map(subject.paths, subject.layer, self.picture, self.sources)
            render = LayerRender(subject.layer, mean, still, still_alpha(frames), tuple(light), strength)
            picture, painted = self._paint(subject, frames, render, told)
            put_layer(image, render, painted, self.alpha, self.picture)
            if picture.error is not None:
                image.add_pass(subject.layer, ERROR_PASS, {"V": picture.error})
            pictures.append((subject.layer, picture))
        image.write(output)
        for layer, picture in pictures:
            named = output if len(pictures) == 1 else output.with_name(f"{output.stem}.{_in_file_name(layer)}{output.suffix}")
            if picture.error_display is not None:
                self.on_error(named, picture.error_display)
        weights = {name: float(np.mean([picture.weights[name] for _, picture in pictures])) for name in pictures[0][1].weights}
        return FrameResult(output, psnr_of(max(picture.squared_error for _, picture in pictures)), weights)

    def _paint(
        self, subject: Subject, frames: list[Frame], render: LayerRender, on_fraction: OnFraction
    ) -> tuple[Blended, Painted]:
        if self.painter is None:
            picture = finished_picture(frames)
            return picture, Painted(picture.color)
        held_out = self._held_out(subject, frames[0])
        if not self.accumulator or noise_free(frames).all():
            return self.painter.paint_layer(frames, render, held_out, on_fraction)
        accumulated = self.accumulator.of(subject.index, subject.layer, part(on_fraction, 0, 2))
        return self.painter.paint_layer(frames, render, held_out, part(on_fraction, 1, 2), accumulated)

    def _held_out(self, subject: Subject, frame: Frame) -> Mask:
        """Of frames that nobody was trained on, everything is. Of parts of one render nothing is: one says something of the
        other's noise, and cannot judge what is made of it.
        """
        if are_parts(subject.paths):
            return np.zeros((frame.height, frame.width), bool)
        if is_trained_on(self.told, subject.paths):
            return held_out_pixels(frame.height, frame.width)
        return np.ones((frame.height, frame.width), bool)


def paint_files(
    artist: Artist,
    groups: Sequence[Sequence[Path]],
    outputs: Sequence[Path],
    *,
    layer: str | None = None,
    on_frame: OnFrame = lambda index, fraction: None,
    on_result: Callable[[int, FrameResult], None] = lambda index, result: None,
    chosen: Sequence[int] | None = None,
) -> Failures:
    """Denoises frame files one after the other; as `denoise_files`, but with two or more seeds of each frame, which judge each
    other. on_result: Is given a frame's index, and what is known of it.
    """
    failed: Failures = []
    features = artist.painter.features if artist.painter else ()
    for index in range(len(groups)) if chosen is None else chosen:
        try:
            subjects = find_subjects(index, tuple(groups[index]), layer, features, artist.sources)
            on_result(index, artist.denoise(subjects, outputs[index], partial(on_frame, index)))
        except N2NError as error:
            failed.append((groups[index][0], error))
        on_frame(index, 1.0)
    return failed


def _in_file_name(layer: str) -> str:
    """The layer's name as a part of a file's."""
    return re.sub(r'[\\/:*?"<>|]', "_", layer)
