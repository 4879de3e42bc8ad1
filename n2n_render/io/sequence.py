"""File arguments: folders and frame_####.exr patterns → frames, their pairs of other seeds, and where results go."""

import os
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import N2NError, doubt
from .dataset import parse_name
from .numbering import Place, doubt_gaps, doubt_places, place_files
from .patterns import UNDERSTOOD, match_pattern

OTHER_IMAGES = {
    f".{kind}"
    for kind in (
        "png jpg jpeg jpe tif tiff tga bmp gif webp hdr pfm dpx cin jp2 j2c jxl avif heic psd dds mp4 mov avi mkv webm"
    ).split()
}


def find_inputs(inputs: Sequence[str]) -> list[Path]:
    """Files, folders (all their .exr) and patterns (see patterns.py) → files, by sequence and frame within each input.

    What is there under the very name is no pattern. Says what frames are missing between others.
    """
    paths: list[Path] = []
    for text in inputs:
        if os.path.isfile(text):
            paths.append(Path(text))
            continue
        try:
            files = _in_folder(Path(text)) if os.path.isdir(text) else match_pattern(text)
        except OSError as error:
            raise N2NError(f"{text}: cannot be read ({error.strerror})", "Check who may read it.") from None
        if not files:
            what = "holds no .exr file" if os.path.isdir(text) else "no such file"
            raise N2NError(f"{text or 'an empty name'}: {what}", f"Pass EXR files or folders of them. {UNDERSTOOD}")
        paths += _sorted(files)
    return paths


def _in_folder(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.iterdir()
        if path.suffix.lower() == ".exr" and not path.name.startswith(".") and not path.is_dir()
    ]


def _sorted(files: list[Path]) -> list[Path]:
    files = sorted(files)
    places = place_files(files)
    doubt_gaps(files, places)
    keys = [
        (str(place.sequence), place.frame is not None, place.frame or 0, path.name)
        for path, place in zip(files, places, strict=True)
    ]
    return [path for _, path in sorted(zip(keys, files, strict=True))]


def are_named(inputs: Sequence[str], others: Sequence[str]) -> bool:
    """Whether files and their renders with other seeds are named one by one: then they are pairs by being named."""
    return all(os.path.isfile(text) for text in (*inputs, *others))


def match_pairs(paths: list[Path], others: list[list[Path]], named: bool = False) -> list[list[Path]]:
    """Each input with the renders of the same frame: every `--pair` must hold the same frames, whatever its order. Single
    files, as many as the inputs, are taken together.

    named: see `are_named`. Such files are not refused for being of another frame by their headers; it is only said.
    """
    groups = [[path] for path in paths]
    count, left = len(paths), place_files(paths)
    if all(len(files) == 1 for files in others) and len(others) % count == 0:
        others = [[file for files in others[start : start + count] for file in files] for start in range(0, len(others), count)]
    for files in others:
        right = place_files(files)
        by_header = all(place.by_header for place in (*left, *right))
        if len(files) != len(paths):
            raise _other_count(left, right, by_header)
        for group, place, index in zip(groups, left, _order(paths, left, files, right, by_header), strict=True):
            _check_pair(group[0], place, files[index], right[index], by_header, named)
            group.append(files[index])
        doubt_places(files, right)
    doubt_places(paths, left)
    return groups


def _frame(place: Place, by_header: bool) -> int | None:
    """Headers are compared with headers, else names with names: where one side has none, both are counted the same way."""
    return place.stated if by_header else place.named


def _other_count(left: list[Place], right: list[Place], by_header: bool) -> N2NError:
    first, second = ({_frame(place, by_header) for place in places} - {None} for places in (left, right))
    alone = sorted(frame for frame in first ^ second if frame is not None)
    return N2NError(
        f"--pair names {len(right)} file(s) for {len(left)} input(s)",
        "Pass one file of the other seed for each input, in the same order."
        + (f" Frame {alone[0]} is on one side only." if alone else ""),
    )


def _order(paths: list[Path], left: list[Place], files: list[Path], right: list[Place], by_header: bool) -> list[int]:
    """For each of the left files the index of its partner: the same view and frame, or name and frame, where that is clear;
    else as they were passed.
    """

    def keys(some_paths: list[Path], places: list[Place], view_only: bool) -> list[tuple[Any, int | None]]:
        names = [parse_name(path.name) for path in some_paths]
        return [
            ((name.view if name else "") if view_only else place.sequence[1:], _frame(place, by_header))
            for name, place in zip(names, places, strict=True)
        ]

    for view_only in (True, False):
        ours, theirs = keys(paths, left, view_only), keys(files, right, view_only)
        if len(set(ours)) == len(ours) and set(ours) == set(theirs):
            return [theirs.index(key) for key in ours]
    return list(range(len(files)))


def _check_pair(path: Path, place: Place, other: Path, other_place: Place, by_header: bool, named: bool) -> None:
    ours, theirs = parse_name(path.name), parse_name(other.name)
    numbered = place.named is not None and other_place.named is not None
    if ours and theirs and ours.view != theirs.view:
        raise N2NError(f"--pair would average {path.name} with {other.name}, another view", "Pass the same views twice.")
    if (ours and theirs and ours.frame != theirs.frame) or (
        numbered and not named and _frame(place, by_header) != _frame(other_place, by_header)
    ):
        raise N2NError(
            f"--pair would average {path.name} with {other.name}, another frame",
            "A frame is missing on one side; pass sequences of the same frames.",
        )
    # No error for files that were named: with Animate Seed on, another frame of a scene at rest is how artists get a seed.
    if None not in (place.stated, other_place.stated):
        where, differ = "by their headers", place.stated != other_place.stated
    else:
        where = "by their names"
        differ = place.named != other_place.named and all(re.search(r"\D0\d\d+\Z", file.stem) for file in (path, other))
    if differ:
        doubt(
            f"{path.name} and {other.name} are different frames {where}: they are averaged as asked, which is right only if "
            "nothing moves between them"
        )


def parse_shots(text: str | None) -> list[tuple[int, int]]:
    """ "1-48,49-120" → [(1, 48), (49, 120)]; [] without a text."""
    shots = []
    for part in text.split(",") if text else []:
        match = re.fullmatch(r"\s*(-?\d+)-(-?\d+)\s*", part)
        if not match or int(match[2]) < int(match[1]):
            raise N2NError(f"cannot read the shots {text!r}", "Write the frames of each like 1-48,49-120.")
        shots.append((int(match[1]), int(match[2])))
    return shots


def find_windows(groups: list[tuple[Path, ...]], reach: int, shots: list[tuple[int, int]]) -> list[list[int | None]]:
    """For each frame the 2 reach + 1 indices of those from `reach` before it to `reach` after it; None where none is there.

    Neighbours have consecutive numbers in the same sequence (folder, and name but for the number; view of a dataset) and in
    the same shot: motion vectors lead nowhere across a cut. Raises N2NError where no frame has any.
    """
    windows = find_windows_so_far(groups, reach, shots)
    if all(window[reach - 1] is None and window[reach + 1] is None for window in windows):
        raise N2NError(
            "no frame has the one before or after it among the inputs, and neighbours are to be looked at",
            "Pass every frame of an animation, or --temporal 0.",
        )
    return windows


def find_windows_so_far(groups: list[tuple[Path, ...]], reach: int, shots: list[tuple[int, int]]) -> list[list[int | None]]:
    """The same where more frames may come."""
    firsts = [group[0] for group in groups]
    read = place_files(firsts)
    doubt_places(firsts, read)
    places = [(place.sequence, _shot(path, place.frame, shots), place.frame) for path, place in zip(firsts, read, strict=True)]
    index_of: dict[tuple[Any, ...], int] = {}
    for index, place in enumerate(places):
        if place[-1] is not None and index_of.setdefault(place, index) != index:
            doubt(f"{firsts[index]}: {firsts[index_of[place]].name} is the same frame, and is looked at as a neighbour instead")
    return [
        [
            index if step == 0 else index_of.get((*place[:-1], place[-1] + step)) if place[-1] is not None else None
            for step in range(-reach, reach + 1)
        ]
        for index, place in enumerate(places)
    ]


def _shot(path: Path, frame: int | None, shots: list[tuple[int, int]]) -> int | None:
    shot = next((index for index, (first, last) in enumerate(shots) if frame is not None and first <= frame <= last), None)
    if shots and frame is not None and shot is None:
        raise N2NError(f"--shots says nothing of frame {frame} ({path.name})", "Name every frame's shot, like 1-48,49-120.")
    return shot


def check_overwrites(groups: Sequence[Sequence[Path]], outputs: Sequence[Path]) -> None:
    """Refuses to write over any input."""
    inputs = {_one_name(path.resolve()) for group in groups for path in group}
    for output in outputs:
        if _one_name(output.resolve()) in inputs:
            raise N2NError(f"{output} is an input; the noisy original would be lost", "Pass another file or folder with -o.")


def plan_outputs(inputs: list[Path], output: str) -> list[Path]:
    """One output a file: `output` itself for a single file that is not to go into a folder, else output/<name>."""
    check_output_name(output)
    target = Path(output)
    if len(inputs) == 1 and target.suffix.lower() == ".exr" and not target.is_dir():
        return [target]
    if target.suffix.lower() == ".exr":
        raise N2NError(f"{output} is one file, but there are {len(inputs)} inputs", "Pass a folder with -o.")
    outputs = [target / path.name for path in inputs]
    check_output_names(outputs)
    return outputs


def check_output_name(output: str, folder: bool = False) -> None:
    """Raises N2NError for no name, and for that of another kind of file, which would become a folder's. `folder`: not even
    EXR files are written under the name itself.
    """
    if not output.strip():
        raise N2NError("the output has no name", "Pass the name of a file or folder.")
    above = next((place for place in Path(output).absolute().parents if place.exists()), None)
    if above is not None and not above.is_dir():
        raise N2NError(f"{output}: cannot be made, for {above} is a file and no folder", "Pass another name.")
    if Path(output).exists() and not Path(output).is_dir() and (folder or not Path(output).is_file()):
        raise N2NError(f"{output}: is a file, not a folder", "Pass the name of a folder.")
    suffix = Path(output).suffix.lower()
    if os.path.isdir(output) or suffix not in OTHER_IMAGES | {".exr"} or (suffix == ".exr" and not folder):
        return
    if suffix == ".exr" or folder:
        raise N2NError(f"{output} is the name of a file, but several are written", "Pass the name of a folder.")
    raise N2NError(
        f"{output} is the name of another kind of image: EXR is what is read and written",
        "Pass a folder, or a name that ends in .exr.",
    )


def check_output_names(outputs: Sequence[Path]) -> None:
    """Raises N2NError where two files would get one name, also one that differs in letters' case where that is the same."""
    seen: dict[str, Path] = {}
    for output in outputs:
        other = seen.setdefault(_one_name(output), output)
        if other is not output:
            also = "" if other.name == output.name else f" and {other.name}, which is the same name there"
            raise N2NError(f"two inputs are named {output.name}{also}", "Denoise them into different folders.")


def _one_name(path: Path) -> str:
    """Equal for paths that are one file: some file systems tell neither case nor accents' spelling apart."""
    return unicodedata.normalize("NFC", str(path)).casefold() if _ignores_case(path.parent) else str(path)


@lru_cache
def _ignores_case(folder: Path) -> bool:
    """Whether the folder, or the nearest above it that is there, is on a file system that ignores case."""
    for place in (folder, *folder.absolute().parents):
        swapped = place.with_name(place.name.swapcase()) if place.name else place
        if place.exists() and swapped.name != place.name:
            return swapped.exists() and swapped.samefile(place)
    return False


def find_any_frame(root: str = "datasets") -> Path:
    """Some noisy frame of the datasets at hand, to try a model on."""
    for path in sorted(Path(root).rglob("*.[eE][xX][rR]")):
        name = parse_name(path.name)
        if name and name.kind == "s":
            return path
    raise N2NError(f"there is no frame under {root}/ to compare the written file on", "Pass one with --check FRAME.exr.")
