"""A run folder: a new one for each run, and only one training writes to it."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ..errors import N2NError
from ..io.atomic import LOCK, Busy, locked_folder, remove_abandoned, write_text
from ..version import __version__
from .journal import PREVIEWS


def new_folder(out: str | None, name: str, settings: Mapping[str, Any], held: contextlib.ExitStack) -> Path:
    """A run folder of our own, locked until `held` is closed: two runs that begin at the same moment get two.

    Args:
        out: Its path, or one like it where that is taken; None: runs/<date>-<name>.
        settings: Written to its config.json.
    """
    base = Path(out) if out else Path("runs") / f"{datetime.now():%Y-%m-%d}-{name}"
    folder, number = base, 2
    while not _claim(folder, held):
        folder, number = base.with_name(f"{base.name}-{number}"), number + 1
    write_text(folder / "config.json", json.dumps({"n2n_render": __version__, **settings}, indent=1) + "\n")
    return folder


def _claim(folder: Path, held: contextlib.ExitStack) -> bool:
    """Whether the folder was made for us, or holds nothing whole, and is nobody else's."""
    try:
        if folder.exists() and (not folder.is_dir() or _is_settled(os.listdir(folder))):
            return False
    except OSError as error:
        raise N2NError(f"{folder}: cannot be read ({error.strerror})", "Pass another folder with --out.") from None
    with contextlib.ExitStack() as ours:
        try:
            ours.enter_context(held_run(folder))
        except Busy:
            return False
        if set(os.listdir(folder)) - {LOCK}:  # what a killed run has left whole, or a run that began and ended meanwhile
            return False
        held.enter_context(ours.pop_all())
    return True


def _is_settled(names: list[str]) -> bool:
    """Whether a folder holds something, and no sign of a run that is at work there or was killed."""
    return bool(names) and LOCK not in names


@contextlib.contextmanager
def held_run(folder: Path) -> Iterator[None]:
    """Only one training writes to a run folder. Inside, nothing half-written is in it that a killed one has left."""
    with locked_folder(folder):
        remove_abandoned(folder / PREVIEWS)
        yield
