"""How much of the denoised picture is taken, pixel by pixel: a number, and others for what masks name.

Several masks cover a pixel by their shares: strength = base · (1 - Σ c) + Σ c · s, where the coverages c are scaled down if
their sum is above 1.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..errors import N2NError, UnreadableFile, doubt
from ..frame.arrays import Array
from ..frame.windows import Window
from ..io.exr import ExrImage
from ..io.sources import DETECT, Sources
from .masks import Found, Masks
from .options import PictureOptions, Strengths

HINT = "Write it like --strength 0.8, or --strength 1,grass=0.3,mask:haze=0.5."
_ITEM = re.compile(r"\s*([^=]+?)\s*=\s*([^=,]*?)\s*(?:,|$)")


def parse_strength(text: str) -> tuple[float, Strengths]:
    """ "0.9,grass=0.3,mask:haze=0.5" → (0.9, (("grass", 0.3), ("mask:haze", 0.5))). Names may hold commas. Without a number at
    the beginning that is 1. Raises N2NError where it cannot be read.
    """
    first, comma, rest = text.partition(",")
    base, rest = (1.0, text) if "=" in first else (_number(first, text), rest)
    if comma and text.rstrip().endswith(","):
        raise N2NError(f"cannot read the strength {text!r}: it ends with a comma", HINT)
    strengths, at = [], 0
    while at < len(rest):
        item = _ITEM.match(rest, at)
        if item is None:
            raise N2NError(f"cannot read the strength {text!r}: {rest[at:].strip()!r} is no NAME=NUMBER", HINT)
        strengths.append((item[1], _number(item[2], text)))
        at = item.end()
    return base, tuple(strengths)


def _number(word: str, text: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise N2NError(f"cannot read the strength {text!r}: {word.strip()!r} is no number from 0 to 1", HINT)
    return number


def check_names(
    groups: Sequence[Sequence[Path]], layer: str | None, options: PictureOptions, sources: Sources = DETECT
) -> list[str]:
    """Sees that everything that has a strength of its own is in one frame at least: an object may come into the picture later.

    Args:
        groups: The files of each frame.

    Returns:
        What is said of it: "strength 0.3: object grass, grass.001".

    Raises:
        N2NError: A name is nowhere, or could mean several things.
    """
    missing, said, first = dict(options.strengths), [], None
    for masks in _all_masks(groups, layer, sources, header_only=True) if missing else ():
        said += _take(masks, missing)
        if not missing:
            return said
        first = first or masks
        if not all(matte.ids for matte in masks.mattes):  # the pixels tell more than the header
            said += [one for whole in _all_masks(groups, layer, sources) if missing for one in _take(whole, missing)]
            break
    if missing and first:
        raise first.unknown(next(iter(missing)))
    return said


def _all_masks(
    groups: Sequence[Sequence[Path]], layer: str | None, sources: Sources, header_only: bool = False
) -> Iterator[Masks]:
    """Of each layer of the frames' first files. One that cannot be read is left out: that is said when it is denoised."""
    for group in groups:
        try:
            image = ExrImage.open(group[0], header_only, sources)
        except UnreadableFile:
            continue
        yield from (Masks.of(image, one) for one in image.layers_with(layer))


def _take(masks: Masks, missing: dict[str, float]) -> list[str]:
    """Takes out what is there; what is said of it."""
    found = {text: one for text in missing if (one := masks.find(text))}
    return [f"strength {missing.pop(text):g}: {one}" for text, one in found.items()]


def strength_map(paths: Sequence[Path], layer: str, options: PictureOptions, sources: Sources = DETECT) -> Array | None:
    """As `StrengthMean`, of the files of a frame."""
    if not options.strengths:
        return None
    images = (ExrImage.open(path, sources=sources) for path in paths)
    mean = StrengthMean(next(images), layer, options)
    for image in images:
        mean.add(image)
    return mean.finish()


class StrengthMean:
    """The strength of every pixel of a layer: the mean of what the files of a frame say, for coverage is noisy, too."""

    def __init__(self, image: ExrImage, layer: str, options: PictureOptions):
        """Of the first file, which has the pixels that count."""
        self._image, self._layer, self._options = image, layer, options
        self._window = image.window(layer)
        self._total = np.zeros((self._window.height, self._window.width, 1), np.float32)
        self._count = np.zeros_like(self._total)
        self.add(image)

    def add(self, image: ExrImage) -> None:
        """A file of the frame; one with a border counts where it has pixels."""
        if self._options.strengths:
            both = self._image.common(self._layer, image)
            place = self._window.places(both)
            self._total[place] += _of_file(Masks.of(image, self._layer), both, self._options)
            self._count[place] += 1

    def finish(self) -> Array | None:
        """(H, W, 1), 0 to 1; None: it is one number everywhere, and the options have it."""
        return self._total / np.maximum(self._count, 1) if self._options.strengths else None


def _of_file(masks: Masks, window: Window, options: PictureOptions) -> Array:
    found = []
    for text, strength in options.strengths:
        if here := masks.find(text):
            found.append((here, strength))
        else:
            doubt(f"{text!r} is not in every frame and view layer")
    covers = [(masks.coverage(one, window), strength) for one, strength in _distinct(found)]
    total = sum((cover for cover, _ in covers), np.zeros((window.height, window.width, 1), np.float32))
    mixed: Array = options.strength * np.maximum(1 - total, 0)
    for cover, strength in covers:
        mixed = mixed + np.float32(strength) * (cover / np.maximum(total, 1))
    return mixed


def _distinct(found: Sequence[tuple[Found, float]]) -> list[tuple[Found, float]]:
    """Nothing in a list has two strengths: a name counts before patterns, and of two patterns the last."""
    ranked = sorted(enumerate(found), key=lambda one: (one[1][0].is_exact, one[0]), reverse=True)
    distinct, taken = [], set()
    for _, (one, strength) in ranked:
        key = one.matte.name if one.matte else None
        names = tuple(name for name in one.names if (key, name) not in taken)
        taken |= {(key, name) for name in names}
        distinct.append((Found(names, one.matte, one.is_exact), strength))
    return distinct
