"""What is a method worth in samples of Open Image Denoise? Its PSNR at several sample counts, and what lies between them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..engines import oidn
from ..frame import metrics
from ..frame.frame import mean_frame
from ..io.dataset import Pair
from ..io.renders import read_group
from .rival import Renders
from .views import References, read_references


def oidn_ladder(pairs: Sequence[Pair], more: Iterable[Renders]) -> dict[int, float]:
    """Samples per pixel → mean PSNR of Open Image Denoise at its best, of one seed of each dataset and of all its seeds.

    All are compared with the references of `pairs`, whose own renders are the first rungs.
    """
    every = all_rungs(pairs, more)
    return mean_ladder([ladder_of(pair, every, read_references(pair)) for pair in pairs])


def all_rungs(pairs: Sequence[Pair], more: Iterable[Renders]) -> list[Renders]:
    """What the ladder is made of: the own renders of the views, and those of other datasets."""
    return [Renders({pair: pair.noisy for pair in pairs}), *more]


def ladder_of(pair: Pair, every: Sequence[Renders], references: References) -> dict[int, float]:
    """That of one view. Of two rungs with the same samples that of one render counts: it is the better one."""
    several = {
        renders.spp * renders.seeds: _rung(renders.files[pair][: renders.seeds], references)
        for renders in every
        if renders.seeds > 1
    }
    return several | {renders.spp: _rung(renders.files[pair][:1], references) for renders in every}


def mean_ladder(ladders: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """The mean over the views; {} where they have none."""
    return {spp: float(np.mean([ladder[spp] for ladder in ladders])) for spp in ladders[0]}


def _rung(files: Sequence[Path], references: References) -> float:
    image = oidn.denoise_best(mean_frame(read_group(files, None, ("albedo", "normal"))))
    first, second = references.halves
    return metrics.psnr(image=image * references.factor, reference_a=first, reference_b=second)


def equal_samples(ladder: Mapping[int, float], psnr_db: float) -> float | None:
    """At how many samples Open Image Denoise reaches `psnr_db`: between rungs straight in log(spp); None beyond them."""
    spps = sorted(ladder)
    for low, high in zip(spps, spps[1:], strict=False):
        if ladder[low] <= psnr_db <= ladder[high]:
            fraction = (psnr_db - ladder[low]) / max(ladder[high] - ladder[low], 1e-9)
            return float(low * (high / low) ** fraction)
    return None
