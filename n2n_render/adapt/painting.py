"""The frames of a shot → denoised files, and what the report says of each."""

from pathlib import Path

from ..denoise.artist import Artist, FrameResult
from ..denoise.subjects import Subject
from ..errors import N2NError, UnreadableFile
from ..progress import Fractions, Progress
from .report import Report


def denoise_shot(
    artist: Artist,
    subjects: list[list[Subject]],
    outputs: list[Path],
    report: Report,
    failed: dict[Path, N2NError],
    progress: Progress,
) -> list[FrameResult]:
    """All frames that the report does not know yet. Those that cannot be read go to `failed`, first file → why."""
    progress.start(len(subjects), len(subjects))
    for layers, output in zip(subjects, outputs, strict=True):
        looked_at = artist.looks_at(layers)
        if not layers or report.has(output, looked_at):
            progress.advance(1, f"{output.name}: {'was there' if layers else 'left out'}")
            continue
        fraction = Fractions(progress)
        try:
            result = artist.denoise(layers, output, fraction.tell)
        except UnreadableFile as error:
            if len(subjects) == 1:
                raise
            failed[layers[0].paths[0]] = error
            fraction.end(f"{output.name}: failed")
            continue
        report.add(result, looked_at)
        expected = "" if result.psnr_db is None else f": about {result.psnr_db:.1f} dB"
        fraction.end(f"{output.name}{expected}")
    return [report.frames[output.name] for output in outputs if output.name in report.frames]
