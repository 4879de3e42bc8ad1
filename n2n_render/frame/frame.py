"""Frame: one image, all its channels by name, the way every station passes them on."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from .arrays import Array
from .channels import COLOR, Kind

BACKGROUND_DEPTH = 1e9  # Cycles writes 1e10 in Depth and 0 in Denoising Depth where a ray hits nothing


class _Optional:
    """An attribute of a frame by the name of a channel that it may lack; then it is None."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, frame: "Frame", owner: type) -> Array | None:
        return frame.get(self._name)

    def __set__(self, frame: "Frame", image: Array | None) -> None:
        frame.put(self._name, image)


class Frame(Mapping[str, Array]):
    """Images (H, W, C) float32 by the names of their channels, see frame/channels.py; scene-linear (Rec. 709 primaries unless
    the file says otherwise), row 0 on top.

    color: radiance [0, ∞), premultiplied by alpha. alpha: [0, 1]. albedo: [0, 1]. normal: camera space, length ≤ 1, zero
    where nothing was hit. depth: scene units along the ray, +inf where nothing was hit. vector: motion in pixels, see
    frame/motion.py. Whoever is given a frame does not change it: `with_channels` gives another one that shares the images.
    """

    def __init__(self, color: Array, **images: Array | None):
        """images: channel name → (H, W, C); None: the frame has no such channel."""
        self._images = {COLOR: color, **{name: image for name, image in images.items() if image is not None}}

    def __getitem__(self, name: str) -> Array:
        return self._images[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._images)

    def __len__(self) -> int:
        return len(self._images)

    __eq__ = object.__eq__  # arrays have no single answer
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"Frame({self.width}×{self.height}: {', '.join(self)})"

    alpha = _Optional()
    albedo = _Optional()
    normal = _Optional()
    depth = _Optional()
    vector = _Optional()

    @property
    def color(self) -> Array:
        return self._images[COLOR]

    @color.setter
    def color(self, image: Array) -> None:
        self._images[COLOR] = image

    @property
    def height(self) -> int:
        return self.color.shape[0]

    @property
    def width(self) -> int:
        return self.color.shape[1]

    def put(self, name: str, image: Array | None) -> None:
        """Adds or replaces one channel in place; None takes it away. For whoever made the frame: others `with_channels`."""
        if image is None:
            self._images.pop(name, None)
        else:
            self._images[name] = image

    def with_channels(self, **images: Array | None) -> "Frame":
        """The frame with these channels added or replaced; None takes one away."""
        frame = Frame(**self._images)
        for name, image in images.items():
            frame.put(name, image)
        return frame

    def map(self, change: Callable[[str, Array], Array]) -> "Frame":
        """change(name, image) → image, of every channel."""
        return Frame(**{name: change(name, image) for name, image in self.items()})


def sanitize(kind: Kind, pixels: Array) -> Array:
    """Brings an image, whose pixels all carry information (frame/repair.py), into the range of its kind, in place.

    Distance becomes +inf for the background: Cycles' 1e10, its 0, and what is infinite in the file.
    """
    if kind is Kind.DISTANCE:
        pixels[(pixels >= BACKGROUND_DEPTH) | (pixels <= 0)] = np.inf
    elif kind in (Kind.RADIANCE, Kind.VARIANCE):
        np.maximum(pixels, 0.0, out=pixels)
    elif kind in (Kind.UNIT_COLOR, Kind.COVERAGE):
        np.clip(pixels, 0.0, 1.0, out=pixels)
    elif kind is Kind.DIRECTION:
        length = np.sqrt(np.einsum("...c,...c->...", pixels, pixels))[..., None]
        np.divide(pixels, length, out=pixels, where=length > 1.0)
    return pixels


def mean_frame(frames: list[Frame], weights: list[float] | None = None) -> Frame:
    """The (weighted) mean of renders of the same view, channel by channel, of those that all have; depth keeps the background
    of any.
    """
    weights = weights or [1.0] * len(frames)
    fractions = [np.float32(weight / sum(weights)) for weight in weights]

    def mean(name: str) -> Array:
        total = frames[0][name] * fractions[0]
        for frame, fraction in zip(frames[1:], fractions[1:], strict=True):
            total += frame[name] * fraction
        return total

    return Frame(**{name: mean(name) for name in frames[0] if all(name in frame for frame in frames)})


def crop(frame: Frame, place: tuple[slice, slice]) -> Frame:
    """Views of a part of every channel."""
    return frame.map(lambda name, image: image[place])
