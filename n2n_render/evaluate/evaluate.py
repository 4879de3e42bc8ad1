"""Frames with references become numbers: noisy, ours and Open Image Denoise at equal samples, per view and mean."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..denoise import Denoiser
from ..engines import oidn
from ..errors import N2NError
from ..frame import metrics
from ..frame.channels import FEATURES
from ..frame.frame import mean_frame
from ..frame.motion import follow
from ..frame.transfer import exposure
from ..io.dataset import Pair, find_datasets, find_pairs, parse_name
from ..io.exr import ExrImage
from ..io.renders import read_group
from ..network.checkpoint import Checkpoint

LEAST_TRUST = 0.01  # mean over the pixels of two frames: less is a cut
METRICS = ("psnr_db", "ssim", "relmse", "smape", "flip")


@dataclass
class ViewResult:
    """One view. images: method → exposed radiance (H, W, 3); errors: method → FLIP map (H, W).

    held_out: no `--model` was trained on this view; what made finished frames is not known.
    reference_spp: of each half. halves: of the reference, exposed by `factor`.
    """

    name: str
    held_out: bool
    reference_spp: int
    scores: dict[str, dict[str, float]]
    images: dict[str, np.ndarray] = field(repr=False)
    errors: dict[str, np.ndarray] = field(repr=False)
    halves: list[np.ndarray] = field(repr=False)
    factor: float

    def forget_images(self):
        """They are large; the scores stay."""
        for images in (self.images, self.errors, self.halves):
            images.clear()


def find_views(roots: list[Path]) -> list[Pair]:
    """The pairs that have two reference halves."""
    pairs = [pair for folder in find_datasets(roots) for pair in find_pairs(folder)]
    found = [pair for pair in pairs if pair.references]
    if not found:
        raise N2NError(
            f"no view under {', '.join(map(str, roots))} has references",
            "Sample them with `n2n-render sample … --reference-spp 512`, with the same options as before.",
        )
    return found


def check_packages(with_oidn: bool):
    """Raises N2NError unless everything that an evaluation needs is installed: asked before any expensive step."""
    metrics.check_packages()
    if with_oidn:
        oidn.check_installed()


def was_trained_on(pair: Pair, checkpoints: list[Checkpoint]) -> bool:
    return any(pair.name in checkpoint.provenance.trained_on for checkpoint in checkpoints)


def find_finished(folders: list[Path], pairs: list[Pair]) -> dict[str, dict[Pair, Path]]:
    """Denoised frames that lie in `folders` under the names that `adapt` gives them: folder → view → file."""
    several = len({pair.dataset for pair in pairs}) > 1
    found = {}
    for folder in folders:
        full = {pair: Path(folder) / f"{pair.name.replace('/', '-')}.exr" for pair in pairs}  # of several datasets
        short = {pair: Path(folder) / f"{pair.name.split('/')[1]}.exr" for pair in pairs}
        found[str(folder)] = {pair: full[pair] if several or full[pair].is_file() else short[pair] for pair in pairs}
        missing = [path for path in found[str(folder)].values() if not path.is_file()]
        if missing:
            raise N2NError(
                f"{missing[0]}: no such file, so {folder} cannot be compared",
                "--frames takes a folder with one denoised frame for each view of --data that has references, as "
                "`n2n-render adapt` writes it.",
            )
    return found


def evaluate_view(
    pair: Pair, denoisers: dict[str, Denoiser], with_oidn: bool, held_out: bool = True, finished: dict[str, Path] | None = None
) -> ViewResult:
    """All methods on one view. Denoisers get the mean of all seeds, as Open Image Denoise does: equal total samples.

    finished: name → a frame that is denoised already.

    Images are compared after the exposure of the reference; squared errors use the product of two independent
    reference halves, SSIM, SMAPE and FLIP their mean.
    """
    features = {feature for denoiser in denoisers.values() for feature in denoiser.features}
    if with_oidn:
        features |= {"albedo", "normal"}
    wanted = tuple(feature for feature in FEATURES if feature in features)
    frames = read_group(pair.noisy, None, wanted)
    halves = [ExrImage(path).frame().color for path in pair.references]
    factor = np.float32(exposure((halves[0] + halves[1]) / 2))
    mean = mean_frame(frames)
    images = {"noisy, one seed": frames[0].color, f"noisy, mean of {len(frames)}": mean.color}
    images.update({name: denoiser.denoise(mean) for name, denoiser in denoisers.items()})
    images.update({name: _finished_picture(path) for name, path in (finished or {}).items()})
    if with_oidn:
        images["OIDN"] = oidn.denoise_best(mean)
    wrong = next((name for name, image in images.items() if image.shape != mean.color.shape), None)
    if wrong:
        raise N2NError(f"{wrong}: its frame of {pair.name} has another size", "Compare frames of the same renders.")
    images = {name: image * factor for name, image in images.items()}
    halves = [half * factor for half in halves]
    scores, errors = {}, {}
    for name, image in images.items():
        scores[name], errors[name] = score(image=image, reference_a=halves[0], reference_b=halves[1])
    images["reference"] = (halves[0] + halves[1]) / 2
    return ViewResult(
        pair.name, held_out, parse_name(pair.references[0].name).spp, scores, images, errors, halves, float(factor)
    )


def _finished_picture(path: Path) -> np.ndarray:
    """(H, W, 3): what a finished file shows, also where it still holds the noisy picture that Cycles put beside its own."""
    image = ExrImage(path)
    color = image.picture(image.layer(None))[..., :3]
    if not np.isfinite(color).all():
        raise N2NError(f"{path}: its picture holds pixels that are no numbers", "Denoise it again, or leave it out.")
    return np.maximum(color, 0)


def score(*, image, reference_a, reference_b) -> tuple[dict[str, float], np.ndarray]:
    """All metrics of one exposed image, and its FLIP map."""
    halves = {"reference_a": reference_a, "reference_b": reference_b}
    mean = (reference_a + reference_b) / 2
    flip_mean, flip_map = metrics.flip(image=image, reference=mean)
    return {
        "psnr_db": metrics.psnr(image=image, **halves),
        "ssim": metrics.ssim(image=image, reference=mean),
        "relmse": metrics.relmse(image=image, **halves),
        "smape": metrics.smape(image=image, reference=mean),
        "flip": flip_mean,
    }, flip_map


def follows(pair: Pair, before: Pair | None) -> bool:
    """Whether `pair` is the next frame of the same animation."""
    return before is not None and (before.dataset, before.view, before.frame + 1) == (pair.dataset, pair.view, pair.frame)


def flicker(before: tuple[Pair, ViewResult], after: tuple[Pair, ViewResult]) -> dict[str, float]:
    """Method → mean squared error on T of what changes from one frame to the next; {} where there is no Vector pass, or
    where nothing is seen in both.

    One result for two consecutive frames whose images are still there.
    """
    try:
        vectors = [ExrImage(pair.noisy[0]).frame(None, ("vector",)).vector for pair, _ in (before, after)]
    except N2NError:
        return {}
    if follow(vectors, forward=True)[2].mean() < LEAST_TRUST:
        return {}
    (_, first), (_, second) = before, after
    same = np.float32(first.factor / second.factor)
    return {
        method: metrics.change_error(
            images=(first.images[method], second.images[method] * same),
            references_a=(first.halves[0], second.halves[0] * same),
            references_b=(first.halves[1], second.halves[1] * same),
            vectors=vectors,
        )
        for method in first.scores
    }


def means(results: list[ViewResult]) -> dict[str, dict[str, float]]:
    """Method → metric → mean over the views where it could be told; NaN where in none."""
    methods = results[0].scores

    def mean(values):
        known = [value for value in values if np.isfinite(value)]
        return float(np.mean(known)) if known else float("nan")

    return {
        method: {metric: mean([result.scores[method][metric] for result in results]) for metric in METRICS}
        for method in methods
    }


def oidn_ladder(pairs: list[Pair], roots: list[Path], on_progress=lambda: None) -> dict[int, float]:
    """Samples per pixel → mean PSNR of Open Image Denoise at its best, for datasets of the same views with other spp.

    All are compared with the references of `pairs`, whose own renders are the first rung.
    """
    if len({pair.dataset for pair in pairs}) > 1:
        raise N2NError("--more is for one dataset at a time", "Pass one folder with --data.")
    ladder = {}
    for folder in [None, *find_datasets(roots)]:
        renders = {(pair.view, pair.frame): pair for pair in (find_pairs(folder) if folder else pairs)}
        missing = next((pair for pair in pairs if (pair.view, pair.frame) not in renders), None)
        if missing:
            raise N2NError(f"{folder}: has no renders of {missing.name}", "--more takes the same views with other --spp.")
        values = []
        for pair in pairs:
            found = renders[pair.view, pair.frame]
            halves = [ExrImage(path).frame().color for path in pair.references]
            factor = np.float32(exposure((halves[0] + halves[1]) / 2))
            image = oidn.denoise_best(mean_frame(read_group(found.noisy, None, ("albedo", "normal"))))
            values.append(metrics.psnr(image=image * factor, reference_a=halves[0] * factor, reference_b=halves[1] * factor))
            on_progress()
        ladder[sum(parse_name(path.name).spp for path in found.noisy)] = float(np.mean(values))
    return ladder


def equal_samples(ladder: dict[int, float], psnr_db: float) -> float | None:
    """At how many samples Open Image Denoise reaches `psnr_db`: between rungs straight in log(spp); None beyond them."""
    spps = sorted(ladder)
    for low, high in zip(spps, spps[1:], strict=False):
        if ladder[low] <= psnr_db <= ladder[high]:
            share = (psnr_db - ladder[low]) / max(ladder[high] - ladder[low], 1e-9)
            return float(low * (high / low) ** share)
    return None
