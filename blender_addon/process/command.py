"""One command of n2n-render, run to its end without waiting: its progress, and its result or its sentence. No bpy here."""

import os
import queue
import shutil
import tempfile

from .child import Child
from .errors import Problem


def run(command: list[str], environment: dict[str, str]):
    """A generator: yields None while there is nothing new, and the command's events; returns the values of its result.

    Closing it ends the command. Raises Problem with the command's sentence.

    Args:
        command: with `--progress json` before the verb's name.
    """
    folder = tempfile.mkdtemp(prefix="n2n_command_")
    try:
        child = Child(command, environment, os.path.join(folder, "log"), said_on="stderr")
        try:
            return (yield from _events(child))
        finally:
            child.stop(ask=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _events(child: Child):
    while True:
        try:
            event = child.take()
        except queue.Empty:
            yield None
            continue
        if event is None:
            why, said = child.last_words()
            raise Problem(f"n2n-render ended unexpectedly ({why})", said.rpartition("\n")[2])  # of a traceback its last line
        kind = event.get("event") if isinstance(event, dict) else None
        if kind == "result":
            return event
        if kind == "error":
            raise Problem(*_sentence(event))
        if kind is not None:
            yield event


def _sentence(event: dict) -> tuple[str, str]:
    if event["kind"] == "usage":  # the line is this extension's: the artist has nothing to do with it
        return (
            f"The installed n2n-render does not understand this extension ({event['what'].rstrip('.')})",
            "Update the older of the two",
        )
    return event["what"], event["hint"]
