"""Ctrl-C becomes a question that is asked between two steps, so that what is saved is whole."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def stop_on_ctrl_c(second_stops: bool = True) -> Iterator[Callable[[], bool]]:
    """Yields a function that tells whether Ctrl-C asked for a stop after the present step.

    Args:
        second_stops: A second one stops at once. Not where others wait for this process, which then say when to stop.
    """
    asked: list[bool] = []
    before = signal.getsignal(signal.SIGINT)
    # A handler that is not Python's, of a program that embeds it, could not be put back.
    if before is None or threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def ask(*_: Any) -> None:
        asked.append(True)
        if second_stops:
            signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)
