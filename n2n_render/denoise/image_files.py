"""File arguments of images that no renderer made → what is read, and where results go."""

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from ..errors import N2NError
from ..io.collection import tell_passed_over
from ..io.patterns import match_pattern
from ..io.sequence import check_output_names, check_overwrites


def find_images(inputs: Sequence[str], suffixes: Collection[str]) -> list[Path]:
    """Files, folders (what lies in them under these suffixes) and patterns → files. Raises N2NError where one names none."""
    paths: list[Path] = []
    for text in inputs:
        if os.path.isfile(text):
            paths.append(Path(text))
            continue
        found = sorted(Path(text).iterdir() if os.path.isdir(text) else match_pattern(text))
        found = [path for path in found if path.name[0] != "." and path.is_file()]
        files = [path for path in found if path.suffix.lower() in suffixes]
        if not files:
            what = "holds no such files" if os.path.isdir(text) else "no such file"
            raise N2NError(f"{text or 'an empty name'}: {what}", f"Pass files or folders of them: {_listed(suffixes)}.")
        tell_passed_over(Path(text), [path for path in found if path not in files])
        paths += files
    wrong = next((path for path in paths if path.suffix.lower() not in suffixes), None)
    if wrong:
        raise N2NError(f"{wrong}: is not what this model takes", f"It takes {_listed(suffixes)}.")
    return paths


def plan_images(
    paths: Sequence[Path], output: str, suffixes: Collection[str], name_of: Callable[[Path], str] = lambda path: path.name
) -> list[Path]:
    """One output a file: `output` itself for a single file where its suffix is one of these, else a file in that folder.

    Args:
        name_of: The name in the folder, of an input.

    Raises:
        N2NError: `output` is no name for that, would be two files, or is an input.
    """
    target = Path(output)
    if not output.strip():
        raise N2NError("the output has no name", "Pass the name of a file or folder.")
    is_file = bool(target.suffix) and not target.is_dir() and not output.endswith(("/", os.sep))
    if is_file and target.suffix.lower() not in suffixes:
        raise N2NError(f"{output}: no picture is written by this name", f"Pass a folder, or a name in {_listed(suffixes)}.")
    if is_file and len(paths) > 1:
        raise N2NError(f"{output} is one file, but there are {len(paths)} inputs", "Pass a folder with -o.")
    if not is_file and target.exists() and not target.is_dir():
        raise N2NError(f"{output}: is a file, not a folder", "Pass the name of a folder.")
    outputs = [target] if is_file else [target / name_of(path) for path in paths]
    check_output_names(outputs)
    check_overwrites([[path] for path in paths], outputs)
    return outputs


def _listed(suffixes: Collection[str]) -> str:
    return ", ".join(sorted(suffixes))
