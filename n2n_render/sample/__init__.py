"""A .blend file → noisy pairs of frames: `sample(SampleOptions(…)) → Sampled`."""

from typing import TYPE_CHECKING

from ..lazy import names_from
from .options import SampleOptions

if TYPE_CHECKING:
    from .sampling import Sampled as Sampled
    from .sampling import sample as sample

__all__ = ["SampleOptions", "Sampled", "sample"]

__getattr__ = names_from(__name__, {"Sampled": "sampling", "sample": "sampling"})
