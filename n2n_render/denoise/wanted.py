"""Which passes of light are wanted, and whether there are such: said before anything that takes long."""

from collections.abc import Sequence
from pathlib import Path

from ..errors import N2NError, doubt
from ..io.exr import ExrImage
from ..io.light import ALL, LIGHT_PASSES, ROLES, LightPass, choose_light, missing_light
from ..io.sources import DETECT, Sources


def wanted_light(image: ExrImage, layer: str, passes: Sequence[str]) -> list[LightPass]:
    """The passes of light of a layer that are to be denoised; a kind that it has none of is said.

    Raises N2NError for a name that no layer of the file has.
    """
    light = image.chosen_light(layer, passes)
    lacking = image.colorless(layer) if {ALL, LIGHT_PASSES} & set(passes) else {}
    for color in dict.fromkeys(lacking.values()):
        names = ", ".join(name for name, divisor in lacking.items() if divisor == color)
        doubt(f"{names} stay as they are, where there is no {color}: nobody can tell how much light they are")
    for kind in (text for text in missing_light(image.light(layer), passes) if text in ROLES):
        doubt(f"not every frame and view layer has {'passes of light' if kind == ALL else kind}, which were asked for")
    return light


def check_passes(groups: Sequence[Sequence[Path]], layer: str | None, passes: Sequence[str], sources: Sources = DETECT) -> None:
    """Sees by the headers that every pass that is named is in one frame at least. What cannot be read is told when it is
    denoised.

    Args:
        groups: The files of each frame.
        layer: The only one that is denoised; None: all.

    Raises N2NError for a name that is nowhere.
    """
    missing, first = [text for text in passes if text not in ROLES], None
    for group in groups if missing else ():
        try:
            image = ExrImage.open(group[0], header_only=True, sources=sources)
            found = [one for here in image.layers_with(layer) for one in image.light(here)]
        except N2NError:
            continue
        first = first or (group[0], found)
        here = missing_light(found, passes)
        missing = [text for text in missing if text in here]
        if not missing:
            return
    if first:
        choose_light(first[1], missing, str(first[0]))
