"""Which of the given files and folders hold images, and how each is read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import N2NError, UnreadableFile, doubt
from ..frame.arrays import Array
from ..io.collection import check_shots, tell_passed_over
from ..io.dataset import folders_below, holds_collection
from ..io.photographs import is_photograph, read_photograph
from ..io.tfrecords import read_tfrecords
from ..io.volumes import is_volume, read_volume, slices_of
from .options import PrepareOptions

SLICE_SIZE = 256  # of the paper's slices
RECORDS = (".tfrecords", ".tfrecord")


@dataclass(frozen=True)
class Source:
    """A file, or a folder whose files belong together: a burst, a series of DICOM slices. name: as items are named."""

    name: str
    path: Path
    kind: str  # "photographs", "records", "slices" or "bursts"
    files: tuple[Path, ...] = ()  # of a burst

    def pictures(self, options: PrepareOptions, leave_out: Callable[[str], None]) -> Iterator[tuple[str, tuple[Array, ...]]]:
        """(name, shots) of each picture in it. leave_out: told why of each shot of a burst that is not there.

        Raises UnreadableFile.
        """
        if self.kind == "bursts":
            yield self.name, self._shots(leave_out)
        elif self.kind == "photographs":
            yield self.name, (read_photograph(self.path).pixels,)
        elif self.kind == "records":
            for index, pixels in enumerate(read_tfrecords(self.path)):
                yield f"{self.name}/{index:06d}", (pixels,)
        else:
            yield from self._slices(options)

    def _shots(self, leave_out: Callable[[str], None]) -> tuple[Array, ...]:
        shots = []
        for path in self.files:
            try:
                shots.append(read_photograph(path).pixels)
            except UnreadableFile as error:
                leave_out(error.what)
        check_shots(shots, self.path)
        return tuple(shots)

    def _slices(self, options: PrepareOptions) -> Iterator[tuple[str, tuple[Array, ...]]]:
        volume = read_volume(self.path)
        for plane in options.planes:
            slices = slices_of(volume, plane)
            first, last = options.slices or (0, len(slices) - 1)
            if first >= len(slices):
                raise UnreadableFile(f"{self.path}: has {len(slices)} {plane} slices, so there is none from {first} on")
            for index in range(first, min(last + 1, len(slices))):
                if slices[index].any():  # above the head there is nothing
                    yield f"{self.name}/{plane}-{index:03d}", (centred(slices[index], options.size or SLICE_SIZE)[..., None],)


def centred(picture: Array, size: int) -> Array:
    """(H, W) → (size, size): cut, or filled with 0, around its middle."""
    for axis in (0, 1):
        spare = picture.shape[axis] - size
        if spare >= 0:
            picture = picture.take(range(spare // 2, spare // 2 + size), axis)
        else:
            margin = [(0, 0), (0, 0)]
            margin[axis] = (-spare // 2, -spare - -spare // 2)
            picture = np.pad(picture, margin)
    return np.ascontiguousarray(picture)


def find_sources(options: PrepareOptions) -> list[Source]:
    """All that the inputs hold, each once, in their order.

    Raises:
        N2NError: an input is missing, of no known kind or a dataset already, there are no images, or images of several kinds.
    """
    found: dict[Path, Source] = {}
    for text in options.inputs:
        path = Path(text)
        if path.resolve() == Path(options.output).resolve():
            raise N2NError(f"{path}: cannot be both input and output", "Name a new folder with --output.")
        if not path.exists():
            raise N2NError(f"{path}: no such file or folder", "Pass images, or folders of them.")
        for source in _in_folder(path, options) if path.is_dir() else [_of_file(path, path.resolve().parent.name)]:
            if source is None:
                raise N2NError(
                    f"{path}: is no kind of image that can be prepared",
                    "Pass photographs or volumes; of DICOM slices the folder.",
                )
            found.setdefault(source.path.resolve(), source)
    if not found:
        raise N2NError(f"no images in {', '.join(options.inputs)}", "Pass PNG, JPEG, TIFF, WebP or .npy files, or volumes.")
    kinds = {"photographs" if source.kind == "records" else source.kind for source in found.values()}
    if len(kinds) > 1:
        raise N2NError("there are photographs and volumes among the inputs", "Prepare each kind into a folder of its own.")
    if "slices" not in kinds and (options.slices or options.size or options.planes != ("axial",)):
        raise N2NError("slices, planes and size are for volumes, and there are none", "Leave them out.")
    return list(found.values())


def _in_folder(root: Path, options: PrepareOptions) -> Iterator[Source]:
    output = Path(options.output).resolve()
    name = root.resolve().name
    others: list[Path] = []
    for place in sorted(folders_below(root)):
        parts = place.relative_to(root).parts
        if any(part[0] == "." for part in parts) or output in (place.resolve(), *place.resolve().parents):
            continue
        if holds_collection(place):
            if place == root:
                raise N2NError(f"{root}: is prepared already", "Train on it as it is, or pass the images that it was made of.")
            doubt(f"{place}: is a prepared dataset; passed over")
            continue
        where = "/".join((name, *parts))
        if is_volume(place):
            yield Source(where, place, "slices")
            continue
        files = sorted(path for path in place.iterdir() if path.is_file() and path.name[0] != ".")
        if options.bursts:
            shots = tuple(filter(is_photograph, files))
            if shots:
                yield Source(where, place, "bursts", shots)
            others += [path for path in files if path not in shots]
            continue
        for path in files:
            source = _of_file(path, where)
            if source:
                yield source
            else:
                others.append(path)
    tell_passed_over(root, others)


def _of_file(path: Path, where: str) -> Source | None:
    """Named by its folder, and without its suffix, as the images of a plain folder are."""
    name = f"{where}/{Path(path.name.removesuffix('.gz')).stem}"
    if is_photograph(path):
        return Source(name, path, "photographs")
    if is_volume(path):
        return Source(name, path, "slices")
    return Source(name, path, "records") if path.suffix.lower() in RECORDS else None
