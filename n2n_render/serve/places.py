"""What a request writes against what it reads: refused when work begins, by whatever spelling or link it is named."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import N2NError
from .request import Adapt, Denoise


def check_places(request: Denoise) -> None:
    """Raises N2NError where what is written would replace what is read."""
    for name in ("input", "model"):
        if request.output and is_same_file(request.output, getattr(request, name)):
            lost = "the noisy original" if name == "input" else "it"
            raise N2NError(f"denoise: output {request.output} is the {name}; {lost} would be lost", "Name another output.")
    if request.output and os.path.isdir(request.model) and is_same_file(os.path.dirname(request.output) or ".", request.model):
        raise N2NError(f"denoise: output {request.output} is in the model's own folder", "Name a file elsewhere.")
    if request.output and not request.output.lower().endswith(".exr"):
        raise N2NError(f"denoise: output {request.output} is no .exr, and EXR is what is written", "Name a .exr file.")
    if request.output and os.path.isdir(request.output):
        raise N2NError(f"denoise: output {request.output} is a folder", "Name a file.")
    if request.pictures:
        check_folder("denoise: pictures", request.pictures)


def check_folder(what: str, place: str) -> None:
    """Raises N2NError where it is something else."""
    if os.path.lexists(place) and not os.path.isdir(place):
        raise N2NError(f"{what} {place} is not a folder", "Name a folder.")


def check_pictures(what: str, paths: Iterable[Path], taken: Mapping[str, str | None]) -> None:
    """Raises N2NError where one of the pictures is read or written besides. taken: what for → place."""
    for path in paths:
        other = next((name for name, place in taken.items() if place and is_same_file(path, place)), None)
        if other:
            raise N2NError(f"{what}: the picture {path} is the {other}, too", "Name another folder for pictures.")


def check_archive(request: Adapt) -> None:
    """Raises N2NError where the archive of a model cannot be what is asked for."""
    archive = request.archive
    if archive is None:
        return
    if not archive.lower().endswith(".tza"):
        raise N2NError(f"adapt: archive {archive} is no .tza, and that is what is written", "Name a .tza file.")
    if os.path.isdir(archive):
        raise N2NError(f"adapt: archive {archive} is a folder", "Name a file.")
    if is_same_file(archive, request.init):
        raise N2NError(f"adapt: archive {archive} is the model to start from, which would be lost", "Name another archive.")


def is_same_file(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Whether both names lead to one file: through links and hard links, and also where it is not there yet."""
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return os.path.normcase(os.path.realpath(one)) == os.path.normcase(os.path.realpath(other))
