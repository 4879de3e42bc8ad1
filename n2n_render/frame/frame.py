"""Frame: one image and its features, the way every station passes them on."""

from dataclasses import dataclass

import numpy as np

BACKGROUND_DEPTH = 1e9  # Cycles writes 1e10 in Depth and 0 in Denoising Depth where a ray hits nothing


@dataclass
class Frame:
    """Arrays (H, W, C) float32, scene-linear (Rec. 709 primaries unless the file says otherwise), row 0 on top.

    color: radiance [0, ∞). albedo: [0, 1]. normal: camera space, length ≤ 1, zero where nothing was hit. depth: scene
    units along the ray, +inf where nothing was hit. vector: motion in pixels, see frame/motion.py, which also makes
    neighbors (7 channels, radiance and a share) from the frames before and after. alpha: [0, 1], 1 channel; colour is
    premultiplied by it. Features that were not read are None.
    """

    color: np.ndarray
    albedo: np.ndarray | None = None
    normal: np.ndarray | None = None
    depth: np.ndarray | None = None
    vector: np.ndarray | None = None
    alpha: np.ndarray | None = None
    neighbors: np.ndarray | None = None

    @property
    def height(self) -> int:
        return self.color.shape[0]

    @property
    def width(self) -> int:
        return self.color.shape[1]


def sanitize(feature: str, pixels: np.ndarray) -> np.ndarray:
    """Brings one feature, whose pixels all carry information (frame/repair.py), into the range that `Frame` promises, in place.

    Depth becomes +inf for the background: Cycles' 1e10, its 0, and what is infinite in the file.
    """
    if feature == "depth":
        pixels[(pixels >= BACKGROUND_DEPTH) | (pixels <= 0)] = np.inf
    elif feature == "color":
        np.maximum(pixels, 0.0, out=pixels)
    elif feature in ("albedo", "alpha"):
        np.clip(pixels, 0.0, 1.0, out=pixels)
    elif feature == "normal":
        length = np.sqrt(np.einsum("...c,...c->...", pixels, pixels))[..., None]
        np.divide(pixels, length, out=pixels, where=length > 1.0)
    return pixels


def mean_frame(frames: list[Frame], weights: list[float] | None = None) -> Frame:
    """The (weighted) mean of renders of the same view, feature by feature; depth keeps the background of any."""
    weights = weights or [1] * len(frames)
    shares = [np.float32(weight / sum(weights)) for weight in weights]

    def mean(name):
        images = [getattr(frame, name) for frame in frames]
        if any(image is None for image in images):
            return None
        total = images[0] * shares[0]
        for image, share in zip(images[1:], shares[1:], strict=True):
            total += image * share
        return total

    return Frame(**{name: mean(name) for name in vars(frames[0])})


def crop(frame: Frame, place: tuple[slice, slice]) -> Frame:
    """Views of a part of every feature."""
    return Frame(**{name: image if image is None else image[place] for name, image in vars(frame).items()})
