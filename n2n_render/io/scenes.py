"""A render → the name of its scene, for people."""

from pathlib import Path, PureWindowsPath

from ..errors import N2NError
from .dataset import MANIFEST, parse_name, read_manifest
from .exr import ExrImage


def scene_name(path: Path) -> str | None:
    """As the dataset that it lies in has it, or as Blender wrote it into the header; None where nothing tells."""
    try:
        if parse_name(path.name) and (path.parent / MANIFEST).exists():
            file = read_manifest(path.parent)["scene"]["file"]
        else:
            file = ExrImage.open(path, header_only=True).parts[0][0].get("File")
    except (N2NError, KeyError, TypeError, IndexError):
        return None
    stem = PureWindowsPath(file).stem if isinstance(file, str) else ""  # takes both kinds of slashes
    return stem if stem and not stem.startswith("<") else None  # "<untitled>": it was never saved
