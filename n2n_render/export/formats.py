"""The kinds of files that other programs read: how each is written, and how it is run as such a program would."""

import importlib
import io
import json
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..engines.oidn import OidnEngine, archive_tensors
from ..engines.protocol import Engine, Image, OnProgress
from ..engines.torch_engine import TorchEngine
from ..errors import N2NError, missing_library
from ..io.atomic import write_beside, write_text
from ..network.archive import write_tza
from ..network.build import fold
from ..network.checkpoint import Checkpoint, load_network
from ..network.provenance import TITLE
from ..network.registry import open_model, read_sidecar, sidecar_path
from ..network.shared import SUFFIX as SHARED
from ..network.shared import write_shared
from ..network.specification import Specification
from ..version import __version__

SUFFIXES = {"tza": ".tza", "onnx": ".onnx", "torchscript": ".pt", "safetensors": SHARED}
DESCRIBES_ITSELF = {"safetensors"}  # the others have a sidecar
WORDS = {"float32": "single", "float16": "half"}  # of precision, in sidecars
EXAMPLE_PX = 64
OPSET = 17


def write_sidecar(path: Path, checkpoint: Checkpoint, kind: str, precision: str) -> None:
    """<file>.json: all that a program needs to feed the network; docs/engines.md explains the fields."""
    model, told = checkpoint.model, checkpoint.provenance
    notes = {
        "n2n_render": __version__,
        "format": kind,
        "precision": WORDS[precision],
        "model": model.to_dict(),
        "input": list(model.layout.names),
        "encoding": model.encoding,
        "alignment_px": model.alignment,
        "receptive_radius_px": model.receptive_radius,
        "origin": checkpoint.provenance.describe(),
        **({"noise": checkpoint.noise} if checkpoint.noise else {}),
        **{name: getattr(told, name) for name in TITLE if getattr(told, name) is not None},
    }
    write_text(sidecar_path(path), json.dumps(notes, indent=1) + "\n")


def _write_tza(checkpoint: Checkpoint, path: Path, precision: str) -> None:
    write_tza(path, archive_tensors(checkpoint, precision))


class _Portable(torch.nn.Module):
    """float32 in and out, whatever the network computes in."""

    def __init__(self, network: torch.nn.Module, dtype: torch.dtype):
        """dtype: that the network computes in."""
        super().__init__()
        self.network, self.dtype = network, dtype

    def forward(self, encoded: torch.Tensor) -> torch.Tensor:
        predicted: torch.Tensor = self.network(encoded.to(self.dtype))
        return predicted.float()


def _portable(checkpoint: Checkpoint, precision: str) -> tuple[torch.nn.Module, torch.Tensor]:
    """The network, and an input to trace it with."""
    dtype: torch.dtype = getattr(torch, precision)
    network = _Portable(fold(load_network(checkpoint)).to(dtype), dtype).eval()
    return network, torch.zeros(1, checkpoint.model.in_channels, EXAMPLE_PX, EXAMPLE_PX)


def _write_onnx(checkpoint: Checkpoint, path: Path, precision: str) -> None:
    _import("onnx")
    network, example = _portable(checkpoint, precision)
    sizes, data = {0: "batch", 2: "height", 3: "width"}, io.BytesIO()
    with warnings.catch_warnings(action="ignore"), torch.no_grad():  # the tracing exporter: the only one for any size
        torch.onnx.export(
            network,
            (example,),
            data,  # type: ignore[arg-type]  # this exporter takes it
            input_names=["encoded"],
            output_names=["predicted"],
            dynamic_axes={"encoded": sizes, "predicted": sizes},
            opset_version=OPSET,
            dynamo=False,
        )
    _write_bytes(path, data)


def _write_torchscript(checkpoint: Checkpoint, path: Path, precision: str) -> None:
    network, example = _portable(checkpoint, precision)
    data = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), torch.no_grad():
        torch.jit.save(torch.jit.trace(network, example, check_trace=False), data)  # type: ignore[no-untyped-call]
    _write_bytes(path, data)


def _write_bytes(path: Path, data: io.BytesIO) -> None:
    """Through memory: torch's own writers end the process where the disk is full."""
    write_beside(path, lambda temporary: Path(temporary).write_bytes(data.getbuffer()))


def _write_shared(checkpoint: Checkpoint, path: Path, precision: str) -> None:
    write_shared(path, checkpoint, precision)


WRITERS: dict[str, Callable[[Checkpoint, Path, str], None]] = {
    "tza": _write_tza,
    "onnx": _write_onnx,
    "torchscript": _write_torchscript,
    "safetensors": _write_shared,
}


def open_written(kind: str, path: Path, precision: str) -> Engine:
    """An engine that runs the written file as a stranger's program would."""
    if kind == "safetensors":
        return TorchEngine.open(open_model(str(path), signals=True), "cpu")
    if kind == "tza":
        written = open_model(str(path))
        if precision == "float16":  # the library reads no other
            return OidnEngine.open(written, "cpu", archive=path.read_bytes())
        return TorchEngine.open(written, "cpu")
    Specification.from_dict(read_sidecar(path)["model"], str(sidecar_path(path)))  # it can be read again
    run = _onnx_runner(path) if kind == "onnx" else _torchscript_runner(path)
    return _Foreign(run, precision)


Run = Callable[[Image], Image]  # (1, C, H, W) → (1, C of the output, H, W)


def _onnx_runner(path: Path) -> Run:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # from 1.32 on it sends usage statistics to its maker
    session = _import("onnxruntime").InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def run(nchw: Image) -> Image:
        predicted: Image = session.run(None, {"encoded": nchw})[0]
        return predicted

    return run


def _torchscript_runner(path: Path) -> Run:
    with warnings.catch_warnings(action="ignore"):
        network = torch.jit.load(str(path), map_location="cpu").eval()  # type: ignore[no-untyped-call]

    def run(nchw: Image) -> Image:
        with torch.inference_mode():
            predicted: Image = network(torch.from_numpy(nchw)).numpy()
        return predicted

    return run


@dataclass(eq=False)
class _Foreign(Engine):
    """Another program's way to run a file."""

    runner: Run
    precision: str

    name, description, on_cpu = "exported", "exported file", True
    tile_px = TorchEngine.tile_px

    def run(self, encoded: Image, on_progress: OnProgress | None = None) -> Image:
        predicted = self.runner(np.ascontiguousarray(encoded.transpose(2, 0, 1))[None])
        image: Image = predicted[0].transpose(1, 2, 0)
        return image


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise missing_library(error) or N2NError(
            f"{name} is not installed ({error})", 'Install it with pip install "n2n-render[export]".'
        ) from None
