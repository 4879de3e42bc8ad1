"""What files have → the models that fit them: `--model auto`."""

from collections.abc import Sequence
from pathlib import Path

from ..errors import N2NError
from ..io.exr import ExrImage
from ..io.light import ALL
from ..io.sources import DETECT, Sources
from ..network.registry import choose

AUTO = "auto"


def choose_models(
    groups: Sequence[Sequence[Path]], layer: str | None = None, sources: Sources = DETECT
) -> dict[str, list[int]]:
    """The built-in models that fit the frames best → indices of the frames, by the headers of their first files alone.

    A file that cannot be read goes with the first model, to be told of when its turn comes.
    """
    fitting = [_choose(group[0], layer, sources) for group in groups]
    usual = next((model for model in fitting if model), choose(()))
    chosen: dict[str, list[int]] = {}
    for index, model in enumerate(fitting):
        chosen.setdefault(model or usual, []).append(index)
    return chosen


def _choose(path: Path, layer: str | None, sources: Sources) -> str | None:
    try:
        return model_that_fits(ExrImage.open(path, header_only=True, sources=sources), layer)
    except N2NError:
        return None


def model_that_fits(image: ExrImage, layer: str | None = None) -> str:
    """The built-in model that makes the most of a file; where its layers differ, of the one that has most.

    Raises N2NError where it holds no picture, or no such layer.
    """
    return choose(max((image.available(one) for one in image.layers_with(layer)), key=len))


def tell_names(path: Path, layer: str | None, features: tuple[str, ...], sources: Sources = DETECT) -> str | None:
    """What is read of a file for a model and by whose names, as a sentence; None where it cannot be read."""
    try:
        image = ExrImage.open(path, header_only=True, sources=sources)
        return f"using {image.taken(image.layer(layer, features), features)}"
    except N2NError:
        return None


def tell_passes(
    path: Path,
    layer: str | None,
    features: tuple[str, ...],
    sources: Sources = DETECT,
    passes: Sequence[str] = (),
) -> str | None:
    """Which passes of light of a file are denoised; None where none is wanted, or it cannot be read.

    Args:
        passes: As `io.light.choose_light` takes them. Where all are wanted, colours that may be light and are not known are
            named too.
    """
    if not passes:
        return None
    try:
        image = ExrImage.open(path, header_only=True, sources=sources)
        here = image.layer(layer, features)
        light = image.chosen_light(here, passes)
    except N2NError:
        return None
    told = f"passes of light: {', '.join(one.name for one in light) or 'none'}"
    if ALL in passes and (unknown := image.unknown_colors(here)):
        told += f"; left as they are, for they are not known to be light: {', '.join(unknown)}"
    return told
