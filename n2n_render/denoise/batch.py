"""The frames that one model is for → denoised files, on one device or several."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ..config import Shots
from ..engines.options import EngineOptions
from ..engines.pool import Leases, each_device, work_off
from ..errors import N2NError
from ..guides.accumulation import Accumulator
from ..guides.prefilter import Prefilter
from ..io.selection import is_current
from ..io.sequence import find_windows
from ..io.sources import Sources
from ..network.checkpoint import Checkpoint
from ..progress import Progress
from .adapted import Palette, is_adapted
from .alpha import AlphaDenoiser
from .artist import Artist, FrameResult, paint_files
from .choice import tell_names
from .denoiser import Denoiser
from .files import Failures, OnFrame, denoise_files
from .options import PAINTED_AVERAGE, DenoiseOptions

Windows = list[list[int | None]] | None  # for each frame those around it; None: neighbours are not looked at
Do = Callable[[Sequence[int]], Failures]  # denoises frames, by their indices


@dataclass
class Done:
    """What was done with a batch; frames by their indices.

    Attributes:
        written: Those that were denoised.
        kept: Those whose outputs were there already.
        failed: Those that could not be.
        engine: What ran the network, in words.
        prefiltered: Whether albedo and normal were cleaned first.
        expected: What is known of each.
    """

    written: set[int] = field(default_factory=set)
    kept: set[int] = field(default_factory=set)
    failed: Failures = field(default_factory=list)
    engine: str = ""
    prefiltered: bool = False
    expected: dict[int, FrameResult] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """The frames that one model is for, among all that were named.

    Attributes:
        checkpoint: The model.
        model: Its name.
        members: Indices of the frames that it is for.
        wanted: Those of them that are to be denoised; the others are neighbours.
        groups: The files of every frame that was named.
        outputs: Where each goes.
        on_frame: Is told a frame's index, and the fraction of it that is done.
        leases: Of other processes that do the same, if there are any.
    """

    checkpoint: Checkpoint
    model: str
    members: Sequence[int]
    wanted: Sequence[int]
    groups: Sequence[Sequence[Path]]
    outputs: Sequence[Path]
    sources: Sources
    options: DenoiseOptions
    on_frame: OnFrame
    progress: Progress
    leases: Leases | None = None

    def denoise(self) -> Done:
        """All that are wanted, but for those that are to be kept. Raises N2NError for what stands against the whole batch."""
        done, windows = Done(), self._windows()
        engines = each_device(self.options.engine)
        workers = [partial(self._do_piece, self._open(engine, windows, done), windows, done) for engine in engines]
        alone = len(workers) == 1 and self.leases is None
        count = len(self.wanted) if alone else len(windows[self.members[0]]) if windows else 1
        pieces = [self.wanted[start : start + count] for start in range(0, len(self.wanted), max(1, count))]
        work_off(pieces, workers, lambda piece: self.outputs[piece[0]].name, self.leases)
        return done

    def _do_piece(self, do: Do, windows: Windows, done: Done, piece: Sequence[int]) -> None:
        todo = [index for index in piece if not self._is_kept(index, windows)]
        for index in set(piece) - set(todo):
            done.kept.add(index)
            self.on_frame(index, 1.0)
        failed = do(todo) if todo else []
        done.failed += failed
        lost = {path for path, _ in failed}
        done.written |= {index for index in todo if self.groups[index][0] not in lost}

    def _is_kept(self, index: int, windows: Windows) -> bool:
        """Of frames that processes share, one of them may just have done it."""
        if not (self.options.skip_existing or self.options.shared):
            return False
        seen = windows[index] if windows else [index]
        files = [path for there in seen if there is not None for path in self.groups[there]]
        return is_current(self.outputs[index], self.sources.all_files(files))

    def _windows(self) -> Windows:
        """As `find_windows`, of all frames: what is for another model is not there. None: neighbours are not looked at."""
        options, reach = self.options, self.checkpoint.model.reach
        reach = reach if options.temporal is None else options.temporal
        if not reach:
            _refuse_shots(options.shots)
            return None
        members = set(self.members)
        windows = find_windows([tuple(group) for group in self.groups], reach, list(options.shots))
        return [[there if there in members else None for there in window] for window in windows]

    def _open(self, engine: EngineOptions, windows: Windows, done: Done) -> Do:
        """What denoises frames on one device."""
        if not is_adapted(self.checkpoint):
            return self._open_means(self.checkpoint, engine, windows, done)
        palette = Palette.find(self.checkpoint, self.progress.warn)
        if all(len(self.groups[index]) > 1 for index in self.members):
            return self._open_pairs(palette, engine, windows, done)
        self.progress.note(
            "of one render a frame nothing tells which regions are better left to the model's start, nor how wrong its picture "
            "is: pass its second seed with --pair"
        )
        return self._open_means(palette.network()[0], engine, windows, done)

    def _open_means(self, checkpoint: Checkpoint, engine: EngineOptions, windows: Windows, done: Done) -> Do:
        """The mean of the files of each frame, or its only one, at a time."""
        options = self.options
        denoiser = Denoiser.open(checkpoint, engine, options.prefilter, options.average or 1, self.progress.warn)
        self._tell(denoiser.engine.description, denoiser.prefilter is not None, denoiser.features, done)
        accumulator = self._open_accumulator(checkpoint, denoiser.prefilter, engine, windows)
        return lambda chosen: denoise_files(
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

    def _open_pairs(self, palette: Palette, engine: EngineOptions, windows: Windows, done: Done) -> Do:
        """As `adapt` paints the frames of its shot."""
        options, warn = self.options, self.progress.warn
        wanted = palette.adapted.model.clean_guides if options.prefilter is None else options.prefilter
        prefilter = Prefilter.open(palette.adapted.model, engine, warn) if wanted else None
        painter = palette.open(prefilter, engine, options.average or PAINTED_AVERAGE, options.fast, warn)
        self._tell(painter.network.engine.description, wanted, painter.features, done)
        artist = Artist(
            painter,
            palette.adapted.provenance,
            AlphaDenoiser(engine, warn),
            self._open_accumulator(palette.adapted, prefilter, engine, windows),
            options.picture,
            self.sources,
        )
        return lambda chosen: paint_files(
            artist,
            self.groups,
            self.outputs,
            layer=options.layer,
            on_frame=self.on_frame,
            on_result=done.expected.__setitem__,
            chosen=chosen,
        )

    def _open_accumulator(
        self,
        checkpoint: Checkpoint,
        prefilter: Prefilter | None,
        engine: EngineOptions,
        windows: Windows,
    ) -> Accumulator | None:
        """What takes the samples of neighbouring frames in; prefilter: of the model, to be shared."""
        if windows is None:
            return None
        return Accumulator.open(
            checkpoint.model.features,
            self.groups,
            windows,
            self.options.layer,
            prefilter,
            engine,
            sources=self.sources,
            fast=self.options.fast,
        )

    def _tell(self, engine: str, prefiltered: bool, features: tuple[str, ...], done: Done) -> None:
        done.engine, done.prefiltered = engine, prefiltered
        self.progress.note(f"denoising with {self.model}, {engine}{', prefiltered' if prefiltered else ''}")
        first = self.wanted[0] if self.wanted else self.members[0]
        if names := tell_names(self.groups[first][0], self.options.layer, features, self.sources):
            self.progress.note(names)


def _refuse_shots(shots: Shots) -> None:
    if shots:
        raise N2NError("--shots is for --temporal, which was not given", "Pass --temporal 8 too, or leave --shots out.")
