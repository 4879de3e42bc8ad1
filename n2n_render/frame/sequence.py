"""File arguments: folders and frame_####.exr patterns → frames, their pairs of other seeds, and where results go."""
import re
from pathlib import Path

from ..errors import N2NError
from .pairs import parse_name

NUMBER = r"(?:(?<=[_. ])-)?\d+"  # "frame_-0001" is frame -1, "shot-0001" frame 1


def find_inputs(inputs: list[str]) -> list[Path]:
    """Files, folders (all their .exr) and frame_####.exr patterns → files, sorted within each input."""
    found = []
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            files = sorted(file for file in path.glob("*.exr") if not file.name.startswith("."))
        elif "#" in path.name:
            files = _match_pattern(path)
        else:
            files = [path]
        if not files or not files[0].is_file():
            raise N2NError(f"{text}: no such file" if not path.is_dir() else f"{text}: holds no .exr file",
                           "Pass EXR files, folders of them, or patterns like frame_####.exr.")
        found += files
    return found


def _match_pattern(path: Path) -> list[Path]:
    """`#` runs stand for frame numbers with at least so many digits, as in Blender's output paths."""
    pieces = re.split(r"(#+)", path.name)
    expression = "".join(rf"-?\d{{{len(piece)},}}" if piece.startswith("#") else re.escape(piece) for piece in pieces)
    if not path.parent.is_dir():
        return []
    return sorted(file for file in path.parent.iterdir() if re.fullmatch(expression, file.name))


def match_pairs(paths: list[Path], others: list[list[Path]]) -> list[list[Path]]:
    """Each input with the renders of the same frame: every `--pair` must name as many files, in the same order."""
    for files in others:
        if len(files) != len(paths):
            raise N2NError(f"--pair names {len(files)} file(s) for {len(paths)} input(s)",
                           "Pass one file of the other seed for each input, in the same order.")
        for path, file in zip(paths, files, strict=True):
            if frame_number(path) != frame_number(file):
                raise N2NError(f"--pair would average {path.name} with {file.name}, another frame",
                               "A frame is missing on one side; pass sequences of the same frames.")
            if len({parsed.view for parsed in map(parse_name, (path.name, file.name)) if parsed}) > 1:
                raise N2NError(f"--pair would average {path.name} with {file.name}, another view", "Pass the same views twice.")
    return [[path, *rest] for path, *rest in zip(paths, *others, strict=True)]


def frame_number(path: Path) -> int | None:
    """The frame that a file name tells: of our own grammar, or the last number in it; None without one."""
    name = parse_name(path.name)
    if name:
        return name.frame
    numbers = re.findall(NUMBER, path.stem)
    return int(numbers[-1]) if numbers else None


def parse_shots(text: str | None) -> list[tuple[int, int]]:
    """"1-48,49-120" → [(1, 48), (49, 120)]; [] without a text."""
    shots = []
    for part in text.split(",") if text else []:
        found = re.fullmatch(r"\s*(-?\d+)-(-?\d+)\s*", part)
        if not found or int(found[2]) < int(found[1]):
            raise N2NError(f"cannot read the shots {text!r}", "Write the frames of each like 1-48,49-120.")
        shots.append((int(found[1]), int(found[2])))
    return shots


def find_windows(groups: list[tuple[Path, ...]], reach: int, shots: list[tuple[int, int]]) -> list[list[int | None]]:
    """For each frame the 2 reach + 1 indices of those from `reach` before it to `reach` after it; None where none is there.

    Neighbours have consecutive numbers in the same sequence (folder, and name but for the number; view of a dataset) and in
    the same shot: motion vectors lead nowhere across a cut. Raises N2NError where no frame has any.
    """
    places = [_place(group[0], shots) for group in groups]
    found = {place: index for index, place in enumerate(places) if place[-1] is not None}
    windows = [[index if step == 0 else found.get((*place[:-1], place[-1] + step)) if place[-1] is not None else None
                for step in range(-reach, reach + 1)] for index, place in enumerate(places)]
    if all(window[reach - 1] is None and window[reach + 1] is None for window in windows):
        raise N2NError("no frame has the one before or after it among the inputs, and neighbours are to be looked at",
                       "Pass every frame of an animation, or leave --temporal (or a model that was made with it) out.")
    return windows


def _place(path: Path, shots) -> tuple:
    """(folder, name without its number, shot, frame number)"""
    name, number = parse_name(path.name), frame_number(path)
    rest = name.view if name else re.sub(rf"{NUMBER}(?=\D*$)", "", path.stem)
    shot = next((index for index, (first, last) in enumerate(shots) if number is not None and first <= number <= last), None)
    if shots and number is not None and shot is None:
        raise N2NError(f"--shots says nothing of frame {number} ({path.name})", "Name every frame's shot, like 1-48,49-120.")
    return path.parent, rest, shot, number


def check_overwrites(groups: list[list[Path]], outputs: list[Path]):
    """Refuses to write over any input."""
    inputs = {path.resolve() for group in groups for path in group}
    for output in outputs:
        if output.resolve() in inputs:
            raise N2NError(f"{output} is an input; the noisy original would be lost", "Pass another file or folder with -o.")


def plan_outputs(inputs: list[Path], output: str) -> list[Path]:
    """One output a file: `output` itself for a single file that is not to go into a folder, else output/<name>."""
    target = Path(output)
    if len(inputs) == 1 and target.suffix.lower() == ".exr" and not target.is_dir():
        return [target]
    if target.suffix.lower() == ".exr":
        raise N2NError(f"{output} is one file, but there are {len(inputs)} inputs", "Pass a folder with -o.")
    names = [path.name for path in inputs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise N2NError(f"two inputs are named {twice}", "Denoise them into different folders.")
    return [target / name for name in names]


def find_any_frame(root: str = "datasets") -> Path:
    """Some noisy frame of the datasets at hand, to try a model on."""
    for path in sorted(Path(root).rglob("*.exr")):
        name = parse_name(path.name)
        if name and name.kind == "s":
            return path
    raise N2NError(f"there is no frame under {root}/ to compare the written file on", "Pass one with --check FRAME.exr.")
