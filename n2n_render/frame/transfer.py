"""Radiance ⇄ network space: exposure, the curves (each beside its inverse), and how features are scaled.

Every function takes numpy arrays or torch tensors; `xp` is the module (numpy or torch) that the arrays belong to.
"""
import numpy as np

from .frame import Frame
from .passes import CHANNEL_COUNT

LUMINANCE = (0.212671, 0.715160, 0.072169)  # Rec. 709, as Open Image Denoise weighs it
KEY = 0.18                # middle grey: what the log-average luminance is brought to
EXPOSURE_BIN_PX = 16      # Open Image Denoise's auto-exposure: means of bins, so that noise hardly moves it
RADIANCE_MAX = 65504.0    # largest half float
LOG_EPSILON = 0.01        # radiance, exposed; also ε of the relative L2 loss: below it differences count less
LOG_SCALE = float(np.log1p(1.0 / LOG_EPSILON))  # brings radiance 1 to encoded 1
GAMMA = 1.0 / 2.2


def exposure(color: np.ndarray) -> float:
    """The factor that brings the log-average luminance of the whole image (H, W, 3) to middle grey.

    After Open Image Denoise (Apache-2.0): geometric mean over the means of at most 16×16-pixel bins, black bins left out.
    """
    height, width = color.shape[:2]
    rows = np.arange(0, height, EXPOSURE_BIN_PX)
    columns = np.arange(0, width, EXPOSURE_BIN_PX)
    luminance = color[..., 0] * LUMINANCE[0] + color[..., 1] * LUMINANCE[1] + color[..., 2] * LUMINANCE[2]
    sums = np.add.reduceat(np.add.reduceat(luminance, rows, axis=0, dtype=np.float64), columns, axis=1)
    counts = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))
    means = sums / counts
    lit = means[means > 1e-8]
    return float(KEY / np.exp2(np.log2(lit).mean())) if lit.size else 1.0


def depth_scale(depth: np.ndarray) -> float:
    """The median of the finite depths of the whole image, in scene units: makes scenes of any scale look alike."""
    finite = depth[np.isfinite(depth)]
    return float(np.median(finite)) if finite.size else 1.0


def encode_log(radiance, xp):
    """[0, ∞) → [0, ∞), 1 → 1, nearly linear below LOG_EPSILON."""
    return xp.log1p(radiance / LOG_EPSILON) / LOG_SCALE


def decode_log(encoded, xp):
    return xp.expm1(encoded * LOG_SCALE) * LOG_EPSILON


def encode_tonemap(radiance, xp):
    """T(v) = (v / (1 + v))^(1/2.2), [0, ∞) → [0, 1): the curve of Noise2Noise §3.3."""
    return (radiance / (1.0 + radiance)) ** GAMMA


def decode_tonemap(encoded, xp):
    squeezed = xp.clip(encoded, 0.0, 1.0 - 1e-4) ** (1.0 / GAMMA)
    return squeezed / (1.0 - squeezed)


def encode_linear(radiance, xp):
    return radiance


def decode_linear(encoded, xp):
    return encoded


CURVES = {"log": (encode_log, decode_log), "tonemap": (encode_tonemap, decode_tonemap),
          "linear": (encode_linear, decode_linear)}


def encode_depth(depth: np.ndarray, scale: float) -> np.ndarray:
    """[0, ∞] → [0, 1]: near 1, at the median 0.5, background 0."""
    return scale / (scale + depth)


def decode_depth(encoded: np.ndarray, scale: float) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return scale / encoded - scale


def encode_guides(frame: Frame, features: tuple[str, ...], scale: float, out=None) -> np.ndarray:
    """The features of a frame as network channels, (H, W, C): albedo [0, 1], normal [-1, 1], depth [0, 1]."""
    count = sum(CHANNEL_COUNT[feature] for feature in features)
    guides = np.empty((frame.height, frame.width, count), np.float32) if out is None else out
    start = 0
    for feature in features:
        image = getattr(frame, feature)
        end = start + CHANNEL_COUNT[feature]
        guides[..., start:end] = encode_depth(image, scale) if feature == "depth" else image
        start = end
    return guides
