"""A shot becomes a job for a render farm: planned with measured times, written for an engine, submitted if asked."""

import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ..errors import N2NError
from ..io.atomic import make_folder, write_text
from ..progress import Progress, Reporter, silent
from .deadline import DEADLINE
from .engine import Engine, Written
from .flamenco import FLAMENCO
from .job import Job, plan
from .measured import Measured
from .needs import USUAL_SIZE
from .openjd import OPENJD
from .options import FarmOptions
from .probe import probe
from .slurm import SLURM

ENGINES: dict[str, Engine] = {"openjd": OPENJD, "flamenco": FLAMENCO, "slurm": SLURM, "deadline": DEADLINE}


@dataclass(frozen=True)
class Farmed:
    """What was written.

    Attributes:
        submit: Words of the command that gives the job to the engine.
        tasks: Step → how many it has.
        chunk: Step → frames of a task, of the steps that frames are divided in.
        seconds: Step → estimated work of all its tasks; None: nobody knows.
        answer: What the engine said; empty where nothing was submitted.
    """

    folder: Path
    engine: str
    files: tuple[Path, ...]
    submit: tuple[str, ...]
    tasks: dict[str, int]
    chunk: dict[str, int]
    seconds: dict[str, float | None]
    answer: str = ""


def farm(options: FarmOptions, reporter: Reporter = silent) -> Farmed:
    """Writes a job of the steps sample, train, paint, collect and, with references, evaluate.

    The same call writes the same job; renders and frames that its folder holds are used by it.

    Raises:
        N2NError: the scene is not there, the probe cannot run here, the folder cannot be written, or the engine takes no job.
    """
    scene = Path(options.scene)
    if not scene.is_file():
        raise N2NError(f"{scene}: no such file", "Pass the path of a .blend file.")
    engine = ENGINES[options.engine]
    with reporter("planning") as progress:
        measured = probe(options, progress) if options.probe else Measured()
        job = plan(options, measured, engine.progress)
        written = engine.translate(job, options)
        files = _write(job, written)
        if not measured.size and not isinstance(options.size, tuple):
            progress.note(f"nothing says how large the frames are: memory is for {USUAL_SIZE[0]}×{USUAL_SIZE[1]}")
        _tell(job, written, progress)
        answer = _submit(job, options, written, progress) if options.submit else ""
    return Farmed(
        job.folder,
        options.engine,
        files,
        written.submit,
        {step.name: step.tasks for step in job.steps},
        {step.name: step.sharing.chunk for step in job.steps if step.sharing and not step.sharing.suffix},
        {step.name: step.seconds for step in job.steps},
        answer,
    )


def _write(job: Job, written: Written) -> tuple[Path, ...]:
    make_folder(job.folder, "Pass a folder on the storage that all workers have mounted, with --output.")
    for name, text in written.files.items():
        write_text(job.folder / name, text)
        if (job.folder / name).read_text(encoding="utf-8") != text:
            raise N2NError(f"{job.folder / name}: does not hold what was written", "Check the storage.")
    return tuple(job.folder / name for name in written.files)


def _tell(job: Job, written: Written, progress: Progress) -> None:
    for step in job.steps:
        gpus = f", {step.needs.gpus} GPU(s)" if step.needs.gpus else ""
        progress.note(f"{step.name}: {step.tasks} task(s) of {step.needs.memory_mib / 1024:.1f} GiB{gpus}")
    for note in written.notes:
        progress.note(note)


def _submit(job: Job, options: FarmOptions, written: Written, progress: Progress) -> str:
    engine = ENGINES[options.engine]
    progress.note(f"submitting to {engine.title} …")
    if engine.submit:
        return engine.submit(job, options, written)
    wanted = engine.program or written.submit[0]
    if shutil.which(wanted) is None:
        raise N2NError(
            f"{wanted} is not on the PATH, so nothing was submitted",
            f"The job is written. Where {engine.title} is installed run: {shlex.join(written.submit)}",
        )
    done = subprocess.run(written.submit, capture_output=True, text=True, errors="replace")
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise N2NError(f"{engine.title} did not take the job: {said}", f"The job is written; try: {shlex.join(written.submit)}")
    return done.stdout.strip()
