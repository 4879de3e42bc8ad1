"""Seeds of one frame → its picture by an adapted network, the start and the noisy mean, each where it is best; its error."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..frame.arrays import Array, Mask
from ..frame.channels import guide_names
from ..frame.frame import Frame, mean_frame
from ..frame.independence import noise_free
from ..frame.orient import MIRRORED, ORIENTATIONS
from ..frame.transfer import RADIANCE_MAX, exposure
from ..guides.accumulation import Accumulated
from ..guides.prefilter import Prefilter
from ..judge.blend import Blended, Usual, Versions, blend, without_error, without_noise
from ..progress import OnFraction, ignore, share
from .denoiser import Denoiser
from .passes import Painted, paint_light
from .renders import LayerRender

PASSES_OF_A_PICTURE = 6  # through the network, about: for the bar
WHOLE_PART = 2 / 3  # of a picture without neighbours: what is made of all seeds; the rest is the mean of what halves give


def finished_picture(frames: Sequence[Frame]) -> Blended:
    """Of a frame without noise: the frame."""
    return without_noise(mean_frame(list(frames)).color)


@dataclass(frozen=True)
class Painter:
    """What all frames of a shot have in common.

    Attributes:
        network: What paints: the adapted network, or the one between it and the start that is best for the shot.
        start: What regions go back to where their evidence says so; None: nothing.
        prefilter: What cleans albedo and normal for both networks, if they want them clean.
        usual: What the whole shot says; its weight is that of `network`.
        share: How much of `network` is the adapted network, 0 to 1.
        fast: Paints the mean of all seeds only: nothing is known of the error then, and no region goes back to the start.
    """

    network: Denoiser
    start: Denoiser | None
    prefilter: Prefilter | None
    usual: Usual
    share: float = 1.0
    fast: bool = False

    @property
    def features(self) -> tuple[str, ...]:
        """What both networks are given, of what files hold."""
        wanted = {*self.network.features, *(self.start.features if self.start else ())}
        return tuple(feature for feature in guide_names() if feature in wanted)

    def paint(
        self,
        frames: Sequence[Frame],
        held_out: Mask,
        on_fraction: OnFraction = ignore,
        accumulated: Accumulated | None = None,
    ) -> Blended:
        """The picture of one frame, in its own scale. Where there is no noise, it is the renders' own.

        Args:
            frames: Its seeds, guides as rendered; one, if it is to be fast.
            held_out: (H, W), pixels that were held out of the training.
            accumulated: What is taken in of the frames beside it.
        """
        return self._paint(frames, held_out, on_fraction, accumulated)[1]

    def paint_layer(
        self,
        frames: Sequence[Frame],
        render: LayerRender,
        held_out: Mask,
        on_fraction: OnFraction = ignore,
        accumulated: Accumulated | None = None,
    ) -> tuple[Blended, Painted]:
        """The same, and with it the layer's passes of light, which all seeds are painted once of.

        Args:
            render: The mean of the seeds, with the passes.
        """
        own = PASSES_OF_A_PICTURE / (PASSES_OF_A_PICTURE + len(render.light))
        mean, picture = self._paint(frames, held_out, lambda fraction: on_fraction(own * fraction), accumulated)
        if not render.light or render.is_finished:
            return picture, Painted(picture.color)
        noisy = render.frame.with_channels(color=accumulated.color(), **accumulated.light) if accumulated else render.frame
        painted = paint_light(
            noisy,
            mean,
            render.light,
            picture.color,
            self.network.ladder.denoise,
            self.prefilter.clean_color if self.prefilter and "albedo" in self.prefilter.ladders else None,
            lambda fraction: on_fraction(own + (1 - own) * fraction),
        )
        return picture, painted

    def _paint(
        self, frames: Sequence[Frame], held_out: Mask, on_fraction: OnFraction, accumulated: Accumulated | None
    ) -> tuple[Frame, Blended]:
        """The mean of the seeds with clean guides, and the picture."""
        finished = noise_free(list(frames))
        if finished.all():
            return mean_frame(list(frames)), finished_picture(frames)
        if self.fast:
            mean = self._clean(mean_frame(list(frames)), accumulated)
            shown = mean.with_channels(color=accumulated.color()) if accumulated else mean
            picture = without_error(self.network.denoise_clean(shown, on_fraction), self.share)
        else:
            mean, picture = self._judged(frames, held_out, finished, on_fraction, accumulated)
        picture.color[finished] = mean.color[finished]
        return mean, picture

    def _clean(self, frame: Frame, accumulated: Accumulated | None) -> Frame:
        """With neighbours the guides were cleaned already, once for all seeds."""
        if self.prefilter is None:
            return frame
        return accumulated.with_clean_guides(frame) if accumulated and accumulated.is_clean else self.prefilter(frame)

    def _judged(
        self,
        frames: Sequence[Frame],
        held_out: Mask,
        finished: Mask,
        on_fraction: OnFraction,
        accumulated: Accumulated | None,
    ) -> tuple[Frame, Blended]:
        """The mean of all seeds and the picture: both halves of the seeds are painted too, and judge each other.

        The guides of a half are cleaned without the other's: noise of guides goes with that of colours, and a picture that
        knows the other half's would be judged by what it has seen. (With neighbours they are cleaned once for all seeds.)
        """
        middle = len(frames) // 2
        parts = range(middle), range(middle, len(frames))
        halves = [self._clean(mean_frame([frames[seed] for seed in part]), accumulated) for part in parts]
        mean = mean_frame(halves, weights=[len(part) for part in parts])
        factor = np.float32(exposure(mean.color))
        whole, one, two = (np.minimum(frame.color * factor, RADIANCE_MAX) for frame in (mean, *halves))  # as in training
        noisy, shown, alone = Versions(whole, (one, two)), [mean, *halves], None
        if accumulated:
            colors = accumulated.color(), *(accumulated.color(part) for part in parts)
            shown = [frame.with_channels(color=color) for frame, color in zip(shown, colors, strict=True)]
            alone = accumulated.alone(parts[0]), accumulated.alone(parts[1])
        whole_part = 1.0 if accumulated else WHOLE_PART
        painted, start = self._versions(shown, middle / len(frames), whole_part, factor, on_fraction)
        picture = blend(painted, start, noisy, held_out, self.usual, finished, alone)
        weights = {**picture.weights, "adapted": self.share * picture.weights["adapted"]}
        assert picture.error is not None
        return mean, replace(picture, color=picture.color / factor, error=picture.error / factor, weights=weights)

    def _versions(
        self, shown: Sequence[Frame], first: float, whole_part: float, factor: np.float32, on_fraction: OnFraction
    ) -> tuple[Versions, Versions | None]:
        """Pictures by the network and by the start, exposed.

        Copies of a frame that are mirrored or turned are as good as the frame itself, and their errors differ. So each pass
        gets its own orientation; a half has the same one for both networks, whose difference is asked. The start paints the
        halves only: what it makes of them, less what the network makes of them, is the way back for the whole too.

        Args:
            shown: All seeds, the first half, the second half.
            first: How much of all seeds is the first half: less than ½ of three.
            whole_part: Of the picture: what is made of all seeds.
        """
        mean, *halves = shown
        turned = [(half, MIRRORED[index]) for index, half in enumerate(halves)]
        copies = [(mean, switches) for switches in ORIENTATIONS[: self.network.average]]
        passes = len(copies) + len(turned) * (2 if self.start else 1)
        asked = [*copies, *turned]
        pictures = [image * factor for image in self.network.paint_each(asked, share(on_fraction, 0, len(asked), passes))]
        *wholes, one, two = pictures
        whole = np.float32(whole_part) * np.mean(wholes, 0) + np.float32(1 - whole_part) * _mean(one, two, first)
        painted = Versions(whole, (one, two))
        if self.start is None:
            return painted, None
        told = share(on_fraction, len(asked), passes, passes)
        begin_one, begin_two = (image * factor for image in self.start.paint_each(turned, told))
        back = _mean(begin_one - one, begin_two - two, first)
        return painted, Versions(np.maximum(whole + back, 0), (begin_one, begin_two))


def _mean(one: Array, two: Array, first: float) -> Array:
    """first: the weight of `one`."""
    return np.float32(first) * one + np.float32(1 - first) * two
