"""A model and the frames that it is for → what denoises any of them, opened once for each device."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..engines.options import EngineOptions
from ..guides.accumulation import Accumulator
from ..guides.prefilter import Prefilter
from ..io.sources import Sources
from ..network.checkpoint import Checkpoint
from ..progress import Progress
from .adapted import Palette, is_adapted
from .alpha import AlphaDenoiser
from .artist import Artist, FrameResult, paint_files
from .choice import tell_names, tell_passes
from .denoiser import Denoiser
from .files import Failures, OnFrame, denoise_files
from .options import PAINTED_AVERAGE, PictureOptions

Windows = Sequence[Sequence[int | None]] | None  # for each frame those around it; None: neighbours are not looked at


class HowToDenoise(Protocol):
    """As of `DenoiseOptions`."""

    @property
    def layer(self) -> str | None: ...
    @property
    def prefilter(self) -> bool | None: ...
    @property
    def average(self) -> int | None: ...
    @property
    def fast(self) -> bool: ...
    @property
    def picture(self) -> PictureOptions: ...


@dataclass(frozen=True)
class Opened:
    """What denoises frames on one device.

    Attributes:
        do: Denoises frames, by their indices; returns those that could not be.
        engine: What runs the network, in words.
        prefiltered: Whether albedo and normal are cleaned first.
    """

    do: Callable[[Sequence[int]], Failures]
    engine: str
    prefiltered: bool


@dataclass(frozen=True)
class Work:
    """Frames, by their indices; more may be added to the lists while they are denoised.

    Attributes:
        checkpoint: The model.
        model: Its name.
        groups: The files of every frame.
        outputs: Where each goes.
        windows: Around each.
        on_frame: Is told a frame's index, and the fraction of it that is done.
        on_result: Is told what is known of a frame, where anything is.
    """

    checkpoint: Checkpoint
    model: str
    groups: Sequence[Sequence[Path]]
    outputs: Sequence[Path]
    windows: Windows
    sources: Sources
    options: HowToDenoise
    progress: Progress
    on_frame: OnFrame
    on_result: Callable[[int, FrameResult], None]

    def open(self, engine: EngineOptions, members: Sequence[int]) -> Opened:
        """members: the frames that the model is for, as far as they are known, the first to be denoised first."""
        if not is_adapted(self.checkpoint):
            return self._open_means(self.checkpoint, engine, members[0])
        palette = Palette.find(self.checkpoint, self.progress.warn)
        if all(len(self.groups[index]) > 1 for index in members):
            return self._open_pairs(palette, engine, members[0])
        self.progress.note(
            "of one render a frame nothing tells which regions are better left to the model's start, nor how wrong its picture "
            "is: pass its second seed with --pair"
        )
        return self._open_means(palette.network()[0], engine, members[0])

    def _open_means(self, checkpoint: Checkpoint, engine: EngineOptions, first: int) -> Opened:
        """The mean of the files of each frame, or its only one, at a time."""
        options = self.options
        denoiser = Denoiser.open(checkpoint, engine, options.prefilter, options.average or 1, self.progress.warn)
        accumulator = self._open_accumulator(checkpoint, denoiser.prefilter, engine)

        def do(chosen: Sequence[int]) -> Failures:
            return denoise_files(
                denoiser,
                self.groups,
                self.outputs,
                options.picture,
                layer=options.layer,
                sources=self.sources,
                accumulator=accumulator,
                on_frame=self.on_frame,
                chosen=chosen,
            )

        return self._tell(Opened(do, denoiser.engine.description, denoiser.prefilter is not None), denoiser.features, first)

    def _open_pairs(self, palette: Palette, engine: EngineOptions, first: int) -> Opened:
        """As `adapt` paints the frames of its shot."""
        options, warn = self.options, self.progress.warn
        wanted = palette.adapted.model.clean_guides if options.prefilter is None else options.prefilter
        prefilter = Prefilter.open(palette.adapted.model, engine, warn) if wanted else None
        painter = palette.open(prefilter, engine, options.average or PAINTED_AVERAGE, options.fast, warn)
        artist = Artist(
            painter,
            palette.adapted.provenance,
            AlphaDenoiser(engine, warn),
            self._open_accumulator(palette.adapted, prefilter, engine),
            options.picture,
            self.sources,
        )

        def do(chosen: Sequence[int]) -> Failures:
            return paint_files(
                artist,
                self.groups,
                self.outputs,
                layer=options.layer,
                on_frame=self.on_frame,
                on_result=self.on_result,
                chosen=chosen,
            )

        return self._tell(Opened(do, painter.network.engine.description, wanted), painter.features, first)

    def _open_accumulator(
        self, checkpoint: Checkpoint, prefilter: Prefilter | None, engine: EngineOptions
    ) -> Accumulator | None:
        """What takes the samples of neighbouring frames in; prefilter: of the model, to be shared."""
        if self.windows is None:
            return None
        return Accumulator.open(
            checkpoint.model.features,
            self.groups,
            self.windows,
            self.options.layer,
            prefilter,
            engine,
            sources=self.sources,
            fast=self.options.fast,
            passes=self.options.picture.passes,
        )

    def _tell(self, opened: Opened, features: tuple[str, ...], first: int) -> Opened:
        self.progress.note(f"denoising with {self.model}, {opened.engine}{', prefiltered' if opened.prefiltered else ''}")
        shown = self.groups[first][0], self.options.layer, features, self.sources
        for said in (tell_names(*shown), tell_passes(*shown, self.options.picture.passes)):
            if said:
                self.progress.note(said)
        return opened
