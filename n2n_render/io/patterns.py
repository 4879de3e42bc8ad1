"""A text like frame_####.exr, as any program writes it → the files that it means."""

import os
import re
from collections.abc import Callable
from glob import escape, glob, has_magic
from pathlib import Path

UNDERSTOOD = (
    "Patterns are written like frame_####.exr, frame_%04d.exr, frame_@@@@.exr, frame_$F4.exr, frame_<frame>.exr, "
    "frame_{frame:04d}.exr, frame_[1-100].exr or frame_*.exr."
)
# What stands for a frame number → its least number of digits. Brackets around #### (After Effects) belong to it.
_NUMBERS: dict[str, Callable[[re.Match[str]], int]] = {
    r"\[(?P<boxed>#+|@+)\]": lambda match: len(match["boxed"]),
    r"#+|@+": lambda match: len(match[0]),
    r"%(?P<printf>0?\d*)[di]": lambda match: int(match["printf"] or 1),
    r"\$\{?(?:F|FF|frame)(?P<dollar>\d*)\}?(?![A-Za-z])": lambda match: int(match["dollar"] or 1),
    r"(?i:<(?:frame|f|frame_?number)(?P<angle>\d*)>)": lambda match: int(match["angle"] or 1),
    r"(?i:\{(?:frame|f|frame_?number)?(?::(?P<braced>0?\d*)d?)?\})": lambda match: int(match["braced"] or 1),
}
# What stands for some frame numbers: first, last, step. [0-9] is left to the shell's meaning, and so is 010-020 to names.
_RANGES = (
    r"\[(?P<first{0}>-?\d+)-(?P<last{0}>-?\d\d+)(?:[x:](?P<step{0}>\d+))?\]",
    r"\{{(?P<first{0}>-?\d+)\.\.(?P<last{0}>-?\d+)(?:\.\.(?P<step{0}>\d+))?\}}",
    r"(?<!\d)(?P<first{0}>(?:(?<![^\W_])-)?\d+)-(?P<last{0}>-?\d+)(?:x(?P<step{0}>\d+))?(?:#+|@+|%0?\d*d)",
)


def match_pattern(text: str) -> list[Path]:
    """The files that a pattern means, in no order; [] where there is none, or where the text is no pattern."""
    path = Path(text)
    parent = escape(str(path.parent)) if os.path.isdir(path.parent) else str(path.parent)
    meant = _expression(path.name)
    files: list[Path] = []
    if meant:
        expression, ranges = meant
        files = [
            file
            for folder in map(Path, glob(parent))
            if folder.is_dir()
            for file in folder.iterdir()
            if _matches(re.fullmatch(expression, file.name), ranges)
        ]
    elif has_magic(text):
        files = [Path(name) for name in glob(os.path.join(parent, re.sub(r"(?i)\.exr\Z", ".[eE][xX][rR]", path.name)))]
    files = [file for file in files if file.name.startswith(".") == path.name.startswith(".") and not file.is_dir()]
    return [file for file in files if file.suffix.lower() == ".exr"] or files


def _expression(name: str) -> tuple[str, list[range]] | None:
    """The name as a regular expression in which `frame0`, `frame1`, … are numbers of the ranges; None for a plain name."""
    tokens = [*(pattern.format(index) for index, pattern in enumerate(_RANGES)), *_NUMBERS]
    expression, end = "", 0
    ranges: list[range] = []
    for match in re.finditer("|".join(f"(?:{token})" for token in tokens), name):
        expression += _literally(name[end : match.start()])
        end = match.end()
        kind = next((index for index in range(len(_RANGES)) if match[f"first{index}"]), None)
        if kind is None:
            least = next(
                digits(exact) for token, digits in _NUMBERS.items() for exact in [re.fullmatch(token, match[0])] if exact
            )
            expression += _digits(least)
        else:
            first, last, step = (match[f"{part}{kind}"] for part in ("first", "last", "step"))
            expression += f"(?P<frame{len(ranges)}>-?\\d+)"
            ranges.append(range(int(first), int(last) + 1, max(1, int(step or 1))))
    return (expression + _literally(name[end:]), ranges) if end else None


def _literally(text: str) -> str:
    """Beside numbers `*` and `?` keep their meaning; .exr is .EXR too."""
    expression = re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")
    return re.sub(r"(?i)\\\.exr\Z", r"(?i:\\.exr)", expression)


def _digits(least: int) -> str:
    """At least so many; with a sign one less, where the sign counts as one of the characters."""
    return rf"(?:-\d{{{max(least - 1, 1)},}}|\d{{{least},}})"


def _matches(match: re.Match[str] | None, ranges: list[range]) -> bool:
    return match is not None and all(int(match[f"frame{index}"]) in numbers for index, numbers in enumerate(ranges))
