"""Folders that belong to a running process of this machine, and the removal of those whose process was killed."""

import contextlib
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import N2NError


def _host() -> str:
    """Where a process's number means that process: this machine, and the container on it, which may have the same name."""
    try:
        return f"{socket.gethostname()}-{re.sub(r'[^0-9]', '', os.readlink('/proc/self/ns/pid'))}"
    except OSError:
        return socket.gethostname()


HOST = _host()


@contextlib.contextmanager
def owned_folder(parent: Path, kind: str) -> Iterator[Path]:
    """The path of a new folder `<kind><host>-<pid>.…` in `parent`, removed with all it holds when the block ends."""
    try:
        path = Path(tempfile.mkdtemp(prefix=f"{kind}{HOST}-{os.getpid()}.", dir=parent))
    except OSError as error:
        raise N2NError(
            f"{parent}: no folder can be made in it ({error.strerror})",
            "Check that it is writable and that the disk is not full.",
        ) from None
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def remove_abandoned(parent: Path, kind: str) -> None:
    """Removes the folders of this kind that killed processes of this machine left; those of other machines stay."""
    ours = re.compile(re.escape(kind + HOST) + r"-(\d+)(\..*)?")
    try:
        paths = list(parent.iterdir())
    except OSError:  # a folder that may not be listed; what lies there is in nobody's way
        return
    for path in paths:
        match = ours.fullmatch(path.name)
        if match and not is_alive(int(match[1])):
            shutil.rmtree(path, ignore_errors=True)


def is_alive(pid: int) -> bool:
    """Whether a process of this number runs on this machine."""
    if sys.platform == "win32":  # there os.kill would end the process
        import ctypes

        query_limited_information, still_active, access_denied = 0x1000, 259, 5
        kernel, code = ctypes.WinDLL("kernel32", use_last_error=True), ctypes.c_ulong()
        process = kernel.OpenProcess(query_limited_information, False, pid)
        if not process:
            return ctypes.get_last_error() == access_denied
        kernel.GetExitCodeProcess(process, ctypes.byref(code))
        kernel.CloseHandle(process)
        return code.value == still_active
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # nobody has that number, or nobody can have it
        return False
    except PermissionError:  # of another user
        pass
    return True
