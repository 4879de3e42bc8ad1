"""How a command ends: with its result, or with one sentence about what went wrong and an exit code. Never with a traceback
for what the user can mend.

Exit codes: 0 done, 1 what the sentence says, 2 usage, 130 Ctrl-C.
"""

import _thread
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, Self, TextIO

import click

from ..errors import N2NError, sentence_of
from ..learn.team import Team
from .options import Command
from .start import EXIT_INTERRUPTED, INTERRUPTED, progress_style

SWALLOWED_S = 0.05  # until a Ctrl-C that fell into a callback is sent again


EXIT_CODE = "exit_code"  # of a command that found something wrong, and whose result tells of it
TOGETHER = ("train", "adapt")  # commands that share their work with other processes


def _place() -> Team:
    """Among the processes that torchrun has started; what is wrong with that the command says."""
    try:
        return Team.find()
    except N2NError:
        return Team()


class _Stopped(Exception):
    """Its cause is an exception that click has habits of its own for."""


class Commands(click.Group):
    """A command returns what it made, as a dict; `--progress json` ends with it, or with an error, as one event."""

    command_class = Command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, EOFError, OSError) as error:
            raise _Stopped from error

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if name not in TOGETHER and not Team.find().is_alone:
            raise N2NError(f"{name} does not share its work with other processes", "Start it without torchrun.")
        return name, command, rest

    def main(self, args: Sequence[str] | None = None, *, standalone_mode: bool = True, **extra: Any) -> Any:  # type: ignore[override]
        """Exits with the command's code."""
        if not standalone_mode:
            return super().main(args, standalone_mode=False, **extra)
        from . import console

        args = sys.argv[1:] if args is None else list(args)
        only_errors = not _place().is_first
        with console.speaking(progress_style(args), only_errors), _Signals() as signals:
            try:
                made = super().main(args, standalone_mode=False, **extra)
                signals.ignore()  # from here on there is one end
                if sys.stdout:
                    sys.stdout.flush()
                console.end_with_result(made if isinstance(made, dict) else {})
                code = made if isinstance(made, int) else (made or {}).get(EXIT_CODE, 0)
            except BaseException as error:
                signals.ignore()
                cause = error.__cause__ if isinstance(error, _Stopped) and error.__cause__ else error
                code = _explain(KeyboardInterrupt() if signals.came else cause)
        sys.exit(code)


class _Signals:
    """Ctrl-C and a farm's SIGTERM as KeyboardInterrupt, wherever they fall; put back afterwards.

    It waits for imports to end. An import that is interrupted all the same may end in any other exception: `came` tells. A
    callback swallows the exception; then the signal is sent again.
    """

    def __enter__(self) -> Self:
        self.came, self._hook = False, sys.unraisablehook
        self._before: dict[int, Any] = {}
        if threading.current_thread() is not threading.main_thread():
            return self
        if callable(signal.getsignal(signal.SIGINT)):
            self._take(signal.SIGINT, self._interrupt)
        for name in ("SIGTERM", "SIGBREAK"):  # SIGBREAK: how a program asks on Windows
            if hasattr(signal, name):
                self._take(getattr(signal, name), self._terminate)
        sys.unraisablehook = self._on_swallowed
        return self

    def __exit__(self, *_: object) -> None:
        sys.unraisablehook = self._hook
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, handler: Callable[..., None]) -> None:
        self._before[number] = signal.getsignal(number)
        signal.signal(number, handler)

    def _interrupt(self, *_: object) -> None:
        self.came = True
        if _is_importing():  # C++ of a package that is being imported may end the process at an exception: a little later
            self._send_again()
        else:
            raise KeyboardInterrupt

    def _terminate(self, *_: object) -> None:
        """A Ctrl-C, also where the shell made us ignore Ctrl-C itself (a background job). Training has its own handler."""
        on_ctrl_c = signal.getsignal(signal.SIGINT)
        if callable(on_ctrl_c):
            on_ctrl_c(signal.SIGINT, None)
        else:
            self._interrupt()

    def _on_swallowed(self, unraisable: Any) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            self._send_again()
        else:
            self._hook(unraisable)

    def _send_again(self) -> None:
        timer = threading.Timer(SWALLOWED_S, _thread.interrupt_main)
        timer.daemon = True
        timer.start()

    def ignore(self) -> None:
        """The end is being told: one more Ctrl-C would only cut the sentence, or add another end."""
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)


def _is_importing() -> bool:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _explain(error: BaseException) -> int:
    """Tells it as the user asked for; returns the exit code."""
    from . import console

    if isinstance(error, SystemExit):  # rich ends so when nobody reads stdout any more
        console.end_with_error(N2NError("nobody reads the output any more"), "system", lambda: None)
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, KeyboardInterrupt | click.Abort):
        console.end_with_error(N2NError(INTERRUPTED), "interrupted")
        return EXIT_INTERRUPTED
    if isinstance(error, click.ClickException):
        command = f"`{error.ctx.command_path} --help`" if isinstance(error, click.UsageError) and error.ctx else "--help"
        console.end_with_error(N2NError(error.format_message(), f"Try {command}."), "usage", error.show)
        return error.exit_code
    if isinstance(error, OSError) and sys.stdout and not _can_be_written(sys.stdout):
        error = error if isinstance(error, BrokenPipeError) else OSError(error.errno, error.strerror, "standard output")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    told = sentence_of(error)
    if told is None:
        told = N2NError(f"unexpected {type(error).__name__}: {error}", "Please report this, with the traceback.")
        console.end_with_error(told, "unexpected", lambda: traceback.print_exception(error))
    else:
        kind = "memory" if isinstance(error, MemoryError) else "system" if isinstance(error, OSError | ImportError) else "input"
        silent = isinstance(error, BrokenPipeError) and not error.filename  # whoever read has had enough, as `head` has
        console.end_with_error(told, kind, (lambda: None) if silent else None)
    return 1


def _can_be_written(stream: TextIO) -> bool:
    try:
        stream.flush()
    except (OSError, ValueError):
        return False
    return True
