"""Compared views → report.html beside their pictures.

Shares of an evaluation each keep a piece of it, which a merge puts together.
"""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..denoise.artist import ERROR_PASS
from ..errors import N2NError, doubt
from ..frame.arrays import Array
from ..frame.display import TONE_MAP, View
from ..io.atomic import read_json
from ..io.dataset import Pair
from ..report import REPORT_PAGE, ReportPage, ReportPicture, ReportView, Room, Row, Summary, Written, write_fragment
from ..report.content import EXPECTED, EXPECTED_PSNR, FLIP, TRUE
from ..report.expected import expected_on_display, true_on_display
from ..report.files import read_denoised
from ..schema import check_items
from .fragments import Fragment
from .options import EvaluateOptions
from .plan import Plan
from .scores import ALONE, NOISY, OIDN, ComparedView, Scores, ViewScores, mean_scores

PARTS = ".report"  # folder of the pieces
ADAPT_REPORT = "report.json"
REFERENCE = "reference"
NOTES = (
    "PSNR and SSIM on T(v) = (v/(1+v))^(1/2.2); relMSE with ε = 0.01; all after the reference's exposure. Squared errors are "
    "products of two with independent reference halves. An arrow says which way is better; the best of each column is marked.",
)


class EvaluationPage:
    """The page of an evaluation while it is made. Use as a context."""

    def __init__(self, options: EvaluateOptions, plan: Plan, view: View):
        self._options, self._plan, self._view = options, plan, view
        self._room = Room.of(len(plan.pairs))
        self._page = ReportPage(Path(options.out) / REPORT_PAGE, view)

    def __enter__(self) -> "EvaluationPage":
        return self

    def __exit__(self, *error: Any) -> None:
        self._page.__exit__(*error)

    def add(self, pair: Pair, compared: ComparedView) -> None:
        """Its pictures, as far as there is room. Raises N2NError where they cannot be kept."""
        index, part = self._plan.pairs.index(pair), self._part(pair.name)
        if self._options.chunk:  # what an earlier run left is of other pictures
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        if not self._options.report or not self._room.has(index):
            return
        files = {folder: files[pair] for folder, files in self._plan.finished.items()}
        shown = self._room.fit(index, view_of(compared, files, self._view))
        if self._options.chunk:
            write_fragment(part, shown)
        else:
            self._page.add(shown)

    def gather(self) -> list[N2NError]:
        """What all shares kept. Returns what is missing."""
        if not self._options.report:
            return []
        lacking = []
        for index, pair in enumerate(self._plan.pairs):
            if self._room.has(index):
                try:
                    self._page.add_fragment(self._part(pair.name))
                except N2NError:
                    lacking.append(pair.name)
        if not lacking:
            return []
        return [
            N2NError(
                f"{self._page.path}: lacks the pictures of {len(lacking)} view(s), like {lacking[0]}",
                "Run their chunks again without --no-report, then --merge; or merge with --no-report.",
            )
        ]

    def finish(self, found: Sequence[Fragment], mean: Mapping[str, Scores]) -> Written | None:
        """Of the numbers of all views. None where no page is wanted.

        Raises:
            N2NError: It cannot be written, or the shares show their pictures through a view that this machine does not have.
        """
        if not self._options.report:
            return None
        if found[0].shown["view"] != self._view.name:
            raise N2NError(
                f"{self._page.path}: cannot be made here, for the pictures are shown through {found[0].shown['view']}, and "
                f"this machine has {self._view.described}",
                "Give --merge the same --ocio and --view as the chunks, or merge with --no-report.",
            )
        expected = self._expected()
        rows = [_row(fragment, expected.get(fragment.view.name, {})) for fragment in found]
        means = mean_scores([dict(row.scores) for row in rows]) if expected else mean
        options = self._options
        facts = {
            "data": ", ".join(options.data),
            "models": ", ".join(options.models),
            "frames": ", ".join(options.frames),
            **_how_shown(found[0].view, self._view),
        }
        title = f"Evaluation of {len(rows)} view{'s' * (len(rows) > 1)}"
        return self._page.finish(Summary(title, [fact for fact in facts.items() if fact[1]], rows, means, _notes(self._view)))

    def _part(self, name: str) -> Path:
        return Path(self._options.out) / PARTS / f"{name.replace('/', '_')}.html"

    def _expected(self) -> dict[str, dict[str, float]]:
        """View → folder of finished frames → the PSNR that `adapt` expected."""
        told: dict[str, dict[str, float]] = {}
        for folder, files in self._plan.finished.items():
            frames = expected_psnrs(Path(folder))
            for pair, path in files.items() if frames else ():
                told.setdefault(pair.name, {})[folder] = frames.get(path.name, float("nan"))
        return told


def write_view_page(
    folder: Path, title: str, facts: Mapping[str, str], compared: ComparedView, files: Mapping[str, Path], view: View
) -> Written | None:
    """The page of a single view; the last three are as of `view_of`.

    Args:
        facts: What there is to say under the title, besides references and view.

    Raises:
        N2NError: It cannot be written.
    """
    shown, told = view_of(compared, files, view), {**facts, **_how_shown(compared.view, view)}
    with ReportPage(folder / REPORT_PAGE, view) as page:
        page.add(Room.of(1).fit(0, shown))
        return page.finish(Summary(title, list(told.items()), [Row(shown.name, compared.scores)], notes=_notes(view)))


def _notes(view: View) -> list[str]:
    through = f"FLIP ({view.name}): of the pictures as {view.name} shows them on the screen, without that exposure."
    return [*NOTES, *[through] * (view.name != TONE_MAP.name)]


def _how_shown(scores: ViewScores, view: View) -> dict[str, str]:
    return {"references": f"two halves of {scores.reference_spp} spp", "shown through": view.described}


def view_of(compared: ComparedView, files: Mapping[str, Path], view: View) -> ReportView:
    """A compared view with all its error maps.

    Args:
        files: name → the file of those that were denoised already, which may hold the error that is expected.
        view: how it is shown.
    """
    factor, halves = compared.references.factor, compared.references.halves
    pictures = []
    for name in sorted((name for name in compared.images if name not in ALONE), key=lambda name: _order(name, files)):
        image, maps = compared.images[name], dict[str, Array]()
        if name != REFERENCE:
            maps = {FLIP: compared.errors[name], TRUE: true_on_display(image, *halves)}
        if name in files and (error := read_denoised(files[name], None, ERROR_PASS)[1]) is not None:
            maps[EXPECTED] = expected_on_display(error * factor, image)
        pictures.append(ReportPicture(name, image, maps))
    denoised = [error for name, error in compared.errors.items() if not name.startswith(NOISY)]
    worst = np.mean(denoised, axis=0, dtype=np.float64) if denoised else None
    return ReportView(compared.view.name, pictures, 1 / float(factor) if view.as_rendered else 1.0, worst)


def _order(name: str, files: Mapping[str, Path]) -> int:
    """Noisy, finished frames, models, rivals, reference."""
    if name.startswith(NOISY):
        return 0
    if name in files:
        return 1
    return 4 if name == REFERENCE else 3 if name.startswith(OIDN) else 2


def expected_psnrs(folder: Path) -> dict[str, float]:
    """Name of a file → the PSNR on T that `adapt` expected; {} where another program denoised the frames."""
    path = folder / ADAPT_REPORT
    if not path.is_file():
        return {}
    try:
        content = read_json(path)
        check_items(content, {"frames": list[dict[str, object]]}, str(path), "", required=("frames",))
        for frame in content["frames"]:
            check_items(frame, {"file": str, "expected_psnr_db": float | None}, f"{path}: frames", "", ("file",))
    except N2NError as error:
        doubt(f"{error.what}: what was expected of these frames is not shown")
        return {}
    return {
        frame["file"]: frame["expected_psnr_db"] for frame in content["frames"] if frame.get("expected_psnr_db") is not None
    }


def _row(fragment: Fragment, expected: Mapping[str, float]) -> Row:
    told = {folder: {EXPECTED_PSNR: psnr_db} for folder, psnr_db in expected.items()}
    scores = {name: {**scores, **told.get(name, {})} for name, scores in fragment.view.scores.items()}
    return Row(fragment.view.name, scores, "" if fragment.view.held_out else "a model was trained on this view")
