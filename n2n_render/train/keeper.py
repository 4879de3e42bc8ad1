"""What a run keeps: curves and previews, and its best and last weights, which a full disk does not lose."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..errors import N2NError
from ..frame.arrays import Array
from ..learn.loop import Loop
from ..learn.protocols import Forgetful, Verdict
from ..network.checkpoint import Checkpoint, write_checkpoint, write_somewhere
from ..network.provenance import Facts, Provenance
from ..progress import Progress
from .journal import Journal, is_validated
from .lesson import RankingJudge

LAST, BEST = "last.pt", "best.pt"
RECORD_EVERY_S = 5.0


@dataclass(frozen=True)
class Background:
    """What a run's checkpoints say of where they come from.

    Attributes:
        settings: The options, for `resume`.
        trained_on: Names of the pairs.
        datasets: See `pairs.describe_dataset`.
        processes: How many train together.
        origin: Of the start's weights; None: from nothing.
    """

    settings: Mapping[str, Any]
    trained_on: tuple[str, ...]
    datasets: tuple[Facts, ...]
    processes: int
    origin: str | None


class Bystander(Forgetful):
    """The Keeper of a process that writes nothing, as the first of its team does."""

    def save(self, loop: Loop, name: str) -> None:
        pass

    def rescue(self) -> None:
        pass


class RunKeeper:
    """The Keeper of `train`: it writes to a run folder."""

    def __init__(
        self,
        folder: Path,
        journal: Journal,
        judge: RankingJudge,
        background: Background,
        progress: Progress,
        show: Callable[[Array], Array],
    ):
        """show: an image of a verdict → 8-bit pixels (h, w, 3)."""
        self.folder, self.journal, self.judge, self.background, self.progress = folder, journal, judge, background, progress
        self._show = show
        self._unsaved: dict[str, Checkpoint] = {}  # what could not be written when it was due
        self._told: set[str] = set()
        self._next_record = time.time() + RECORD_EVERY_S

    def line(self, loop: Loop) -> str:
        shown = f"step {loop.steps} loss {loop.last_loss:.3g} lr {loop.learning_rate:.1e} {loop.crops_per_s:.1f} crops/s"
        last = next((record for record in reversed(self.journal.records) if is_validated(record)), None)
        shown += f" val {last['pair_error']:.4f}" if last and "pair_error" in last else ""
        return shown + (f" {last['psnr_db']:.2f} dB" if last and math.isfinite(last.get("psnr_db", math.nan)) else "")

    def stepped(self, loop: Loop) -> None:
        if time.time() > self._next_record:
            self._next_record = time.time() + RECORD_EVERY_S
            self._record(loop, Verdict(False))

    def judged(self, loop: Loop, verdict: Verdict) -> None:
        self._record(loop, verdict)
        if verdict.is_best:
            self.save(loop, BEST, with_training=False)
        self.save(loop, LAST)

    def _record(self, loop: Loop, verdict: Verdict) -> None:
        rate, means = loop.learning_rate, loop.take_means()
        if means:
            loss = means.pop("loss")
            point = {"step": loop.steps, "seconds": round(loop.seconds, 1), "loss": loss, "learning_rate": rate}
            self.journal.record({**point, **means, **verdict.values}, [self._show(image) for image in verdict.images])

    def save(self, loop: Loop, name: str, with_training: bool = True) -> None:
        """What cannot be written is kept, and written when the next one is due."""
        training = {**loop.state(), "best": self.judge.best} if with_training else None
        background = self.background
        provenance = Provenance(
            options=dict(background.settings),
            precision=loop.precision,
            processes=background.processes,
            step=loop.steps,
            seconds=loop.seconds,
            trained_on=background.trained_on,
            datasets=background.datasets,
            made=date.today().isoformat(),
            torch=version("torch"),
            origin=background.origin,
        )
        self._unsaved[name] = Checkpoint(loop.model, loop.weights(), provenance, training)
        for waiting, checkpoint in list(self._unsaved.items()):
            try:
                write_checkpoint(self.folder / waiting, checkpoint)
                del self._unsaved[waiting]
            except N2NError as error:  # the training is not lost, and there may be space when the next one is due
                if waiting not in self._told:
                    self.progress.warn(f"{error.what}; the training goes on and tries again. {error.hint}")
                self._told.add(waiting)

    def rescue(self) -> None:
        """At the end nothing may be left in memory alone. Raises N2NError, which says where the checkpoints are."""
        kept = {name: write_somewhere(self.folder / name, checkpoint) for name, checkpoint in self._unsaved.items()}
        moved = {name: place for name, place in kept.items() if place != self.folder / name}
        if moved:
            raise N2NError(
                f"{self.folder}: {' and '.join(moved)} could not be written, and was kept as "
                f"{' and '.join(map(str, moved.values()))}",
                f"Free some space and move it to {self.folder}.",
            )
