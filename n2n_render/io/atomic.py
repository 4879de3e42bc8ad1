"""Files that are whole or not there at all, descriptions that are read with care, and folders that one run writes to."""

import contextlib
import errno
import glob
import hashlib
import json
import os
import stat
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from ..errors import N2NError, UnwritableFile, doubt
from .owned import HOST as HOST_NAME
from .owned import is_alive

LOCK = ".n2n-render.lock"
UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG)
HOST = hashlib.sha256(HOST_NAME.encode()).hexdigest()[:8]  # other machines write to the same network disks


class Busy(N2NError):
    """Another process is at work there."""


LONGEST_NAME = 180  # bytes
JSON_BYTES = 256 * 2**20  # of a report of many thousand frames there are fewer
JSON_DEPTH = 100  # lists in lists; ours have five


def write_beside(path: str | os.PathLike[str], write: Callable[[str], object]) -> None:
    """Calls `write(temporary path)` and moves the result to `path`; a failure leaves `path` as it was.

    What a killed process left when it wrote the same file is removed.
    """
    path = Path(path)
    temporary = path.with_name(f".{_short(path.name)}.{HOST}-{os.getpid()}-{threading.get_ident()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(path.parent, path.name)
        write(str(temporary))
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        raise UnwritableFile(
            f"{path}: cannot be written ({first_line(error)})", "Check that the folder is writable and the disk is not full."
        ) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _short(name: str) -> str:
    """File systems end names at 255 bytes, and a partial file's is longer than the file's own."""
    return name if len(os.fsencode(name)) <= LONGEST_NAME else hashlib.sha256(os.fsencode(name)).hexdigest()[:32]


def make_folder(folder: Path, hint: str = "Pass a writable folder.") -> None:
    """Makes it, and what it lies in. Raises N2NError with the hint where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise N2NError(f"{folder}: cannot be made ({error.strerror})", hint) from None


def temporary_folder(name: str, own: str | None = None) -> Path:
    """A folder for what `name` says, outside of the user's: a new one, or the one that has an `own` name. Raises
    N2NError where there can be none.
    """
    try:
        if own is None:
            return Path(tempfile.mkdtemp(prefix=f"n2n-render-{name}-"))
        folder = Path(tempfile.gettempdir()) / f"n2n-render-{name}-{own}"
        folder.mkdir(exist_ok=True)
        return folder
    except OSError as error:
        raise N2NError(
            f"there is no folder for temporary files ({first_line(error)})",
            "Free some space, or name another one: TMPDIR=FOLDER n2n-render …",
        ) from None


def remove_abandoned(folder: Path, name: str | None = None) -> None:
    """Removes what processes of this machine that were killed have left beside their places: of one file, or of all."""
    for path in folder.glob(f".{'*' if name is None else glob.escape(_short(name))}.{HOST}-*.partial"):
        pid = path.name.split(".")[-2].split("-")[1]
        if pid.isdigit() and not is_alive(int(pid)):
            with contextlib.suppress(OSError):
                path.unlink()


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Only one run at a time writes to `folder`, which is made. Raises Busy where another one does.

    The system's own lock on a file: it ends with the process, however that ends. Where the file system has none, as some
    network disks, the user is told and the work goes on.
    """
    made = not os.path.exists(folder)
    make_folder(folder)
    try:
        with locked_file(folder / LOCK):
            remove_abandoned(folder)
            yield
    finally:
        if made:
            with contextlib.suppress(OSError):  # only if nothing came of it
                folder.rmdir()


@contextlib.contextmanager
def locked_file(path: Path) -> Iterator[None]:
    """Holds the lock `path`, which is gone afterwards. Raises Busy at once where another process holds it."""
    import filelock  # here: `serve` inside the extension has no locks and no such package

    lock = filelock.FileLock(path, timeout=0, thread_local=False)
    try:
        with warnings.catch_warnings(action="ignore"):  # about locks that are files, for systems that have no others
            lock.acquire()
    except filelock.Timeout:
        raise Busy(f"{path.parent}: another run is writing here", "Wait until it is done, or pass another folder.") from None
    except (OSError, NotImplementedError) as error:
        if getattr(error, "errno", None) not in UNWRITABLE:  # there writing itself says what is wrong
            doubt(f"{path.parent}: cannot be locked ({first_line(error)}); start no second run that writes there")
        yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows keeps an open file; an empty one does no harm
            path.unlink()
        lock.release()


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """As `write_beside`."""
    write_beside(path, lambda temporary: Path(temporary).write_text(text, encoding="utf-8"))


def read_json(path: str | os.PathLike[str], hint: str = "") -> Any:
    """What a JSON file holds: plain, finite, not nested too deep. Raises N2NError for anything else, and for no such file."""
    try:
        if check_regular(path).st_size > JSON_BYTES:
            raise ValueError(f"it is larger than {JSON_BYTES >> 20} MiB")
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise N2NError(f"{path}: cannot be read ({error.strerror or error})", hint) from None
    except ValueError as error:
        raise N2NError(f"{path}: is not JSON, or is damaged ({first_line(error)})", hint) from None
    return parse_json(text, str(path), hint)


def parse_json(text: str, where: str, hint: str = "") -> Any:
    """As `read_json`, of a text. where: the place that messages name."""
    try:
        content = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        _check_depth(content)
        return content
    except RecursionError:
        raise N2NError(f"{where}: is not JSON that this program wrote (nested too deep)", hint) from None
    except ValueError as error:
        raise N2NError(f"{where}: is not JSON, or is damaged ({first_line(error)})", hint) from None


def check_regular(path: str | os.PathLike[str]) -> os.stat_result:
    """Facts about a file. Raises OSError where it is something else: a pipe would be waited for, a device has no end."""
    facts = os.stat(path)
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(None, "it is a folder" if stat.S_ISDIR(facts.st_mode) else "it is no file")
    return facts


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    return float(text) if abs(float(text)) < float("inf") else _refuse(text)


def _check_depth(content: Any) -> None:
    """Level by level: what is too deep for JSON's reader is too deep for everything that walks through it later."""
    level = [content]
    for _ in range(JSON_DEPTH):
        level = [
            item
            for part in level
            if isinstance(part, (list, dict))
            for item in (part.values() if isinstance(part, dict) else part)
        ]
        if not level:
            return
    raise RecursionError


def first_line(error: Exception) -> str:
    """What an error says, as far as it fits in a sentence."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
