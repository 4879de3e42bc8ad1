"""What is a method worth in samples of Open Image Denoise? Its PSNR at several sample counts, and what lies between them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..engines import oidn
from ..errors import N2NError
from ..frame import metrics
from ..frame.frame import mean_frame
from ..io.dataset import Pair, find_datasets, find_pairs
from ..io.renders import read_group
from .views import read_references, samples_of


def oidn_ladder(pairs: Sequence[Pair], roots: Iterable[str | Path]) -> dict[int, float]:
    """Samples per pixel → mean PSNR of Open Image Denoise at its best, for datasets of the same views with other spp.

    All are compared with the references of `pairs`, whose own renders are the first rung.
    """
    if len({pair.dataset for pair in pairs}) > 1:
        raise N2NError("--more is for one dataset at a time", "Pass one folder with --data.")
    ladder = _rung(pairs, pairs)
    for folder in find_datasets([Path(root) for root in roots]):
        renders = {(pair.view, pair.frame): pair for pair in find_pairs(folder)}
        missing = next((pair for pair in pairs if (pair.view, pair.frame) not in renders), None)
        if missing:
            raise N2NError(f"{folder}: has no renders of {missing.name}", "--more takes the same views with other --spp.")
        ladder |= _rung(pairs, [renders[pair.view, pair.frame] for pair in pairs])
    return ladder


def _rung(pairs: Sequence[Pair], renders: Sequence[Pair]) -> dict[int, float]:
    """Samples per pixel of all seeds together → the mean PSNR. renders: of the same views as `pairs`, which have references."""
    values = []
    for pair, rendered in zip(pairs, renders, strict=True):
        references = read_references(pair)
        image = oidn.denoise_best(mean_frame(read_group(rendered.noisy, None, ("albedo", "normal"))))
        first, second = references.halves
        values.append(metrics.psnr(image=image * references.factor, reference_a=first, reference_b=second))
    return {sum(samples_of(path) for path in renders[-1].noisy): float(np.mean(values))}


def equal_samples(ladder: Mapping[int, float], psnr_db: float) -> float | None:
    """At how many samples Open Image Denoise reaches `psnr_db`: between rungs straight in log(spp); None beyond them."""
    spps = sorted(ladder)
    for low, high in zip(spps, spps[1:], strict=False):
        if ladder[low] <= psnr_db <= ladder[high]:
            fraction = (psnr_db - ladder[low]) / max(ladder[high] - ladder[low], 1e-9)
            return float(low * (high / low) ** fraction)
    return None
