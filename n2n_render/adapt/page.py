"""Finished frames → report.html beside them: noisy, start, denoised, how large the error is expected to be. It reads what is
there, so that it can be made wherever the frames and their renders are.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..denoise import Denoiser
from ..denoise.artist import ERROR_PASS, FrameResult
from ..denoise.subjects import find_subjects
from ..engines.options import EngineOptions
from ..errors import N2NError, doubt
from ..frame.display import View
from ..frame.frame import mean_frame
from ..frame.transfer import exposure
from ..io.dataset import spaced
from ..io.renders import read_group
from ..io.scene_view import open_shown_view
from ..progress import Reporter
from ..report import REPORT_PAGE, ReportPage, ReportPicture, ReportView, Room, Row, Summary, Written, find_written
from ..report.content import EXPECTED, EXPECTED_PSNR
from ..report.expected import expected_on_display
from ..report.files import read_denoised
from ..version import __version__
from .options import AdaptOptions
from .report import facts
from .shot import Shot

SHOWN = 8  # frames: the worst, and others evenly spaced
DENOISED = "denoised"
NOTES = (
    "There is no reference here: the expected error is what the noise of independent renders tells. Where a picture has no "
    "error map, the picture itself is shown beside the others' maps. n2n-render evaluate compares with references.",
)


@dataclass(frozen=True)
class AdaptationPage:
    """What the page of a shot is made of.

    Attributes:
        shot: Whose frames were denoised.
        outputs: The file of each of its frames.
        folder: Where the page goes.
        options: What was asked.
        engine: Runs the start, whose picture of the worst frame is shown, too: of all it would take minutes on a CPU. None:
            it is not.
    """

    shot: Shot
    outputs: Sequence[Path]
    folder: Path
    options: AdaptOptions
    engine: EngineOptions | None = None

    def try_to_write(self, results: Sequence[FrameResult], reporter: Reporter) -> Written | None:
        """Of the frames with these results. What cannot be read or written is told and ends nothing: the frames are there."""
        if not results:
            return None
        try:
            return self._write(results, reporter)
        except N2NError as error:
            doubt(f"{error.what}; the work goes on without {REPORT_PAGE}")
            return None

    def _write(self, results: Sequence[FrameResult], reporter: Reporter) -> Written | None:
        options = self.options
        view = open_shown_view(options.ocio, options.view, options.inputs)
        key, path = self._key(results, view), self.folder / REPORT_PAGE
        if there := find_written(path, key, len(results), "frame"):
            return there
        chosen = chosen_frames(results)
        room = Room(frozenset(range(len(chosen))), frozenset())
        with reporter("report") as progress, ReportPage(path, view, key) as page:
            progress.start(len(chosen), len(chosen))
            for number, result in enumerate(chosen):
                denoiser = None if number else self._open_start()
                page.add(room.fit(number, self._view_of(result.output, denoiser, view)))
                progress.advance(1, result.output.name)
            return page.finish(self._summary(results, chosen, view))

    def _key(self, results: Sequence[FrameResult], view: View) -> str:
        """What is there already is not made again."""
        made_of = __version__, view.told, self.options.init, facts([result.output for result in results]), list(results)
        return hashlib.sha256(repr(made_of).encode(errors="replace")).hexdigest()

    def _open_start(self) -> Denoiser | None:
        checkpoint = self.shot.start.checkpoint
        return Denoiser.open(checkpoint, self.engine) if checkpoint and self.engine else None

    def _view_of(self, output: Path, denoiser: Denoiser | None, view: View) -> ReportView:
        """The first view layer of a frame."""
        index, shot = list(self.outputs).index(output), self.shot
        features = denoiser.features if denoiser else ()
        subject = find_subjects(index, shot.groups[index], shot.layer, features, shot.sources)[0]
        color, error = read_denoised(output, subject.layer, ERROR_PASS)
        factor = np.float32(exposure(color))
        mean = mean_frame(read_group(subject.paths, subject.layer, features, shot.sources))
        others = {f"noisy, mean of {len(subject.paths)}": mean.color}
        if denoiser:
            others[f"start, {self.options.init}"] = denoiser.denoise(mean)
        maps = {EXPECTED: expected_on_display(error * factor, color * factor)} if error is not None else {}
        noisy, *start = (ReportPicture(name, image * factor) for name, image in others.items())
        denoised = ReportPicture(DENOISED, color * factor, maps)
        return ReportView(
            output.name,
            [noisy, denoised, *start],
            1 / float(factor) if view.as_rendered else 1.0,
            maps.get(EXPECTED),
        )

    def _summary(self, results: Sequence[FrameResult], chosen: Sequence[FrameResult], view: View) -> Summary:
        rows = [
            Row(result.output.name, {DENOISED: {} if result.psnr_db is None else {EXPECTED_PSNR: result.psnr_db}})
            for result in results
        ]
        known = [result.psnr_db for result in results if result.psnr_db is not None]
        facts = {"start": self.options.init, "shown through": view.described}
        if known:
            facts["expected PSNR on T"] = f"{np.mean(known):.1f} dB in the mean, least {min(known):.1f} dB"
        title = f"{self.folder.resolve().name}: {len(rows)} adapted frame{'s' * (len(rows) > 1)}"
        return Summary(title, list(facts.items()), rows, notes=NOTES, opens=chosen[0].output.name, item="frame")


def chosen_frames(results: Sequence[FrameResult]) -> list[FrameResult]:
    """At most SHOWN: that with the least expected PSNR first, then others, evenly spaced, in their order."""
    known = [result for result in results if result.psnr_db is not None]
    worst = min(known, key=lambda result: result.psnr_db or 0.0, default=results[0])
    return [worst, *spaced([result for result in results if result is not worst], SHOWN - 1)]
