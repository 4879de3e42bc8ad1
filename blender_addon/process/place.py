"""A finished file → where it stays: complete, or what was there before. No bpy here."""

import contextlib
import os
import shutil


def put(source: str, target: str):
    """Moves it, over file systems, too. Where that fails, as on a full disk, nothing is left of it beside the target."""
    partial = os.path.join(os.path.dirname(target), f".{os.path.basename(target)}.partial")
    try:
        shutil.move(source, partial)
        os.replace(partial, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)
