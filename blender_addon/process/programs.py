"""A command line of n2n-render → its progress and its result, without waiting. No bpy here.

`--progress json` writes an event a line, and `result` or `error` as the last one: nothing is read from sentences.

A cancelled one is asked to end (SIGTERM, which it takes as Ctrl-C, also where a shell made it deaf to that), and saves."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading

from .errors import Problem

PATIENCE_S = 20.0  # for a cancelled program to save what it has
RUNNING = set()


def run(command: list[str], environment: dict[str, str], warn=lambda sentence: None):
    """A generator: yields None, or (share, text); returns the `result` event. Closing it cancels the program.
    warn(sentence) is called for its warnings.

    Raises Problem with the program's own sentence when it fails.
    """
    windows = os.name == "nt"
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, **environment},
            start_new_session=not windows,
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP if windows else 0,
        )
    except OSError as error:
        raise Problem(
            f"{command[0]} cannot be started ({error.strerror or error})", "Name another n2n-render in the add-on's preferences"
        ) from None
    lines, end, last_words, total = queue.Queue(), {}, "", 0.0
    reader = threading.Thread(target=_read, args=(process.stderr, lines.put), daemon=True)
    reader.start()
    RUNNING.add(process)
    try:
        while process.poll() is None or reader.is_alive() or not lines.empty():
            try:
                line = lines.get_nowait()
            except queue.Empty:
                yield None
                continue
            event = _parse(line)
            if event is None:
                last_words = line.strip() or last_words
            elif event["event"] == "start":
                total = event["total"]
                yield 0.0, event["task"]
            elif event["event"] == "progress":
                yield min(event["done"] / max(total, 1e-9), 1.0), " ".join((event["task"], event["text"])).strip()
            elif event["event"] == "warning":
                warn(event["message"])
            elif event["event"] == "note":
                yield 0.0, event["message"]
            elif event["event"] in ("result", "error"):
                end = event
    finally:
        RUNNING.discard(process)
        if process.poll() is None:
            _end(process)
    if end.get("event") == "error":
        raise Problem(end["what"], end["hint"])
    if process.returncode or not end:  # it was killed, or is no n2n-render of this version
        raise Problem(
            f"{os.path.basename(command[0])} ended with exit code {process.returncode}, without a word about what it made",
            last_words,
        )
    return end


def _read(stream, take):
    for line in stream:
        take(line)


def _parse(line) -> dict | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def stop():
    """Ends what still runs: the add-on is disabled, or Blender ends."""
    while RUNNING:
        _end(RUNNING.pop())


def _end(process):
    windows = os.name == "nt"
    with contextlib.suppress(OSError):
        process.send_signal(signal.CTRL_BREAK_EVENT if windows else signal.SIGTERM)
    try:
        process.wait(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        if windows:
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
