"""Frame: one image and its features, the way every station passes them on."""
from dataclasses import dataclass

import numpy as np

BACKGROUND_DEPTH = 1e9  # Cycles writes 1e10 in Depth and 0 in Denoising Depth where a ray hits nothing


@dataclass
class Frame:
    """Arrays (H, W, C) float32, scene-linear (Rec. 709 primaries unless the file says otherwise), row 0 on top.

    color: radiance [0, ∞). albedo: [0, 1]. normal: camera space, length ≤ 1, zero where nothing was hit. depth: scene
    units along the ray, +inf where nothing was hit. vector: motion in pixels, see frame/motion.py, which also makes
    neighbors (7 channels, radiance and a share) from the frames before and after. Features that were not read are None.
    Alpha is no business of a denoiser: it stays in the file.
    """
    color: np.ndarray
    albedo: np.ndarray | None = None
    normal: np.ndarray | None = None
    depth: np.ndarray | None = None
    vector: np.ndarray | None = None
    neighbors: np.ndarray | None = None

    @property
    def height(self) -> int:
        return self.color.shape[0]

    @property
    def width(self) -> int:
        return self.color.shape[1]


def sanitize(feature: str, pixels: np.ndarray) -> np.ndarray:
    """Brings one feature into the range that `Frame` promises, in place. NaN → 0, +inf → the largest half float.

    Depth keeps +inf for the background: Cycles' 1e10, its 0, and anything not finite.
    """
    if feature == "depth":
        background = ~np.isfinite(pixels) | (pixels >= BACKGROUND_DEPTH) | (pixels <= 0)
        pixels[background] = np.inf
        return pixels
    if not np.isfinite(pixels.sum(dtype=np.float64)):  # one fast pass; the repair takes many
        np.nan_to_num(pixels, copy=False, nan=0.0, posinf=65504.0, neginf=0.0)
    if feature == "color":
        np.maximum(pixels, 0.0, out=pixels)
    elif feature == "albedo":
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
