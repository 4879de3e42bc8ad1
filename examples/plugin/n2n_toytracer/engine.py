"""An engine that computes in 64 bits on the CPU: slow, and what others can be compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from n2n_render.engines.protocol import Engine, EngineKind, Image, OnProgress
from n2n_render.errors import N2NError

if TYPE_CHECKING:  # PyTorch is imported when the engine is opened, and not when engines are listed
    import torch

    from n2n_render.network.checkpoint import Checkpoint


@dataclass(eq=False)
class Float64Engine(Engine):
    """A network in evaluation mode, in float64."""

    network: torch.nn.Module

    name, description, precision = "float64", "PyTorch in 64 bits, CPU", "float32"  # what goes in and comes out
    tile_px, on_cpu = 512, True

    @classmethod
    def open(cls, checkpoint: Checkpoint, device: str, precision: str) -> Float64Engine:
        from n2n_render.network.build import fold
        from n2n_render.network.checkpoint import load_network

        if device not in ("auto", "cpu"):
            raise N2NError(f"the float64 engine does not run on {device!r}", "Pass --device cpu.")
        return cls(fold(load_network(checkpoint)).double())

    def run(self, encoded: Image, on_progress: OnProgress | None = None) -> Image:
        import torch

        with torch.inference_mode():
            nchw = torch.from_numpy(encoded).double().permute(2, 0, 1)[None]
            image: Image = self.network(nchw)[0].permute(1, 2, 0).float().numpy()
        return image


FLOAT64 = EngineKind(
    name="float64",
    runs="all models",
    find_devices=lambda: {"cpu": "any"},
    why_not=lambda model: None,
    open=Float64Engine.open,
)
