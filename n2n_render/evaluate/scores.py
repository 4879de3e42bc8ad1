"""One view with references → how good each method is there: noisy, models, finished frames and Open Image Denoise.

All methods get the same samples: the mean of all seeds, which of parts is one render; of independent seeds Open Image Denoise
also gets one render of as many, where there is one. Images are compared after the exposure of the reference; squared errors
use the product of two independent reference halves, SSIM, SMAPE and FLIP their mean. FLIP through a view is of what people see.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..denoise import Denoiser
from ..engines import oidn
from ..errors import N2NError
from ..frame import metrics
from ..frame.channels import guide_names
from ..frame.display import TONE_MAP, View
from ..frame.frame import mean_frame
from ..io.dataset import Pair
from ..io.exr import read_frame
from ..io.renders import read_group
from .views import References, read_finished, read_references, samples_of

METRICS = ("psnr_db", "ssim", "relmse", "smape", "flip")
FLIP_VIEW = "flip_view"  # FLIP of the pictures as another view than T shows them
NOISY = "noisy"  # so do those that show the renders: "noisy, mean of 2"
OIDN = "OIDN"  # its methods begin with this: "OIDN, mean of 2", "OIDN, one render of 16"
ALONE = "noisy, one seed", "noisy, one part"  # of the noisy renders the one that is not shown in pictures
Scores = dict[str, float]  # metric → value; NaN where the error is lost in the references' noise


@dataclass(frozen=True)
class ViewScores:
    """The numbers of one view.

    held_out: none of the models was trained on this view; what made finished frames is not known. reference_spp: of each
    half. scores: method → metric → value.
    """

    name: str
    held_out: bool
    reference_spp: int
    scores: dict[str, Scores]


@dataclass(frozen=True)
class ComparedView:
    """A view's numbers and the images that they come from, which are large.

    images: method → exposed radiance (H, W, 3), and "reference", the mean of both halves. errors: method → FLIP map (H, W).
    """

    view: ViewScores
    images: dict[str, NDArray[np.float32]]
    errors: dict[str, NDArray[np.float32]]
    references: References

    @property
    def scores(self) -> dict[str, Scores]:
        return self.view.scores


def check_packages(with_oidn: bool) -> None:
    """Raises N2NError unless everything that an evaluation needs is installed: asked before any expensive step."""
    metrics.check_packages()
    if with_oidn:
        oidn.check_installed()


def compare_view(
    pair: Pair,
    denoisers: Mapping[str, Denoiser],
    with_oidn: bool,
    held_out: bool = True,
    finished: Mapping[str, Path] | None = None,
    one_render: Path | None = None,
    parts: str | None = None,
    shown: View = TONE_MAP,
) -> ComparedView:
    """All methods on one view.

    Args:
        pair: the renders of the view; it has references.
        denoisers: name → what denoises the mean of all seeds.
        with_oidn: compare with Open Image Denoise at its best too.
        held_out: see `ViewScores`.
        finished: name → a file that is denoised already.
        one_render: for Open Image Denoise, of as many samples as all seeds have together.
        parts: where the seeds are parts of one render, what their mean is called.
        shown: how people see them: other than T, it gives a FLIP of its own.
    """
    images = _pictures(pair, denoisers, with_oidn, finished or {}, one_render, parts)
    references = read_references(pair)
    images = {name: image * references.factor for name, image in images.items()}
    scores, errors = {}, {}
    for name, image in images.items():
        scores[name], errors[name] = score(image=image, reference_a=references.halves[0], reference_b=references.halves[1])
    images["reference"] = references.mean
    if shown is not TONE_MAP:
        reference = shown.encode(shown.exposed(references.mean, references.factor))
        for name in scores:
            picture = shown.encode(shown.exposed(images[name], references.factor))
            scores[name][FLIP_VIEW] = metrics.flip_shown(image=picture, reference=reference)
    return ComparedView(ViewScores(pair.name, held_out, references.spp, scores), images, errors, references)


def _pictures(
    pair: Pair,
    denoisers: Mapping[str, Denoiser],
    with_oidn: bool,
    finished: Mapping[str, Path],
    one_render: Path | None,
    parts: str | None,
) -> dict[str, NDArray[np.float32]]:
    """Method → radiance (H, W, 3)."""
    frames = read_group(pair.noisy, None, features_for(denoisers, with_oidn))
    mean = mean_frame(frames)
    all_of_them = name_of_all(pair, parts)
    images = {ALONE[parts is not None]: frames[0].color, f"{NOISY}, {all_of_them}": mean.color}
    images.update({name: denoiser.denoise(mean) for name, denoiser in denoisers.items()})
    if with_oidn:
        images[f"{OIDN}, {all_of_them}"] = oidn.denoise_best(mean)
        if one_render and not parts:
            one = read_frame(one_render, ("albedo", "normal"))
            images[name_of_rival(one_render)] = oidn.denoise_best(one)
    images.update({name: read_finished(path) for name, path in finished.items()})
    wrong = next((name for name, image in images.items() if image.shape != mean.color.shape), None)
    if wrong:
        raise N2NError(f"{wrong}: its frame of {pair.name} has another size", "Compare frames of the same renders.")
    return images


def features_for(denoisers: Mapping[str, Denoiser], with_oidn: bool) -> tuple[str, ...]:
    """The guides that any of the methods takes."""
    features = {feature for denoiser in denoisers.values() for feature in denoiser.features}
    if with_oidn:
        features |= {"albedo", "normal"}
    return tuple(feature for feature in guide_names() if feature in features)


def name_of_all(pair: Pair, parts: str | None) -> str:
    """What all renders of a view together are called. parts: where they are parts of one."""
    return parts or f"mean of {len(pair.noisy)}"


def name_of_rival(one_render: Path) -> str:
    """The method that is Open Image Denoise on one render of as many samples."""
    return f"{OIDN}, one render of {samples_of(one_render)}"


def score(
    *, image: NDArray[np.float32], reference_a: NDArray[np.float32], reference_b: NDArray[np.float32]
) -> tuple[Scores, NDArray[np.float32]]:
    """All metrics of one exposed image (H, W, 3), and its FLIP map (H, W)."""
    mean = (reference_a + reference_b) / 2
    flip_mean, flip_map = metrics.flip(image=image, reference=mean)
    return {
        "psnr_db": metrics.psnr(image=image, reference_a=reference_a, reference_b=reference_b),
        "ssim": metrics.ssim(image=image, reference=mean),
        "relmse": metrics.relmse(image=image, reference_a=reference_a, reference_b=reference_b),
        "smape": metrics.smape(image=image, reference=mean),
        "flip": flip_mean,
    }, flip_map


class Scored(Protocol):
    """A view or an image that was compared."""

    @property
    def scores(self) -> dict[str, Scores]: ...


def means(views: Sequence[Scored]) -> dict[str, Scores]:
    """Method → metric → mean over the views where it could be told; NaN where in none."""
    return mean_scores([view.scores for view in views])


def mean_scores(tables: Sequence[Mapping[str, Scores]]) -> dict[str, Scores]:
    """The same of method → metric → value each; of those that have the method."""

    def mean(values: list[float]) -> float:
        told = [value for value in values if np.isfinite(value)]
        return float(np.mean(told)) if told else float("nan")

    every = {method: [table[method] for table in tables if method in table] for table in tables for method in table}
    return {
        method: {metric: mean([scores[metric] for scores in several]) for metric in several[0]}
        for method, several in every.items()
    }
