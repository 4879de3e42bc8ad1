"""A model of `adapt` → what paints with it: the network that is best for its shot, and the start that regions go back to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..engines.options import ANY_ENGINE, EngineOptions
from ..errors import N2NError
from ..guides.prefilter import Prefilter
from ..io.dataset import frame_names
from ..judge.blend import Usual
from ..judge.error import SHARED_ERROR
from ..network.checkpoint import Checkpoint
from ..network.mixture import can_mix, mixture
from ..network.oidn_weights import BUILTIN
from ..network.provenance import Provenance
from ..network.registry import open_model
from ..progress import Warn, ignore
from .denoiser import Denoiser
from .picture import Painter

NOTHING = "nothing"  # what a model is adapted from that began with random weights
NEGLIGIBLE = 0.02  # a blend weight: what was learned is not worth a pass


@dataclass(frozen=True)
class Palette:
    """What a shot is painted with.

    Attributes:
        adapted: The model of the shot.
        start: What it is blended with; None: from nothing, or not to be found.
    """

    adapted: Checkpoint
    start: Checkpoint | None

    @classmethod
    def find(cls, adapted: Checkpoint, warn: Warn = ignore) -> "Palette":
        """For a model of `adapt`, whose provenance names its start. warn: Is told where that is not there any more."""
        name = (adapted.provenance.options or {}).get("init")
        if not isinstance(name, str) or name == NOTHING:
            return cls(adapted, None)
        try:
            start = open_model(name)
        except N2NError:
            warn(f"the start of this model, {name}, is missing: its pictures are not blended with the start's")
            return cls(adapted, None)
        if name not in BUILTIN and start.provenance.describe() != adapted.provenance.origin:
            warn(f"{name} is not what this model started from any more: its pictures are not blended with the start's")
            return cls(adapted, None)
        return cls(adapted, replace(start, model=replace(start.model, reach=adapted.model.reach)))  # is given the same

    def network(self) -> tuple[Checkpoint, float, bool]:
        """The one network that is best for the whole shot, how much of it is the adapted one, and whether the start is worth
        asking beside it.
        """
        weight = self.adapted.provenance.blend_weight or 0.0
        if self.start is None:
            return self.adapted, 1.0, False
        if weight < NEGLIGIBLE:
            return self.start, 0.0, False
        if can_mix(self.start, self.adapted):
            return mixture(self.start, self.adapted, weight), weight, True
        return self.adapted, 1.0, True

    def open(
        self,
        prefilter: Prefilter | None,
        engine: EngineOptions = ANY_ENGINE,
        average: int = 1,
        fast: bool = False,
        warn: Warn = ignore,
    ) -> Painter:
        """Makes the engines.

        Args:
            prefilter: What cleans albedo and normal, if they are to be clean.
            average: Orientations that the picture of all seeds is the mean of.
            fast: See `Painter`.
        """
        checkpoint, share, is_asked = self.network()
        told = self.adapted.provenance
        weight = 1.0 if self.start is None or checkpoint is not self.adapted else told.blend_weight or 0.0
        network = Denoiser.open(checkpoint, engine, False, average, warn)
        start = Denoiser.open(self.start, engine, False, warn=warn) if self.start and is_asked and not fast else None
        shared = told.shared_error if self.adapted.model.reach else SHARED_ERROR  # measured where neighbours were taken in
        usual = Usual(weight, told.error_ratio or 1.0, shared)
        return Painter(network, start, prefilter, usual, share, fast)


def is_adapted(checkpoint: Checkpoint) -> bool:
    """Whether it is a model of `adapt`, which tells how it is to be blended."""
    told = checkpoint.provenance
    return told.blend_weight is not None and told.error_ratio is not None


def is_trained_on(provenance: Provenance, paths: Sequence[Path]) -> bool:
    """Whether it saw these renders of a frame, in whatever order."""
    return bool(set(frame_names([(path,) for path in paths])) & set(provenance.trained_on))
