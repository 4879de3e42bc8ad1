"""What a run leaves for people: metrics.jsonl, TensorBoard events, training.png and preview strips."""

import contextlib
import io
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from ..config import Steps
from ..errors import N2NError
from ..frame.arrays import Array
from ..io.atomic import check_regular, first_line, write_beside, write_text
from ..io.images import write_png
from ..schema import Real, check_items

ANY = Annotated[object, Real(nan=True)]
REQUIRED = ("step", "loss", "learning_rate")  # of a record
METRICS, PREVIEWS = "metrics.jsonl", "previews"


class Journal:
    """Appends to a run folder. Pictures need the `report` extra; without it there are none."""

    def __init__(
        self,
        folder: Path,
        records: list[dict[str, Any]],
        can_draw: bool,
        events: "Events | None",
        warn: Callable[[str], None],
    ):
        """Keeps what it is given; `open` looks at what is there."""
        self.folder, self.records = folder, records
        self._can_draw, self._events, self._warn = can_draw, events, warn
        self._told: set[str] = set()

    @classmethod
    def open(cls, folder: Path, warn: Callable[[str], None]) -> "Journal":
        """With the records of an earlier part of the run."""
        records = _read_records(folder / METRICS, warn)
        can_draw = _importable("matplotlib") and _importable("PIL")
        if not can_draw:
            warn('no training.png and no previews: install them with pip install "n2n-render[report]"')
        return cls(folder, records, can_draw, Events(folder / "events") if _importable("tensorboard") else None, warn)

    @property
    def path(self) -> Path:
        return self.folder / METRICS

    @contextlib.contextmanager
    def _optional(self, what: str) -> Iterator[None]:
        """A full disk, a picture open in a viewer: no reason to lose the training. Each kind of thing is told of once."""
        try:
            yield
        except (OSError, N2NError, ValueError) as error:
            if what not in self._told:
                self._told.add(what)
                self._warn(f"{what} cannot be written ({first_line(error)}); the training goes on")

    def forget_after(self, step: int) -> None:
        """Drops records of steps that a resumed run will make again."""
        self.records = [record for record in self.records if record["step"] <= step]
        text = "".join(json.dumps(record) + "\n" for record in self.records)
        with self._optional(METRICS):
            write_text(self.path, text)

    def record(self, values: dict[str, Any], strip: Sequence[Array] = ()) -> None:
        """One point of the curves. values: step, seconds, loss, learning_rate, …; strip: 8-bit images of one size (h, w, 3)."""
        self.records.append(values)
        with self._optional(METRICS):
            _append(self.path, (json.dumps(values) + "\n").encode())
        if self._events:
            with self._optional("TensorBoard's curves"):
                self._events.add(values)
        if self._can_draw and len(strip):
            with self._optional("training.png"):
                self._draw_curves()
            with self._optional("a preview"):
                self._draw_strip(strip, values["step"])

    def _draw_curves(self) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 9), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(3, 1, sharex=True)
        validated = [record for record in self.records if is_validated(record)]
        with_reference = [record for record in validated if "psnr_db" in record]
        if with_reference:
            axes[0].plot([r["step"] for r in with_reference], [r["psnr_db"] for r in with_reference], marker=".")
            axes[0].set_ylabel(f"validation PSNR{' on T(v)' if 'pair_error' in with_reference[0] else ''} [dB]")
        else:
            errors = [-10 * np.log10(max(r["pair_error"], 1e-6)) for r in validated]
            axes[0].plot([r["step"] for r in validated], errors, marker=".")
            axes[0].set_ylabel("validation, from pairs:\n−10 log10(relative error) [dB]")
        steps = [record["step"] for record in self.records]
        axes[1].semilogy(steps, [record["loss"] for record in self.records])
        axes[1].set_ylabel("training loss")
        axes[2].plot(steps, [record["learning_rate"] for record in self.records])
        axes[2].set_ylabel("learning rate")
        axes[2].set_xlabel("step")
        for axis in axes:
            axis.grid(alpha=0.3)
        write_beside(self.folder / "training.png", lambda temporary: figure.savefig(temporary, format="png", dpi=100))

    def _draw_strip(self, strip: Sequence[Array], step: int) -> None:
        write_png(self.folder / PREVIEWS / f"step_{step:07d}.png", np.concatenate(strip, axis=1))


class Events:
    """TensorBoard's curves in a file of this run. Its own writer works on a thread, which fails late and out of reach."""

    def __init__(self, folder: Path):
        self._path = folder / f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}"

    def add(self, values: Mapping[str, Any]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter

        data = io.BytesIO()
        writer = RecordWriter(data)
        if not self._path.exists():
            self._path.parent.mkdir(exist_ok=True)
            writer.write(Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
        curves = [Summary.Value(tag=name, simple_value=value) for name, value in values.items() if name != "step"]
        writer.write(Event(wall_time=time.time(), step=values["step"], summary=Summary(value=curves)).SerializeToString())
        _append(self._path, data.getvalue())


def _append(path: Path, data: bytes) -> None:
    """All of it or nothing."""
    before = path.stat().st_size if path.exists() else 0
    try:
        with open(path, "ab") as file:
            file.write(data)
    except OSError:
        with contextlib.suppress(OSError):
            os.truncate(path, before) if before else path.unlink()
        raise


def _read_records(path: Path, warn: Callable[[str], None]) -> list[dict[str, Any]]:
    """The records of an earlier part of the run. What follows a line that a kill cut short, or that is damaged, is left out."""
    if not path.exists():
        return []
    records: list[dict[str, Any]] = []
    try:
        check_regular(path)
        for line in path.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            check_items(record, dict.fromkeys(record, ANY) | {"step": Steps}, str(path), "", REQUIRED)
            records.append(record)
    except (OSError, ValueError, RecursionError, TypeError, N2NError) as error:
        warn(f"{path}: only its first {len(records)} lines are used ({first_line(error)})")
    return records


def is_validated(record: Mapping[str, Any]) -> bool:
    """Whether the judge was asked at this point of the curves."""
    return "pair_error" in record or "squared_error" in record


def _importable(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None
