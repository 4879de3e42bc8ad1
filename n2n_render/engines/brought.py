"""Engines that packages bring: what a row of the table must be, and a watch over what it gives."""

import re
from dataclasses import dataclass

import numpy as np

from .. import plugins
from ..config import ENGINES
from ..errors import N2NError, doubt
from ..network.checkpoint import Checkpoint
from ..progress import ignore
from .protocol import Engine, EngineKind, Image, OnProgress


def _wrong_kind(kind: EngineKind) -> str | None:
    if not re.fullmatch("[a-z][a-z0-9_]*", kind.name):
        return "its name must be of small letters, digits and _"
    if not isinstance(kind.runs, str):
        return "what it runs is no text"
    odd = next((name for name in ("find_devices", "why_not", "open") if not callable(getattr(kind, name))), None)
    return f"its {odd} cannot be called" if odd else None


BROUGHT = plugins.Table(plugins.ENGINES, "engine", EngineKind, ENGINES.ours, _wrong_kind)


def find_devices_of(kind: EngineKind) -> dict[str, str]:
    """Kind of device → name; {} where it is not installed, and where it fails, which is told."""
    try:
        found = dict(kind.find_devices())
        if all(isinstance(text, str) for item in found.items() for text in item):
            return found
        problem = "it names no texts"
    except Exception as error:  # a stranger's code raises anything
        problem = f"{type(error).__name__}: {error}"
    doubt(f"the devices of the engine {kind.name} are not known: {problem}")
    return {}


def open_brought(kind: EngineKind, checkpoint: Checkpoint, device: str, precision: str) -> Engine:
    """Raises N2NError where it cannot run the model, and where it fails."""
    try:
        if why := kind.why_not(checkpoint.model):
            raise N2NError(f"the {kind.name} engine cannot run this model: {why}", "Pass another --engine.")
        engine = kind.open(checkpoint, device, precision)
        told = engine.precision, engine.description, engine.tile_px, engine.on_cpu, engine.coarse
        return Watched(engine, kind.name, checkpoint.model.gives.count, *told)
    except (N2NError, MemoryError):
        raise
    except Exception as error:
        raise _fails(kind.name, "where it is opened", error) from error


def _fails(name: str, where: str, error: Exception) -> N2NError:
    package = plugins.package_of(plugins.ENGINES, name)
    return N2NError(
        f"the {name} engine fails {where} ({type(error).__name__}: {error})",
        f"Pass another --engine, and tell whoever makes the package {package}.",
    )


@dataclass(eq=False)
class Watched:
    """An Engine whose pictures are of the right size and type, or there is none. channels: that the network gives."""

    engine: Engine
    name: str
    channels: int
    precision: str
    description: str
    tile_px: int

    on_cpu: bool
    coarse: bool

    def run(self, encoded: Image, on_progress: OnProgress | None = None) -> Image:
        ours: list[Exception] = []  # what the one who is told raises, to stop

        def tell(done: float) -> None:
            try:
                (on_progress or ignore)(done)
            except Exception as error:
                ours.append(error)
                raise

        try:
            output = self.engine.run(encoded, tell if on_progress else None)
        except (N2NError, MemoryError):
            raise
        except Exception as error:
            if error in ours:
                raise
            raise _fails(self.name, "where it runs", error) from error
        wanted = (*encoded.shape[:2], self.channels)
        if not isinstance(output, np.ndarray) or output.shape != wanted or output.dtype != np.float32:
            given = f"{output.dtype} {output.shape}" if isinstance(output, np.ndarray) else type(output).__name__
            raise N2NError(f"the {self.name} engine gives {given}, but must give float32 {wanted}", "Pass another --engine.")
        return output
