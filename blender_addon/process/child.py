"""A program beside Blender that writes JSON lines: started, read without waiting, ended. No bpy here."""

import contextlib
import json
import os
import queue
import subprocess
import threading

from .errors import Problem

LAST_WORDS = 400  # characters of the log that a message shows
GRACE_S = 1.0  # to end by itself
ASKED_S = 5.0  # once it was asked to end: it ends what it started


class Child:
    """One process, which leads a group of its own. All is for the main thread; a thread of ours only reads lines."""

    def __init__(self, command: list[str], environment: dict[str, str], log_path: str, said_on: str = "stdout"):
        """said_on: the stream that its JSON lines come on, "stdout" or "stderr"; what else it writes goes to the log file.

        Raises Problem where it cannot be started.
        """
        self._log_path, self._lines = log_path, queue.Queue()
        flags = subprocess.CREATE_NO_WINDOW if os.name == "nt" else 0
        try:
            with open(log_path, "ab") as log:
                streams = {"stdout": log, "stderr": log, said_on: subprocess.PIPE}
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    **streams,
                    env={**os.environ, **environment},
                    text=True,
                    encoding="utf-8",
                    errors="replace",
                    cwd=os.path.dirname(log_path),
                    creationflags=flags,
                    start_new_session=True,
                )
        except OSError as error:
            raise Problem(
                f"The denoising process cannot be started: {command[0]} ({error.strerror or error})",
                "Press Look Again, or name another program in the add-on's preferences",
            ) from None
        threading.Thread(target=self._read, args=(getattr(self._process, said_on),), daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def _read(self, stream):
        for line in stream:
            try:
                self._lines.put(json.loads(line))
            except ValueError:
                with contextlib.suppress(OSError), open(self._log_path, "a", encoding="utf-8") as log:
                    log.write(line)
        self._lines.put(None)

    def take(self):
        """The next JSON line; None: it says nothing more. Raises queue.Empty where there is nothing new."""
        return self._lines.get_nowait()

    def tell(self, request: dict):
        """A JSON line to its stdin. Raises OSError or ValueError where it has ended, or was ended."""
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def last_words(self) -> tuple[str, str]:
        """(why it ended, the end of its log); waits for its end."""
        code = self._process.wait()
        try:
            with open(self._log_path, encoding="utf-8", errors="replace") as log:
                said = log.read().strip()[-LAST_WORDS:]
        except OSError:
            said = ""
        why = "it was killed, most likely for want of memory" if code in (-9, 137) else f"exit code {code}"
        return why, said

    def stop(self, ask: bool = False):
        """Ends the process, whatever it is doing. ask: it does not end when its stdin closes, and is sent SIGTERM first."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        if ask:
            self._process.terminate()
        try:
            self._process.wait(timeout=ASKED_S if ask else GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
