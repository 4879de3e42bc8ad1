"""Arguments of `adapt` → its frames: which files are the seeds of each, and what there is to denoise in them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..denoise.renders import layers_to_denoise
from ..errors import N2NError, UnreadableFile, doubt
from ..io.dataset import MANIFEST, Pair, find_pairs, parse_name
from ..io.exr import ExrImage
from ..io.numbering import doubt_gaps, place_files
from ..io.renders import check_covered
from ..io.sequence import are_named, find_inputs, match_pairs
from ..io.sources import DETECT, Sources


def find_groups(inputs: Sequence[str], others: Sequence[str]) -> tuple[list[tuple[Path, ...]], list[str]]:
    """Arguments → the files of each frame, one for each seed, and the frames' names.

    A dataset of `sample` knows its seeds; of other files, `others` are the same frames rendered with other seeds.
    """
    if all(os.path.isfile(os.path.join(text, MANIFEST)) for text in inputs):
        if others:
            raise N2NError("--pair is not for datasets: they hold all seeds already", "Leave it out.")
        pairs = [pair for text in inputs for pair in find_pairs(Path(text))]
        _refuse_single_seeds(inputs, pairs)
        firsts = [pair.noisy[0] for pair in pairs]
        doubt_gaps(firsts, place_files(firsts))
        several = len(inputs) > 1
        return [pair.noisy for pair in pairs], [
            (pair.name.replace("/", "-") if several else pair.name.split("/")[1]) + ".exr" for pair in pairs
        ]
    if not others:
        raise N2NError(
            "adapting needs every frame rendered twice, with different seeds",
            "Pass the second renders with --pair, or a dataset of `n2n-render sample`.",
        )
    paths = find_inputs(list(inputs))
    groups = match_pairs(paths, [find_inputs([text]) for text in others], are_named(list(inputs), list(others)))
    return [tuple(group) for group in groups], [path.name for path in paths]


def _refuse_single_seeds(inputs: Sequence[str], pairs: Sequence[Pair]) -> None:
    """A frame that is not finished is not left out silently."""
    there = {
        (Path(text).resolve(), name.view, name.frame)
        for text in inputs
        for path in Path(text).iterdir()
        for name in [parse_name(path.name)]
        if name and name.kind == "s"
    }
    single = sorted(there - {(pair.dataset.resolve(), pair.view, pair.frame) for pair in pairs})
    if single or not pairs:
        what = f"{single[0][1]}, frame {single[0][2]}, has one seed only" if single else "there is no frame"
        raise N2NError(f"{', '.join(inputs)}: {what}", "Finish `n2n-render sample` first: adapting needs two of each.")


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
