"""The frames of a shot → denoised files, and what the report says of each: all of them, or this machine's share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..denoise.adapted import Palette
from ..denoise.alpha import AlphaDenoiser
from ..denoise.artist import Artist, FrameResult
from ..denoise.strength import check_names
from ..engines.options import EngineOptions
from ..engines.pool import Leases, each_device, work_off
from ..errors import UnreadableFile
from ..frame.arrays import Array
from ..network.checkpoint import Checkpoint
from ..network.provenance import Provenance
from ..progress import Fractions, Progress
from .options import AdaptOptions
from .report import Report
from .shot import Shot

OnError = Callable[[Path, Array], None]


@dataclass(frozen=True)
class Painting:
    """What is to be painted.

    Attributes:
        shot: With what there is to denoise in each of the frames.
        outputs: The file of each frame of the shot.
        chosen: Indices of those to paint.
        report: Knows what is done.
        leases: Of other processes that paint the same frames, if there are any.
    """

    shot: Shot
    outputs: Sequence[Path]
    chosen: Sequence[int]
    report: Report
    progress: Progress
    leases: Leases | None = None

    def paint(self, artists: Sequence[Artist]) -> list[FrameResult]:
        """All frames that the report does not know yet; artists: one for each device. Those that cannot be read go to the
        shot's `failed`.
        """
        self.progress.start(len(self.chosen), len(self.chosen))
        workers = [partial(self._paint_piece, artist) for artist in artists]
        work_off(self._pieces(), workers, self._name_of, self.leases, self.progress.note)
        self.report.finish()
        found = [self.report.find(self.outputs[index], self.shot.files_of(index)) for index in self.chosen]
        return [result for result in found if result is not None]

    def _pieces(self) -> list[Sequence[int]]:
        """One frame at a time; with neighbours so many that follow each other that few are read twice."""
        count = len(self.shot.windows[0]) if self.shot.windows else 1
        return [self.chosen[start : start + count] for start in range(0, len(self.chosen), count)]

    def _name_of(self, piece: Sequence[int]) -> str:
        return self.outputs[piece[0]].name

    def _paint_piece(self, artist: Artist, piece: Sequence[int]) -> None:
        for index in piece:
            self._paint_frame(artist, index)

    def _paint_frame(self, artist: Artist, index: int) -> None:
        layers, output, files = self.shot.subjects[index], self.outputs[index], self.shot.files_of(index)
        if not layers or self.report.find(output, files):
            self.progress.advance(1, f"{output.name}: {'was there' if layers else 'left out'}")
            return
        fraction = Fractions(self.progress)
        try:
            result = artist.denoise(layers, output, fraction.tell)
        except UnreadableFile as error:
            if len(self.outputs) == 1:
                raise
            self.shot.failed[layers[0].paths[0]] = error
            fraction.end(f"{output.name}: failed")
            return
        self.report.add(result, files)
        expected = "" if result.psnr_db is None else f": about {result.psnr_db:.1f} dB"
        fraction.end(f"{output.name}{expected}")


def open_artists(
    model: Checkpoint | None, shot: Shot, options: AdaptOptions, on_error: OnError, progress: Progress
) -> list[Artist]:
    """One for each device. model None: no frame of the shot held any noise."""
    for said in check_names(shot.groups, options.layer, options.picture, shot.sources):
        progress.note(said)
    if taken := shot.passes_taken(options.passes):
        progress.note(taken)
    engines = each_device(EngineOptions(options.device, options.engine, options.precision))
    return [_open_artist(model, shot, options, engine, on_error, progress) for engine in engines]


def _open_artist(
    model: Checkpoint | None, shot: Shot, options: AdaptOptions, engine: EngineOptions, on_error: OnError, progress: Progress
) -> Artist:
    painter, (prefilter, neighbors) = None, shot.guides(engine, options.passes)
    if model:
        palette = Palette(model, shot.start.checkpoint)
        painter = palette.open(prefilter, engine, options.average, options.fast, progress.warn)
        progress.note(f"denoising with {painter.network.engine.description}")
    told = model.provenance if model else Provenance()
    return Artist(painter, told, AlphaDenoiser(engine, progress.warn), neighbors, options.picture, shot.sources, on_error)
