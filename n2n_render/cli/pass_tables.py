"""The numbers of passes of light → cells and sentences."""

import math
from collections.abc import Sequence

from ..evaluate.passes import ViewPasses
from ..evaluate.scores import OIDN

SUM_HEADINGS = ["", "adds up", "where rendered so", "off (99.9 %)", "PSNR of the sum [dB]", "PSNR of the picture [dB]"]


def headings(passes: ViewPasses) -> list[str]:
    """Of `score_rows`."""
    return ["", *_methods(passes)]


def score_rows(passes: ViewPasses) -> list[list[str]]:
    """A row for each pass: PSNR and relMSE of each method; a dash where a number could not be told."""
    return [
        [name, *[_score(scores[method]) if method in scores else "–" for method in _methods(passes)]]
        for name, scores in passes.scores.items()
    ]


def sum_rows(passes: ViewPasses) -> list[list[str]]:
    """A row for each kind of passes and each method."""
    return [
        [
            f"{kind.replace('-', ' ')}: {method}",
            _told("{:.2%}", scores["held"]),
            _told("{:.2%}", scores["kept"]),
            _told("{:.1e}", scores["deviation"]),
            _told("{:.2f}", scores["psnr_db"]),
            _told("{:.2f}", scores["picture_psnr_db"]),
        ]
        for kind, methods in passes.sums.items()
        for method, scores in methods.items()
    ]


def lines(passes: ViewPasses) -> list[str]:
    """What the tables cannot say."""
    black = [name for name in passes.lit if name not in passes.scores]
    return [
        *[line for method in passes.pictures for line in _beside_oidn(passes, method)],
        *[
            f"{method}: its picture with the passes has {scores['psnr_db']:.2f} dB, without them "
            f"{scores['alone_psnr_db']:.2f} dB ({scores['psnr_db'] - scores['alone_psnr_db']:+.2f})"
            for method, scores in passes.pictures.items()
        ],
        *([f"black in the references: {', '.join(black)}"] if black else []),
        *[
            f"{name} is black in the references of a view, and {method} shows light there, up to {value:.1e} exposed"
            for name, methods in passes.lit.items()
            for method, value in methods.items()
        ],
        "passes count as light in the picture, times the colour that the file divides them by; each has its own reference's "
        "exposure; a sum holds where it is the picture to 1e-3 of it, or to 1e-6",
    ]


def _beside_oidn(passes: ViewPasses, method: str) -> list[str]:
    """In how many passes a method is as good as each of Open Image Denoise's on them alone, and where it is least so."""
    said = []
    for rival in [name for name in _methods(passes) if name.startswith(f"{OIDN}, ")]:
        both = {
            name: scores[method]["psnr_db"] - scores[rival]["psnr_db"]
            for name, scores in passes.scores.items()
            if method in scores and rival in scores
        }
        told = {name: value for name, value in both.items() if not math.isnan(value)}
        if told:
            worst, best = min(told, key=told.__getitem__), sum(value >= 0 for value in told.values())
            said.append(
                f"{method} beside {rival}, on each pass alone: as good or better in {best} of {len(told)} passes, least in "
                f"{worst} ({told[worst]:+.2f} dB)"
            )
    return said


def _methods(passes: ViewPasses) -> Sequence[str]:
    return list(dict.fromkeys(method for scores in passes.scores.values() for method in scores))


def _score(scores: dict[str, float]) -> str:
    return f"{_told('{:.2f}', scores['psnr_db'])}  {_told('{:.4f}', scores['relmse'])}"


def _told(text: str, value: float) -> str:
    return "–" if math.isnan(value) else text.format(value)
