"""What is a method worth in samples of Open Image Denoise? Its PSNR at several sample counts, and what lies between them."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ..engines import oidn
from ..frame import metrics
from ..frame.frame import mean_frame
from ..io.dataset import Pair
from ..io.renders import read_group
from .rival import Renders
from .views import read_references


def oidn_ladder(pairs: Sequence[Pair], more: Iterable[Renders]) -> dict[int, float]:
    """Samples per pixel → mean PSNR of Open Image Denoise at its best, of one seed of each dataset and of all its seeds.

    All are compared with the references of `pairs`, whose own renders are the first rungs. Of two rungs with the same samples
    that of one render counts: it is the better one.
    """
    every = [Renders({pair: pair.noisy for pair in pairs}), *more]
    several = {renders.spp * renders.seeds: _rung(renders, renders.seeds) for renders in every if renders.seeds > 1}
    return several | {renders.spp: _rung(renders, 1) for renders in every}


def _rung(renders: Renders, seeds: int) -> float:
    """The mean PSNR over the views, each denoised from the mean of its first `seeds` seeds."""
    values = []
    for pair, files in renders.files.items():
        references = read_references(pair)
        image = oidn.denoise_best(mean_frame(read_group(files[:seeds], None, ("albedo", "normal"))))
        first, second = references.halves
        values.append(metrics.psnr(image=image * references.factor, reference_a=first, reference_b=second))
    return float(np.mean(values))


def equal_samples(ladder: Mapping[int, float], psnr_db: float) -> float | None:
    """At how many samples Open Image Denoise reaches `psnr_db`: between rungs straight in log(spp); None beyond them."""
    spps = sorted(ladder)
    for low, high in zip(spps, spps[1:], strict=False):
        if ladder[low] <= psnr_db <= ladder[high]:
            fraction = (psnr_db - ladder[low]) / max(ladder[high] - ladder[low], 1e-9)
            return float(low * (high / low) ** fraction)
    return None
