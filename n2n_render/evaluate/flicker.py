"""Two consecutive frames → how far what changes between them is from what changes in the reference."""

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import N2NError
from ..frame import metrics
from ..frame.motion import follow
from ..io.dataset import Pair
from ..io.exr import ExrImage
from .scores import ComparedView

LEAST_TRUST = 0.01  # mean over the pixels of two frames: less is a cut


def change_errors(pairs: tuple[Pair, Pair], views: tuple[ComparedView, ComparedView]) -> dict[str, float]:
    """Method → mean squared error on T of the change from the first frame to the second, along the motion.

    {} where the files have no Vector pass, or where nothing is seen in both frames.
    """
    try:
        vectors = [ExrImage.open(pair.noisy[0]).frame(None, ("vector",))["vector"] for pair in pairs]
    except N2NError:
        return {}
    if follow(vectors, forward=True)[2].mean() < LEAST_TRUST:
        return {}
    first, second = views
    same = np.float32(float(first.references.factor) / float(second.references.factor))
    halves = list(zip(first.references.halves, second.references.halves, strict=True))
    return {
        method: metrics.change_error(
            images=(first.images[method], second.images[method] * same),
            references_a=(halves[0][0], halves[0][1] * same),
            references_b=(halves[1][0], halves[1][1] * same),
            vectors=vectors,
        )
        for method in first.scores
    }


def mean_change(changes: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Method → mean over the pairs of frames that could be compared; {} without any."""
    told = [change for change in changes if change]
    return {method: float(np.mean([change[method] for change in told])) for method in told[0]} if told else {}
