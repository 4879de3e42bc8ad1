"""Which engine runs a model on this machine: the fastest that can, or the one that was asked for."""

import functools
import importlib.util

from .. import plugins
from ..errors import N2NError, missing_library
from ..io.atomic import first_line
from ..network.checkpoint import Checkpoint
from ..network.specification import Specification
from ..progress import still_wanted
from . import oidn, runtime
from .brought import BROUGHT, find_devices_of, open_brought
from .options import ANY_ENGINE, EngineOptions
from .protocol import Engine, EngineKind

NOT_INSTALLED = "is not installed here"


@functools.cache
def torch_problem() -> str | None:
    """Why PyTorch cannot be used, as the end of a sentence; None: it can. OpenVINO's engine needs it too, to read a network."""
    if importlib.util.find_spec("torch") is None:
        return NOT_INSTALLED
    try:
        from . import torch_engine  # noqa: F401
    except (ImportError, OSError) as error:  # a library of its own is missing, or is for another system
        lacks = missing_library(error)
        return f"cannot be loaded ({lacks.what if lacks else first_line(error)})"
    return None


def make_engine(checkpoint: Checkpoint, options: EngineOptions = ANY_ENGINE) -> Engine:
    """Opens the engine that `options` asks for, with the model on the device.

    Raises:
        N2NError: When what was asked for cannot run the model here; it says why.
    """
    still_wanted()()  # some compile a network for seconds
    name, device, precision = options.engine, options.device, options.precision
    if name == "auto":
        name = _fastest(checkpoint.model, device)
    if name in KINDS:
        return KINDS[name].open(checkpoint, device, precision)
    kind = BROUGHT.rows().get(name)
    if kind is None:
        package = plugins.package_of(plugins.ENGINES, name)
        raise N2NError(f"the engine {name} of the package {package} cannot be used", "Pass another --engine.")
    return open_brought(kind, checkpoint, device, precision)


def _open_torch(checkpoint: Checkpoint, device: str, precision: str) -> Engine:
    _need_torch("torch")
    from .torch_engine import TorchEngine

    return TorchEngine.open(checkpoint, device, precision)


def _open_oidn(checkpoint: Checkpoint, device: str, precision: str) -> Engine:
    return oidn.OidnEngine.open(checkpoint, device)  # which has one precision a device


def _open_openvino(checkpoint: Checkpoint, device: str, precision: str) -> Engine:
    _need_torch("openvino")
    from .openvino_engine import OpenvinoEngine

    return OpenvinoEngine.open(checkpoint, device, precision)


def _need_torch(engine: str) -> None:
    if problem := torch_problem():
        raise N2NError(
            f"the {engine} engine needs PyTorch, which {problem}",
            "Install n2n-render from its repository (README); only the OIDN runtime (--engine oidn) works without.",
        )


def _fastest(model: Specification, device: str) -> str:
    """One of ours. A GPU before any CPU; on the CPU OpenVINO, the OIDN runtime, torch: docs/engines.md has the measurements."""
    if torch_problem():
        return "oidn"
    kind = device.partition(":")[0]
    torch_devices, oidn_devices = find_torch_devices(), find_oidn_devices()
    suits_oidn = oidn.why_not(model) is None
    if kind == "auto":
        kind = next((name for name in ("cuda", "mps") if name in torch_devices), None) or next(
            (name for name in oidn.gpus(oidn_devices) if suits_oidn), "cpu"
        )
    if kind == "cpu":
        if find_openvino_devices():
            return "openvino"
        return "oidn" if suits_oidn and "cpu" in oidn_devices else "torch"
    if kind not in torch_devices and kind in oidn_devices and suits_oidn:
        return "oidn"
    return "torch"  # which refuses a device that it does not have


def find_torch_devices() -> dict[str, str]:
    """Kind → name of what torch can use; {} when it is not installed."""
    if torch_problem():
        return {}
    from . import torch_engine

    return torch_engine.find_devices()


def find_openvino_devices() -> dict[str, str]:
    """{"cpu": its name} when OpenVINO can be used, else {}."""
    if torch_problem():
        return {}
    from . import openvino_engine

    return openvino_engine.find_devices()


def find_oidn_devices() -> dict[str, str]:
    """Kind → name of what the OIDN runtime can use; {} when it is not installed."""
    try:
        return runtime.find_devices()
    except N2NError:
        return {}


OF_OIDN = "Open Image Denoise's topology; features none, albedo, or albedo and normal"
# What `--engine` may name besides "auto", in the order in which `n2n-render engines` lists it; packages bring more.
KINDS: dict[str, EngineKind] = {
    kind.name: kind
    for kind in (
        EngineKind("torch", "all models", find_torch_devices, lambda model: None, _open_torch),
        EngineKind("oidn", OF_OIDN, find_oidn_devices, oidn.why_not, _open_oidn),
        EngineKind("openvino", "all models", find_openvino_devices, lambda model: None, _open_openvino),
    )
}


def list_engines() -> list[tuple[str, dict[str, str], str]]:
    """(engine, its devices by kind, which models it runs), ours and those of packages."""
    return [(kind.name, find_devices_of(kind), kind.runs) for kind in (*KINDS.values(), *BROUGHT.rows().values())]
