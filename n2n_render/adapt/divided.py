"""Adapting on many machines: one has trained, each paints its share of the frames, and one merges what they tell."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..denoise.files import raise_failures
from ..engines.options import EngineOptions
from ..engines.pool import first_device
from ..errors import N2NError
from ..io.atomic import locked_folder
from ..io.beside import find_sources
from ..io.leases import Leases
from ..io.selection import select_frames
from ..learn.start import open_shot_start
from ..network.checkpoint import Checkpoint
from ..network.device import Float32
from ..progress import Reporter
from .model import Kept, trained_model
from .options import HOW_TO_PAINT, AdaptOptions
from .page import AdaptationPage
from .painting import OnError, Painting, open_artists
from .places import Places
from .report import REPORT, Report, painted_with, read_report
from .results import Adapted
from .shot import Selection, Shot
from .subjects import listed, refuse_unrendered

FIRST = "Train first: adapt … --train-only, with the same inputs and -o."


@dataclass(frozen=True)
class _Trained:
    """What the training left: the model, None where no frame held any noise, and what it was asked."""

    kept: Kept | None
    settings: dict[str, Any]

    @classmethod
    def find(cls, places: Places) -> "_Trained":
        if places.model.exists():
            kept = trained_model(places.model)
            return cls(kept, dict(kept.checkpoint.provenance.options or {}))
        report = read_report(places.folder / REPORT)
        if report.get("adapt_key") != "":
            raise N2NError(f"{places.model}: no such file, so there is nothing to paint with", FIRST)
        return cls(None, report["config"])

    @property
    def model(self) -> Checkpoint | None:
        return self.kept.checkpoint if self.kept else None


def paint(options: AdaptOptions, reporter: Reporter, on_error: OnError, device: str | None = None) -> Adapted:
    """Paints a share of the frames by the model that is there, each exactly as if all were painted at once.

    Takes no lock: no other run writes the files of these frames, or it writes the same.

    Args:
        device: This process' own, where the options name those of all processes.
    """
    places, trained, options = _open(options)
    report = Report.open(places.folder, options.settings(), trained.model)
    options = replace(options, device=device or options.device)
    chosen = select_frames([group[0] for group in places.groups], options.frames, options.chunk)
    shot = _open_shot(options, places, chosen)
    with reporter("denoising") as progress, Float32():
        if not chosen:
            progress.note("this share holds no frame")
            return _adapted(places, trained, [])
        if said := shot.names():
            progress.note(said)
        artists = open_artists(trained.model, shot, options, on_error, progress)
        with Leases.open(places.folder) if options.shared else contextlib.nullcontext() as leases:
            frames = Painting(shot, places.outputs, chosen, report, progress, leases).paint(artists)
    raise_failures(list(shot.failed.items()), len(chosen))
    return _adapted(places, trained, frames)


def merge(options: AdaptOptions, reporter: Reporter) -> Adapted:
    """What is told of each frame → report.json, and a page. Raises N2NError with the names of frames that are missing."""
    if options.stage == "merge":  # processes that adapt together have only been warned, as one alone is
        refuse_unrendered(options.inputs)
    places, trained, options = _open(options)
    shot = _open_shot(options, places, [])  # nothing is read: files are compared by their names, sizes and times
    painted = painted_with(places.folder) or read_report(places.folder / REPORT).get("config", {})
    settings = {**options.settings(), **{name: painted[name] for name in HOW_TO_PAINT if name in painted}}
    with reporter("merging"), locked_folder(places.folder):
        report = Report.open(places.folder, settings, trained.model)
        found = {output: report.find(output, shot.files_of(index)) for index, output in enumerate(places.outputs)}
        missing = [output.name for output, result in found.items() if result is None]
        if missing:
            raise N2NError(
                f"{places.folder}: {len(missing)} of {len(found)} frames are missing, or were painted from other renders or "
                f"with other settings: {listed(missing)}",
                "Paint them again with --paint; what is right is not painted twice.",
            )
        report.merge(places.outputs)
        frames = [result for result in found.values() if result]
        page = AdaptationPage(shot, places.outputs, places.folder, options)
        written = page.try_to_write(frames, reporter) if options.report else None
    return replace(_adapted(places, trained, frames), report=written)


def _open(options: AdaptOptions) -> tuple[Places, _Trained, AdaptOptions]:
    """Also the options, with those of the training."""
    if given := options.of_training():
        raise N2NError(
            f"{given[0].replace('_', '-')} is for the training, and what is painted was trained before",
            "Leave it out: it is taken from the model.",
        )
    places = Places.of(options)
    trained = _Trained.find(places)
    return places, trained, options.trained_with(trained.settings, str(places.model))


def _open_shot(options: AdaptOptions, places: Places, wanted: Sequence[int]) -> Shot:
    sources = find_sources(places.groups, options.sources)
    places.check([sources.all_files(group) for group in places.groups])
    selection = Selection(options.layer, options.train_frames, options.temporal, options.shots, sources)
    engine = EngineOptions(first_device(options.device), options.engine, options.precision)
    return Shot.open_share(places.groups, open_shot_start(options.init, options.temporal), selection, engine, wanted)


def _adapted(places: Places, trained: _Trained, frames: list[Any]) -> Adapted:
    kept = trained.kept
    return Adapted(places.folder, kept.path if kept else None, kept.learned if kept else None, frames)
