"""What a run of `adapt` is about: the frames of a shot, what there is to denoise in them, and those to train on."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from ..denoise.choice import tell_names, tell_passes
from ..denoise.subjects import Subject, find_all_subjects
from ..denoise.wanted import wanted_light
from ..engines.options import EngineOptions
from ..errors import N2NError, UnreadableFile
from ..guides.accumulation import ACCUMULATION_VERSION, Accumulator
from ..guides.prefilter import Prefilter
from ..io.dataset import spaced
from ..io.exr import ExrImage
from ..io.light import LightPass, Role
from ..io.renders import are_parts
from ..io.sequence import find_windows
from ..io.sources import Sources
from ..learn.arrays import Cleaner
from ..learn.shot import FrameLoader, ShotFrame
from ..learn.start import ShotStart, initial_estimate_maker
from ..progress import Fractions, OnFraction, Reporter
from ..version import __version__
from .report import facts

PASSES_A_PICTURE = 4  # are trained on, where there are so many; of other frames each time
MOST_PASSES = 32  # in all: each is cleaned, denoised and kept as a frame is
PARTS = (Role.GROUP, Role.LIGHT)  # what adds up to the picture
Group = tuple[Path, ...]  # the files of one frame, one for each seed


class Load(Protocol):
    """Turns a Subject, or a pass of light of it, into a ShotFrame, and tells how much of that is done."""

    def __call__(self, subject: Subject, on_fraction: OnFraction, light: LightPass | None = None, /) -> ShotFrame | None: ...


@dataclass(frozen=True)
class Selection:
    """Which view layers, which frames to train on, and how far to look around each.

    Attributes:
        layer: The only view layer; None: all that have the passes.
        train_frames: At most so many, evenly spaced.
        temporal: Frames before and after each one.
        shots: First and last frame of each: beyond a cut there are no neighbours.
        sources: Where the channels lie that are not where they are recognised.
    """

    layer: str | None
    train_frames: int
    temporal: int
    shots: tuple[tuple[int, int], ...]
    sources: Sources


@dataclass(frozen=True)
class Shot:
    """A shot whose headers were read.

    Attributes:
        groups: The files of each frame.
        start: What its network begins with.
        subjects: What there is to denoise in each frame.
        failed: First file → why a frame cannot be denoised.
        windows: The numbers of the frames around each, see `find_windows`; None without neighbours.
        teaching: The numbers of the frames that can be trained on: of parts of one render, one says something of the other's
            noise.
        chosen: The numbers of those to train on.
        layer: The only view layer.
        sources: Where the channels lie that are not where they are recognised.
        engine: Of the denoisers while it is trained on.
    """

    groups: list[Group]
    start: ShotStart
    subjects: list[list[Subject]]
    failed: dict[Path, N2NError]
    windows: list[list[int | None]] | None
    teaching: list[int]
    chosen: list[int]
    layer: str | None
    sources: Sources
    engine: EngineOptions

    @classmethod
    def open(cls, groups: list[Group], start: ShotStart, selection: Selection, engine: EngineOptions) -> "Shot":
        """To train on and to denoise: reads the headers of all files. Raises N2NError for what cannot be adapted to."""
        subjects, failed = find_all_subjects(groups, selection.layer, start.features, selection.sources)
        windows = find_windows(groups, selection.temporal, list(selection.shots)) if selection.temporal else None
        teaching = [index for index, layers in enumerate(subjects) if layers and not are_parts(groups[index])]
        if not teaching and any(subjects):
            raise N2NError(
                f"{groups[0][0]} and its other renders are parts of one render, and no other frame is there: one part says "
                "something of the other's noise, so that nothing can be learned from them",
                "Pass the other views too, or sample with --independent.",
            )
        chosen = spaced(teaching, selection.train_frames)
        return cls(groups, start, subjects, failed, windows, teaching, chosen, selection.layer, selection.sources, engine)

    @classmethod
    def open_share(
        cls, groups: list[Group], start: ShotStart, selection: Selection, engine: EngineOptions, wanted: Sequence[int]
    ) -> "Shot":
        """To denoise the frames `wanted` alone: reads the headers of their files."""
        chosen, failed = find_all_subjects([groups[i] for i in wanted], selection.layer, start.features, selection.sources)
        subjects: list[list[Subject]] = [[] for _ in groups]
        for index, layers in zip(wanted, chosen, strict=True):
            subjects[index] = [replace(subject, index=index) for subject in layers]
        windows = find_windows(groups, selection.temporal, list(selection.shots)) if selection.temporal else None
        return cls(groups, start, subjects, failed, windows, [], [], selection.layer, selection.sources, engine)

    def files_of(self, index: int) -> list[Path]:
        """The files that the picture of a frame depends on."""
        window = self.windows[index] if self.windows else [index]
        return self.sources.all_files(path for there in window if there is not None for path in self.groups[there])

    def guides(self, engine: EngineOptions, passes: Sequence[str] = ()) -> tuple[Prefilter | None, Accumulator | None]:
        """What cleans albedo and normal, and what takes in the frames beside one, with passes; they hold much memory."""
        model = self.start.model
        prefilter = Prefilter.open(model, engine) if model.clean_guides else None
        if self.windows is None:
            return prefilter, None
        accumulator = Accumulator.open(
            self.start.features,
            self.groups,
            self.windows,
            self.layer,
            prefilter,
            engine,
            sources=self.sources,
            passes=passes,
        )
        return prefilter, accumulator

    def names(self) -> str | None:
        """What is read of the first frame and by whose names, as a sentence; None where it cannot be read."""
        return tell_names(self.groups[0][0], self.layer, self.start.features, self.sources)

    def passes_taken(self, passes: Sequence[str]) -> str | None:
        """Which of the first frame's passes of light are painted, as a sentence; None where none is wanted."""
        return tell_passes(self.groups[0][0], self.layer, self.start.features, self.sources, passes)

    def key(self, settings: Mapping[str, Any], passes: Sequence[str] = ()) -> str:
        """Names everything that the adapted weights depend on; settings: those of the training; passes: what is trained on
        besides, where there are no neighbours.
        """
        if passes and self.windows is None:
            settings = {**settings, "passes": passes}
        looked_at = {
            there for index in self.chosen for there in (self.windows[index] if self.windows else [index]) if there is not None
        }
        files = [self._facts(index) for index in sorted(looked_at)]
        made_by = __version__, ACCUMULATION_VERSION if self.windows is not None else 0
        return hashlib.sha256(
            repr((made_by, dict(settings), self.start.model, self.start.digest(), files)).encode()
        ).hexdigest()

    def _facts(self, index: int) -> list[Any]:
        """What a frame's pixels depend on."""
        group = self.groups[index]
        return [*facts(self.sources.all_files(group)), *self.sources.keys(group)]

    def load(self, cache: Path, reporter: Reporter, passes: Sequence[str] = ()) -> list[ShotFrame]:
        """The frames to train on, as arrays in the cache; those without noise, and those that cannot be read, are left out,
        and others take their places. With passes of light, for every picture a pass or more, of another frame each time.

        Raises UnreadableFile where none can be read.
        """
        load = self._loader(cache)
        frames = self._load_pictures(load, reporter)
        if not passes or self.windows is not None:  # neighbours' samples are taken in of pictures alone
            return frames
        return [*frames, *self._load_passes(load, passes, reporter)] if frames else frames

    def _load_passes(self, load: Load, passes: Sequence[str], reporter: Reporter) -> list[ShotFrame]:
        """Passes that are parts of a picture: PASSES_A_PICTURE for each picture that is trained on."""
        subjects = [subject for index in self.chosen for subject in self.subjects[index]]
        light = [
            (subject, [one for one in self._light(subject, passes) if one.role in PARTS and len(one.places) == 3])
            for subject in subjects
        ]
        most = max(len(found) for _, found in light)
        wanted = [
            (subject, found[(turn + number) % len(found)])
            for turn in range(most)
            for number, (subject, found) in enumerate(light)
            if turn < len(found)
        ][: min(PASSES_A_PICTURE * len(subjects), MOST_PASSES)]
        frames = []
        with reporter("reading") as progress:
            progress.start(len(wanted), len(wanted))
            for subject, one in wanted:
                fraction = Fractions(progress)
                frames.append(load(subject, fraction.tell, one))
                fraction.end(f"{subject.paths[0].name}: {one.name}")
        return [frame for frame in frames if frame]

    def _light(self, subject: Subject, passes: Sequence[str]) -> list[LightPass]:
        return wanted_light(ExrImage.open(subject.paths[0], header_only=True, sources=self.sources), subject.layer, passes)

    def _load_pictures(self, load: Load, reporter: Reporter) -> list[ShotFrame]:
        chosen = [subject for index in self.chosen for subject in self.subjects[index]]
        others = [subject for index in self.teaching if index not in self.chosen for subject in self.subjects[index]]
        frames: list[ShotFrame] = []
        finished: list[Subject] = []
        unreadable: list[UnreadableFile] = []
        with reporter("reading") as progress:
            if names := self.names():
                progress.note(names)
            if parts := [
                group[0] for index, group in enumerate(self.groups) if self.subjects[index] and index not in self.teaching
            ]:
                progress.note(f"denoised, not trained on: {parts[0].name} and its other renders are parts of one render")
            progress.start(len(chosen), len(chosen))
            for subject in (*chosen, *others):
                if len(frames) == len(chosen):
                    break
                fraction = Fractions(progress)
                try:
                    frame = load(subject, fraction.tell)
                    if frame is None:
                        finished.append(subject)
                    else:
                        frames.append(frame)
                except UnreadableFile as error:
                    unreadable.append(error)
                    progress.warn(f"not trained on: {error.what}")
                fraction.end(subject.paths[0].name)
            if unreadable and not frames and not finished:
                raise unreadable[0]
            if finished:
                progress.note(
                    f"{len(finished)} of {len(finished) + len(frames)} frames hold no noise, like "
                    f"{finished[0].paths[0].name}: they are finished as they are, and nothing is learned from them"
                )
        return frames

    def _loader(self, cache: Path) -> Load:
        """What turns a Subject into a ShotFrame, and tells how much of that is done."""
        prefilter: Cleaner | None
        prefilter, accumulator = self.guides(self.engine)
        estimate = initial_estimate_maker(self.start.checkpoint, self.engine)
        loader = FrameLoader(cache, self.start.features, estimate, prefilter, self.sources)
        made_by = (
            self.start.digest(),
            self.start.model,
            prefilter.name if prefilter else "",
            accumulator.name if accumulator else "",
        )

        def load(subject: Subject, on_fraction: OnFraction, light: LightPass | None = None) -> ShotFrame | None:
            seen, look = [], None
            if accumulator:
                accumulator.neighbors.check(subject.index, subject.layer)
                window = accumulator.neighbors.windows[subject.index]
                seen = [self._facts(there) if there is not None else None for there in window]
                look = partial(accumulator.of, subject.index, subject.layer)
            return loader.load(subject.paths, subject.layer, repr((made_by, seen)), look, on_fraction, light)

        return load
