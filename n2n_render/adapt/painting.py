"""The frames of a shot → denoised files, by the adapted network and its start: all view layers, alpha, error maps."""

import re
from pathlib import Path

import numpy as np

from ..denoise import Denoiser, PictureOptions
from ..denoise.alpha import AlphaDenoiser
from ..denoise.layers import put_layer
from ..denoise.renders import LayerRender
from ..errors import N2NError, UnreadableFile
from ..frame.frame import Frame, mean_frame
from ..frame.independence import still_alpha
from ..io.exr import ExrImage
from ..network.checkpoint import Checkpoint
from .picture import Painter, Picture, finished_picture, psnr_of
from .report import FrameResult, Report
from .shot import Subject, features_of, held_out_pixels, read_group

ERROR_PASS = "Error"


def denoise_shot(
    artist: "Artist", subjects: list[list[Subject]], outputs: list[Path], report: Report, failed: dict[Path, N2NError], progress
) -> list[FrameResult]:
    """All frames that the report does not know yet. Those that cannot be read go to `failed`, first file → why."""
    progress.start(len(subjects), len(subjects))
    for found, output in zip(subjects, outputs, strict=True):
        looked_at = artist.looks_at(found)
        if not found or report.has(output, looked_at):
            progress.advance(1, f"{output.name}: {'was there' if found else 'left out'}")
            continue
        done = [0.0]

        def on_progress(share, done=done):
            progress.advance(share - done[0], finished=False)
            done[0] = share

        try:
            result = artist.denoise(found, output, on_progress)
        except UnreadableFile as error:
            if len(subjects) == 1:
                raise
            failed[found[0].paths[0]] = error
            progress.advance(1 - done[0], f"{output.name}: failed")
            continue
        report.add(result, looked_at)
        expected = "no noise" if result.psnr_db is None else f"about {result.psnr_db:.1f} dB"
        progress.advance(1 - done[0], f"{output.name}: {expected}")
    return [report.frames[output.name] for output in outputs if output.name in report.frames]


class Artist:
    """Denoises one frame after the other, all its view layers, into files. Prefiltering is done once for both networks.

    adapted None: no frame of the shot held any noise.
    """

    def __init__(
        self, config, adapted: Checkpoint | None, plain: Checkpoint | None, prefilter, neighbors, on_picture, progress
    ):
        self.config, self.neighbors, self.on_picture = config, neighbors, on_picture
        self.features: tuple[str, ...] = ()
        self.painter = None
        options = config.engine_options
        self.alpha = AlphaDenoiser(options, progress.warn)
        if adapted is None:
            return
        self.features, told = features_of(adapted.model, plain), adapted.provenance
        around = {"prefilter": False, "average": config.average, "warn": progress.warn}
        self.painter = Painter(
            Denoiser.open(adapted, options, **around),
            Denoiser.open(plain, options, **around) if plain else None,
            prefilter,
            told.blend_weight,
            told.error_ratio,
            told.shared_error,
        )
        progress.note(f"denoising with {self.painter.adapted.engine.description}")

    def looks_at(self, subjects: list[Subject]) -> list[Path]:
        """The files that the picture depends on."""
        if not self.neighbors:
            return list(subjects[0].paths) if subjects else []
        places = {there for subject in subjects for there in self.neighbors.windows[subject.index] if there is not None}
        return [path for there in sorted(places) for path in self.neighbors.groups[there]]

    def denoise(self, subjects: list[Subject], output: Path, on_progress) -> FrameResult:
        image = ExrImage(subjects[0].paths[0])
        pictures = []
        for number, subject in enumerate(subjects):
            frames = read_group(subject.paths, subject.layer, self.features)
            picture = self._paint(subject, frames, lambda share, start=number: on_progress((start + share) / len(subjects)))
            render = LayerRender(subject.layer, mean_frame(frames), still_alpha=still_alpha(frames))
            put_layer(image, render, picture.color, self.alpha, PictureOptions(keep_noisy=self.config.keep_noisy))
            image.add_pass(subject.layer, ERROR_PASS, {"V": picture.error})
            pictures.append((subject.layer, picture))
        image.write(output)
        for layer, picture in pictures:
            named = output if len(pictures) == 1 else output.with_name(f"{output.stem}.{_plain(layer)}{output.suffix}")
            self.on_picture(named, picture)
        shares = {name: float(np.mean([picture.shares[name] for _, picture in pictures])) for name in pictures[0][1].shares}
        return FrameResult(output, psnr_of(max(picture.squared_error for _, picture in pictures)), shares)

    def _paint(self, subject, frames: list[Frame], on_progress) -> Picture:
        if self.painter is None:
            return finished_picture(frames)
        neighbors = self.neighbors.of(subject.index, subject.layer) if self.neighbors else {}
        return self.painter.paint(frames, held_out_pixels(*frames[0].color.shape[:2]), on_progress, neighbors)


def _plain(layer: str) -> str:
    """The layer's name as a part of a file's."""
    return re.sub(r'[\\/:*?"<>|]', "_", layer)
