"""The verb: a folder that a renderer writes into → the same frames, denoised, until the last one is done."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ..denoise.artist import FrameResult
from ..denoise.choice import AUTO, choose_models
from ..denoise.files import Failures, raise_failures
from ..denoise.work import Opened, Work
from ..engines.pool import each_device, work_off
from ..errors import N2NError, UnwritableFile
from ..io.atomic import make_folder, remove_abandoned
from ..io.leases import Leases
from ..io.ranges import frames_text
from ..io.sequence import check_output_name
from ..io.sources import Sources
from ..network.checkpoint import Checkpoint
from ..network.registry import open_model
from ..progress import Progress, Reporter, silent, still_wanted
from .arrivals import Arrivals, Facts
from .footage import Footage
from .moments import Expected, Moment, find_moments
from .options import WatchOptions

LOOK_EVERY_S = 1.0  # folders, at most
QUIET_S = 30.0  # without a new file, until frames are done again for what came beside them
PIECE = 8  # frames that are done between two looks, on each device


@dataclass(frozen=True)
class Watched:
    """What was done.

    Attributes:
        outputs: The files that were written, in the order in which they were first done.
        kept: How many were there already, and stay.
        again: How many times a frame was denoised once more.
        expected_psnr_db: Of each of `outputs`, on T; None where there was no noise. () where nothing is known.
    """

    outputs: tuple[Path, ...]
    kept: int
    again: int
    expected_psnr_db: tuple[float | None, ...] = ()


def watch(options: WatchOptions, reporter: Reporter = silent) -> Watched:
    """Denoises the frames in a folder as they come, each when its files are complete and its neighbours have come: as
    `denoise` would, when all are there. Outputs that are newer than all that they are made of stay.

    It ends when all of `frames` are done, or when nothing came for so long as `until_idle` says.

    Raises:
        N2NError: Something that was asked for is not there or does not fit together; or, at the end, with the names of frames
            that did not come or could not be denoised. What is finished stays.
    """
    _check_folders(options)
    checkpoint = None if options.model == AUTO else open_model(options.model)
    reach = options.temporal if options.temporal is not None else checkpoint.model.reach if checkpoint else 0
    _check_reach(options, reach)
    make_folder(Path(options.output))
    remove_abandoned(Path(options.output))
    with (
        reporter("watching") as progress,
        Leases.open(options.output) if options.shared else contextlib.nullcontext() as leases,
    ):
        watching = _Watching(options, checkpoint, reach, progress, leases)
        watching.run()
    return watching.finish()


def _check_folders(options: WatchOptions) -> None:
    check_output_name(options.output, folder=True)
    output = Path(options.output).resolve()
    for text in (options.folder, *options.pairs):
        folder = Path(text)
        if not folder.is_dir():
            raise N2NError(f"{text}: no such folder", "Pass the folder that the renderer writes into.")
        if output == folder.resolve() or folder.resolve() in output.parents:
            raise N2NError(
                f"{options.output} lies in {text}, which is watched", "Pass another folder with -o, such as one beside it."
            )
    for texts in options.sources.passes.values():
        if any(Path(text).is_dir() and Path(text).resolve() == output for text in texts):
            raise N2NError(f"{options.output} is an input", "Pass another folder with -o.")


def _check_reach(options: WatchOptions, reach: int) -> None:
    if options.shots and not reach:
        raise N2NError("--shots is for --temporal, which was not given", "Pass --temporal 8 too, or leave --shots out.")
    frames = set(options.frames or ())
    if reach and len(frames) > 1 and not any(number + 1 in frames for number in frames):
        raise N2NError(
            "of --frames none has the one before or after it, and neighbours are to be looked at",
            "Name every frame of an animation, or pass --temporal 0.",
        )


@dataclass
class _Watching:
    """The loop, and what it has done so far."""

    options: WatchOptions
    checkpoint: Checkpoint | None
    reach: int
    progress: Progress
    leases: Leases | None
    written: dict[Path, int] = field(default_factory=dict)  # output → how many times
    results: dict[Path, FrameResult] = field(default_factory=dict)

    def __post_init__(self) -> None:
        options = self.options
        passes = [place for places in options.sources.passes.values() for place in places]
        self.arrivals = Arrivals([options.folder, *options.pairs, *passes], options.settle, self._is_known)
        self.footage = Footage(options, self.reach, self._choose)
        self.expected = Expected.now(self.arrivals, frozenset(), options, False)
        self._opened: dict[str, list[Opened]] = {}
        self._counted: set[Path] = set()
        self._looked = 0.0

    def run(self) -> None:
        """Until the end."""
        count = len(self.options.frames or ())
        self.progress.start(count or 1, count)
        self._tell_end()
        while True:
            self._look()
            chosen = self._take()
            if chosen:
                self._denoise(chosen)
            elif self._is_over():
                return
            else:
                still_wanted()()
                time.sleep(min(LOOK_EVERY_S, max(0.01, LOOK_EVERY_S - (time.monotonic() - self._looked))))

    def finish(self) -> Watched:
        """Raises N2NError with the names of what is not done."""
        folder, known = self.options.folder, dict(self.footage.failed)
        for path in self.arrivals.broken(folder):
            known.setdefault(path, N2NError(f"{path}: is damaged, or was never complete", "Render it again."))
        for path in self.footage.alone(self.arrivals.complete(folder)):
            hint = "Render them too, or leave --pair and the files of single passes out."
            known.setdefault(path, N2NError(f"{path}: came alone, without the other files of its frame", hint))
        raise_failures(list(known.items()), len({moment.path for moment in self.footage.wanted.values()} | known.keys()))
        if missing := self.expected.missing:
            raise N2NError(
                f"frame {frames_text(missing)} did not come",
                "What came is done. Start it again when the others are rendered: what is there stays.",
            )
        outputs = tuple(self.written)
        expected = tuple(self.results[output].psnr_db for output in outputs) if self.results else ()
        again = sum(self.written.values()) - len(outputs)
        return Watched(outputs, len(self.footage.kept), again, expected)

    def _tell_end(self) -> None:
        options = self.options
        if options.frames is None and options.until_idle is None:
            last = f"; the last {self.reach} are denoised when those after them come" if self.reach else ""
            self.progress.note(f"watching {options.folder} until Ctrl-C{last} (--frames or --until-idle end it)")
        else:
            self.progress.note(f"watching {options.folder}")

    def _look(self) -> None:
        if time.monotonic() - self._looked < LOOK_EVERY_S and self._looked:
            return
        self._looked = time.monotonic()
        self.footage.retry()
        if self.arrivals.look():
            moments = find_moments(self.arrivals, self.options)
            for path in self.footage.update(moments):
                self.progress.note(f"{path}: was rendered again, and is denoised again")
        self.expected = Expected.now(self.arrivals, self.footage.numbers, self.options, self._is_idle())

    def _take(self) -> list[int]:
        """Some frames to denoise now. Of those that processes share, none that another one has."""
        most = PIECE * len(each_device(self.options.engine))
        chosen: list[int] = []
        for index in self.footage.pick(self.expected, self._is_quiet()):
            if self._keep(index) or not self._lease(index):
                continue
            chosen.append(index)
            if len(chosen) == most:
                break
        return chosen

    def _keep(self, index: int) -> bool:
        kept = self.footage.keep(index)
        if kept:
            self._count(index, "was there")
        return kept

    def _lease(self, index: int) -> bool:
        """Whether the frame is ours to denoise; of those that processes share, another one may just have done it."""
        name = self.footage.outputs[index].name
        if self.leases is None:
            return True
        if not self.leases.take(name):
            return False
        if self._keep(index):
            self.leases.release(name)
            return False
        return True

    def _count(self, index: int, text: str = "") -> None:
        """One more frame is done, if it was not before."""
        output = self.footage.outputs[index]
        is_first = output not in self._counted
        self._counted.add(output)
        shown = f"{output.name}{f': {text}' if text else ''}"
        self.progress.advance(1.0 if is_first and self.options.frames else 0.0, shown, is_first)

    def _denoise(self, chosen: Sequence[int]) -> None:
        footage = self.footage
        windows = {index: list(footage.windows[index]) for index in chosen}
        for index in chosen:
            if lacking := footage.lacking(index):
                self.progress.warn(f"{footage.groups[index][0]}: is denoised without frame {frames_text(lacking)} beside it")
        failed: Failures = []
        try:
            for model in dict.fromkeys(footage.models[index] for index in chosen):
                failed += self._do(model, [index for index in chosen if footage.models[index] == model])
        finally:
            if self.leases is not None:
                for index in chosen:
                    self.leases.release(footage.outputs[index].name)
        errors = dict(failed)
        for index in chosen:
            path, output = footage.groups[index][0], footage.outputs[index]
            footage.settle(index, windows[index], errors.get(path))
            if path in errors:
                when = "in a minute" if isinstance(errors[path], UnwritableFile) else "when its files change"
                self.progress.warn(f"{errors[path].what}; it is tried again {when}")
                continue
            self.written[output] = self.written.get(output, 0) + 1
            self._count(index)

    def _do(self, model: str, chosen: list[int]) -> Failures:
        if model not in self._opened:
            self._opened[model] = self._open(model, chosen)
        failed: Failures = []

        def do(opened: Opened, piece: list[int]) -> None:
            failed.extend(opened.do(piece))

        count = -(-len(chosen) // len(self._opened[model]))
        pieces = [chosen[start : start + count] for start in range(0, len(chosen), count)]
        work_off(pieces, [partial(do, opened) for opened in self._opened[model]])
        return failed

    def _open(self, model: str, chosen: Sequence[int]) -> list[Opened]:
        footage = self.footage
        work = Work(
            self.checkpoint or open_model(model),
            model,
            footage.groups,
            footage.outputs,
            footage.windows if self.reach else None,
            footage.sources,
            self.options,
            self.progress,
            lambda index, fraction: None,
            lambda index, result: self.results.__setitem__(result.output, result),
        )
        return [work.open(engine, chosen) for engine in each_device(self.options.engine)]

    def _is_known(self, path: Path, facts: Facts) -> bool:
        """Whether the output was made of this very file, as it is, so that it was complete."""
        try:
            return (
                path.parent == Path(self.options.folder)
                and facts[1] <= (Path(self.options.output) / path.name).stat().st_mtime_ns
            )
        except OSError:
            return False

    def _choose(self, moment: Moment, sources: Sources) -> str:
        if self.options.model != AUTO:
            return self.options.model
        return next(iter(choose_models([moment.group], self.options.layer, sources)))

    def _is_idle(self) -> bool:
        minutes = self.options.until_idle
        return minutes is not None and time.monotonic() - self.arrivals.changed >= 60 * minutes

    def _is_quiet(self) -> bool:
        """Whether frames may be done again for what came beside them."""
        expected = self.expected
        return expected.is_complete or expected.is_over or time.monotonic() - self.arrivals.changed >= QUIET_S

    def _is_over(self) -> bool:
        """Whether nothing is left to do, and nothing is waited for."""
        expected = self.expected
        return self.footage.is_done and (expected.is_complete or (expected.is_over and not expected.arriving))
