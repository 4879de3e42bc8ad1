"""Requests → answers of a `n2n-render serve` process, without waiting. No bpy here.

The process starts with the first request and ends with Blender: its stdin closes. What it prints goes to a log file.
"""

import contextlib
import queue

from .child import Child
from .errors import Problem


class Worker:
    """One process. `ask` is for the main thread."""

    def __init__(self, command: list[str], environment: dict[str, str], log_path: str):
        self._child, self._next_id = Child(command, environment, log_path), 0

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child.alive

    def ask(self, do: str, **values):
        """A generator: yields None while there is nothing new, and progress answers; returns the values of `done`.

        Closing it cancels the request. Raises Problem with the worker's sentence.
        """
        self._next_id += 1
        identity = self._next_id
        self._send({"id": identity, "do": do, **values})
        finished = False
        try:
            while True:
                try:
                    answer = self._child.take()
                except queue.Empty:
                    yield None
                    continue
                if answer is None:
                    finished = True
                    raise Problem(*self._last_words())
                if answer.get("id") != identity:
                    continue  # of a request that was cancelled
                finished = answer["event"] in ("done", "error")
                if answer["event"] == "done":
                    return answer
                if answer["event"] == "error":
                    raise Problem(answer["what"], answer["hint"])
                yield answer
        finally:
            if not finished:
                with contextlib.suppress(Problem):
                    self._send({"do": "cancel", "id": identity})

    def _send(self, request):
        try:
            self._child.tell(request)
        except (OSError, ValueError):  # it has ended, or was ended
            raise Problem(*self._last_words()) from None

    def _last_words(self) -> tuple[str, str]:
        why, said = self._child.last_words()
        return (
            f"The denoising process ended unexpectedly ({why})",
            f"Your scene is untouched; try again, with a smaller model or another device. {' '.join(said.split())}".strip(),
        )

    def stop(self):
        """Ends the process, whatever it is doing."""
        self._child.stop()
