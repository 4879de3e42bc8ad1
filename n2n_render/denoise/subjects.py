"""The files of a frame's seeds → what there is to denoise in them, by their headers alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import N2NError, UnreadableFile, doubt
from ..io.exr import ExrImage
from ..io.renders import check_covered
from ..io.sources import DETECT, Sources
from .renders import layers_to_denoise


@dataclass(frozen=True)
class Subject:
    """One view layer of one frame, as one view shows it: what is trained on and denoised at a time. index: of the frame."""

    index: int
    paths: tuple[Path, ...]
    layer: str


def find_subjects(
    index: int, paths: tuple[Path, ...], wanted: str | None, features: tuple[str, ...], sources: Sources = DETECT
) -> list[Subject]:
    """What there is to denoise in one frame, by the headers of its files alone.

    Raises N2NError for a file that is missing, lacks a pass, or does not cover the first one's pixels.
    """
    images = [ExrImage.open(path, header_only=True, sources=sources) for path in paths]
    layers = layers_to_denoise(images[0], wanted, features)
    for image in images[1:]:
        for layer in layers:
            image.check(image.layer(layer), features)
            check_covered(images[0].window(layer), images[0].common(layer, image), image.path)
    return [Subject(index, paths, layer) for layer in layers]


def find_all_subjects(
    groups: Sequence[tuple[Path, ...]], wanted: str | None, features: tuple[str, ...], sources: Sources = DETECT
) -> tuple[list[list[Subject]], dict[Path, N2NError]]:
    """What there is to denoise in each frame, and first file → why a frame cannot be denoised, by the headers alone.

    Raises N2NError where no frame can.
    """
    subjects: list[list[Subject]] = []
    failed: dict[Path, N2NError] = {}
    for index, group in enumerate(groups):
        try:
            subjects.append(find_subjects(index, group, wanted, features, sources))
        except UnreadableFile as error:
            subjects.append([])
            failed[group[0]] = error
            if len(failed) == len(groups):
                raise
    for problem in failed.values():
        doubt(f"left out: {problem.what}")
    return subjects, failed
