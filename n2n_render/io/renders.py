"""The renders of one frame → frames on the same pixels, known to differ in their noise; and whether they are parts of one."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import N2NError
from ..frame.frame import Frame
from ..frame.independence import check_independent, look_at
from ..frame.windows import Window
from .exr import ExrImage
from .exr_parts import read_parts
from .light import LightPass, same_light
from .sources import DETECT, Sources


def read_group(
    paths: Sequence[Path],
    layer: str | None,
    features: tuple[str, ...],
    sources: Sources = DETECT,
    light: Sequence[LightPass] = (),
) -> list[Frame]:
    """Each file's `layer` (None: the first that has the features), on the pixels of the first file.

    Args:
        light: Passes of light of the first file, which are read too, of each file those of the same names.

    Raises N2NError where a file cannot be read, lacks a pass, does not cover the first one's pixels, or holds the noise or not
    the picture of another one.
    """
    images = [ExrImage.open(path, sources=sources) for path in paths]
    layer = images[0].layer(layer, features)
    window = images[0].window(layer)
    frames, looks = [], []
    for image in images:
        check_covered(window, images[0].common(layer, image), image.path)
        own = same_light(light, image.light(layer), str(image.path)) if light else ()
        frames.append(image.frame(layer, features, window, own))
        looks.append(look_at(frames[-1], image.path))
        check_independent(looks)
    return frames


def are_parts(paths: Sequence[Path]) -> bool:
    """Whether two of them hold samples of one render, by what `sample` notes in their headers: one says something of the
    other's noise. The same samples twice are no parts: they have the same noise, and whoever reads them says so.
    """
    notes = [note for note in map(_note, paths) if "cycles_seed" in note]
    seeds = [seed for seed, _ in {(note["cycles_seed"], note.get("first_sample", 0)) for note in notes}]
    return len(set(seeds)) < len(seeds)


def are_one_render(paths: Sequence[Path]) -> bool:
    """Whether their mean is one render, by what `sample` notes in their headers: samples of one sequence, without a gap."""
    notes = [_note(path) for path in paths]
    if len({(note.get("cycles_seed"), note.get("sequence"), note.get("spp")) for note in notes}) != 1 or len(notes) < 2:
        return False
    firsts = sorted(note.get("first_sample", 0) for note in notes)
    return all(after - before == notes[0].get("spp") for before, after in zip(firsts, firsts[1:], strict=False))


def _note(path: Path) -> dict[str, Any]:
    """What `sample` notes in a file; nothing in files of other programs."""
    parts, _ = read_parts(path, header_only=True)
    try:
        note = json.loads(parts[0][0].get("Note", ""))
    except (TypeError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def check_covered(here: Window, both: Window, path: Path) -> None:
    """Raises N2NError unless `both`, what a render shares with another one whose window is `here`, is all of it."""
    if both != here:
        raise N2NError(
            f"{path} covers only a part of the other render ({both} of {here}), and every pixel is needed twice",
            "Render both with the same border, or average them with `denoise --pair`.",
        )
