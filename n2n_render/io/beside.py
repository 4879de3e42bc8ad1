"""`--albedo FILE` and the like: files, folders and patterns of single passes → which belong to which file of a frame."""

from collections.abc import Sequence
from pathlib import Path

from ..errors import N2NError
from .numbering import place_files
from .sequence import find_inputs
from .sources import KEYS, SourceOptions, Sources, parse_channels


def find_sources(groups: Sequence[Sequence[Path]], options: SourceOptions) -> Sources:
    """What overrules detection in a run.

    groups: of each frame its renders. Raises N2NError where a pass is not there for the same frames.
    """
    files: dict[Path, dict[str, Path]] = {}
    if options.passes and len({len(group) for group in groups}) > 1:
        raise N2NError(
            f"--{next(iter(options.passes))} is for frames with the same number of renders, and these differ in it",
            "Finish them first, or pass those that have as many.",
        )
    for key, texts in options.passes.items():
        renders = list(zip(*groups, strict=True))  # the first of each frame, the second …
        if len(texts) not in (1, len(renders)):
            raise N2NError(
                f"--{key} is there {len(texts)} times for {len(renders)} renders of each frame",
                "Pass it once for all of them, or once for each, in their order.",
            )
        found = [find_inputs([text]) for text in texts]
        for number, paths in enumerate(renders):
            for path, other in zip(paths, _match(key, paths, found[min(number, len(found) - 1)]), strict=True):
                if other.resolve() == path.resolve():
                    raise N2NError(
                        f"--{key} is {path}, the picture's own file",
                        f"Its passes are recognised without that; name one with --channels {key}=… if it is not.",
                    )
                files.setdefault(path, {})[KEYS[key]] = other
    return Sources(parse_channels(options.channels), files)


def _match(key: str, paths: Sequence[Path], others: Sequence[Path]) -> list[Path]:
    """The others in the order of the paths: by frame where both sides are numbered, else as they were passed."""
    left, right = place_files(list(paths)), place_files(list(others))
    by_header = all(place.by_header for place in (*left, *right))
    ours, theirs = ([place.stated if by_header else place.named for place in places] for places in (left, right))
    alone = sorted(frame for frame in {*ours} ^ {*theirs} if frame is not None)
    if len(paths) != len(others):
        raise N2NError(
            f"--{key} names {len(others)} file(s) for {len(paths)} frame(s)",
            "Pass one file for each." + (f" Frame {alone[0]} is on one side only." if alone else ""),
        )
    numbered = None not in (*ours, *theirs) and len({*ours}) == len(ours)
    if len(paths) > 1 and numbered and alone:
        raise N2NError(f"--{key}: frame {alone[0]} is on one side only", "Pass the same frames of every pass.")
    return [others[theirs.index(frame)] for frame in ours] if numbered and not alone else list(others)
