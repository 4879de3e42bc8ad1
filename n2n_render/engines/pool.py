"""Several devices in one process, several processes on one folder: pieces of work go to whoever is free."""

import contextvars
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

from ..errors import N2NError
from ..progress import ignore, still_wanted, stopped_by
from .options import EngineOptions

Piece = TypeVar("Piece")
Tell = Callable[[str], None]
LOOK_S = 0.2
WAIT_S = 2.0  # until it is asked again whether a piece that another process has taken is done


class Leases(Protocol):
    """Tells processes that share a folder who does what; see `io.leases`."""

    def take(self, name: str) -> bool:
        """Whether the piece of work is ours now."""
        ...

    def release(self, name: str) -> None:
        """It is no longer."""
        ...


def each_device(options: EngineOptions) -> list[EngineOptions]:
    """ "cuda:0,cuda:1" → options for each. A device that is named twice does two pieces at a time."""
    names = [name.strip() for name in options.device.split(",")]
    if not all(names):
        raise N2NError(f"cannot read the devices {options.device!r}", "Write them like cuda:0,cuda:1.")
    return [replace(options, device=name) for name in names]


def first_device(device: str) -> str:
    """ "cuda:0,cuda:1" → "cuda:0": where what cannot be shared out runs."""
    return device.split(",")[0].strip()


class _Over(BaseException):
    """Another worker failed, or Ctrl-C came: what is half done is left."""


class _Left(Generic[Piece]):
    """The pieces that nobody has taken yet."""

    def __init__(self, pieces: Sequence[Piece], name_of: Callable[[Piece], str], leases: Leases | None, tell: Tell):
        self._pieces, self._name_of, self._leases = list(pieces), name_of, leases
        self._tell: Tell | None = tell  # once
        self._lock = threading.Lock()
        self.is_over = False

    def take(self) -> Piece | None:
        """The next one; None: all are done. Those of other processes are waited for: one may die before it is done."""
        while not self.is_over:
            with self._lock:
                for index, piece in enumerate(self._pieces):
                    if self._leases is None or self._leases.take(self._name_of(piece)):
                        return self._pieces.pop(index)
                if not self._pieces:
                    return None
                self._tell_of_others()
            still_wanted()()
            time.sleep(WAIT_S)
        return None

    def _tell_of_others(self) -> None:
        if self._tell:
            self._tell(
                f"waiting for {self._name_of(self._pieces[0])}, which another process has taken: if that dies, it is done here"
            )
        self._tell = None

    def give_back(self, piece: Piece) -> None:
        if self._leases is not None:
            self._leases.release(self._name_of(piece))


def work_off(
    pieces: Sequence[Piece],
    workers: Sequence[Callable[[Piece], None]],
    name_of: Callable[[Piece], str] = str,
    leases: Leases | None = None,
    tell: Tell = ignore,
) -> None:
    """Does every piece once. The first error, or Ctrl-C, ends it: the other workers leave what they are at, as soon as they ask
    whether it is still wanted.

    Args:
        workers: What does a piece, one for each device; several run on threads of their own.
        name_of: What a piece is called among processes.
        leases: With other processes that do the same pieces: a piece that another one has done is given to a worker all the
            same, which sees that and leaves it.
        tell: Is told what is waited for.
    """
    left = _Left(pieces, name_of, leases, tell)
    if len(workers) == 1:
        _work(left, workers[0])
        return
    with ThreadPoolExecutor(len(workers)) as threads:
        try:  # from before the first one starts
            futures = [threads.submit(contextvars.copy_context().run, _work, left, worker) for worker in workers]
            while wait(futures, LOOK_S).not_done:  # now and then awake: a Ctrl-C just before it sleeps would not be heard
                pass
            for future in futures:
                future.result()  # those that another one's error has ended return
        finally:
            left.is_over = True  # the pool waits for its threads


def _work(left: _Left[Piece], worker: Callable[[Piece], None]) -> None:
    wanted = still_wanted()

    def check() -> None:
        wanted()
        if left.is_over:
            raise _Over

    while (piece := left.take()) is not None:
        try:
            with stopped_by(check):
                worker(piece)
        except _Over:
            return
        except BaseException:
            left.is_over = True
            raise
        finally:
            left.give_back(piece)
