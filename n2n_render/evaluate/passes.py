"""A view's passes of light → how good each method is on each of them, and whether they add up to the picture.

All is compared as light in the picture: a pass that was divided by a colour in the file counts times its colour, which is also
what adds up. Each pass gets the exposure of its own reference, so that dim ones count as bright ones do. Open Image Denoise
denoises each pass alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import doubt
from ..frame import metrics
from ..frame.arrays import Array, Mask
from ..frame.sums import DARK, adds_up, unsummed
from ..frame.transfer import exposure
from ..io.dataset import Pair
from ..io.light import LightPass
from .pass_methods import PassMethods, three_colors
from .scores import OIDN, ComparedView, Scores, mean_scores
from .views import PARTS, PassesToCompare, References, read_shown_light

PASS_METRICS = ("psnr_db", "relmse")
SUM_METRICS = ("held", "kept", "deviation", "psnr_db", "picture_psnr_db")
RARE = 99.9  # percentile of the pixels' deviations
BLACK = 1e-6  # after the picture's exposure: half a step of 8 bits on T. Cycles leaves 1e-8 where there is no light.

# Name, exposed images as of ComparedView, scores, and the exposure.
OnPass = Callable[[str, dict[str, Array], dict[str, Scores], float], object]


@dataclass(frozen=True)
class ViewPasses:
    """The numbers of a view's passes of light, or their means.

    Attributes:
        scores: Pass → method → metric (PASS_METRICS) → value; of passes that the references show.
        lit: Pass → method → its brightest number after the picture's exposure, of passes that are black in the references, and
            not what the method made of them; a pass that all leave black has {}.
        sums: Kind of passes, if all of it were compared → method → metric (SUM_METRICS) → value. held: share of the pixels
            where they add up to the method's own picture; kept: share of those where they did so as rendered; deviation: of
            the sum from the picture as a fraction of it, at the 99.9th percentile of the pixels; the PSNR on T of the sum, and
            of the picture.
        pictures: Model → PSNR on T of the picture that it gives with the passes ("psnr_db"), and without ("alone_psnr_db").
    """

    scores: dict[str, dict[str, Scores]]
    lit: dict[str, dict[str, float]]
    sums: dict[str, dict[str, Scores]]
    pictures: dict[str, Scores]


def compare_passes(
    pair: Pair, compared: ComparedView, wanted: PassesToCompare, methods: PassMethods, on_pass: OnPass
) -> ViewPasses:
    """All methods on the passes of one view, which has references.

    Args:
        on_pass: Is given each pass that is scored.
    """
    halves = [read_shown_light(path, wanted.light) for path in pair.references]
    scores, lit, totals = {}, {}, {role: _Total(methods.pictures) for role in wanted.whole}
    for one in wanted.light:
        if not all(one.channel in half for half in halves):
            totals.pop(one.role, None)
            continue  # it is no light there, and that was said
        first, second = (three_colors(half[one.channel]) for half in halves)
        is_black = float((first + second).max() / 2 * compared.references.factor) <= BLACK
        images = _images(one, methods, f"{pair.name}: {one.name}", is_black)
        if one.role in totals:
            totals[one.role].add(images, is_black)
        if is_black:
            brightest = {name: float(image.max() * compared.references.factor) for name, image in images.items()}
            lit[one.name] = {name: value for name, value in brightest.items() if value > BLACK}
            continue
        factor = np.float32(exposure((first + second) / 2))
        exposed = {name: image * factor for name, image in images.items()}
        first, second = first * factor, second * factor
        scores[one.name] = {name: _score(image, first, second) for name, image in exposed.items()}
        on_pass(one.name, {**exposed, "reference": (first + second) / 2}, scores[one.name], float(factor))
    sums = {PARTS[role]: total.scores(methods.noisy, compared.references) for role, total in totals.items()}
    return ViewPasses(scores, lit, sums, {name: _beside_alone(name, methods, compared) for name in methods.painted})


def _images(one: LightPass, methods: PassMethods, where: str, is_black: bool) -> dict[str, Array]:
    """Method → radiance (H, W, 3). Of black passes Open Image Denoise is not asked."""
    images = {}
    for name, of_pass in methods.of_pass.items():
        if is_black and name.startswith(f"{OIDN}, "):
            continue
        image = of_pass(one)
        if image is None:
            doubt(f"{where} is not compared of {name!r}, whose files lack it")
        else:
            images[name] = image
    return images


def _beside_alone(model: str, methods: PassMethods, compared: ComparedView) -> Scores:
    """PSNR on T of a model's picture with the passes and without."""
    with_passes = _psnr(methods.pictures[model], compared.references)
    return {"psnr_db": with_passes, "alone_psnr_db": compared.scores[model]["psnr_db"]}


def _score(image: Array, first: Array, second: Array) -> Scores:
    values = {"image": image, "reference_a": first, "reference_b": second}
    return {"psnr_db": metrics.psnr(**values), "relmse": metrics.relmse(**values)}


def _psnr(picture: Array, references: References) -> float:
    """Of radiance that is not exposed yet."""
    first, second = references.halves
    return metrics.psnr(image=picture * references.factor, reference_a=first, reference_b=second)


class _Total:
    """What the passes of one kind add up to, method by method; of a method that lacks one nothing is told."""

    def __init__(self, pictures: Mapping[str, Array]):
        self._pictures = pictures
        self._sums = {name: np.zeros(picture.shape, np.float64) for name, picture in pictures.items()}

    def add(self, images: Mapping[str, Array], is_black: bool) -> None:
        for name in list(self._sums):
            if name in images:
                self._sums[name] += images[name]
            elif not is_black:
                del self._sums[name]

    def scores(self, noisy: str, references: References) -> dict[str, Scores]:
        held = {name: adds_up([total], self._pictures[name]) for name, total in self._sums.items()}
        return {name: self._scores(name, held[name], held.get(noisy), references) for name in self._sums}

    def _scores(self, name: str, held: Mask, rendered: Mask | None, references: References) -> Scores:
        total, picture = self._sums[name], self._pictures[name]
        deviation = (np.abs(unsummed([total], picture)) / np.maximum(picture, DARK)).max(-1)
        return {
            "held": float(held.mean()),
            "kept": float(held[rendered].mean()) if rendered is not None and rendered.any() else float("nan"),
            "deviation": float(np.percentile(deviation, RARE)),
            "psnr_db": _psnr(total.astype(np.float32), references),
            "picture_psnr_db": _psnr(picture, references),
        }


def mean_passes(views: Sequence[ViewPasses]) -> ViewPasses | None:
    """The means over the views that tell a number; of `lit` the brightest. None without views."""
    if not views:
        return None

    def mean(tables: Sequence[Mapping[str, dict[str, Scores]]]) -> dict[str, dict[str, Scores]]:
        names = dict.fromkeys(name for table in tables for name in table)
        return {name: mean_scores([table[name] for table in tables if name in table]) for name in names}

    lit: dict[str, dict[str, float]] = {}
    for view in views:
        for name, brightest in view.lit.items():
            worst = lit.setdefault(name, {})
            worst |= {method: max(value, worst.get(method, 0.0)) for method, value in brightest.items()}
    return ViewPasses(
        mean([view.scores for view in views]),
        lit,
        mean([view.sums for view in views]),
        mean_scores([view.pictures for view in views]),
    )
