"""The frames that one model is for → denoised files, on one device or several."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ..config import Shots
from ..engines.pool import Leases, each_device, work_off
from ..errors import N2NError
from ..io.selection import is_current
from ..io.sequence import find_windows
from ..io.sources import Sources
from ..network.checkpoint import Checkpoint
from ..progress import Progress
from .artist import FrameResult
from .files import Failures, OnFrame
from .options import DenoiseOptions
from .work import Windows, Work

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
        work = Work(
            self.checkpoint,
            self.model,
            self.groups,
            self.outputs,
            windows,
            self.sources,
            self.options,
            self.progress,
            self.on_frame,
            done.expected.__setitem__,
        )
        members = [*self.wanted, *self.members]
        opened = [work.open(engine, members) for engine in each_device(self.options.engine)]
        done.engine, done.prefiltered = opened[-1].engine, opened[-1].prefiltered
        workers = [partial(self._do_piece, one.do, windows, done) for one in opened]
        alone = len(workers) == 1 and self.leases is None
        count = len(self.wanted) if alone else len(windows[self.members[0]]) if windows else 1
        pieces = [self.wanted[start : start + count] for start in range(0, len(self.wanted), max(1, count))]
        work_off(pieces, workers, lambda piece: self.outputs[piece[0]].name, self.leases, self.progress.note)
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


def _refuse_shots(shots: Shots) -> None:
    if shots:
        raise N2NError("--shots is for --temporal, which was not given", "Pass --temporal 8 too, or leave --shots out.")
