"""Runs commands in processes of their own, which can be killed at a moment of one's choice.

They are forked from a process that has imported everything: what is killed is the work, not Python's start.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

CHANGES = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate")  # Python's names of what it does to files
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
IMPORTED = [
    "torch",
    "n2n_render.cli.commands",
    "n2n_render.train.training",
    "n2n_render.adapt.adaptation",
    "n2n_render.export.files",
    "n2n_render.evaluate.evaluation",
    "n2n_render.online.fly_through",
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
    "PIL.Image",
    "tensorboard.summary.writer.record_writer",
    "tensorboard.compat.proto.event_pb2",
    "flip_evaluator",
    "skimage.metrics",
]


@dataclass
class Done:
    """How a command ended. code: -9 if it was killed. changes: how often it was about to change something in its folder."""

    code: int | None
    seconds: float
    changes: int
    said: str


def run(arguments: list[str], place: Path, seconds: float | None = None, changes: int | None = None) -> Done:
    """The command in the folder `place`, with the temporary folder tmp in it; killed after so many seconds, or before that
    change of the files in `place`.
    """
    (place / "tmp").mkdir(exist_ok=True)
    log, count = place.with_name(f"{place.name}.log"), place.with_name(f"{place.name}.count")
    log.write_bytes(b"")
    count.write_bytes(b"")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    process = context.Process(target=_run, args=(arguments, str(place), str(log), str(count), changes))
    started = time.monotonic()
    process.start()
    process.join(seconds)
    process.kill()  # what has ended does not mind
    process.join()
    return Done(process.exitcode, time.monotonic() - started, count.stat().st_size, log.read_text(errors="replace"))


def _run(arguments, place, log, count, last):
    for stream in (1, 2):
        os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND), stream)
    os.chdir(place)
    os.environ["TMPDIR"], tempfile.tempdir = f"{place}/tmp", None
    sys.argv = ["n2n-render", *arguments]
    from n2n_render.cli.start import main

    _watch(place, os.open(count, os.O_WRONLY | os.O_APPEND), last)
    main()


def _watch(place, count, last):
    def hook(event, args):
        if (
            event in CHANGES
            and isinstance(args[0], (str, bytes))
            and (event != "open" or args[2] & WRITES)
            and os.path.abspath(os.fsdecode(args[0])).startswith(f"{place}/")
        ):
            os.write(count, b".")
            if os.fstat(count).st_size == last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def processes_of(place: Path) -> list[int]:
    """Those that were started by a command in `place`: Linux tells by their environment. Elsewhere nobody knows."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone meanwhile, or another user's
            if f"{place}/tmp".encode() in (entry / "environ").read_bytes():  # a zombie has none
                found.append(int(entry.name))
    return found
