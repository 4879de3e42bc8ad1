"""A command line of n2n-render → its progress, without waiting. No bpy here.

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
    """A generator: yields None, or (share, text); returns what the program printed. Closing it cancels the program.
    warn(sentence) is called for its warnings.

    Raises Problem with the program's own sentence when it fails.
    """
    windows = os.name == "nt"
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, encoding="utf-8", errors="replace",
                                   env={**os.environ, **environment}, start_new_session=not windows,
                                   creationflags=subprocess.CREATE_NEW_PROCESS_GROUP if windows else 0)
    except OSError as error:
        raise Problem(f"{command[0]} cannot be started ({error.strerror or error})",
                      "Name another n2n-render in the add-on's preferences") from None
    lines, printed, said = queue.Queue(), [], []
    readers = [threading.Thread(target=_read, args=(process.stderr, lines.put), daemon=True),
               threading.Thread(target=_read, args=(process.stdout, printed.append), daemon=True)]
    for reader in readers:
        reader.start()
    RUNNING.add(process)
    total = 0.0
    try:
        while process.poll() is None or readers[0].is_alive() or not lines.empty():
            try:
                line = lines.get_nowait()
            except queue.Empty:
                yield None
                continue
            event = _parse(line)
            if event is None:
                said.append(line)
            elif event["event"] == "start":
                total = event["total"]
                yield 0.0, event["task"]
            elif event["event"] == "progress":
                yield min(event["done"] / max(total, 1e-9), 1.0), " ".join((event["task"], event["text"])).strip()
            elif event["event"] == "warning":
                warn(event["message"])
            elif event["event"] == "note":
                yield 0.0, event["message"]
    finally:
        RUNNING.discard(process)
        if process.poll() is None:
            _end(process)
    if process.returncode:
        raise Problem(*_sentences(said) or (f"{os.path.basename(command[0])} ended with exit code {process.returncode}",))
    readers[1].join(timeout=1.0)
    return "".join(printed)


def _sentences(said: list[str]) -> tuple[str, ...]:
    """The last `error:` of what the program said, and the hint below it."""
    starts = [index for index, line in enumerate(said) if line.startswith("error:")]
    lines = [line.strip() for line in (said[starts[-1]:] if starts else said[-1:]) if line.strip()]
    return (lines[0].removeprefix("error:").strip(), " ".join(lines[1:])) if lines else ()


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
