"""Images become a collection: each is decoded once, and the manifest is written last."""

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import N2NError, UnreadableFile
from ..frame.arrays import Array
from ..io.array_files import save_array
from ..io.atomic import LOCK, locked_folder, read_json
from ..io.collection import ARRAY_NAME, open_collection, write_collection
from ..io.dataset import MANIFEST, is_collection
from ..progress import Progress, Reporter, silent
from ..version import __version__
from .finding import Source, find_sources
from .options import PrepareOptions

SMALLEST = 32  # pixels: the U-Net halves five times


@dataclass(frozen=True)
class Prepared:
    """kind: photographs, slices or bursts. images: how many there are. left_out: a sentence for each that is not there."""

    folder: Path
    kind: str
    images: int
    left_out: tuple[str, ...]


def prepare(options: PrepareOptions, reporter: Reporter = silent) -> Prepared:
    """Images become a dataset folder, which `train --noise` takes. Its layout is in datasets/README.md.

    What cannot be read is left out, and said. The folder is new, empty, or one that the same call has made before, which is
    made anew.

    Raises:
        N2NError: nothing can be read, the images are of several kinds, or the folder holds something else.
    """
    folder = Path(options.output)
    with reporter("preparing") as progress:
        sources = find_sources(options)
        with locked_folder(folder):
            _make_room(folder, options)
            with _all_or_none(folder):
                items, left_out = _write_all(sources, folder, options, progress)
                if not items:
                    raise N2NError(f"none of the {len(sources)} file(s) can be used; the first: {left_out[0]}", "Pass others.")
                kind = "photographs" if sources[0].kind == "records" else sources[0].kind
                images = {"kind": kind, "items": items, "left_out": left_out, "options": _told(options)}
                write_collection(folder, images, __version__)
        found = open_collection(folder)  # as a training will find it
    return Prepared(folder, found.kind, len(found.items), tuple(left_out))


def _told(options: PrepareOptions) -> dict[str, Any]:
    """What the images depend on, as a manifest holds it."""
    values = asdict(options)
    values.pop("output")
    return {name: [*value] if isinstance(value, tuple) else value for name, value in values.items()}


def _make_room(folder: Path, options: PrepareOptions) -> None:
    """Removes what an earlier run has left; raises N2NError for anything else."""
    others = [
        path.name for path in folder.iterdir() if path.name not in (LOCK, MANIFEST) and not ARRAY_NAME.fullmatch(path.name)
    ]
    manifest = read_json(folder / MANIFEST) if (folder / MANIFEST).exists() else None
    if others or (manifest is not None and not is_collection(manifest)):
        raise N2NError(f"{folder}: holds something else ({(others or [MANIFEST])[0]})", "Name a new folder with --output.")
    if manifest is not None and manifest["images"].get("options") != _told(options):
        raise N2NError(f"{folder}: holds images that were prepared in another way", "Name a new folder with --output.")
    _remove(folder)


@contextlib.contextmanager
def _all_or_none(folder: Path) -> Iterator[None]:
    """What ends before the manifest is written leaves no arrays: half a dataset must not pass as a whole one."""
    try:
        yield
    except BaseException:
        _remove(folder)
        raise


def _remove(folder: Path) -> None:
    """The manifest first."""
    (folder / MANIFEST).unlink(missing_ok=True)
    for path in folder.iterdir():
        if ARRAY_NAME.fullmatch(path.name):
            path.unlink()


def _write_all(
    sources: list[Source], folder: Path, options: PrepareOptions, progress: Progress
) -> tuple[list[dict[str, Any]], list[str]]:
    """(the manifest's items, a sentence for each that is left out)."""
    items: list[dict[str, Any]] = []
    left_out: list[str] = []
    names: set[str] = set()

    def leave_out(what: str) -> None:
        left_out.append(what)
        progress.warn(f"{what}; left out")

    progress.start(len(sources), len(sources))
    for source in sources:
        before = len(items)
        try:
            for name, shots in source.pictures(options, leave_out):
                shots = tuple(shrunk(shot, options.shrink) for shot in shots)
                height, width = shots[0].shape[:2]
                if min(height, width) < SMALLEST:
                    raise UnreadableFile(f"{source.path}: has {width}×{height} pixels, too few ({SMALLEST} each at least)")
                name = name if name not in names else f"{name}{source.path.suffix}"
                name = name if name not in names else f"{name}-{len(items) + 1}"
                names.add(name)
                items.append(_write(folder, len(items) + 1, name, source.path, shots))
            if len(items) == before:  # an empty file of records, or slices above the head
                raise UnreadableFile(f"{source.path}: holds no pictures there")
        except UnreadableFile as error:
            leave_out(error.what)
        progress.advance(1, source.name)
    return items, left_out


def _write(folder: Path, number: int, name: str, source: Path, shots: tuple[Array, ...]) -> dict[str, Any]:
    """One picture as arrays, and what the manifest says of it."""
    marks = [""] if len(shots) == 1 else [f"_shot{index + 1}" for index in range(len(shots))]
    files, digest = [f"picture_{number:05d}{mark}.npy" for mark in marks], hashlib.sha256()
    for file, pixels in zip(files, shots, strict=True):
        save_array(folder / file, pixels)
        digest.update(pixels.tobytes())
    height, width, channels = shots[0].shape
    return {
        "name": name,
        "files": files,
        "size": [width, height],
        "channels": channels,
        "bits": shots[0].dtype.itemsize * 8,
        "sha256": digest.hexdigest(),
        "source": str(source),
    }


def shrunk(pixels: Array, factor: int) -> Array:
    """(H, W, C) → the mean of `factor` × `factor` pixels each, of the same type; what is over at the right and below goes."""
    if factor == 1:
        return pixels
    height, width = pixels.shape[0] // factor, pixels.shape[1] // factor
    cut = pixels[: height * factor, : width * factor]
    mean = cut.reshape(height, factor, width, factor, -1).mean((1, 3), dtype=np.float32)
    kept: Array = (mean if pixels.dtype.kind == "f" else np.rint(mean)).astype(pixels.dtype)
    return kept
