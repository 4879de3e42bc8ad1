"""A model by name, file or run folder → what denoises with it, whatever it is for."""

from ..engines.options import ANY_ENGINE, EngineOptions
from ..errors import N2NError
from ..network.registry import open_model
from ..progress import Warn, ignore
from .denoiser import Denoiser
from .signals import SignalDenoiser
from .slices import SliceDenoiser

AnyDenoiser = Denoiser | SignalDenoiser | SliceDenoiser


def load_any(
    name: str,
    options: EngineOptions = ANY_ENGINE,
    prefilter: bool | None = None,
    average: int = 1,
    warn: Warn = ignore,
) -> AnyDenoiser:
    """As `load_denoiser`, of photographs and slices too."""
    checkpoint = open_model(name, signals=True)
    if not checkpoint.model.is_signal:
        return Denoiser.open(checkpoint, options, prefilter, average, warn)
    if prefilter:
        raise N2NError(f"prefilter is for models of renders, and {name} is one of {checkpoint.purpose}", "Leave it out.")
    denoiser = SignalDenoiser.open(checkpoint, options, average, warn)
    return SliceDenoiser.of(checkpoint, denoiser) if checkpoint.is_of_slices else denoiser
