"""A shot's way over a farm, whatever engine spreads its tasks: the one table of steps. Each task is a command of ours."""

import math
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import N2NError
from ..io.ranges import frames_text
from .measured import Measured, Times, frames_a_task
from .needs import PREPARING_MINUTES, Needs, needs
from .options import FarmOptions
from .words import given, passes_words, scene_words

USUAL_MINUTES = {"cpu": 20, "gpu": 5}  # of `adapt`
HALVES = 2  # renders of a reference


@dataclass(frozen=True)
class Sharing:
    """How a step's work is divided: each task's command ends with `option` and what is the task's own.

    Attributes:
        numbers: Frames, or 1 to n where `suffix` says of how many: "/4".
        chunk: How many of them a task has, at most.
    """

    option: str
    numbers: tuple[int, ...]
    chunk: int = 1
    suffix: str = ""

    @property
    def is_run(self) -> bool:
        """Whether no number is left out between the first and the last one."""
        return len(self.numbers) == self.numbers[-1] - self.numbers[0] + 1

    @property
    def texts(self) -> list[str]:
        """What follows the option, of each task: "1-5", or "2/4"."""
        starts = range(0, len(self.numbers), self.chunk)
        return [frames_text(self.numbers[start : start + self.chunk]) + self.suffix for start in starts]


@dataclass(frozen=True)
class Step:
    """Tasks of one kind.

    Attributes:
        name: One lowercase word.
        command: Words of the command line, without what is each task's own.
        needs: Of a task.
        after: Steps that have to be done before it begins.
        sharing: None: it is one task.
        seconds: Of work, all tasks together; None: nobody knows.
    """

    name: str
    command: tuple[str, ...]
    needs: Needs
    after: tuple[str, ...] = ()
    sharing: Sharing | None = None
    seconds: float | None = None

    @property
    def tasks(self) -> int:
        return len(self.sharing.texts) if self.sharing else 1

    @property
    def commands(self) -> list[tuple[str, ...]]:
        """The whole command of each task."""
        if self.sharing is None:
            return [self.command]
        return [(*self.command, self.sharing.option, text) for text in self.sharing.texts]


@dataclass(frozen=True)
class Job:
    """All steps, in an order that they can be done in."""

    name: str
    scene: Path  # absolute, as all paths of the commands
    folder: Path
    frames: tuple[int, ...]
    steps: tuple[Step, ...]
    retries: int


def plan(options: FarmOptions, measured: Measured, progress: str | None = None) -> Job:
    """The steps of a shot.

    Args:
        progress: The style of the commands' progress; None: each has its default.
    """
    scene, folder = absolute(options.scene), absolute(options.output)
    program = _words(options.program)
    style = ("--progress", progress) if progress else ()
    steps = _Steps(options, measured, folder, (*program, *style), (*trainer(program, options.gpus), *style))
    made = [steps.sample(scene), steps.train(), steps.paint(), steps.collect(), *steps.judge()]
    _check_words(made)
    return Job(f"n2n-render {scene.stem}", scene, folder, options.frames, tuple(made), options.retries)


def _words(program: str) -> tuple[str, ...]:
    """As a shell reads them."""
    hint = "Pass --program n2n-render, or how workers call it."
    try:
        words = tuple(shlex.split(program))
    except ValueError as error:
        raise N2NError(f"cannot read the program {program!r} ({str(error).lower()})", hint) from None
    if not words:
        raise N2NError("the program is empty", hint)
    return words


def absolute(path: str) -> Path:
    """Links stay as they are: every machine resolves its own."""
    return Path(os.path.abspath(path))


def placed(text: str | None) -> str | None:
    """A model's or a program's name as it is; its path, if it is one, absolute: workers begin in other folders."""
    is_path = text is not None and (os.sep in text or (Path(text).exists() and not text.startswith("oidn")))
    return str(absolute(text)) if text is not None and is_path else text


def _check_words(steps: Sequence[Step]) -> None:
    """Raises N2NError where a word holds a line's end or what is no Unicode: engines' files have lines of text."""
    for word in (word for step in steps for word in step.command):
        if not word.isprintable():
            raise N2NError(f"{word!r} holds characters that a job cannot", "Rename it, or link to it by another name.")


def trainer(program: tuple[str, ...], gpus: int) -> tuple[str, ...]:
    """The program as `torchrun` starts it, once for each GPU; with one or none as it is."""
    if gpus < 2:
        return program
    here = program[: program.index("-m")] if "-m" in program else ()
    run = (*here, "-m", "torch.distributed.run") if here else ("torchrun",)
    return (*run, "--standalone", "--nproc-per-node", str(gpus), "-m", "n2n_render")


@dataclass(frozen=True)
class _Steps:
    options: FarmOptions
    measured: Measured
    folder: Path
    program: tuple[str, ...]
    trainer: tuple[str, ...]

    @property
    def _renders(self) -> str:
        return str(self.folder / "renders")

    @property
    def _clean(self) -> str:
        return str(self.folder / "clean")

    def sample(self, scene: Path) -> Step:
        asked = self.options
        command = [*self.program, "sample", "--scene", str(scene), "--spp", str(asked.spp), "--seeds", str(asked.seeds)]
        command += ["--frames", frames_text(asked.frames), "--out", self._renders, "--device", asked.render_device]
        command += [*scene_words(asked), *given({"--blender": placed(asked.blender)}), *passes_words(asked)]
        if asked.reference_spp:
            command += ["--reference-spp", str(asked.reference_spp)]
            command += ["--reference-frames", frames_text(self._references)]
        step = self._shared("sample", command, "--only", asked.sample_chunk, self.measured.sample, ())
        return self._with_references(step) if asked.reference_spp else step

    def _with_references(self, step: Step) -> Step:
        """They may take far longer than the noisy frames that were timed: a task that renders some has the time for that."""
        if not self.measured.sample or not step.sharing:
            return step
        asked, times, chunk = self.options, self.measured.sample, step.sharing.chunk
        of_one = times.frame_s * HALVES * (asked.reference_spp or 0) / (asked.seeds * asked.spp)
        longest = times.of(chunk) + of_one * min(chunk, len(self._references))
        seconds = (step.seconds or 0.0) + of_one * len(self._references)
        return replace(step, needs=needs("sample", asked, self.measured, longest), seconds=seconds)

    def _shared(
        self,
        name: str,
        command: list[str],
        option: str,
        chunk: int | None,
        times: Times | None,
        after: tuple[str, ...],
    ) -> Step:
        """A step whose frames are divided: into chunks as the user says, else as the times say."""
        frames = self.options.frames
        chunk = min(chunk or frames_a_task(times, len(frames), self.options.workers), len(frames))
        sharing = Sharing(option, frames, chunk)
        need = needs(name, self.options, self.measured, times.of(chunk) if times else None)
        seconds = times.of(0) * len(sharing.texts) + times.frame_s * len(frames) if times else None
        return Step(name, tuple(command), need, after, sharing, seconds)

    @property
    def _references(self) -> tuple[int, ...]:
        return self.options.reference_frames or self.options.frames[:1]

    def train(self) -> Step:
        asked = self.options
        shots = ",".join(f"{first}-{last}" for first, last in asked.shots) or None
        command = [*self.trainer, "adapt", self._renders, "-o", self._clean, "--train-only"]
        command += given(
            {
                "--init": placed(asked.init),
                "--temporal": asked.temporal or None,
                "--shots": shots,
                "--minutes": asked.minutes,
                "--steps": asked.steps,
                "--device": asked.device if asked.device != "auto" else None,
                "--passes": ",".join(asked.passes) or None,
            }
        )
        command += ["--fast"] * asked.fast
        need = needs("train", asked, self.measured)
        if asked.steps:
            return Step("train", tuple(command), need, ("sample",))
        minutes = asked.minutes or USUAL_MINUTES["gpu" if asked.gpus else "cpu"]
        longest = math.ceil(2 * minutes) + PREPARING_MINUTES
        return Step("train", tuple(command), replace(need, minutes=longest), ("sample",), seconds=60 * minutes)

    def paint(self) -> Step:
        asked = self.options
        command = [*self.program, "adapt", self._renders, "-o", self._clean, "--paint"]
        devices = ",".join(f"cuda:{number}" for number in range(asked.gpus))
        device = devices if asked.gpus > 1 and asked.device in ("auto", "cuda") else asked.device
        command += given({"--device": device if device != "auto" else None, "--passes": ",".join(asked.passes) or None})
        command += ["--fast"] * asked.fast
        return self._shared("paint", command, "--frames", asked.paint_chunk, self.measured.paint, ("train",))

    def collect(self) -> Step:
        command = (*self.program, "adapt", self._renders, "-o", self._clean, "--merge")
        return Step("collect", command, needs("collect", self.options, self.measured), ("paint",))

    def judge(self) -> list[Step]:
        """Beside the references: the frames that have some, divided, and one task that puts their numbers together."""
        if not self.options.reference_spp:
            return []
        evaluation = str(self.folder / "evaluation")
        command = (
            *self.program,
            "evaluate",
            "--frames",
            self._clean,
            "--data",
            self._renders,
            "--out",
            evaluation,
            *given({"--passes": ",".join(self.options.passes) or None}),
        )
        need = needs("evaluate", self.options, self.measured)
        count = min(len(self._references), self.options.workers)
        if count == 1:
            return [Step("evaluate", command, need, ("collect",))]
        sharing = Sharing("--chunk", tuple(range(1, count + 1)), suffix=f"/{count}")
        return [
            Step("evaluate", command, need, ("collect",), sharing),
            Step("scores", (*command, "--merge"), needs("scores", self.options, self.measured), ("evaluate",)),
        ]
