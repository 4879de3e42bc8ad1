"""Checkpoint → a file for other programs (.tza, .onnx, TorchScript), read back and compared before it counts as done."""

import contextlib
import io
import json
import os
import warnings
from pathlib import Path

import numpy as np
import torch

from . import __version__
from .denoise import Denoiser
from .engines.oidn import OidnEngine, archive_tensors
from .errors import N2NError
from .frame.channels import NEIGHBORS
from .frame.frame import Frame
from .io.atomic import locked_file, write_beside, write_text
from .io.sequence import OTHER_IMAGES
from .network.archive import write_tza
from .network.build import fold
from .network.checkpoint import Checkpoint, load_network
from .network.registry import open_model, sidecar_path

FORMATS = ("tza", "onnx", "torchscript")
SUFFIXES = {"tza": ".tza", "onnx": ".onnx", "torchscript": ".pt"}
EXAMPLE_PX = 64
OPSET = 17
TOLERANCE = {"single": 1e-3, "half": 2e-2}  # of the mean radiance: mean absolute difference that a file may have


def export(checkpoint: Checkpoint, kind: str, path, frame: Frame, half: bool = False) -> float:
    """Writes `path` and its sidecar JSON; returns the mean absolute difference to the checkpoint on `frame`, over its mean.

    BatchNorm is folded. `half`: weights (and in ONNX and TorchScript the computation) in float16; inputs and outputs stay
    float32. Raises N2NError when the format cannot hold the model, or when the file does not give the same picture; then
    nothing is left behind.
    """
    if NEIGHBORS in checkpoint.model.features:
        raise N2NError(
            "a model that looks at neighbouring frames cannot be exported",
            "Use it with `n2n-render denoise`, or export one that was made without --temporal.",
        )
    path, ours = Path(path), Denoiser(checkpoint, "cpu", engine="torch", prefilter=False)
    if path.is_dir() or not path.name or path.name in ("best.pt", "last.pt"):
        raise N2NError(
            f"{path}: is a folder, or the name of a checkpoint", f"Pass another name with -o, like shot{SUFFIXES[kind]}."
        )
    if path.suffix.lower() in OTHER_IMAGES | {".exr", *SUFFIXES.values()} - {SUFFIXES[kind]}:
        raise N2NError(f"{path}: {path.suffix} is not what --format {kind} writes", f"End its name in {SUFFIXES[kind]}.")
    with locked_file(path.with_name(f".{path.name}.lock")):
        return _write(checkpoint, kind, path, frame, half, ours)


def _write(checkpoint, kind, path, frame, half, ours) -> float:
    """Beside its place first, read back and compared. `ours`: the Denoiser that it is compared with."""
    write = {"tza": _write_tza, "onnx": _write_onnx, "torchscript": _write_torchscript}[kind]
    candidate = path.with_name(f".{path.stem}.candidate{SUFFIXES[kind]}")
    try:
        write(checkpoint, candidate, half)
        write_sidecar(candidate, checkpoint, kind, half)
        theirs = Denoiser(checkpoint, "cpu", engine="torch", prefilter=False)
        theirs.engine = _reader(kind, candidate, half, ours.engine)
        difference = compare(ours.denoise(frame), theirs.denoise(frame))
        limit = TOLERANCE["half" if half else "single"]
        if not difference <= limit:
            raise N2NError(
                f"{path}: gives another picture than the checkpoint (by {difference:.2%}, allowed {limit:.1%})",
                "Export in single precision, or report this with the checkpoint.",
            )
        _put_in_place(candidate, path)
    finally:
        for rest in (candidate, sidecar_path(candidate)):
            with contextlib.suppress(OSError):
                rest.unlink(missing_ok=True)
    return difference


def _put_in_place(candidate: Path, path: Path):
    """The file and its sidecar, which are both written: an archive with another one's sidecar would be fed wrongly."""
    try:
        os.replace(sidecar_path(candidate), sidecar_path(path))
        os.replace(candidate, path)
    except OSError as error:
        raise N2NError(f"{path}: cannot be written ({error.strerror})", "Pass another name with -o.") from None


def compare(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Mean absolute difference over the mean; infinite for anything that is not finite."""
    difference = np.abs(ours - theirs).mean(dtype=np.float64) / max(np.abs(ours).mean(dtype=np.float64), 1e-9)
    return float(difference) if np.isfinite(difference) else float("inf")


def write_sidecar(path: Path, checkpoint: Checkpoint, kind: str, half: bool):
    """<file>.json: all that a program needs to feed the network; docs/engines.md explains the fields."""
    notes = {
        "n2n_render": __version__,
        "format": kind,
        "precision": "half" if half else "single",
        "model": checkpoint.model.to_dict(),
        "input": ["color", *checkpoint.model.features],
        "encoding": checkpoint.model.encoding,
        "alignment_px": checkpoint.model.alignment,
        "receptive_radius_px": checkpoint.model.receptive_radius,
        "origin": checkpoint.provenance.describe(),
    }
    write_text(sidecar_path(path), json.dumps(notes, indent=1) + "\n")


def _write_tza(checkpoint, path, half):
    write_tza(path, archive_tensors(checkpoint, half))


class _Portable(torch.nn.Module):
    """float32 in and out, whatever the network computes in."""

    def __init__(self, checkpoint: Checkpoint, half: bool):
        super().__init__()
        network = fold(load_network(checkpoint))
        self.network = network.half() if half else network
        self.dtype = torch.float16 if half else torch.float32

    def forward(self, encoded):
        return self.network(encoded.to(self.dtype)).float()


def _write_onnx(checkpoint, path, half):
    _import("onnx")
    example = torch.zeros(1, checkpoint.model.in_channels, EXAMPLE_PX, EXAMPLE_PX)
    sizes = {0: "batch", 2: "height", 3: "width"}

    data = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), torch.no_grad():  # the tracing exporter: the only one for any size
        torch.onnx.export(
            _Portable(checkpoint, half).eval(),
            (example,),
            data,
            input_names=["encoded"],
            output_names=["predicted"],
            dynamic_axes={"encoded": sizes, "predicted": sizes},
            opset_version=OPSET,
            dynamo=False,
        )
    write_beside(path, lambda temporary: Path(temporary).write_bytes(data.getbuffer()))


def _write_torchscript(checkpoint, path, half):
    """Through memory: torch's own writer ends the process where the disk is full."""
    example, data = torch.zeros(1, checkpoint.model.in_channels, EXAMPLE_PX, EXAMPLE_PX), io.BytesIO()
    with warnings.catch_warnings(action="ignore"), torch.no_grad():
        torch.jit.save(torch.jit.trace(_Portable(checkpoint, half).eval(), example, check_trace=False), data)
    write_beside(path, lambda temporary: Path(temporary).write_bytes(data.getbuffer()))


def _reader(kind, path, half, like):
    """An engine that runs the written file as a stranger's program would."""
    if kind == "tza":
        written = open_model(str(path))
        if half:  # the library reads no other
            return OidnEngine(written, "cpu", archive=path.read_bytes())
        return Denoiser(written, "cpu", engine="torch", prefilter=False).engine
    if kind == "onnx":
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # from 1.32 on it sends usage statistics to its maker
        session = _import("onnxruntime").InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return _Foreign(like, lambda nchw: session.run(None, {"encoded": nchw})[0])
    with warnings.catch_warnings(action="ignore"):
        network = torch.jit.load(str(path), map_location="cpu").eval()
    return _Foreign(like, lambda nchw: network(torch.from_numpy(nchw)).numpy())


class _Foreign:
    """(1, C, H, W) → (1, 3, H, W) as an engine."""

    def __init__(self, like, function):
        self.alignment, self.receptive_radius, self.tile_px = like.alignment, like.receptive_radius, like.tile_px
        self.function, self.on_cpu, self.description = function, True, "exported file"
        self.coarse = False

    def run(self, encoded: np.ndarray, on_progress=None) -> np.ndarray:
        with torch.inference_mode():
            return self.function(np.ascontiguousarray(encoded.transpose(2, 0, 1))[None])[0].transpose(1, 2, 0)


def _import(name):
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise N2NError(f"{name} is not installed ({error})", 'Install it with pip install "n2n-render[export]".') from None
