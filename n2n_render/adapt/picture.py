"""Seeds of one frame → its picture: the adapted network, the start and the noisy mean, each where it is best; and its error."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from ..denoise import Denoiser
from ..frame.frame import Frame, mean_frame
from ..frame.independence import noise_free
from ..frame.transfer import RADIANCE_MAX, exposure
from . import judge


@dataclass
class Picture:
    """color: radiance (H, W, 3). error: expected RMS error of the radiance (H, W); error_display: the same on T.

    squared_error: expected on T, its mean over the frame; 0 where there was no noise. shares: how much of the picture is the
    adapted network's and how much the noisy mean, means over the frame.
    """

    color: np.ndarray
    error: np.ndarray
    error_display: np.ndarray
    squared_error: float
    shares: dict[str, float]

    @property
    def psnr_db(self) -> float | None:
        return psnr_of(self.squared_error)


def psnr_of(squared_error: float) -> float | None:
    """On T; None where there is no error to expect."""
    return float(-10 * np.log10(max(squared_error, 1e-12))) if squared_error > 0 else None


def finished_picture(frames: list[Frame]) -> Picture:
    """Of a frame without noise: the frame."""
    nothing = np.zeros(frames[0].color.shape[:2], np.float32)
    return Picture(mean_frame(frames).color, nothing, nothing, 0.0, {"adapted": 0.0, "noisy": 1.0})


class Painter:
    """What all frames of a shot have in common. start None: the adapted network began from nothing.

    usual: the share of the adapted network that is best for the whole shot. ratio: of error and difference. shared: see
    `judge.SharedError`, 0 without neighbours.
    """

    def __init__(self, adapted: Denoiser, start: Denoiser | None, prefilter, usual: float, ratio: float, shared: float = 0.0):
        self.adapted, self.start, self.prefilter, self.usual = adapted, start, prefilter, usual
        self.ratio, self.shared = ratio, shared

    def paint(
        self,
        frames: list[Frame],
        known: np.ndarray,
        on_progress=lambda share: None,
        neighbors: Mapping[str, np.ndarray] = MappingProxyType({}),
    ) -> Picture:
        """frames: the seeds of one frame, guides as rendered; known (H, W): pixels that were held out of the training.

        neighbors: the channels of `neighbor_guides`, for a network that looks at them. Where there is no noise, the picture
        is the renders' own.
        """
        finished = noise_free(frames)
        if finished.all():
            return finished_picture(frames)
        middle = len(frames) // 2
        versions = [mean_frame(part) for part in (frames, frames[:middle], frames[middle:])]
        first = middle / len(frames)  # share of the first half: less than ½ of three seeds
        versions = [(self.prefilter(frame) if self.prefilter else frame).with_channels(**neighbors) for frame in versions]
        factor = np.float32(exposure(versions[0].color))
        noisy = [np.minimum(frame.color * factor, RADIANCE_MAX) for frame in versions]  # as in training
        total = 2 if self.start else 1
        adapted = self._pictures(self.adapted, versions, first, factor, lambda share: on_progress(share / total))
        start = noisy
        if self.start:
            start = self._pictures(self.start, versions, first, factor, lambda share: on_progress((1 + share) / 2))
            mixed, share = self._mix(start, adapted, noisy, known)
        else:
            mixed, share = adapted, np.ones((*known.shape, 1), np.float32)
        wrong_alike = start[1:], self.shared * share[..., 0] ** 2
        squared = judge.error_map(*mixed[1:], self.ratio, *wrong_alike)
        color, noise_share = self._add_noisy(mixed, noisy, known, squared)
        radiance = judge.radiance_error_map(*mixed[1:], self.ratio, *wrong_alike)
        color = color / factor
        color[finished], squared[finished], radiance[finished] = versions[0].color[finished], 0, 0
        return Picture(
            color,
            np.sqrt(radiance) / factor,
            np.sqrt(squared),
            float(squared.mean()),
            {"adapted": float(share.mean()), "noisy": float(noise_share.mean())},
        )

    def _pictures(self, denoiser, versions, first, factor, on_progress):
        """[picture of all seeds, of the first half, of the second half], exposed.

        The first is half what the network makes of the mean, half the mean of what it makes of the halves, which is the
        noise that it was trained on: better than either in nearly all of the trials in docs/adapt.md.
        """
        images = [
            denoiser.denoise_clean(frame, lambda share, start=index: on_progress((start + share) / 3)) * factor
            for index, frame in enumerate(versions)
        ]
        images[0] = (images[0] + first * images[1] + (1 - first) * images[2]) / 2
        return images

    def _mix(self, start, adapted, noisy, known):
        """(pictures of mean and halves, share (H, W, 1)) between start and adapted network, region by region."""
        evidence = None
        for half, other in ((1, 2), (2, 1)):
            residual = judge.shown_residual(start[half], judge.without_fireflies(noisy[other], noisy[half]), start[0])
            found = judge.find_evidence(judge.shown_step(start[half], adapted[half]), residual, known)
            evidence = evidence + found if evidence else found
        share = judge.share_map(evidence, self.usual, judge.SHARE_SPREAD, known.shape)
        return [begin + share * (end - begin) for begin, end in zip(start, adapted, strict=True)], share

    def _add_noisy(self, pictures, noisy, known, error):
        share = judge.noise_share_map(pictures[0], noisy[0], noisy[1:], pictures[1:], known, error)
        return pictures[0] + share * (noisy[0] - pictures[0]), share
