"""Runs a network with OpenVINO on the CPU: in bfloat16 where the processor has it, else in float32."""

import contextlib
import functools
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from ..errors import N2NError, missing_library
from ..network.build import fold
from ..network.checkpoint import Checkpoint, load_network
from ..progress import ignore
from .protocol import Engine, Image, OnProgress

EXAMPLE_PX = 64
LOOK_MS = 100  # between two looks at whether a picture is still wanted
TELEMETRY = "openvino_telemetry"


def find_devices() -> dict[str, str]:
    """{"cpu": its name} when OpenVINO is installed and works, else {}. Its GPU plugin is left to Intel's OIDN runtime."""
    try:
        openvino = load()
    except N2NError:
        return {}
    core = _core(openvino)
    return {"cpu": core.get_property("CPU", "FULL_DEVICE_NAME").strip()} if "CPU" in core.available_devices else {}


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Inside, OpenVINO finds no telemetry package, and warns of nothing.

    Its converter would report each use to its maker, from a forked process that can outlive us. A package that the program
    has loaded itself stays what it is.
    """
    hidden = TELEMETRY not in sys.modules
    if hidden:
        sys.modules[TELEMETRY] = None  # type: ignore[assignment]
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        if hidden:
            del sys.modules[TELEMETRY]


def load() -> Any:
    """The openvino package. Raises N2NError where it is not installed."""
    try:
        with _quietly():
            import openvino
    except ImportError as error:
        raise missing_library(error) or N2NError(
            f"OpenVINO is not installed ({error})", 'Install it with pip install "n2n-render[openvino]".'
        ) from None
    return openvino


@functools.cache
def _core(openvino: Any) -> Any:
    """The process's only one. Each gives the thread a stack for signals, and takes it away again when it goes, putting back
    the one before it: with several that go in another order than backwards, the next Ctrl-C runs on memory that is no more.
    """
    return openvino.Core()


@dataclass(eq=False)
class OpenvinoEngine(Engine):
    """A compiled network; pixels go in and come out as (H, W, C), any size."""

    request: Any  # openvino.InferRequest
    precision: str
    version: str  # of OpenVINO

    name = "openvino"
    tile_px = 2048
    on_cpu = True

    @classmethod
    def open(cls, checkpoint: Checkpoint, device: str = "auto", precision: str = "auto") -> "OpenvinoEngine":
        """BatchNorm folded.

        Args:
            device: "auto" or "cpu".
            precision: See `choice.make_engine`. "bfloat16" is taken also where the processor has no instructions for it.

        Raises:
            N2NError: Where OpenVINO is not installed, for another device, and for weights that do not fit.
        """
        openvino = load()
        if device not in ("auto", "cpu"):
            raise N2NError(f"the OpenVINO engine does not run on {device!r}", "Pass --device cpu, or another --engine.")
        core = _core(openvino)
        fast = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        precision = "bfloat16" if precision == "bfloat16" or (fast and precision != "float32") else "float32"
        network = fold(load_network(checkpoint))
        if precision == "bfloat16":
            round_weights(network)
        model = _convert(openvino, network, checkpoint.model.in_channels)
        hint = {"bfloat16": openvino.Type.bf16, "float32": openvino.Type.f32}[precision]
        compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"})
        version = openvino.__version__.split("-")[0]
        return cls(compiled.create_infer_request(), precision, version)

    @property
    def description(self) -> str:
        return f"OpenVINO {self.version}, CPU, {self.precision}"

    def run(self, encoded: Image, on_progress: OnProgress | None = None) -> Image:
        try:
            self.request.start_async([encoded[None]], share_inputs=True)
            self._wait(on_progress or ignore)
            output: Image = self.request.get_output_tensor(0).data[0].copy()
        except RuntimeError as error:
            if "alloc" in str(error).lower():
                raise MemoryError(str(error).strip().splitlines()[-1]) from None
            raise
        return output

    def _wait(self, on_progress: OnProgress) -> None:
        """Until the output is there. How much of it is done nobody knows; whoever is told may stop it all the same."""
        try:
            while not self.request.wait_for(LOOK_MS):
                on_progress(0.0)
        except BaseException:
            self.request.cancel()
            with contextlib.suppress(RuntimeError):  # which says that it was cancelled
                self.request.wait()
            raise


def round_weights(network: torch.nn.Module) -> None:
    """Rounds the weights of 3×3 convolutions to bfloat16 values so that the nine taps of a kernel keep their sum.

    What one tap loses the next one gets, largest first. Neighbouring pixels are much alike, so the errors of the taps
    cancel in the picture; rounded each by itself they change its brightness: docs/engines.md has the figures.
    """
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d):
                taps = module.weight.flatten(2)  # (out, in, 9)
                order = taps.abs().argsort(dim=-1, descending=True)
                taps, lost = taps.gather(-1, order), torch.zeros(taps.shape[:2])
                for tap in range(taps.shape[-1]):
                    wanted = taps[..., tap] + lost
                    taps[..., tap] = wanted.bfloat16().float()
                    lost = wanted - taps[..., tap]
                module.weight.copy_(torch.empty_like(taps).scatter_(-1, order, taps).reshape(module.weight.shape))


def _convert(openvino: Any, network: torch.nn.Module, channels: int) -> Any:
    """The torch network as an OpenVINO model with (N, H, W, C) in and out.

    It is traced here: the converter's own trace does it twice more to compare, which takes most of the time.
    """
    example = torch.zeros(1, channels, EXAMPLE_PX, EXAMPLE_PX)
    with _quietly(), torch.no_grad():
        traced = torch.jit.trace(network, example, check_trace=False)  # type: ignore[no-untyped-call]
        model = openvino.convert_model(traced, example_input=example)
    steps = openvino.preprocess.PrePostProcessor(model)
    for tensor in (steps.input(), steps.output()):
        tensor.tensor().set_layout(openvino.Layout("NHWC"))
        tensor.model().set_layout(openvino.Layout("NCHW"))
    return steps.build()
