"""A dataset folder: name grammar, manifest, the pairs in it, and which of them are held out for validation.

The grammar is published in datasets/README.md.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..config import Count, Number, Pixels, Samples
from ..errors import N2NError, doubt
from ..schema import check_items
from .atomic import read_json, write_text

Item = TypeVar("Item")
MANIFEST = "manifest.json"
_NAME = re.compile(r"(?P<view>v\d{3,})_f(?P<frame>-\d{3,}|\d{4,})_(?P<kind>[sr])(?P<seed>\d{4,})_(?P<spp>\d{4,})spp\.(?i:exr)")


@dataclass(frozen=True, order=True)
class FrameName:
    """One file of a dataset. kind "s": noisy, numbered by seed; "r": one of the two independent reference halves."""

    view: str
    frame: int
    kind: str
    seed: int
    spp: int

    @property
    def filename(self) -> str:
        return f"{self.picture}_{self.kind}{self.seed:04d}_{self.spp:04d}spp.exr"

    @property
    def picture(self) -> str:
        return picture_name(self.view, self.frame)


def picture_name(view: str, frame: int) -> str:
    """What all renders of one view at one frame show: v000_f0001, v000_f-0001."""
    return f"{view}_f{'-' if frame < 0 else ''}{abs(frame):04d}"


def parse_name(filename: str) -> FrameName | None:
    """The inverse of `FrameName.filename`; None for any other file."""
    match = _NAME.fullmatch(filename)
    if not match:
        return None
    return FrameName(match["view"], int(match["frame"]), match["kind"], int(match["seed"]), int(match["spp"]))


@dataclass(frozen=True)
class Pair:
    """All renders of one view at one frame: `noisy` (two or more), independent or parts of one, `references` 0 or 2 files."""

    dataset: Path
    view: str
    frame: int
    noisy: tuple[Path, ...]
    references: tuple[Path, ...]

    @property
    def name(self) -> str:
        return f"{self.dataset.name}/{picture_name(self.view, self.frame)}"


def frame_names(groups: Sequence[Sequence[Path]]) -> list[str]:
    """Frames as `Pair.name` names them, so that everybody can tell what a model was trained on. Files of one's own have
    names like render/frame_0001.exr in every shot: they are told apart by where they lie, without saying it.
    """
    names = []
    for path in (group[0].resolve() for group in groups):
        name = parse_name(path.name)
        place = "" if name else f" {hashlib.sha256(os.fsencode(path)).hexdigest()[:12]}"
        names.append(f"{path.parent.name}/{name.picture if name else path.stem}{place}")
    return names


Matrix = tuple[float, float, float, float, float, float, float, float, float, float, float, float, float, float, float, float]
# What `sample` writes; other programs may leave out all but the scene's file and the samples, and add their own.
_MANIFEST = {
    "n2n_render": str,
    "scene": dict[str, str | None],
    "blender": str,
    "devices": list[str],
    "spp": Samples,
    "seeds": Count,
    "in_parts": list[str],
    "size": tuple[Pixels, Pixels],
    "fps": float,
    "frames": list[Number],
    "views": dict[str, Matrix],
    "reference_spp": Samples | None,
    "settings": dict,
}
_LEFT_OUT = {
    "blender": "unknown",
    "devices": [],
    "seeds": 2,
    "in_parts": [],
    "size": None,
    "frames": [],
    "views": {},
    "reference_spp": None,
    "settings": {},
}
_SCENE = {"sha256": "", "scene_name": None, "view_layer": None, "camera": None}
_HINT = "Sample into a new folder."


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a dataset folder, with neutral values for what may be left out. Raises N2NError for a damaged one."""
    path = Path(folder) / MANIFEST
    if not path.exists():
        raise N2NError(
            f"{folder}: no {MANIFEST}, so this is not a dataset", "Make one with `n2n-render sample --scene x.blend --spp 8`."
        )
    manifest = read_json(path, _HINT)
    if is_collection(manifest):
        raise _not_of_renders(Path(folder))
    if not _is_ours(manifest):
        raise N2NError(f"{path}: is damaged, or of another version of n2n-render", _HINT)
    check_items(manifest, _MANIFEST, str(path), _HINT, required=("scene", "spp"))
    check_items(manifest["scene"], {"file": str}, f"{path}: scene", _HINT, required=("file",))
    return {**_LEFT_OUT, **manifest, "scene": {**_SCENE, **manifest["scene"]}}


def _is_ours(manifest: object) -> bool:
    return isinstance(manifest, dict) and manifest.get("format") == 1 and "scene" in manifest


def is_collection(manifest: object) -> bool:
    """Whether it is the manifest of images that no renderer made: see io/collection.py."""
    return isinstance(manifest, dict) and manifest.get("format") == 1 and "images" in manifest


def _not_of_renders(folder: Path) -> N2NError:
    return N2NError(
        f"{folder}: is a dataset of images that no renderer made, and one of renders is needed",
        f"Train on it with --noise: n2n-render train --noise gaussian --data {folder}",
    )


def holds_collection(place: Path) -> bool:
    """Whether `prepare` wrote this folder."""
    try:
        return is_collection(read_json(place / MANIFEST))
    except N2NError:
        return False


def _is_manifest(path: Path) -> bool:
    """Whether it is ours; other programs name files manifest.json too. One that is damaged, or of another version beside
    renders of ours, counts, so that it is reported.
    """
    try:
        return _is_ours(read_json(path)) or any(parse_name(name) for name in os.listdir(path.parent))
    except N2NError:
        return path.exists()


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Puts it beside the renders, whole or not at all."""
    write_text(Path(folder) / MANIFEST, json.dumps(manifest, indent=1) + "\n")


def find_datasets(roots: list[Path]) -> list[Path]:
    """The dataset folders at or under each root, sorted; links are followed, and a folder that is reached in several ways
    counts once. Raises N2NError when there is none, or a root is a dataset of images that no renderer made.
    """
    reached: dict[Path, Path] = {}  # where it really is → as it was reached
    collections = []
    for root in roots:
        if not Path(root).is_dir():
            raise N2NError(f"{root}: no such folder", "Make a dataset with `n2n-render sample --scene x.blend --spp 8`.")
        for place in folders_below(Path(root)):
            if os.path.exists(place / MANIFEST) and _is_manifest(place / MANIFEST):
                reached.setdefault(place.resolve(), place)
            elif holds_collection(place):
                collections.append(place)
    if collections and (not reached or {*collections} & {*map(Path, roots)}):
        raise _not_of_renders(collections[0])
    if not reached:
        raise N2NError(
            f"no dataset under {', '.join(map(str, roots))}", "Make one with `n2n-render sample --scene x.blend --spp 8`."
        )
    return sorted(reached.values())


def folders_below(root: Path) -> Iterator[Path]:
    """`root` and all folders below it, each once: real ones before those that links lead to, which may lead back."""
    seen, waiting = set(), [root]
    while waiting:
        linked = []
        for start in waiting:
            for text, names, _ in os.walk(start, onerror=_doubt_folder):
                place = Path(text)
                facts = place.stat()
                if (facts.st_dev, facts.st_ino) in seen:
                    names.clear()
                    continue
                seen.add((facts.st_dev, facts.st_ino))
                names.sort()
                linked += [place / name for name in names if (place / name).is_symlink()]
                yield place
        waiting = linked


def _doubt_folder(error: OSError) -> None:
    doubt(f"{error.filename}: may hold data, but cannot be read ({error.strerror})")


def find_pairs(folder: Path) -> list[Pair]:
    """The pairs of one dataset folder, sorted by view and frame. A frame with fewer than two seeds is left out."""
    references = find_files(folder, "r")
    halves = {place: files[:2] for place, files in references.items() if len(files) >= 2}
    return [
        Pair(Path(folder), *place, files, halves.get(place, ()))
        for place, files in find_files(folder, "s").items()
        if len(files) >= 2
    ]


def find_files(folder: Path, kind: str) -> dict[tuple[str, int], tuple[Path, ...]]:
    """(view, frame) → the files of one kind ("s" or "r", see `FrameName`) in a dataset folder, one of each seed; sorted."""
    found: dict[tuple[str, int], list[Path]] = {}
    for path in sorted(Path(folder).iterdir()):
        name = parse_name(path.name)
        if name and name.kind == kind:
            found.setdefault((name.view, name.frame), []).append(path)
    return {place: tuple(files) for place, files in sorted(found.items())}


def split_pairs(pairs: list[Pair], fraction: float) -> tuple[list[Pair], list[Pair]]:
    """(training, validation), held out by view (stills) or by frame (animations), each dataset for itself.

    All views with references are held out, because they tell more, but at most a third of the dataset (evenly spaced
    ones); then others until it is `fraction` of the dataset. At least one is held out of a dataset of two or more; a
    dataset of one stays in both lists, and the caller holds out a region of it.
    """
    training, validation = [], []
    for dataset in sorted({pair.dataset for pair in pairs}):
        own = [pair for pair in pairs if pair.dataset == dataset]
        if len(own) == 1:
            training += own
            validation += own
            continue
        count = max(1, round(fraction * len(own)))
        with_references = spaced([pair for pair in own if pair.references], max(count, len(own) // 3))
        others = spaced([pair for pair in own if not pair.references], max(0, count - len(with_references)))
        held_out = with_references + others
        validation += held_out
        training += [pair for pair in own if pair not in held_out]
    return training, validation


def spaced(items: list[Item], count: int) -> list[Item]:
    """At most `count` of the items, evenly spaced."""
    if len(items) <= count:
        return items
    return [items[(2 * k + 1) * len(items) // (2 * count)] for k in range(count)]
