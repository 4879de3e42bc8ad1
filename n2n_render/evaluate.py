"""Frames with references become numbers: noisy, ours and Open Image Denoise at equal samples, per view and mean."""
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .denoise import Denoiser
from .engines import oidn
from .errors import N2NError
from .frame import metrics
from .frame.exr import ExrImage
from .frame.frame import mean_frame
from .frame.pairs import Pair, find_datasets, find_pairs, parse_name
from .frame.passes import FEATURES
from .frame.transfer import exposure
from .network.checkpoint import Checkpoint

METRICS = ("psnr_db", "ssim", "relmse", "smape", "flip")


@dataclass
class ViewResult:
    """One view. images: method → exposed radiance (H, W, 3); errors: method → FLIP map (H, W).

    held_out: no model was trained on this view. reference_spp: of each half.
    """
    name: str
    held_out: bool
    reference_spp: int
    scores: dict[str, dict[str, float]]
    images: dict[str, np.ndarray] = field(repr=False)
    errors: dict[str, np.ndarray] = field(repr=False)


def find_views(roots: list[Path]) -> list[Pair]:
    """The pairs that have two reference halves."""
    pairs = [pair for folder in find_datasets(roots) for pair in find_pairs(folder)]
    found = [pair for pair in pairs if pair.references]
    if not found:
        raise N2NError(f"no view under {', '.join(map(str, roots))} has references",
                       "Sample them with `n2n-render sample … --reference-spp 512`, with the same options as before.")
    return found


def check_packages(with_oidn: bool):
    """Raises N2NError unless everything that an evaluation needs is installed: asked before any expensive step."""
    metrics.check_packages()
    if with_oidn:
        oidn.check_installed()


def was_trained_on(pair: Pair, checkpoints: list[Checkpoint]) -> bool:
    return any(pair.name in checkpoint.provenance.get("trained_on", ()) for checkpoint in checkpoints)


def evaluate_view(pair: Pair, denoisers: dict[str, Denoiser], with_oidn: bool, held_out: bool = True) -> ViewResult:
    """All methods on one view. Denoisers get the mean of all seeds, as Open Image Denoise does: equal total samples.

    Images are compared after the exposure of the reference; squared errors use the product of two independent
    reference halves, SSIM, SMAPE and FLIP their mean.
    """
    features = {feature for denoiser in denoisers.values() for feature in denoiser.features}
    if with_oidn:
        features |= {"albedo", "normal"}
    wanted = tuple(feature for feature in FEATURES if feature in features)
    frames = [ExrImage(path).frame(None, wanted) for path in pair.noisy]
    halves = [ExrImage(path).frame().color for path in pair.references]
    factor = np.float32(exposure((halves[0] + halves[1]) / 2))
    mean = mean_frame(frames)
    images = {"noisy, one seed": frames[0].color, f"noisy, mean of {len(frames)}": mean.color}
    images.update({name: denoiser.denoise(mean) for name, denoiser in denoisers.items()})
    if with_oidn:
        images["OIDN"] = oidn.denoise_best(mean)
    images = {name: image * factor for name, image in images.items()}
    halves = [half * factor for half in halves]
    scores, errors = {}, {}
    for name, image in images.items():
        scores[name], errors[name] = score(image=image, reference_a=halves[0], reference_b=halves[1])
    images["reference"] = (halves[0] + halves[1]) / 2
    return ViewResult(pair.name, held_out, parse_name(pair.references[0].name).spp, scores, images, errors)


def score(*, image, reference_a, reference_b) -> tuple[dict[str, float], np.ndarray]:
    """All metrics of one exposed image, and its FLIP map."""
    halves = {"reference_a": reference_a, "reference_b": reference_b}
    mean = (reference_a + reference_b) / 2
    flip_mean, flip_map = metrics.flip(image=image, reference=mean)
    return {"psnr_db": metrics.psnr(image=image, **halves), "ssim": metrics.ssim(image=image, reference=mean),
            "relmse": metrics.relmse(image=image, **halves), "smape": metrics.smape(image=image, reference=mean),
            "flip": flip_mean}, flip_map


def means(results: list[ViewResult]) -> dict[str, dict[str, float]]:
    """Method → metric → mean over views."""
    methods = results[0].scores
    return {method: {metric: float(np.nanmean([result.scores[method][metric] for result in results])) for metric in METRICS}
            for method in methods}
