"""Radiance ⇄ network space: exposure, the curves (each beside its inverse), and how features are scaled.

Every function takes numpy arrays or torch tensors; `xp` is the module (numpy or torch) that the arrays belong to.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import Array
from .channels import Kind, kind_of

Values = Any  # a NumPy array or a torch tensor
Module = Any  # numpy or torch: the one that the values belong to

LUMINANCE = (0.212671, 0.715160, 0.072169)  # Rec. 709, as Open Image Denoise weighs it
KEY = 0.18  # middle grey: what the log-average luminance is brought to
EXPOSURE_BIN_PX = 16  # Open Image Denoise's auto-exposure: means of bins, so that noise hardly moves it
RADIANCE_MAX = 65504.0  # largest half float
LOG_EPSILON = 0.01  # radiance, exposed; also ε of the relative L2 loss: below it differences count less
LOG_SCALE = float(np.log1p(1.0 / LOG_EPSILON))  # brings radiance 1 to encoded 1
GAMMA = 1.0 / 2.2
SLOPE_SHIFT = 0.003  # radiance, exposed


def exposure(color: Array) -> float:
    """The factor that brings the log-average luminance of the whole image (H, W, 3) to middle grey.

    After Open Image Denoise (Apache-2.0): geometric mean over the means of equal bins of at most 16×16 pixels, black bins
    left out. Brighter than RADIANCE_MAX no pixel counts: one firefly would darken all the others.
    """
    height, width = color.shape[:2]
    rows, columns = (
        (np.arange(count) * length) // count for length in (height, width) for count in [-(-length // EXPOSURE_BIN_PX)]
    )
    luminance = color[..., 0] * LUMINANCE[0] + color[..., 1] * LUMINANCE[1] + color[..., 2] * LUMINANCE[2]
    np.minimum(luminance, RADIANCE_MAX, out=luminance)
    sums = np.add.reduceat(np.add.reduceat(luminance, rows, axis=0, dtype=np.float64), columns, axis=1)
    counts = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))
    means = sums / counts
    lit = means[means > 1e-8]
    return float(KEY / np.exp2(np.log2(lit).mean())) if lit.size else 1.0


def depth_scale(depth: Array) -> float:
    """The median of the finite depths of the whole image, in scene units: makes scenes of any scale look alike."""
    finite = depth[np.isfinite(depth)]
    return float(np.median(finite)) if finite.size else 1.0


def encode_log(radiance: Values, xp: Module) -> Values:
    """[0, ∞) → [0, ∞), 1 → 1, nearly linear below LOG_EPSILON."""
    return xp.log1p(radiance / LOG_EPSILON) / LOG_SCALE


def decode_log(encoded: Values, xp: Module) -> Values:
    """The inverse of `encode_log`."""
    return (xp.exp(encoded * LOG_SCALE) - 1.0) * LOG_EPSILON  # expm1 would not go into ONNX


def encode_tonemap(radiance: Values, xp: Module) -> Values:
    """T(v) = (v / (1 + v))^(1/2.2), [0, ∞) → [0, 1): the curve of Noise2Noise §3.3."""
    return (radiance / (1.0 + radiance)) ** GAMMA


def decode_tonemap(encoded: Values, xp: Module) -> Values:
    """The inverse of `encode_tonemap`, for what is below 1 - 1e-4."""
    squeezed = xp.clip(encoded, 0.0, 1.0 - 1e-4) ** (1.0 / GAMMA)
    return squeezed / (1.0 - squeezed)


def tonemap_slope(radiance: Values, xp: Module) -> Values:
    """T'(v), the derivative of `encode_tonemap`, at v + 0.003: at black it would be infinite."""
    shifted = radiance + SLOPE_SHIFT
    return GAMMA * (shifted / (1.0 + shifted)) ** (GAMMA - 1.0) / (1.0 + shifted) ** 2


def tonemap_secant(start: Values, end: Values, xp: Module) -> Values:
    """(T(end) - T(start)) / (end - start), both shifted like `tonemap_slope`, which it is where they are equal."""
    apart = end - start
    near = abs(apart) < 1e-2 * (start + SLOPE_SHIFT)
    rise = encode_tonemap(end + SLOPE_SHIFT, xp) - encode_tonemap(start + SLOPE_SHIFT, xp)
    return xp.where(near, tonemap_slope((start + end) / 2, xp), rise / xp.where(near, xp.ones_like(apart), apart))


def encode_linear(radiance: Values, xp: Module) -> Values:
    """Radiance as it is."""
    return radiance


def decode_linear(encoded: Values, xp: Module) -> Values:
    """The inverse of `encode_linear`."""
    return encoded


# Perceptually uniform encoding (Aydin et al. 2008), as Open Image Denoise fits it in three pieces (Apache-2.0).
PU_LINEAR_END, PU_POWER_END = 1.57945760e-06, 3.22087631e-02  # radiance
PU_SLOPE = 1.41283765e03
PU_SCALE, PU_POWER, PU_SHIFT = 1.64593172, 0.431384981, 2.94139609e-03
PU_LOG_SCALE, PU_LOG_SHIFT, PU_OFFSET = 0.192653254, 6.26026094e-03, 0.998620152
PU_MAX = PU_LOG_SCALE * float(np.log(RADIANCE_MAX + PU_LOG_SHIFT)) + PU_OFFSET  # brings RADIANCE_MAX to encoded 1
PU_ENCODED_LINEAR_END = PU_SLOPE * PU_LINEAR_END
PU_ENCODED_POWER_END = PU_SCALE * PU_POWER_END**PU_POWER - PU_SHIFT


def encode_pu(radiance: Values, xp: Module) -> Values:
    """[0, 65504] → [0, 1], the curve of Open Image Denoise's HDR models."""
    encoded = xp.where(
        radiance <= PU_POWER_END,
        PU_SCALE * radiance**PU_POWER - PU_SHIFT,
        PU_LOG_SCALE * xp.log(radiance + PU_LOG_SHIFT) + PU_OFFSET,
    )
    return xp.where(radiance <= PU_LINEAR_END, PU_SLOPE * radiance, encoded) / PU_MAX


def decode_pu(encoded: Values, xp: Module) -> Values:
    """The inverse of `encode_pu`."""
    encoded = xp.clip(encoded, 0.0, 1.0) * PU_MAX
    radiance = xp.where(
        encoded <= PU_ENCODED_POWER_END,
        ((encoded + PU_SHIFT) / PU_SCALE) ** (1.0 / PU_POWER),
        xp.exp((encoded - PU_OFFSET) / PU_LOG_SCALE) - PU_LOG_SHIFT,
    )
    return xp.where(encoded <= PU_ENCODED_LINEAR_END, encoded / PU_SLOPE, radiance)


def encode_srgb(linear: Values, xp: Module) -> Values:
    """[0, 1] → [0, 1], IEC 61966-2-1."""
    return xp.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def decode_srgb(encoded: Values, xp: Module) -> Values:
    """The inverse of `encode_srgb`."""
    return xp.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def encode_unit(signed: Values, xp: Module) -> Values:
    """[-1, 1] → [0, 1]: normals, as Open Image Denoise feeds them."""
    return signed * 0.5 + 0.5


def decode_unit(encoded: Values, xp: Module) -> Values:
    """The inverse of `encode_unit`."""
    return encoded * 2.0 - 1.0


# Name → (encode, decode).
CURVES: dict[str, tuple[Callable[[Values, Module], Values], Callable[[Values, Module], Values]]] = {
    "log": (encode_log, decode_log),
    "tonemap": (encode_tonemap, decode_tonemap),
    "linear": (encode_linear, decode_linear),
    "pu": (encode_pu, decode_pu),
    "srgb": (encode_srgb, decode_srgb),
    "unit": (encode_unit, decode_unit),
}


def encode_depth(depth: Array, scale: float) -> Array:
    """[0, ∞] → [0, 1]: near 1, at the median 0.5, background 0."""
    encoded: Array = scale / (scale + depth)
    return encoded


def decode_depth(encoded: Array, scale: float) -> Array:
    """The inverse of `encode_depth`."""
    with np.errstate(divide="ignore"):
        depth: Array = scale / encoded - scale
    return depth


def expose(name: str, image: Array, factor: float, scale: float) -> Array:
    """A channel of a frame (H, W, C) → as all networks see it, whatever the scale of the scene.

    Radiance: × `factor`, at most RADIANCE_MAX; distance: [0, 1], see `encode_depth`; all others as they are.

    Args:
        factor: of `exposure`.
        scale: of `depth_scale`, in scene units.
    """
    kind = kind_of(name)
    if kind is Kind.RADIANCE:
        exposed: Array = np.minimum(image * np.float32(factor), np.float32(RADIANCE_MAX))
        return exposed
    return encode_depth(image, scale) if kind is Kind.DISTANCE else image


def unexpose(name: str, exposed: Array, factor: float, scale: float) -> Array:
    """The inverse of `expose`, but for what lay above RADIANCE_MAX."""
    kind = kind_of(name)
    if kind is Kind.RADIANCE:
        image: Array = exposed / np.float32(factor)
        return image
    return decode_depth(exposed, scale) if kind is Kind.DISTANCE else exposed


def encode(name: str, exposed: Values, curve: str, unit_normals: bool, xp: Module) -> Values:
    """A channel after `expose` → as one network sees it: radiance through its curve, directions as [0, 1] if it wants."""
    kind = kind_of(name)
    if kind is Kind.RADIANCE:
        return CURVES[curve][0](exposed, xp)
    return encode_unit(exposed, xp) if kind is Kind.DIRECTION and unit_normals else exposed


def decode(name: str, encoded: Values, curve: str, unit_normals: bool, xp: Module) -> Values:
    """The inverse of `encode`."""
    kind = kind_of(name)
    if kind is Kind.RADIANCE:
        return CURVES[curve][1](encoded, xp)
    return decode_unit(encoded, xp) if kind is Kind.DIRECTION and unit_normals else encoded
