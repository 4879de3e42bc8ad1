"""A collection: a dataset of images that no renderer made. Its layout is published in datasets/README.md.

It is a folder that `prepare` wrote, or a plain folder of image files, which are read as they are.
"""

import functools
import hashlib
import json
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from ..config import Pixels
from ..errors import N2NError, UnreadableFile, doubt
from ..frame.arrays import Array
from ..schema import OneOf, Range, check_items
from .array_files import ArrayFile
from .atomic import first_line, read_json, write_text
from .dataset import MANIFEST, folders_below, holds_collection, is_collection
from .photographs import is_photograph, read_photograph

COLLECTION_KINDS = ("photographs", "slices", "bursts")
ARRAY_NAME = re.compile(r"picture_\d{5,}(_shot\d+)?\.npy")  # of the files that a manifest names
MUCH = 2 * 2**30  # bytes of decoded images
_READING = threading.Lock()  # NumPy parses headers with `ast`, whose recursion counter Python 3.11 mixes up between threads
_HINT = "Prepare the images again, into a new folder: n2n-render prepare IMAGES… -o FOLDER."
_IMAGES = {"kind": Annotated[str, OneOf(COLLECTION_KINDS)], "items": list[dict]}  # type: ignore[type-arg]
_ITEM = {
    "name": str,
    "files": list[str],
    "size": tuple[Pixels, Pixels],  # width, height
    "channels": Annotated[int, OneOf((1, 3))],
    "bits": Annotated[int, Range(8, 32)],
    "sha256": str,
    "source": str,
}


@dataclass(frozen=True)
class Picture:
    """One image file of a plain folder: decoded when it is first asked for, then kept in memory."""

    path: Path

    def map(self) -> Array:
        with _READING:
            return self._pixels

    @functools.cached_property
    def _pixels(self) -> Array:
        return read_photograph(self.path).pixels


@dataclass(frozen=True)
class Item:
    """One picture of a collection, or some columns of it.

    Attributes:
        name: as "folder/picture".
        files: where its shots are, two or more of a burst.
        within: first column, and the one after the last; None: to the end.
    """

    name: str
    files: tuple[ArrayFile | Picture, ...]
    within: tuple[int, int | None] = (0, None)

    @property
    def shots(self) -> tuple[Array, ...]:
        """One image (H, W, C), or those of a burst, of one size: uint8, uint16 or float32 [0, 1]; C is 1 or 3."""
        return tuple(file.map()[:, slice(*self.within)] for file in self.files)

    def only(self, shots: Sequence[int]) -> "Item":
        """The same with some of its shots."""
        return replace(self, files=tuple(self.files[index] for index in shots))

    def columns(self, first: int, end: int | None = None) -> "Item":
        """A part of it, from the column `first` to before `end`."""
        return replace(self, within=(first, end))


@dataclass(frozen=True)
class Collection:
    """kind: of COLLECTION_KINDS. sha256: of all that it holds."""

    folder: Path
    kind: str
    items: tuple[Item, ...]
    sha256: str

    @property
    def name(self) -> str:
        return self.folder.resolve().name

    def facts(self) -> dict[str, str | int | float]:
        """What a checkpoint says of a dataset."""
        return {"name": self.name, "sha256": self.sha256, "kind": self.kind, "frames": len(self.items)}


def open_collection(folder: Path, bursts: bool = False) -> Collection:
    """A folder that `prepare` wrote, or a plain folder of image files, at any depth.

    Args:
        bursts: The files in one folder are shots of the same thing. A prepared folder knows that itself.

    Raises:
        N2NError: it is neither, is damaged, or holds a dataset of renders.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise N2NError(f"{folder}: no such folder", "Pass a folder of images, or what `n2n-render prepare` made of one.")
    if (folder / MANIFEST).exists():
        manifest = read_json(folder / MANIFEST, _HINT)
        if is_collection(manifest):
            return _prepared(folder, manifest)
        if isinstance(manifest, dict) and "scene" in manifest:
            raise N2NError(
                f"{folder}: is a dataset of renders, and one of photographs is needed",
                "Train on renders without --noise: n2n-render train --data FOLDER.",
            )
    return _plain(folder, bursts)


def write_collection(folder: Path, images: dict[str, Any], version: str) -> None:
    """The manifest beside the arrays that it names, last of all: a folder without it is no collection."""
    write_text(folder / MANIFEST, json.dumps({"format": 1, "n2n_render": version, "images": images}, indent=1) + "\n")


def _prepared(folder: Path, manifest: dict[str, Any]) -> Collection:
    where = str(folder / MANIFEST)
    check_items(manifest["images"], _IMAGES, f"{where}: images", _HINT, required=tuple(_IMAGES))
    kind, items = manifest["images"]["kind"], []
    for entry in manifest["images"]["items"]:
        check_items(entry, _ITEM, f"{where}: an item", _HINT, required=tuple(_ITEM))
        items.append(Item(entry["name"], tuple(_array(folder, name, entry) for name in entry["files"])))
    digest = hashlib.sha256("".join(entry["sha256"] for entry in manifest["images"]["items"]).encode()).hexdigest()
    if not items or any(len(item.files) < 1 + (kind == "bursts") for item in items):
        raise N2NError(f"{where}: names too few images", _HINT)
    return Collection(folder, kind, tuple(items), digest)


def _array(folder: Path, name: str, entry: dict[str, Any]) -> ArrayFile:
    """One that is as the manifest says."""
    path = folder / Path(name).name  # whatever a manifest says, nothing outside of the folder is read
    wanted = (entry["size"][1], entry["size"][0], entry["channels"])
    try:
        file = ArrayFile.of(path)
        if file.shape != wanted or file.dtype.name not in ("uint8", "uint16", "float32"):
            raise ValueError(f"its shape is {file.shape}, not {wanted}, or its type {file.dtype} is another")
    except (OSError, ValueError, EOFError) as error:
        raise N2NError(f"{path}: is missing or damaged ({first_line(error)})", _HINT) from None
    return file


def check_shots(shots: Sequence[Array], where: object) -> None:
    """Raises UnreadableFile unless they can be the shots of one burst."""
    if len(shots) < 2:
        raise UnreadableFile(f"{where}: holds {len(shots)} shot(s) that can be read, and a burst needs two")
    if len({(shot.shape, shot.dtype) for shot in shots}) > 1:
        raise UnreadableFile(f"{where}: its shots differ in size, channels or bits")


def _plain(folder: Path, bursts: bool) -> Collection:
    inside = [place for place in folders_below(folder) if place != folder and holds_collection(place)]
    if inside:
        raise N2NError(f"{folder}: holds {len(inside)} prepared dataset(s)", f"Name the one that is meant, as {inside[0]}.")
    pictures: dict[Path, Picture] = {}
    digest, kept_bytes = hashlib.sha256(), 0
    files = find_files(folder, is_photograph)
    tell_passed_over(folder, find_files(folder, lambda path: path.is_file() and not is_photograph(path)))
    left = next((path.parent for path in files if ARRAY_NAME.fullmatch(path.name)), None)
    if left:  # half a dataset must not pass as a folder of photographs
        raise N2NError(f"{left}: holds prepared images whose {MANIFEST} is missing, damaged or of another version", _HINT)
    for path in files:
        picture = Picture(path)
        try:
            kept_bytes += picture.map().nbytes  # first: pipes and what may not be read are found there
            content = path.read_bytes()
        except UnreadableFile as error:
            doubt(f"{error.what}; left out")
            continue
        except OSError as error:
            doubt(f"{path}: cannot be read ({error.strerror}); left out")
            continue
        digest.update(content)
        pictures[path] = picture
    if not pictures:
        raise N2NError(f"{folder}: holds no images", "Pass a folder of PNG, JPEG, TIFF or WebP files, or of .npy arrays.")
    if kept_bytes > MUCH:
        doubt(f"{folder}: its images take {kept_bytes / 2**30:.1f} GiB of memory; those of `n2n-render prepare` take none")
    if bursts:
        return Collection(folder, "bursts", _grouped(folder, pictures), digest.hexdigest())
    return Collection(folder, "photographs", _named(folder, pictures), digest.hexdigest())


def _named(folder: Path, pictures: dict[Path, Picture]) -> tuple[Item, ...]:
    """Each picture by its file, without the suffix where that is enough."""
    items: dict[str, Item] = {}
    for path, picture in pictures.items():
        place = f"{folder.resolve().name}/{path.relative_to(folder).as_posix()}"
        name = place.removesuffix(path.suffix)
        name = place if name in items else name
        items[name] = Item(name, (picture,))
    return tuple(items.values())


def _grouped(folder: Path, pictures: dict[Path, Picture]) -> tuple[Item, ...]:
    """The bursts: what lies in one folder. Of those that cannot be bursts a sentence says why."""
    items = []
    for place in sorted({path.parent for path in pictures}):
        shots = tuple(picture for path, picture in pictures.items() if path.parent == place)
        try:
            check_shots([shot.map() for shot in shots], place)
        except UnreadableFile as error:
            doubt(f"{error.what}; left out")
            continue
        items.append(Item("/".join((folder.resolve().name, *place.relative_to(folder).parts)), shots))
    if not items:
        raise N2NError(f"{folder}: holds no bursts", "Put the shots of each thing into a folder of its own, two or more.")
    return tuple(items)


def tell_passed_over(folder: Path, others: Sequence[Path]) -> None:
    """Files that are no images are counted, as formats that are not known may be among them; hidden ones are not."""
    seen = [path for path in others if path.name[0] != "."]
    if seen:
        suffixes = sorted({path.suffix.lower() or "no suffix" for path in seen})
        doubt(f"{folder}: {len(seen)} other file(s) passed over ({', '.join(suffixes)})")


def find_files(folder: Path, wanted: Callable[[Path], bool]) -> Sequence[Path]:
    """The files in a folder and all below it, sorted; hidden folders are passed over."""
    places = [place for place in folders_below(folder) if not any(part[0] == "." for part in place.relative_to(folder).parts)]
    return sorted(path for place in places for path in place.iterdir() if wanted(path))
