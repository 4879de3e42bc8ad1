"""The last.pt of a run folder → a run that goes on as if it had not been interrupted."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from ..errors import N2NError
from ..learn.loop import Loop
from ..network.checkpoint import DAMAGED, Checkpoint, check_weights, read_checkpoint
from ..network.provenance import Facts
from ..schema import Real, check_items, from_dict
from .keeper import LAST
from .lesson import RankingJudge
from .options import ResumeOptions, TrainOptions

STATE = {
    "network": dict,
    "optimizer": dict,
    "usual_log_norm": float | None,
    "best": Annotated[object, Real()],
    "norms_fixed": bool,
}
FORMER = {"validation_share": "validation_fraction", "norm_batch_share": "norm_batch_fraction"}  # names in older runs


@dataclass(frozen=True)
class Earlier:
    """A run that is to go on."""

    folder: Path
    last: Checkpoint

    @classmethod
    def open(cls, folder: Path) -> "Earlier":
        if not folder.is_dir():
            raise N2NError(f"{folder}: is not a run folder", "Pass the folder that holds last.pt, e.g. runs/<date>-<name>.")
        return cls(folder, read_checkpoint(folder / LAST))

    @property
    def path(self) -> Path:
        """Of its last.pt."""
        return self.folder / LAST

    @property
    def processes(self) -> int:
        """How many trained together."""
        return self.last.provenance.processes

    def options(self, changes: ResumeOptions, processes: int = 1) -> TrainOptions:
        """Those that it had, with the changes. Where so many processes go on, the whole batch stays as large as it was, if
        they can share it; else each has as large a part as before.
        """
        told = self.last.provenance
        told.require(("options",), f"{self.path}: provenance", DAMAGED)
        stored = {FORMER.get(name, name): value for name, value in (told.options or {}).items()}
        earlier: TrainOptions = from_dict(TrainOptions, stored, f"{self.path}: provenance: options", DAMAGED)
        part, rest = divmod(earlier.batch * self.processes, processes)
        return replace(
            earlier,
            batch=earlier.batch if rest else part,
            steps=changes.steps or (None if changes.minutes else earlier.steps),
            minutes=changes.minutes or earlier.minutes,
            device=changes.device or earlier.device,
            threads=changes.threads or earlier.threads,
            ocio=changes.ocio,
            view=changes.view,
        )

    def other_batch(self, options: TrainOptions, processes: int) -> str | None:
        """What so many processes with these options do otherwise than those before, in words; None: nothing."""
        before, now = self.options(ResumeOptions(str(self.folder))).batch, options.batch * processes
        if before == now:
            return None
        return f"{processes} processes cannot share batches of {before} crops evenly: from here on each has {now}"

    def check(self, datasets: tuple[Facts, ...]) -> str:
        """The precision that it computed in. Raises N2NError where it cannot go on."""
        told, state = self.last.provenance, self.last.training
        if state is None:
            raise N2NError(f"{self.path}: has no training state to go on from", "Resume a run folder that has a last.pt.")
        told.require(("datasets", "step", "seconds", "precision"), f"{self.path}: provenance", DAMAGED)
        check_items(state, STATE, f"{self.path}: training", DAMAGED, tuple(STATE))
        if told.datasets != datasets:
            raise N2NError(
                f"{self.path}: the datasets have changed since, so the run cannot go on as if nothing had happened",
                "Start a new run, or put the datasets back as they were.",
            )
        check_weights(self.last.model, state["network"], f"{self.path}: training: network")
        return told.precision or "float32"

    def restore(self, loop: Loop, judge: RankingJudge) -> None:
        """Puts them where they were; after `check`."""
        told, state = self.last.provenance, self._state()
        loop.load(self.last.weights, state, told.step or 0, told.seconds or 0.0, str(self.path))
        judge.best = state["best"]

    def _state(self) -> dict[str, Any]:
        assert self.last.training is not None
        return self.last.training
