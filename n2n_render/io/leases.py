"""Pieces of work that several processes share, on one machine or many: each takes the next that nobody has taken.

A lease is a file that only one process can create, in the hidden folder `.leases` of the folder that the work goes to. Network
file systems do that atomically (O_EXCL, NFS 3 and later); nothing is locked or renamed. Its holder touches it every minute.
One that was not touched for ten minutes, or whose process has died on this machine, is succeeded by a file of the next
generation, which again only one process can create.
"""

import contextlib
import errno
import hashlib
import json
import os
import re
import threading
import time
from pathlib import Path
from typing import Self

from ..errors import N2NError
from .atomic import first_line
from .owned import HOST, is_alive

FOLDER = ".leases"
TOUCH_S = 60.0
LEASE_S = 600.0  # many touches: a network disk may show times that are a minute old
LONGEST_NAME = 100


class Leases:
    """The pieces that this process holds. A context: inside it keeps them alive, at its end it gives back what is left.

    A lease says that somebody is at work. That a piece is done, its output says: look for that once more after `take`, as
    another process may have finished it just before.
    """

    def __init__(self, folder: Path, lease_s: float = LEASE_S, touch_s: float = TOUCH_S):
        """folder: of the leases themselves."""
        self.folder, self._lease_s, self._touch_s = folder, lease_s, touch_s
        self._held: dict[str, Path] = {}
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._clock: tuple[float, float] | None = None  # the file system's, and ours at that moment
        self._toucher = threading.Thread(target=self._touch, name="leases", daemon=True)

    @classmethod
    def open(cls, folder: str | os.PathLike[str], lease_s: float = LEASE_S, touch_s: float = TOUCH_S) -> "Leases":
        """For the pieces of work whose outputs lie in `folder`, which is made.

        Raises:
            N2NError: Nothing can be written there.
        """
        leases = cls(Path(folder) / FOLDER, lease_s, touch_s)
        leases._now()
        return leases

    def __enter__(self) -> Self:
        self._toucher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._toucher.join()
        for name in list(self._held):
            self.release(name)
        with contextlib.suppress(OSError):  # others are at work
            self.folder.rmdir()

    def take(self, name: str) -> bool:
        """Whether the piece is ours now: nobody had it, or who had it is gone."""
        generations = self._generations(name)
        if generations and not self._is_free(generations[max(generations)]):
            return False
        number = max(generations, default=0) + 1
        path = self.folder / f"{_file_name(name)}.{number}"
        if not self._create(path, json.dumps({"place": HOST, "pid": os.getpid(), "name": name})):
            return False
        after = self._generations(name)
        if max(after, default=number) > number:  # we looked too long ago: it was taken, and succeeded, meanwhile
            _remove(path)
            return False
        for older in set(after) - {number}:
            _remove(after[older])
        with self._lock:
            self._held[name] = path
        return True

    def release(self, name: str) -> None:
        """Gives the piece back: it is done, or it will not be by us."""
        with self._lock:
            path = self._held.pop(name, None)
        if path:
            _remove(path)

    def _touch(self) -> None:
        while not self._ended.wait(self._touch_s):
            with self._lock:
                paths = list(self._held.values())
            for path in paths:
                with contextlib.suppress(OSError):  # it was succeeded, as we slept too long: then two do the same piece
                    os.utime(path)

    def _generations(self, name: str) -> dict[int, Path]:
        """Number → file, of the leases of a piece that are there; the highest counts."""
        pattern = re.compile(re.escape(_file_name(name)) + r"\.(\d{1,9})")
        try:
            found = [(pattern.fullmatch(path.name), path) for path in self.folder.iterdir()]
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._unusable(error) from None
        return {int(match[1]): path for match, path in found if match}

    def _is_free(self, path: Path) -> bool:
        """Whether who held this lease is gone."""
        now = self._now()
        try:
            with path.open("rb") as file:  # opened: a network disk then asks how the file is now
                touched, content = os.fstat(file.fileno()).st_mtime, file.read(4096)
        except FileNotFoundError:
            return False  # it was given back this moment: the next look tells
        except OSError as error:
            if error.errno == errno.ESTALE:
                return False
            raise self._unusable(error) from None
        return abs(now - touched) > self._lease_s or _has_died(content)  # ahead: the server's clock was set back since

    def _now(self) -> float:
        """Of the file system's clock, which is that of all machines' leases: the time of a file that was made just now."""
        if self._clock is None or time.monotonic() - self._clock[1] > TOUCH_S:
            path = self.folder / f".clock-{hashlib.sha256(HOST.encode()).hexdigest()[:8]}-{os.getpid()}-{id(self)}"
            _remove(path)
            self._create(path, "")
            try:
                self._clock = path.stat().st_mtime, time.monotonic()
            except OSError as error:
                raise self._unusable(error) from None
            finally:
                _remove(path)
        return self._clock[0] + time.monotonic() - self._clock[1]

    def _create(self, path: Path, content: str) -> bool:
        """Whether we made the file; else somebody else did."""
        try:
            for _ in range(100):
                self.folder.mkdir(parents=True, exist_ok=True)
                try:
                    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
                    break
                except FileExistsError:
                    return False
                except FileNotFoundError:  # whoever ended just now removed the empty folder
                    continue
            else:
                raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
            try:
                with os.fdopen(descriptor, "w") as file:
                    file.write(content)
            except OSError:  # the disk is full: a lease that nobody holds would be waited for
                _remove(path)
                raise
        except OSError as error:
            raise self._unusable(error) from None
        return True

    def _unusable(self, error: OSError) -> N2NError:
        reason = error.strerror or first_line(error)
        return N2NError(
            f"{self.folder.parent}: workers cannot share it ({reason})",
            "Name a folder that every machine can write to, with room on its disk.",
        )


def _file_name(name: str) -> str:
    """Any text → a name that every file system takes, and that no other text gets."""
    readable = re.sub(r"[^A-Za-z0-9_-]", "_", name)[-LONGEST_NAME:]
    return f"{readable}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}"


def _has_died(content: bytes) -> bool:
    """Whether a lease names a process of this machine that runs no more. One that is torn says nothing; its time does."""
    try:
        holder = json.loads(content)
        return bool(holder["place"] == HOST and not is_alive(int(holder["pid"])))
    except (ValueError, KeyError, TypeError):
        return False


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
