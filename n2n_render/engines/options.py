"""What runs a network, and how: what every verb that denoises is asked."""

from dataclasses import dataclass
from typing import Annotated

from ..config import Engine, Precision
from ..schema import Checked, Range

Tile = Annotated[int, Range(32, 2**20)]


@dataclass(frozen=True)
class EngineOptions(Checked):
    """Which engine runs a network on which device. "auto": the fastest that can; see engines/choice.py."""

    device: str = "auto"  # auto, cpu, cuda, cuda:1, mps, hip, sycl, metal
    engine: Engine = "auto"
    precision: Precision = "auto"
    tile_px: Tile | None = None  # largest side of a tile; None: what the engine likes


ANY_ENGINE = EngineOptions()
