"""Seeds of one frame → its picture: the adapted network, the start and the noisy mean, each where it is best; and its error."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from ..denoise import Denoiser
from ..frame.arrays import Array, Mask
from ..frame.frame import Frame, mean_frame
from ..frame.independence import noise_free
from ..frame.transfer import RADIANCE_MAX, exposure
from ..judge.blend import Blended, Usual, Versions, blend, without_noise
from ..learn.arrays import Cleaner
from ..progress import OnFraction, ignore, part


def finished_picture(frames: list[Frame]) -> Blended:
    """Of a frame without noise: the frame."""
    return without_noise(mean_frame(frames).color)


@dataclass(frozen=True)
class Painter:
    """What all frames of a shot have in common.

    Attributes:
        start: None where the adapted network began from nothing.
        prefilter: What cleans albedo and normal for both networks, if they want them clean.
        usual: What the whole shot says.
    """

    adapted: Denoiser
    start: Denoiser | None
    prefilter: Cleaner | None
    usual: Usual

    def paint(
        self,
        frames: list[Frame],
        held_out: Mask,
        on_fraction: OnFraction = ignore,
        neighbors: Mapping[str, Array] = MappingProxyType({}),
    ) -> Blended:
        """The picture of one frame, in its own scale. Where there is no noise, it is the renders' own.

        Args:
            frames: Its seeds, guides as rendered.
            held_out: (H, W), pixels that were held out of the training.
            neighbors: The channels of `neighbor_guides`, for a network that looks at them.
        """
        finished = noise_free(frames)
        if finished.all():
            return finished_picture(frames)
        middle = len(frames) // 2
        first = middle / len(frames)  # how much of all seeds is the first half: less than ½ of three
        versions = [mean_frame(part) for part in (frames, frames[:middle], frames[middle:])]
        versions = [(self.prefilter(frame) if self.prefilter else frame).with_channels(**neighbors) for frame in versions]
        factor = np.float32(exposure(versions[0].color))
        whole, one, two = (np.minimum(frame.color * factor, RADIANCE_MAX) for frame in versions)  # as in training
        adapted = _pictures(self.adapted, versions, first, factor, part(on_fraction, 0, 2 if self.start else 1))
        start = None
        if self.start:
            start = _pictures(self.start, versions, first, factor, part(on_fraction, 1, 2))
        picture = blend(adapted, start, Versions(whole, (one, two)), held_out, self.usual, finished)
        color = picture.color / factor
        color[finished] = versions[0].color[finished]
        return replace(picture, color=color, error=picture.error / factor)


def _pictures(denoiser: Denoiser, versions: list[Frame], first: float, factor: np.float32, on_fraction: OnFraction) -> Versions:
    """Of all seeds, of the first half and of the second half, exposed.

    The first is half what the network makes of the mean, half the mean of what it makes of the halves, which is the
    noise that it was trained on: better than either in nearly all of the trials in docs/adapt.md.
    """
    whole, one, two = (
        denoiser.denoise_clean(frame, part(on_fraction, index, 3)) * factor for index, frame in enumerate(versions)
    )
    return Versions((whole + first * one + (1 - first) * two) / 2, (one, two))
