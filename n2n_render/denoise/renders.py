"""EXR files of one frame → what there is to denoise in them, layer by layer."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..errors import N2NError, doubt
from ..frame.arrays import Array, Mask
from ..frame.channels import COLOR
from ..frame.frame import Frame, crop, mean_frame
from ..frame.independence import Look, are_equal, check_independent, in_squares, look_at, still_alpha
from ..io.exr import ExrImage
from ..io.light import LightPass, same_light
from ..io.sources import DETECT, Sources
from ..network.registry import choose
from .options import AS_DENOISED, PictureOptions
from .strength import StrengthMean
from .wanted import wanted_light

PASSES_OF_A_FRAME = 4  # take as much memory as a frame: colour, albedo, normal, alpha
LEFT_COMPOSITE = "the layer Composite, Blender's composited picture, is left as it is"


@dataclass(frozen=True)
class LayerRender:
    """One view layer of a frame as it was rendered, once or by several seeds.

    Attributes:
        layer: Its name in the file.
        frame: The mean of all renders.
        still: (H, W), where several renders show that there is no noise; None: nothing is known.
        still_alpha: (H, W, 1), the same of alpha.
        light: Its passes of light that are to be denoised too; `frame` holds them.
        strength: (H, W, 1), 0 to 1, how much of what was denoised is taken; None: the same everywhere.
    """

    layer: str
    frame: Frame
    still: Mask | None = None
    still_alpha: Mask | None = None
    light: tuple[LightPass, ...] = ()
    strength: Array | None = None

    @property
    def is_finished(self) -> bool:
        """Without noise, or black, passes of light too: there is nothing to denoise."""
        is_black = not any(self.frame[channel].any() for channel in (COLOR, *(one.channel for one in self.light)))
        return (self.still is not None and bool(self.still.all())) or is_black


@dataclass(frozen=True)
class Renders:
    """The first file of a frame, and the layers of it that are to be denoised, as the mean of all its files."""

    image: ExrImage
    layers: list[LayerRender]

    @property
    def pixels(self) -> int:
        """How much there is in memory: passes of light count as the parts of a frame that they are as large as."""
        return sum(
            render.frame.height * render.frame.width * (1 + len(render.light) // PASSES_OF_A_FRAME) for render in self.layers
        )


def layers_to_denoise(image: ExrImage, wanted: str | None, features: tuple[str, ...]) -> list[str]:
    """View layers of a file that have what the model needs; what is left noisy is said.

    Raises N2NError that names what is missing where none has.
    """
    layers = image.layers_with(wanted, features)
    for layer in layers:
        _check(image, layer, features)
    left = [layer for layer in image.layers if layer not in layers]
    if left and wanted is None:
        lacking = [layer for layer in left if layer in image.rendered_layers]
        if lacking:
            doubt(
                f"left noisy: {', '.join(lacking)}, for want of the passes that the model needs (View Layer > Passes > "
                "Data > Denoising Data)"
            )
        if len(lacking) < len(left):
            doubt(LEFT_COMPOSITE)
    return layers


def _check(image: ExrImage, layer: str, features: tuple[str, ...]) -> None:
    """As `ExrImage.check`, with the model that fits what is there."""
    try:
        image.check(layer, features)
    except N2NError as error:
        fitting = choose(image.available(layer))
        raise N2NError(error.what, f"{error.hint} {fitting} fits this file (--model {fitting}; `adapt`: --init).") from None


def read_renders(
    paths: Sequence[Path],
    wanted: str | None,
    features: tuple[str, ...],
    sources: Sources = DETECT,
    options: PictureOptions = AS_DENOISED,
) -> Renders:
    """The first file, and of each of its layers that are to be denoised the mean of all files, on the first one's pixels.

    Args:
        options: Which passes of light are denoised too, and which masks have a strength of their own.

    Raises N2NError where the renders cannot be of the same frame, or hold the same noise.
    """
    image = ExrImage.open(paths[0], sources=sources)
    layers = layers_to_denoise(image, wanted, features)
    light = {layer: wanted_light(image, layer, options.passes) for layer in layers}
    means = {}
    for layer in layers:
        frame = image.frame(layer, features, light=light[layer])
        strength = StrengthMean(image, layer, options)
        means[layer] = _Mean.of(image, layer, frame, light[layer], strength, len(paths) > 1)
    for path in paths[1:]:
        other = ExrImage.open(path, sources=sources)
        for layer in layers:
            same = same_light(light[layer], other.light(layer), str(path))
            means[layer].add(other, other.frame(layer, features, light=same))
    return Renders(image, [means[layer].finish() for layer in layers])


class _Mean:
    """The mean of renders of one layer, one after the other, and where they are equal."""

    def __init__(
        self, image: ExrImage, layer: str, frame: Frame, light: list[LightPass], strength: StrengthMean, looks: list[Look]
    ):
        self.image, self.layer, self.frame, self.light, self.looks, self.count = image, layer, frame, light, looks, 1
        self.strength = strength
        self.equal: Mask | None = None
        self.still_alpha: Mask | None = None

    @classmethod
    def of(
        cls,
        image: ExrImage,
        layer: str,
        frame: Frame,
        light: list[LightPass],
        strength: StrengthMean,
        is_compared: bool,
    ) -> "_Mean":
        """Of the first render."""
        return cls(image, layer, frame, light, strength, [look_at(frame, image.path)] if is_compared else [])

    def add(self, other: ExrImage, shown: Frame) -> None:
        here, both = self.image.window(self.layer), self.image.common(self.layer, other)
        shown = crop(shown, other.window(self.layer).places(both))
        if both == here:
            self._add_whole(other, shown)
        else:
            self._add_part(other, shown, here.places(both))
        self.strength.add(other)
        self.count += 1

    def _add_whole(self, other: ExrImage, shown: Frame) -> None:
        self.looks.append(look_at(shown, other.path))
        check_independent(self.looks)
        self.equal = _both(self.equal, are_equal(self.frame, shown))
        self.still_alpha = _both(self.still_alpha, still_alpha([self.frame, shown]))
        self.frame = mean_frame([self.frame, shown], weights=[self.count, 1])

    def _add_part(self, other: ExrImage, shown: Frame, place: tuple[slice, slice]) -> None:
        """A render that covers a part of the frame goes into the mean in place."""
        before = crop(self.frame, place)
        check_independent([look_at(before, self.image.path), look_at(shown, other.path)])
        for name, pixels in mean_frame([before, shown], weights=[self.count, 1]).items():
            self.frame[name][place] = pixels

    def finish(self) -> LayerRender:
        still = None if self.equal is None else in_squares(self.equal)
        light = tuple(one for one in self.light if one.channel in self.frame)
        return LayerRender(self.layer, self.frame, still, self.still_alpha, light, self.strength.finish())


def _both(before: Mask | None, newest: Mask | None) -> Mask | None:
    """Where both masks are; one that is not known counts nothing."""
    if before is None or newest is None:
        return newest if before is None else before
    return before & newest


def read_ahead(
    groups: Sequence[Sequence[Path]],
    wanted: str | None,
    features: tuple[str, ...],
    large_pixels: int,
    sources: Sources = DETECT,
    options: PictureOptions = AS_DENOISED,
) -> Iterator[Renders | N2NError]:
    """Each group's renders, or why they cannot be read; the next one is read meanwhile, but for those of more than
    `large_pixels`, of which two would not fit.
    """

    def read(paths: Sequence[Path]) -> Renders | N2NError:
        try:
            return read_renders(paths, wanted, features, sources, options)
        except N2NError as error:
            return error

    with ThreadPoolExecutor(1) as reader:
        ahead = reader.submit(read, groups[0])
        for index in range(len(groups)):
            renders: Renders | N2NError | None = ahead.result()
            assert renders is not None
            small = isinstance(renders, N2NError) or renders.pixels <= large_pixels
            if small and index + 1 < len(groups):
                ahead = reader.submit(read, groups[index + 1])
            yield renders
            renders = None
            if not small and index + 1 < len(groups):
                ahead = reader.submit(read, groups[index + 1])
