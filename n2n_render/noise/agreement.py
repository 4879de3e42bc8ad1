"""Two shots of the same thing → how far they differ by more than noise: shift, light, motion; and how much noise each holds.

Nothing is known of the noise but that it is independent from shot to shot: it may depend on the light, and be correlated
from pixel to pixel (demosaicing, JPEG). So every figure is measured beside its own spread over the windows of the picture.
"""

from dataclasses import dataclass

import numpy as np

from ..frame.arrays import Array
from ..frame.signal import PEAKS
from .windows import MARGIN_PX, Windows, look_at

LEAST_PX = 32  # each way: in less, nothing can be told
REGIONS = 3  # each way: the shift is measured in each of them
PATCH_PX = 512  # square in the middle, in which a large shift is looked for
LEVELS = 16  # groups of windows of like brightness: noise depends on it
CHI2_MEDIAN = 0.4549  # of the square of a standard normal
MAD_TO_SIGMA = 1.4826
ENOUGH_WINDOWS = 8  # with texture, effectively, for a shift
SHIFT_SIGMAS = 4.0  # so far beyond its own uncertainty a shift has to be
LIGHT_SIGMAS = 5.0
MOTION_SIGMAS = 12.0  # of a window: real shots reach 10 in a few of thousands, things that move 20 and far more
MOTION_LEAST = 0.01  # of the brightest window: a fainter change is no motion worth a word
EXPLAINED = 0.7  # of the squared difference: so much may be left of it where a shift is taken back
ALIKE_POWER = 1.2  # times the other's noise, in variance: texture makes no more of equal ones
OTHER_FACTOR = 150.0  # a window's mean differs so many times as much as its pixels say, in variance, in half of the windows
# A shift that is allowed; at edges, as much change as it makes is no motion. A network cannot tell to which side the target
# lies, and learns the mean of both: of astronaut, coffee and chelsea, shifted by cubic splines, that is 62, 61 and 67 dB from
# the truth at 0.1 px, 48, 47 and 52 dB at 0.25 px, 37, 37 and 41 dB at 0.5 px, 29, 28 and 33 dB at 1 px.
EDGE_PX = 0.25


@dataclass(frozen=True)
class Agreement:
    """What two shots A and B have in common, and what they have not.

    Attributes:
        equal: Every pixel is the same.
        shift: Pixels down and right, by which B lies beside A; the median of the regions.
        astray: Largest shift of a region, in pixels, if it is beyond doubt above `EDGE_PX`; 0.0: none.
        astray_fraction: Of the regions that tell a shift, those beyond doubt above `EDGE_PX`.
        light: Relative change of the brightness of the channel that changes most, 0.02: B is 2 % brighter; 0.0 where it is
            not beyond doubt.
        moving: Fraction of the picture that changes by more than noise, a shift or light explain.
        place: Row and column, in pixels, of the middle of the window that changes most.
        sigmas: So many times its noise that window changes.
        noise_a, noise_b: Standard deviation of the noise, high-passed, of 1.0: full scale.
        alike: Correlation of the finest detail of both where it is smallest: near 1, and noise is drowned in texture, or
            shared.
    """

    equal: bool
    shift: tuple[float, float]
    astray: float
    astray_fraction: float
    light: float
    moving: float
    place: tuple[int, int]
    sigmas: float
    noise_a: float
    noise_b: float
    alike: float


EQUAL = Agreement(True, (0.0, 0.0), 0.0, 0.0, 0.0, 0.0, (0, 0), 0.0, 0.0, 0.0, 1.0)


def compare_shots(a: Array, b: Array) -> Agreement:
    """Of two shots (H, W, C) of one size and type, uint8, uint16 or float; each side has LEAST_PX pixels or more."""
    if np.array_equal(a, b):
        return EQUAL
    windows = look_at(a, b)
    shift, astray, fraction = _shifts(windows)
    light, by_channel = _light(windows)
    sigmas = _motion(windows, by_channel, 1 / PEAKS.get(a.dtype.name, np.inf))
    row, column = np.unravel_index(int(sigmas.argmax()), sigmas.shape)
    middle = MARGIN_PX + windows.size // 2
    if large := _large_shift(a, b):
        shift, astray, fraction = (float(large[0]), float(large[1])), float(np.hypot(*large)), 1.0
    noise_a, noise_b = np.sqrt(_noise_powers(windows)).tolist()
    correlation = windows.shared / np.sqrt(np.maximum(windows.energy_a * windows.energy_b, 1e-20))
    return Agreement(
        False,
        shift,
        astray,
        fraction,
        light,
        float((sigmas > MOTION_SIGMAS).mean()),
        (int(row) * windows.size + middle, int(column) * windows.size + middle),
        float(sigmas.max()),
        noise_a,
        noise_b,
        float(np.quantile(correlation, 0.1)),
    )


def noise_fractions(a: Array, b: Array) -> tuple[float, float]:
    """How much of the variance of A - B is A's noise, and how much is B's, of two shots as of `compare_shots`; half each unless
    they evidently differ.
    """
    power_a, power_b = _noise_powers(look_at(a, b)).tolist()
    if max(power_a, power_b) <= ALIKE_POWER * min(power_a, power_b):
        return 0.5, 0.5
    return power_a / (power_a + power_b), power_b / (power_a + power_b)


def _noise_powers(windows: Windows) -> Array:
    """(2,): the variance of the noise of each shot, high-passed."""
    energies = np.stack([windows.energy_a, windows.energy_b])
    powers: Array = np.maximum(np.mean(energies - windows.shared, axis=(1, 2)), 0)
    return powers


def _shifts(windows: Windows) -> tuple[tuple[float, float], float, float]:
    """The shift, the largest shift of a region, and the fraction of regions astray, as in `Agreement`.

    Least squares over the gradients (Lucas and Kanade, 1981), where both factors of each product come from different shots:
    noise then biases neither side, however much of it there is. The spread of the windows' own remainders says how sure a
    region is, whatever the noise's correlation (a sandwich estimate).
    """
    gradients, moments = windows.gradients, windows.moments
    count = REGIONS if min(gradients.shape[:2]) >= 4 * REGIONS else 1
    found = []
    for rows in np.array_split(np.arange(gradients.shape[0]), count):
        for columns in np.array_split(np.arange(gradients.shape[1]), count):
            part = np.ix_(rows, columns)
            found.append(_shift(gradients[part].reshape(-1, 2, 2), moments[part].reshape(-1, 2)))
    shifts, sigmas = np.array([shift for shift, _ in found]), np.array([sigma for _, sigma in found])
    if not (sigmas < EDGE_PX / 2).any():  # little texture, much noise: the picture as a whole may tell
        shift, sigma = _shift(gradients.reshape(-1, 2, 2), moments.reshape(-1, 2))
        shifts, sigmas = shift[None], np.array([sigma])
    telling = sigmas < EDGE_PX / 2
    if not telling.any():
        return (0.0, 0.0), 0.0, 0.0
    lengths = np.hypot(*shifts[telling].T)
    astray = lengths - SHIFT_SIGMAS * sigmas[telling] > EDGE_PX
    down, right = np.median(shifts[telling], axis=0)
    return (float(down), float(right)), float(lengths[astray].max(initial=0.0)), float(astray.mean())


def _shift(gradients: Array, moments: Array) -> tuple[Array, float]:
    """(N, 2, 2), (N, 2) → the shift down and right, in pixels, and its standard deviation; infinite where nothing tells it."""
    total = gradients.sum(0)
    texture = np.abs(np.trace(gradients, axis1=1, axis2=2))
    if np.linalg.eigvalsh(total)[0] <= 1e-3 * abs(np.trace(total)) or np.trace(total) < 1e-12:
        return np.zeros(2), float("inf")
    if texture.sum() ** 2 < ENOUGH_WINDOWS * (texture**2).sum():  # a few windows fit themselves, and seem sure
        return np.zeros(2), float("inf")
    inverse = np.linalg.inv(total)
    shift = inverse @ moments.sum(0)
    remainders = moments - gradients @ shift
    covariance = inverse @ (remainders.T @ remainders) @ inverse
    return shift, float(np.sqrt(np.trace(covariance)))


def _light(windows: Windows) -> tuple[float, Array]:
    """The relative change of the channel that changes most (0.0: none beyond doubt), and that of each channel (C,)."""
    level = windows.level.reshape(-1, windows.level.shape[-1])
    change = windows.change.reshape(level.shape)
    bright = level >= 0.1 * np.maximum(level.max(0), 1e-6)
    found = []
    for channel in range(level.shape[1]):
        ratio = change[bright[:, channel], channel] / level[bright[:, channel], channel]
        middle = float(np.median(ratio))  # of the mean of both; below, of A
        spread = MAD_TO_SIGMA * float(np.median(np.abs(ratio - middle)))
        found.append((middle, 1.25 * spread / len(ratio) ** 0.5))
    sure = [middle / max(1 - middle / 2, 0.01) if abs(middle) > LIGHT_SIGMAS * sigma else 0.0 for middle, sigma in found]
    return max(sure, key=abs), np.array([middle for middle, _ in found])


def _motion(windows: Windows, light: Array, step: float) -> Array:
    """(rows, columns): by how many standard deviations of its noise each window changes, of the channel that changes most.

    The noise of a window's mean is first what pixels of that brightness, were they independent, would leave; the median over
    all windows then says how much more it is, as neighbours are correlated. What a slight shift does at edges is allowed,
    and two steps of the pixels: JPEG makes steps of what is dark.
    """
    level = windows.level
    change = np.abs(windows.change - light * level)
    slope = np.abs(windows.slope).sum(-1, keepdims=True)
    expected = np.stack([_by_level(level[..., c], windows.variance[..., c]) for c in range(level.shape[-1])], -1)
    expected /= windows.size**2
    factor = np.median(change**2 / np.maximum(expected, 1e-20), axis=(0, 1)) / CHI2_MEDIAN
    least = max(MOTION_LEAST * float(level.max()), 2 * step)
    factor[(factor > OTHER_FACTOR) & (np.median(change, axis=(0, 1)) > least)] = 1.0  # that is no noise: another picture
    sigma = np.sqrt(expected * np.maximum(factor, 1.0)) + 1e-9
    beyond = np.maximum(change - EDGE_PX * slope, 0.0)
    sigmas: Array = np.where(beyond > least, beyond / sigma, 0.0).max(-1)
    return sigmas


def _by_level(level: Array, variance: Array) -> Array:
    """The median of the variance among windows of like brightness, for each window."""
    groups = max(1, min(LEVELS, level.size // 16))
    order = np.argsort(level, axis=None)
    expected = np.empty(level.size)
    for group in np.array_split(order, groups):
        expected[group] = np.median(variance.flat[group])
    return expected.reshape(level.shape)


def _large_shift(a: Array, b: Array) -> tuple[int, int] | None:
    """The shift in whole pixels, where it is more than one and explains a good part of the difference; None: it is not.

    By cross-correlation of the middle of the picture, as the gradients' own measure holds for less than about two pixels.
    """
    height, width = (min(side, PATCH_PX) for side in a.shape[:2])
    top, left = (a.shape[0] - height) // 2, (a.shape[1] - width) // 2
    one, other = (shot[top : top + height, left : left + width].astype(np.float64).mean(-1) for shot in (a, b))
    taper = np.outer(np.hanning(height), np.hanning(width))
    one, other = one - one.mean(), other - other.mean()
    cross = np.conj(np.fft.rfft2(taper * one)) * np.fft.rfft2(taper * other)
    cross /= np.sqrt(np.abs(cross)) + 1e-12 * np.abs(cross).max() + 1e-30  # halfway to phase correlation: sharp, not all noise
    peak = np.unravel_index(int(np.fft.irfft2(cross, (height, width)).argmax()), (height, width))
    down, right = ((int(at) + side // 2) % side - side // 2 for at, side in zip(peak, (height, width), strict=True))
    if max(abs(down), abs(right)) < 2 or abs(down) > height // 2 or abs(right) > width // 2:
        return None
    inside = np.s_[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)]
    before = np.s_[max(0, -down) : height + min(0, -down), max(0, -right) : width + min(0, -right)]
    explained = ((other[inside] - one[before]) ** 2).mean() < EXPLAINED * ((other - one) ** 2)[inside].mean()
    return (down, right) if explained else None
