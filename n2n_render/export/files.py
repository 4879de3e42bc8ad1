"""Model → a file for other programs, read back and compared before it counts as done."""

import contextlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..engines.choice import make_engine
from ..engines.options import EngineOptions
from ..engines.protocol import Image
from ..errors import N2NError
from ..frame.arrays import Array
from ..frame.frame import Frame
from ..frame.signal import to_signal
from ..io.atomic import locked_file
from ..io.exr import read_frame
from ..io.photographs import read_photograph
from ..io.sequence import OTHER_IMAGES, find_any_frame
from ..ladder.ladder import Ladder
from ..network.checkpoint import Checkpoint
from ..network.registry import open_model, sidecar_path
from ..progress import Reporter, silent
from .formats import DESCRIBES_ITSELF, SUFFIXES, WRITERS, open_written, write_sidecar
from .options import Exported, ExportOptions

EXAMPLE_PX = 96  # side of the noise that models of signals are compared on
TOLERANCE = {"float32": 1e-3, "float16": 2e-2}  # of the mean radiance: mean absolute difference that a file may have


def export(options: ExportOptions, reporter: Reporter = silent) -> Exported:
    """Writes the model and its description, and compares what was written on a real frame.

    Raises:
        N2NError: When the format cannot hold the model, when there is no frame to compare on, when the file does not give
            the same picture, and when it cannot be written; then nothing new is left behind.
    """
    precision = options.precision
    if precision == "auto":
        precision = "float16" if options.format == "tza" else "float32"
    with reporter("exporting") as progress:
        progress.start(1.0)
        checkpoint = open_model(options.model, signals=True)
        place, picture = _example(checkpoint, options)
        path = Path(options.output)
        difference = write_checked(checkpoint, options.format, path, picture, precision)
        progress.advance(1.0, path.name)
    sidecar = None if options.format in DESCRIBES_ITSELF else sidecar_path(path)
    return Exported(path, sidecar, options.format, precision, difference, place)


def _example(checkpoint: Checkpoint, options: ExportOptions) -> tuple[Path | None, Frame | Array]:
    """What the written file is compared on, and where that lies: a frame; of a model of signals a photograph, or noise."""
    model = checkpoint.model
    if not model.is_signal:
        place = Path(options.check or find_any_frame())
        return place, read_frame(place, model.features)
    if options.format == "tza":
        raise N2NError(
            f"no .tza file can hold a model of {checkpoint.purpose}: Open Image Denoise has no such networks",
            "Pass --format onnx or torchscript.",
        )
    if options.check is None:
        shape = (EXAMPLE_PX, EXAMPLE_PX, model.gives.count)
        return None, np.random.default_rng(1).random(shape, np.float32) - np.float32(0.5)
    return Path(options.check), to_signal(read_photograph(options.check).pixels, model.gives.count)


def write_checked(checkpoint: Checkpoint, kind: str, path: Path, picture: Frame | Array, precision: str = "float32") -> float:
    """Writes `path` and its sidecar JSON, BatchNorm folded; of kinds that describe themselves one file, which holds the
    network as it is.

    Args:
        kind: One of FORMATS.
        picture: A frame with the channels that the model takes, of any size; of a model of signals one of them.
        precision: "float16": weights (and in ONNX and TorchScript the computation); inputs and outputs stay float32.

    Returns:
        The mean absolute difference to the checkpoint on `picture`, over its mean.

    Raises:
        N2NError: As `export`.
    """
    suffix = SUFFIXES[kind]
    if path.is_dir() or not path.name or path.name in ("best.pt", "last.pt"):
        raise N2NError(f"{path}: is a folder, or the name of a checkpoint", f"Pass another name with -o, like shot{suffix}.")
    if path.suffix.lower() in OTHER_IMAGES | {".exr", *SUFFIXES.values()} - {suffix}:
        raise N2NError(f"{path}: {path.suffix} is not what --format {kind} writes", f"End its name in {suffix}.")
    with locked_file(path.with_name(f".{path.name}.lock")):
        return _write(checkpoint, kind, path, picture, precision)


def _write(checkpoint: Checkpoint, kind: str, path: Path, picture: Frame | Array, precision: str) -> float:
    """Beside its place first, read back and compared."""
    candidate = path.with_name(f".{path.stem}.candidate{SUFFIXES[kind]}")
    try:
        WRITERS[kind](checkpoint, candidate, precision)
        if kind not in DESCRIBES_ITSELF:
            write_sidecar(candidate, checkpoint, kind, precision)
        ours = Ladder(checkpoint.model, make_engine(checkpoint, EngineOptions("cpu", "torch")))
        theirs = replace(ours, engine=open_written(kind, candidate, precision))
        difference = compare(_paint(ours, picture), _paint(theirs, picture))
        limit = TOLERANCE[precision]
        if not difference <= limit:
            raise N2NError(
                f"{path}: gives another picture than the checkpoint (by {difference:.2%}, allowed {limit:.1%})",
                "Export in single precision, or report this with the checkpoint.",
            )
        _put_in_place(candidate, path, kind not in DESCRIBES_ITSELF)
    finally:
        for rest in (candidate, sidecar_path(candidate)):
            with contextlib.suppress(OSError):
                rest.unlink(missing_ok=True)
    return difference


def _paint(ladder: Ladder, picture: Frame | Array) -> Image:
    return ladder.denoise(picture) if isinstance(picture, Frame) else ladder.denoise_signal(picture)


def _put_in_place(candidate: Path, path: Path, described: bool) -> None:
    """The file and its sidecar, which are both written: an archive with another one's sidecar would be fed wrongly."""
    try:
        if described:
            os.replace(sidecar_path(candidate), sidecar_path(path))
        os.replace(candidate, path)
    except OSError as error:
        raise N2NError(f"{path}: cannot be written ({error.strerror})", "Pass another name with -o.") from None


def compare(ours: Image, theirs: Image) -> float:
    """Mean absolute difference of two pictures over the mean of the first; infinite for anything that is not finite."""
    difference = np.abs(ours - theirs).mean(dtype=np.float64) / max(np.abs(ours).mean(dtype=np.float64), 1e-9)
    return float(difference) if np.isfinite(difference) else float("inf")
