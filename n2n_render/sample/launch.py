"""Starts the worker inside Blender (or under the bpy wheel), sends requests, returns its answers."""

import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NoReturn, Self

from ..errors import N2NError
from ..io.owned import owned_folder, remove_abandoned
from ..libraries import understood
from .worker.protocol import MARK

KIND = "n2n_blender_"
WORKER = Path(__file__).parent / "worker" / "main.py"
# "Warning: …", "Error: …", and Blender's log: "00:01.234  blend  | WARNING …" (5.x), "WARN (bke.x): file.cc:1 f: …" (4.x).
BLENDER_WARNS = re.compile(
    r"(?:\d\d:\d\d\.\d+\s+[\w.]+\s+\|\s+)?(?:WARN(?:ING)?|ERROR|Warning|Error)\b(?: \([\w.]+\))?:?\s+"
    r"(\S.*?)\s*$"
)
# Drivers of graphics cards that are not there, which Blender tries to load whatever it is to compute on.
NO_MATTER = re.compile(r"(?:CUEW|HIPEW|LEVEL_ZERO|OptiX?|HIP|CUDA|oneAPI)\b.*(?:initialization failed|Error opening)", re.I)
MOST_TOLD = 20  # sentences of Blender's own; a broken file can have thousands
OLDEST_BLENDER = (4, 2)


def find_blender(blender: str | None) -> list[str]:
    """The command that runs the worker: the given Blender, else the bpy wheel, else `blender` on the PATH."""
    if blender is None and importlib.util.find_spec("bpy"):
        return [sys.executable, str(WORKER)]
    program, _ = find_program(blender)
    return [program, "--background", "--factory-startup", "--python-exit-code", "1", "--python", str(WORKER)]


def find_program(blender: str | None) -> tuple[str, str]:
    """The Blender program that is given, else the one on the PATH, and its version in full.

    Raises:
        N2NError: There is none, it cannot be run, or it is too old.
    """
    if blender and blender.rstrip("/").endswith(".app"):  # macOS: the program lies inside the bundle
        blender = str(Path(blender) / "Contents" / "MacOS" / "Blender")
    program = shutil.which(blender or "blender")
    if program is None:
        what = f"no Blender at {blender}" if blender else "no Blender found"
        raise N2NError(
            what, 'Pass --blender /path/to/blender (4.2 or newer), or install the wheel: pip install "n2n-render[blender]".'
        )
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise N2NError(f"{program} cannot be run ({error})", "Pass --blender /path/to/blender (4.2 or newer).") from None
    if answer.returncode and (lacks := understood(answer.stderr)):
        raise N2NError(f"{program} cannot be run: {lacks[0]}", lacks[1])
    version = re.search(r"Blender (\d+)\.(\d+)\S*", answer.stdout)
    if not version or (int(version[1]), int(version[2])) < OLDEST_BLENDER:
        is_what = f"is Blender {version[1]}.{version[2]}" if version else "does not say that it is Blender"
        raise N2NError(f"{program} {is_what}", "Blender 4.2 or newer is needed; pass --blender /path/to/blender.")
    return program, version[0].removeprefix("Blender ")


class Worker:
    """A running child process. Use as a context manager: leaving it ends the child, whatever it was doing."""

    def __init__(self, blender: str | None, on_warning: Callable[[str], None]):
        self._blender, self._on_warning = blender, on_warning
        self._told: set[str] = set()
        self._noise: deque[str] = deque(maxlen=40)  # what Blender printed last, shown when it dies
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Starts the child; its folder (user settings, temporary files) goes with it, or when a later run finds it dead."""
        command = find_blender(self._blender)
        temporary = Path(tempfile.gettempdir())
        remove_abandoned(temporary, KIND)
        with self._cleanup:
            folder = self._cleanup.enter_context(owned_folder(temporary, KIND))
            own = {"BLENDER_USER_RESOURCES": str(folder)}  # the user's settings and extensions stay out
            own |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))  # a killed Blender leaves its session's folder
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                bufsize=1,
                env={**os.environ, **own},
                start_new_session=True,
            )  # Ctrl-C reaches us alone; we end the child
            self._stdin, self._stdout = _pipes(self._process)
            self._cleanup.callback(self._end)
            self._cleanup = self._cleanup.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def _end(self) -> None:
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # a launcher script's Blender too; it leads its own session
        else:
            self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):  # what could not be sent to a dead child
            self._stdin.close()
        self._stdout.close()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Sends one request and waits for its answer. Raises N2NError for an error event or a dead child."""
        self.send(request)
        return self.receive()

    def send(self, request: dict[str, Any]) -> None:
        try:
            self._stdin.write(json.dumps(request) + "\n")
            self._stdin.flush()
        except OSError:
            self._died()

    def receive(self) -> dict[str, Any]:
        for line in self._stdout:
            if not line.startswith(MARK):
                self._noise.append(line.rstrip())
                self._pass_on(line)
                continue
            event: dict[str, Any] = json.loads(line[len(MARK) :])
            if event["event"] == "warning":
                self._on_warning(event["message"])
            elif event["event"] == "error":
                if event["traceback"] and (lacks := understood(event["what"])):  # of the bpy wheel, when it is imported
                    raise N2NError(f"Blender cannot start: {lacks[0]}", lacks[1])
                raise N2NError(event["what"], event["hint"] or event["traceback"].strip())
            else:
                return event
        self._died()

    def _pass_on(self, line: str) -> None:
        """What Blender itself warns of (a file from a newer version, lost data), each sentence once."""
        said = BLENDER_WARNS.match(line)
        if said and not NO_MATTER.search(said[1]) and said[1] not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(said[1])
            self._on_warning(f"Blender: {said[1]}")

    def _died(self) -> NoReturn:
        self._noise.extend(line.rstrip() for line in self._stdout)
        code = self._process.wait()
        said = "\n".join(line for line in list(self._noise)[-12:] if line)
        raise N2NError(
            f"Blender ended unexpectedly (exit code {code})",
            f"Out of memory, or a crash in Blender. Frames that were finished are kept; run the same command "
            f"again to go on. Its last words:\n{said}",
        )


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    assert process.stdin is not None and process.stdout is not None  # both were asked for
    return process.stdin, process.stdout
