"""Arguments of `adapt` → its frames: which files are the seeds of each."""

import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import N2NError, doubt
from ..io.dataset import MANIFEST, Pair, find_pairs, parse_name, picture_name, read_manifest
from ..io.numbering import doubt_gaps, place_files
from ..io.sequence import are_named, find_inputs, match_pairs


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
        if missing := _not_rendered(inputs, pairs):
            are = "is" if len(missing) == 1 else "are"
            doubt(f"{listed(missing)} of {', '.join(inputs)} {are} not rendered yet, and left out")
        else:
            doubt_gaps(firsts, place_files(firsts))
        several = len(inputs) > 1
        return [pair.noisy for pair in pairs], [
            (pair.name.replace("/", "-") if several else pair.name.split("/")[1]) + ".exr" for pair in pairs
        ]
    _refuse_folders_of_datasets(inputs)
    paths = find_inputs(list(inputs))  # first: of what is not there nothing else needs to be said
    if not others:
        raise N2NError(
            "adapting needs every frame rendered twice, with different seeds",
            "Pass the second renders with --pair, or a dataset of `n2n-render sample`.",
        )
    groups = match_pairs(paths, [find_inputs([text]) for text in others], are_named(list(inputs), list(others)))
    return [tuple(group) for group in groups], [path.name for path in paths]


def _refuse_folders_of_datasets(inputs: Sequence[str]) -> None:
    """`train` and `evaluate` take `datasets/`; here every dataset is named, for all of its frames are denoised."""
    for text in inputs:
        if not os.path.isdir(text) or any(path.suffix.lower() == ".exr" for path in Path(text).iterdir()):
            continue
        if found := sorted(str(path.parent) for path in Path(text).glob(f"*/{MANIFEST}")):
            raise N2NError(
                f"{text}: is no dataset, but holds {', '.join(found[:5])}{', …' * (len(found) > 5)}",
                f"Name what is to be denoised: `n2n-render adapt {found[0]} -o clean`.",
            )


def _not_rendered(inputs: Sequence[str], pairs: Sequence[Pair]) -> list[str]:
    """Views and frames that the manifests of datasets promise, and of which none of the pairs is: v000_f0004."""
    missing = []
    for folder in map(Path, inputs):
        there = {(pair.view, pair.frame) for pair in pairs if pair.dataset == folder}
        try:
            manifest = read_manifest(folder)
        except N2NError as error:
            doubt(f"{error.what}: whether all of its frames are rendered is not known")
            continue
        promised = [(view, frame) for view in manifest["views"] for frame in manifest["frames"]]
        missing += [picture_name(*place) for place in promised if place not in there]
    return missing


def refuse_unrendered(inputs: Sequence[str]) -> None:
    """Raises N2NError where datasets promise frames that are not there: a task of a farm may have failed."""
    datasets = [text for text in inputs if os.path.isfile(os.path.join(text, MANIFEST))]
    if missing := _not_rendered(datasets, [pair for text in datasets for pair in find_pairs(Path(text))]):
        raise N2NError(
            f"{listed(missing)} of {', '.join(datasets)} {'is' if len(missing) == 1 else 'are'} not rendered yet",
            "Finish `n2n-render sample`, then paint what is missing.",
        )


def listed(names: Sequence[str]) -> str:
    """A few of them, and how many they are."""
    return ", ".join(names[:5]) + (f", … ({len(names)} frames)" if len(names) > 5 else "")


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
