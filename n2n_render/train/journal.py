"""What a run leaves for people: metrics.jsonl, TensorBoard events, training.png and preview strips."""
import json
from pathlib import Path

import numpy as np

from ..errors import N2NError
from ..files import first_line, write_beside
from ..frame.transfer import encode_tonemap


class Journal:
    """Appends to a run folder. Pictures need the `report` extra; without it there are none."""

    def __init__(self, folder: Path, warn):
        self.folder = folder
        self.path = folder / "metrics.jsonl"
        self.records = _read_records(self.path)
        self._warn = warn
        self._events = None
        self._can_draw = _importable("matplotlib") and _importable("PIL")
        if not self._can_draw:
            warn('no training.png and no previews: install them with pip install "n2n-render[report]"')
        if _importable("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter
            self._events = SummaryWriter(str(folder / "events"))

    def forget_after(self, step: int):
        """Drops records of steps that a resumed run will make again."""
        self.records = [record for record in self.records if record["step"] <= step]
        text = "".join(json.dumps(record) + "\n" for record in self.records)
        write_beside(self.path, lambda temporary: Path(temporary).write_text(text))

    def record(self, values: dict, strip: list[np.ndarray] = ()):
        """One point of the curves. values: step, seconds, loss, learning_rate, …; strip: exposed radiance images."""
        self.records.append(values)
        try:
            with open(self.path, "a") as file:
                file.write(json.dumps(values) + "\n")
            if self._events:
                for key, value in values.items():
                    if key != "step":
                        self._events.add_scalar(key, value, values["step"])
                self._events.flush()
            if self._can_draw and len(strip):
                self._draw_curves()
                self._draw_strip(strip, values["step"])
        except (OSError, N2NError) as error:  # a full disk, a picture open in a viewer: no reason to lose the training
            self._warn(f"could not write the curves of step {values['step']}: {first_line(error)}")

    def _draw_curves(self):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        figure = Figure(figsize=(8, 9), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(3, 1, sharex=True)
        validated = [record for record in self.records if "pair_error" in record]
        with_reference = [record for record in validated if "psnr_db" in record]
        if with_reference:
            axes[0].plot([r["step"] for r in with_reference], [r["psnr_db"] for r in with_reference], marker=".")
            axes[0].set_ylabel("validation PSNR on T(v) [dB]")
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

    def _draw_strip(self, strip, step):
        from PIL import Image
        row = np.concatenate([encode_tonemap(np.asarray(image, np.float32), np) for image in strip], axis=1)
        picture = Image.fromarray((row * 255 + 0.5).astype(np.uint8))
        write_beside(self.folder / "previews" / f"step_{step:07d}.png",
                     lambda temporary: picture.save(temporary, format="png"))

    def close(self):
        if self._events:
            self._events.close()


def _read_records(path: Path) -> list[dict]:
    """The records of an earlier part of the run; a line that a kill cut short is left out."""
    records = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            records.append(json.loads(line))
        except ValueError:
            break
    return records


def _importable(name: str) -> bool:
    from importlib.util import find_spec
    return find_spec(name) is not None
