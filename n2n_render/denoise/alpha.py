"""Noisy alpha → clean alpha, where shadow catchers, smoke or blurred edges made it noisy."""

from dataclasses import replace

import numpy as np

from ..engines.options import ANY_ENGINE, EngineOptions
from ..frame.arrays import Array, Mask
from ..frame.frame import Frame
from ..frame.independence import in_squares
from ..ladder.memory import ResilientLadder
from ..network.oidn_weights import oidn_checkpoint
from ..progress import Warn, ignore

SURE_ALPHA = 1e-6  # nearer to 0 or 1 than this is rounding of a mean
SURE_PX = 3  # square of pixels that are all 0 or all 1: in a soft shadow they hardly are, by chance


class AlphaDenoiser:
    """Cleans alpha with Open Image Denoise's weights, whatever cleans the colour: one more pass, for frames that need it.

    Alpha goes in as a grey picture that is already exposed, with the frame's albedo where it has one. Mean squared error of
    a scene with a shadow catcher and a holdout against two halves of 512 spp: 8 spp 13.9 → 1.2, 8 + 8 spp 7.0 → 0.8 (× 1e-4;
    2026-11-25).
    """

    def __init__(self, options: EngineOptions = ANY_ENGINE, warn: Warn = ignore):
        self._options, self._warn = options, warn
        self._ladders: dict[str, ResilientLadder] = {}

    def __call__(self, frame: Frame, still: Mask | None = None) -> Array | None:
        """Clean alpha (H, W, 1), exactly the frame's where it is sure; None where there is nothing to clean.

        Sure is what is still, and what is 0 or 1: in all of several renders, or in one over a square of SURE_PX. In a soft
        shadow a single render is 0 here and there by chance.

        Args:
            still: (H, W, 1), where several renders have the same alpha; None for a single render.
        """
        alpha = frame.alpha
        if alpha is None:
            return None
        noisy = _noisy_pixels(alpha, still)
        if not noisy.any():
            return None
        ladder = self._ladder("hdr" if frame.albedo is None else "hdr_alb")
        clean = ladder.denoise(Frame(alpha.repeat(3, -1), albedo=frame.albedo))
        return np.where(noisy, np.clip(clean.mean(-1, keepdims=True), 0, 1), alpha)

    def _ladder(self, archive: str) -> ResilientLadder:
        if archive not in self._ladders:
            weights = oidn_checkpoint(archive)
            weights = replace(weights, model=replace(weights.model, subject="alpha"))
            self._ladders[archive] = ResilientLadder.open(weights, self._options, self._warn)
        return self._ladders[archive]


def _noisy_pixels(alpha: Array, still: Mask | None) -> Mask:
    """(H, W, 1): where alpha (H, W, 1) is not sure."""
    noisy: Mask = (alpha > SURE_ALPHA) & (alpha < 1 - SURE_ALPHA)
    if still is not None:
        return noisy & ~still
    sure = [in_squares(mask[..., 0], SURE_PX) for mask in (alpha <= SURE_ALPHA, alpha >= 1 - SURE_ALPHA)]
    unsure: Mask = ~(sure[0] | sure[1])[..., None]
    return noisy | unsure if noisy.any() else noisy
