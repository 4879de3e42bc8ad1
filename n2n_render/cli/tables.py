"""The numbers of an evaluation → cells and sentences."""

import math
import shlex
from collections.abc import Mapping, Sequence

from ..evaluate import EvaluatedImages
from ..evaluate.flicker import mean_change
from ..evaluate.samples_worth import equal_samples
from ..evaluate.scores import FLIP_VIEW, METRICS, OIDN, Scores
from ..frame.display import TONE_MAP

IMAGE_HEADINGS = ["", "PSNR [dB] ↑", "SSIM ↑"]
HEADINGS = ["", "PSNR on T [dB] ↑", "SSIM ↑", "relMSE ↓", "SMAPE ↓", "FLIP ↓"]
FORMATS = ("{:.2f}", "{:.4f}", "{:.4f}", "{:.4f}", "{:.4f}", "{:.4f}")


def headings(view: str) -> list[str]:
    """Of `score_rows`; view: the name of the one that the pictures are shown through."""
    return HEADINGS if view == TONE_MAP.name else [*HEADINGS, f"FLIP ({view}) ↓"]


def shown_line(view: str) -> str:
    """What the last column is about."""
    return f"FLIP ({view}): of the pictures as {view} shows them on the screen, without that exposure"


def score_rows(scores: Mapping[str, Scores], metrics: Sequence[str] = METRICS) -> list[list[str]]:
    """Method → metrics as cells, with FLIP through another view than T where it is there; a dash where a number could not be
    told.
    """
    if any(FLIP_VIEW in values for values in scores.values()):
        metrics = (*metrics, FLIP_VIEW)
    return [
        [
            method,
            *[
                text.format(values[metric]) if not math.isnan(values[metric]) else "–"
                for text, metric in zip(FORMATS, metrics, strict=False)
            ],
        ]
        for method, values in scores.items()
    ]


def image_rows(scores: Mapping[str, Scores]) -> list[list[str]]:
    """The same of images with noise that is made."""
    return score_rows(scores, ("psnr_db", "ssim"))


def image_lines(done: EvaluatedImages) -> list[str]:
    """How the numbers come about."""
    if done.noise == "pairs":
        rule = "PSNR expected of the first shot, by the second one, whose own noise is left out; nobody knows the truth"
    else:
        rule = "PSNR and SSIM of whole images, rounded to 8 bits; all methods get the same noise"
    return [*([done.classical] if done.classical else []), rule]


def samples_lines(ladder: Mapping[int, float], mean: Mapping[str, Scores]) -> list[str]:
    """What Open Image Denoise makes of more samples, and how many of them each method is worth; [] without a ladder."""
    if not ladder:
        return []
    lines = [f"{OIDN} at " + ", ".join(f"{spp} spp {ladder[spp]:.2f} dB" for spp in sorted(ladder))]
    for method in [name for name in mean if not name.startswith(("noisy", OIDN))]:
        psnr_db = mean[method]["psnr_db"]
        spp = equal_samples(ladder, psnr_db)
        beyond = f"fewer than {min(ladder)}" if psnr_db < ladder[min(ladder)] else f"more than {max(ladder)}"
        lines.append(f"{method} equals {OIDN} at {f'{spp:.1f}' if spp else beyond} spp")
    return lines


def rival_lines(command: str | None) -> list[str]:
    """How to get the row of the honest rival with `command`; [] where it is there, or not asked for."""
    if not command:
        return []
    folder = shlex.join(shlex.split(command)[-1:])
    return [
        f"{OIDN} is up to 0.9 dB better on one render of as many samples than on the mean of several, and has to be "
        f"beaten there: {command} (and what else the dataset was sampled with), then evaluate --more {folder}"
    ]


def flicker_lines(changes: Sequence[Mapping[str, float]]) -> list[str]:
    """How far the change between consecutive frames is from the reference's, as PSNR on T along the motion; [] without any."""
    means = mean_change(changes)
    if not means:
        return []
    shown = [
        f"{method}: {-10 * math.log10(error):.2f} dB" if error > 0 else f"{method}: less than the references' noise"
        for method, error in means.items()
    ]
    count = sum(bool(change) for change in changes)
    return [f"change between {count} pair(s) of consecutive frames, PSNR on T: {'; '.join(shown)}"]
