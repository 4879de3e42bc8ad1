"""Shots of the same thing (a camera's burst, a microscope's repeats) → those that Noise2Noise may learn from, and why not all.

Two shots are a pair where they differ by noise alone. What two aligned shots cannot show is noise that both hold: a sensor's
fixed pattern, hot pixels, dust, banding that stays. It looks like the picture, and a network learns to keep it. Dark frames
subtracted beforehand, or shots with the camera moved by whole pixels and aligned by those, make it differ. And where noise
drowns the picture, or there is no texture, no shift can be told: what was not found is not refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import doubt
from ..frame.arrays import Array
from .agreement import EDGE_PX, LEAST_PX, Agreement, compare_shots

LIGHT_MOST = 0.01  # relative, of pixels as the file holds them; real bursts scatter by as much (lamps, shutters)
TURNED_FRACTION = 0.5  # of the regions that tell a shift: where fewer are astray, something moved in them
OTHER_FRACTION = 0.5  # of the picture moves: it is another
UNEQUAL = 2.0  # times the noise, high-passed: said
CLIPPED = 0.02  # of the values of a shot: said
CLIPPED_AT = (255, 1023, 4095, 16383, 65535)  # full scales of 8 to 16 bits
ALIKE = 0.9  # correlation of the finest detail, everywhere: said


@dataclass(frozen=True)
class Verdict:
    """What of a burst may be learned from.

    Attributes:
        kept: Numbers of its shots, from 0; two or more, or none.
        left_out: A sentence for each shot that is left out, or one for the burst. Shots are numbered from 1 there.
        doubts: Sentences of what is kept, and may be less good than it looks.
    """

    kept: tuple[int, ...]
    left_out: tuple[str, ...]
    doubts: tuple[str, ...]


def kept_shots(shots: Sequence[Array], name: str) -> tuple[int, ...]:
    """Numbers of the shots of a burst that are pairs of each other, none or two and more; the rest is said as doubts."""
    verdict = examine_burst(shots, name)
    for sentence in (*verdict.left_out, *verdict.doubts):
        doubt(sentence)
    return verdict.kept


def examine_burst(shots: Sequence[Array], name: str) -> Verdict:
    """Looks which shots show the same thing, in the same place and light, with noise of their own.

    All are compared with one of them, the first that at least half of the others agree with. What moves, or where the light
    changed, is neither masked nor mended: the shot is left out as a whole, as a corrected one is another picture.

    Args:
        shots: (H, W, C) each, uint8, uint16 or float, C 1 or 3. They may be memory-mapped: they are read in strips.
        name: Of the burst, for the sentences.
    """
    faults = {index: fault for index, shot in enumerate(shots) if (fault := _fault(shot))}
    faults |= _copies(shots, faults)
    sound = [index for index in range(len(shots)) if index not in faults]
    centre, agreements = _centre(shots, sound)
    for index, agreement in agreements.items():
        if isinstance(agreement, str):
            faults[index] = agreement
        elif fault := _disagreement(agreement, centre + 1):
            faults[index] = fault
    kept = tuple(index for index in sound if index not in faults)
    left_out = tuple(f"{name}: shot {index + 1} is left out: {faults[index]}" for index in sorted(faults))
    if len(kept) < 2:
        return Verdict((), (*left_out, f"{name} is left out: no two of its {len(shots)} shots are a pair"), ())
    told = {index: agreement for index, agreement in agreements.items() if isinstance(agreement, Agreement) and index in kept}
    return Verdict(kept, left_out, tuple(f"{name}: {doubt}" for doubt in _doubts(shots, kept, centre, told)))


def _fault(shot: Array) -> str | None:
    """What makes a shot useless, whatever the others are."""
    if min(shot.shape[:2]) < LEAST_PX:
        return f"it has {shot.shape[1]}×{shot.shape[0]} pixels, and nothing can be told of fewer than {LEAST_PX} each way"
    if shot.dtype.kind == "f" and not all(np.isfinite(row).all() for row in shot):
        return "it holds values that are no numbers (NaN or infinite)"
    return None


def _copies(shots: Sequence[Array], faults: dict[int, str]) -> dict[int, str]:
    """Shots that are equal to one before, pixel by pixel."""
    copies: dict[int, str] = {}
    for index, shot in enumerate(shots):
        for before in range(index):
            if before in faults or before in copies or index in faults:
                continue
            if np.array_equal(shots[before], shot):
                copies[index] = f"it is equal to shot {before + 1} in 100 % of its pixels: a copy, or a picture without noise"
                break
    return copies


def _centre(shots: Sequence[Array], sound: list[int]) -> tuple[int, dict[int, Agreement | str]]:
    """The shot that at least half of the others agree with, else the one with the most such, and its comparisons."""
    best: tuple[int, int, dict[int, Agreement | str]] = (-1, 0, {})
    for centre in sound:
        agreements: dict[int, Agreement | str] = {}
        for index in sound:
            if index != centre:
                agreements[index] = _compared(shots[centre], shots[index])
        agreeing = sum(
            isinstance(agreement, Agreement) and not _disagreement(agreement, 0) for agreement in agreements.values()
        )
        if agreeing > best[0]:
            best = agreeing, centre, agreements
        if 2 * agreeing >= len(agreements):
            break
    return best[1], best[2]


def _compared(centre: Array, shot: Array) -> Agreement | str:
    if centre.shape != shot.shape or centre.dtype != shot.dtype:
        sizes = (f"{one.shape[1]}×{one.shape[0]}×{one.shape[2]} {one.dtype}" for one in (shot, centre))
        return "it is {}, others are {}".format(*sizes)
    return compare_shots(centre, shot)


def _disagreement(agreement: Agreement, centre: int) -> str | None:
    """Why a shot is no pair of the centre, in the order of what explains the others; None: it is one."""
    down, right = agreement.shift
    length = float(np.hypot(down, right))
    beside = f"beside shot {centre} (above {EDGE_PX} px the target blurs)"
    if agreement.astray and length > EDGE_PX:
        return f"it is shifted by {length:.1f} px ({down:+.1f} down, {right:+.1f} right) {beside}"
    if agreement.astray_fraction >= TURNED_FRACTION:
        return f"it is turned, zoomed or bent by up to {agreement.astray:.1f} px {beside}"
    if agreement.moving > OTHER_FRACTION:
        return f"{agreement.moving:.0%} of it differs from shot {centre} by more than noise: it shows something else"
    if abs(agreement.light) > LIGHT_MOST:
        word = "brighter" if agreement.light > 0 else "darker"
        return f"it is {abs(agreement.light):.1%} {word} than shot {centre}, or a colour of it is (exposure, white balance)"
    if agreement.moving:
        return (
            f"{agreement.moving:.1%} of it differs from shot {centre} by more than noise (up to {agreement.sigmas:.0f} times, "
            f"around row {agreement.place[0]}, column {agreement.place[1]}): something moved, or the light flickered"
        )
    if agreement.astray:
        return f"a part of it is shifted by {agreement.astray:.1f} px {beside}: something moved"
    return None


def _doubts(shots: Sequence[Array], kept: tuple[int, ...], centre: int, told: dict[int, Agreement]) -> list[str]:
    """What is said of shots that are kept."""
    doubts = []
    for index, agreement in told.items():
        one, other = sorted((agreement.noise_a, agreement.noise_b))
        if agreement.alike > ALIKE:
            doubts.append(
                f"the finest detail of shots {centre + 1} and {index + 1} is the same everywhere (correlation "
                f"{agreement.alike:.2f}): there is next to no noise, or they share it"
            )
        elif other > UNEQUAL * one and other > 0:
            low = (centre if agreement.noise_a < agreement.noise_b else index) + 1
            times = f"{other / one:.1f} times" if one else "many times"
            doubts.append(
                f"shot {low} has {times} less noise than its pair (shots {centre + 1} and {index + 1}): if it is the mean of "
                "several shots, none of those may be in the burst"
            )
    for index in kept:
        fraction = _clipped_fraction(shots[index])
        if fraction > CLIPPED:
            doubts.append(
                f"{fraction:.0%} of shot {index + 1} is clipped (black or white): noise cut off has another mean, so those "
                "places come out too bright or too dark"
            )
    return doubts


def _clipped_fraction(shot: Array) -> float:
    """Of the values of a shot: those at 0, and those at its largest where that is a full scale."""
    most = shot.max()
    full = most >= 1 if shot.dtype.kind == "f" else int(most) in CLIPPED_AT
    clipped = sum(int((row == 0).sum()) + (int((row == most).sum()) if full else 0) for row in shot)
    return clipped / shot.size
