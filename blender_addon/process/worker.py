"""Requests → answers of a `n2n-render serve` process, without waiting. No bpy here.

The process starts with the first request and ends with Blender: its stdin closes. What it prints goes to a log file.
"""

import contextlib
import json
import os
import queue
import subprocess
import threading

from .errors import Problem

LAST_WORDS = 400  # characters of the log that a message shows


class Worker:
    """One process. `poll` and `ask` are for the main thread; a thread of ours only reads lines."""

    def __init__(self, command: list[str], environment: dict[str, str], log_path: str):
        self._log_path = log_path
        self._answers, self._next_id = queue.Queue(), 0
        flags = subprocess.CREATE_NO_WINDOW if os.name == "nt" else 0
        try:
            with open(log_path, "wb") as log:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env={**os.environ, **environment},
                    text=True,
                    encoding="utf-8",
                    cwd=os.path.dirname(log_path),
                    creationflags=flags,
                    start_new_session=True,
                )
        except OSError as error:
            raise Problem(
                f"The denoising process cannot be started: {command[0]} ({error.strerror or error})",
                "Press Look Again, or name another program in the add-on's preferences",
            ) from None
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def _read(self, stream):
        for line in stream:
            try:
                self._answers.put(json.loads(line))
            except ValueError:
                continue
        self._answers.put(None)

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
                    answer = self._answers.get_nowait()
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
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError):  # it has ended, or was ended
            raise Problem(*self._last_words()) from None

    def _last_words(self) -> tuple[str, str]:
        code = self._process.wait()
        try:
            with open(self._log_path, encoding="utf-8", errors="replace") as log:
                said = " ".join(log.read().split())[-LAST_WORDS:]
        except OSError:
            said = ""
        why = "it was killed, most likely for want of memory" if code in (-9, 137) else f"exit code {code}"
        return (
            f"The denoising process ended unexpectedly ({why})",
            f"Your scene is untouched; try again, with a smaller model or another device. {said}".strip(),
        )

    def stop(self):
        """Ends the process, whatever it is doing."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
