"""Are two renders of a frame a pair: the same picture, with independent noise? And where is there no noise at all?

Every estimate of Noise2Noise stands on that, so it is measured. All on T(v) of windows that are spread over the frame,
after a high-pass filter that leaves noise, which differs from pixel to pixel, and little of the picture. For independent
renders of equal noise the mean (A + B) / 2 is then half as noisy as the difference A - B, in standard deviations; what
they have in common adds to the mean and is missing in the difference. Of windows with a texture of single pixels the mean
holds more; a low quantile over the windows passes those by.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import N2NError, doubt
from .arrays import Array, Mask
from .frame import Frame
from .transfer import encode_tonemap, exposure

WINDOW_PX, SMALL_PX = 16, 8  # of a window; in frames with fewer than ENOUGH of the large ones, small ones
ENOUGH = 40
MOST_WINDOWS = 400  # of a frame
QUANTILE = 0.2  # of windows, by how much their mean holds beside their difference
USUAL_RATIO = {WINDOW_PX: 0.82, SMALL_PX: 0.72}  # that quantile for independent renders: docs/files.md has the measurement
CORRELATION_REFUSED, CORRELATION_DOUBTED = 0.5, 0.2
FEW = 24  # windows with noise: of fewer, edges are a larger part, and only more than these is refused or doubted
FEW_REFUSED, FEW_DOUBTED = 0.8, 0.5
SLIGHT = 0.02  # on T, RMS of the difference: with less noise a fine texture outweighs it
SLIGHT_REFUSED = 0.995  # … and only what is all but equal is refused
SPREAD_REFUSED, SPREAD_DOUBTED = 12.0, 4.0  # squared mean of the difference over windows, times their pixels; of noise 1
SPREAD_LIMIT = 16.0  # relative: so far a pixel counts; without a limit fireflies would hide everything else
STEP = 1e-3  # on T: pixels that differ by less are equal
PEAKS = 0.12  # of pixels that differ from a neighbour: those above or below all four; white noise 0.4, a drawing 0
NOISY_FRACTION = 0.12  # of the windows that are not flat: where fewer hold peaks, it is small print
SAME_FRACTION = 0.9  # of the windows with noise that are equal: it is the same noise
COPIED = 3, 0.5  # so many blocks with noise, and such a fraction of those that are not flat, equal to the bit: copied
QUIET = 1e-4  # on T, RMS of the difference: less is no noise
EQUAL = 2.0**-10  # relative: rounding to half floats
EQUAL_PX = 7  # square in which two renders are equal everywhere where there is no noise

HINT = "Render one of them with another seed (Render Properties > Sampling > Advanced > Seed)."


@dataclass(frozen=True)
class Look:
    """What is kept of a render to compare it with others: windows (N, k, k, 3) of its radiance, and its exposure."""

    path: Path
    windows: Array
    exposure: float


def look_at(frame: Frame, path: str | os.PathLike[str]) -> Look:
    """Of at most MOST_WINDOWS windows, evenly spread; frames of one size are looked at in the same places."""
    enough = (frame.height // (WINDOW_PX + 2)) * (frame.width // (WINDOW_PX + 2)) >= ENOUGH
    size = min((WINDOW_PX if enough else SMALL_PX) + 2, frame.height, frame.width)
    count = min(MOST_WINDOWS, (frame.height // size) * (frame.width // size))
    rows = max(1, min(frame.height // size, round((count * frame.height / frame.width) ** 0.5)))
    columns = max(1, min(frame.width // size, count // rows))
    windows = [
        frame.color[top : top + size, left : left + size]
        for top in np.linspace(0, frame.height - size, rows).astype(int)
        for left in np.linspace(0, frame.width - size, columns).astype(int)
    ]
    return Look(Path(path), np.stack(windows), exposure(frame.color))


@dataclass(frozen=True)
class Comparison:
    """correlation of the noise of two renders, about 0 for independent ones; 1: the same noise; None: there is no noise.
    refused, doubted: from which correlation on they are no pair, or may be none.

    spread: how much more their difference varies from window to window than noise would; 1 for the same picture.
    copied: fraction of the picture in which the noise is the same to the bit, as where a part was rendered again and put in.
    """

    correlation: float | None
    spread: float
    copied: float = 0.0
    refused: float = CORRELATION_REFUSED
    doubted: float = CORRELATION_DOUBTED

    @property
    def same_noise(self) -> bool:
        return self.correlation is not None and self.correlation >= self.refused


def compare(one: Look, other: Look) -> Comparison:
    """How much noise two renders of a frame have in common, measured in the windows that both were looked at in."""
    factor = np.float32((one.exposure * other.exposure) ** 0.5)
    exposed = [np.minimum(look.windows * factor, 1e6).astype(np.float64) for look in (one, other)]
    a, b = (encode_tonemap(windows, np) for windows in exposed)
    common, apart = _high_pass((a + b) / 2), _high_pass(a - b)
    if not common.size:
        return Comparison(None, 1.0)
    variance = (apart**2).mean((1, 2, 3))
    equal, (flat, noisy) = variance <= QUIET**2, _flat_and_noisy((a + b) / 2)
    spread = 1.0 if equal.all() else _spread(*exposed)
    if noisy.sum() >= max(1, NOISY_FRACTION * (~flat).sum()) and (noisy & equal).sum() > SAME_FRACTION * noisy.sum():
        return Comparison(1.0, spread)
    copied = _copied_fraction(one.windows, other.windows, factor)
    if equal.all():
        return Comparison(None, spread, copied)
    usual = USUAL_RATIO[WINDOW_PX if common.shape[1] >= WINDOW_PX else SMALL_PX]
    ratio = np.quantile(4 * (common**2).mean((1, 2, 3))[~equal] / variance[~equal], QUANTILE) / usual
    limits = (FEW_REFUSED, FEW_DOUBTED) if (~equal).sum() < FEW else (CORRELATION_REFUSED, CORRELATION_DOUBTED)
    if variance[~equal].mean() < SLIGHT**2:
        limits = SLIGHT_REFUSED, FEW_DOUBTED
    return Comparison(float((ratio - 1) / (ratio + 1)), spread, copied, *limits)


def _copied_fraction(one: Array, other: Array, factor: np.float32) -> float:
    """Of the blocks of a quarter of a window: those that are equal to the bit in both renders and hold noise; 0 where what is
    equal looks like a drawing. Renders of a still texture differ a little: their samples lie elsewhere in the pixels.
    """
    half = one.shape[1] // 2
    if half < 5:
        return 0.0
    quarters = [np.s_[:, top : top + half, left : left + half] for top in (0, half) for left in (0, half)]
    one, other = (np.concatenate([windows[quarter] for quarter in quarters]) for windows in (one, other))
    same = (one == other).all((1, 2, 3))
    flat, noisy = _flat_and_noisy(encode_tonemap(np.minimum(one[same] * factor, 1e6).astype(np.float64), np))
    if noisy.sum() < COPIED[0] or noisy.sum() < COPIED[1] * (~flat).sum():
        return 0.0
    return float(noisy.sum() / len(one))


def _high_pass(windows: Array) -> Array:
    """(N, h, w, C) → (N, h - 2, w - 2, C): second differences each way, scaled so that white noise keeps its variance."""
    windows = windows[:, :-2] - 2 * windows[:, 1:-1] + windows[:, 2:]
    passed: Array = (windows[:, :, :-2] - 2 * windows[:, :, 1:-1] + windows[:, :, 2:]) / 6
    return passed


def _flat_and_noisy(windows: Array) -> tuple[Mask, Mask]:
    """(N,) bool twice: windows (N, h, w, C) in which hardly a pixel differs from its neighbours, and those that look like
    noise, not like a drawing, in one render alone.
    """
    grey = windows.mean(-1)
    center = grey[:, 1:-1, 1:-1]
    steps = np.stack([grey[:, :-2, 1:-1], grey[:, 2:, 1:-1], grey[:, 1:-1, :-2], grey[:, 1:-1, 2:]]) - center
    differing = (np.abs(steps) > STEP).any(0).mean((1, 2))
    peaks = ((steps > STEP).all(0) | (steps < -STEP).all(0)).mean((1, 2))
    flat = differing < 0.02
    return flat, ~flat & (peaks > PEAKS * differing)


def _spread(a: Array, b: Array) -> float:
    """Of the difference of exposed radiance, relative to the windows' own: without a curve, so that two renders of unequal
    noise are no different pictures.
    """
    level = (a + b).mean((1, 2), keepdims=True) / 2 + 0.01
    apart = np.clip((a - b) / level, -SPREAD_LIMIT, SPREAD_LIMIT)
    pixels = apart.shape[1] * apart.shape[2]
    return float((apart.mean((1, 2)) ** 2).mean() * pixels / max((apart**2).mean(), 1e-12))


def check_independent(looks: list[Look]) -> None:
    """Compares the last render with all before it. Raises N2NError where they are no pair, doubts where that is not sure."""
    newest = looks[-1]
    for before in looks[:-1]:
        names = f"{newest.path} and {before.path}"
        pair = compare(before, newest)
        if pair.spread > SPREAD_REFUSED + 40 / len(newest.windows) ** 0.5:
            raise N2NError(
                f"{names} do not show the same picture: their difference varies {pair.spread:.0f} times as much "
                "from place to place as noise",
                "A pair is the same frame, camera and light, rendered twice.",
            )
        if pair.same_noise:
            raise N2NError(f"{names} hold the same noise (correlation {pair.correlation:.2f}; of independent renders 0)", HINT)
        if pair.copied:
            raise N2NError(f"{names} hold the same noise in about {pair.copied:.0%} of the picture", HINT)
        if pair.correlation is None:
            continue
        if pair.correlation >= pair.doubted:
            doubt(
                f"{names} may share noise (correlation {pair.correlation:.2f}; of independent renders 0): what is learned "
                "and expected from them is too good then"
            )
        if pair.spread > SPREAD_DOUBTED + 20 / len(newest.windows) ** 0.5:
            doubt(
                f"{names} may not show the same picture: their difference varies {pair.spread:.1f} times as much from place "
                "to place as noise"
            )


def has_noise(frames: list[Frame]) -> bool:
    """Whether renders of a frame differ anywhere."""
    return not noise_free(frames).all()


def noise_free(frames: list[Frame]) -> Mask:
    """(H, W): where renders of a frame, known to be independent, are equal over a whole square: there is no noise, and
    each of them is finished. False everywhere for a single render.
    """
    if len(frames) < 2:
        return np.zeros(frames[0].color.shape[:2], bool)
    return in_squares(np.logical_and.reduce([are_equal(frames[0], frame) for frame in frames[1:]]))


def are_equal(one: Frame, other: Frame) -> Mask:
    """(H, W): pixels whose colour differs by no more than half floats are rounded. Black on a surface may be light that no
    sample has met yet: it counts only where the whole frame is equal.
    """
    equal: Mask = (np.abs(one.color - other.color) <= EQUAL * np.maximum(one.color, other.color)).all(-1)
    return equal if equal.all() else equal & ~((one.color == 0).all(-1) & _is_surface(one))


def _is_surface(frame: Frame) -> Mask:
    """(H, W), as far as alpha and albedo tell; where they tell nothing, everything is."""
    surface = np.ones(frame.color.shape[:2], bool)
    for image in (frame.alpha, frame.albedo):
        if image is not None:
            surface &= image.any(-1)
    return surface


def still_alpha(frames: list[Frame]) -> Mask | None:
    """(H, W, 1): where renders of a frame have the same alpha over a whole square; None for a single render."""
    alphas = [frame.alpha for frame in frames if frame.alpha is not None]
    if len(frames) < 2 or len(alphas) < len(frames):
        return None
    return in_squares(np.logical_and.reduce([np.abs(alpha - alphas[0]) <= EQUAL for alpha in alphas[1:]])[..., 0])[..., None]


def in_squares(mask: Mask, size: int = EQUAL_PX) -> Mask:
    """Those pixels (H, W) of a mask that lie in a whole square of it; the mask itself where it is all or nothing."""
    return mask if mask.all() or not mask.any() else _grow(_grow(mask, False, size), True, size)


def _grow(mask: Mask, value: bool, size: int) -> Mask:
    """Every pixel takes `value` that has a pixel of that value within size // 2 of it, up or down and left or right."""
    for axis in (0, 1):
        edge = [(size // 2,) * 2 if index == axis else (0, 0) for index in (0, 1)]
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(mask, edge, constant_values=not value), size, axis)
        mask = windows.any(-1) if value else windows.all(-1)
    return mask
