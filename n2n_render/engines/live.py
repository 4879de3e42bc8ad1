"""Runs a network while it is being trained, as it is at this moment: nothing is copied, folded or set."""

import torch

from ..frame.arrays import Array
from ..network.device import Float32, describe_device
from ..progress import OnFraction


class LiveEngine:
    """A torch module in evaluation mode on the device that it is trained on.

    precision: "float32" or "bfloat16" (autocast), as the training itself has it; whatever is left in float32 is exact.
    """

    name = "torch"
    coarse = False
    tile_px = 768

    def __init__(self, network: torch.nn.Module, device: torch.device, precision: str = "float32"):
        self.network, self.device, self.precision = network, device, precision
        self.alignment: int = network.specification.alignment
        self.receptive_radius: int = network.specification.receptive_radius
        self.on_cpu = device.type == "cpu"

    @property
    def description(self) -> str:
        return f"PyTorch, {describe_device(self.device)}, {self.precision}"

    def put(self, pixels: Array) -> torch.Tensor:
        """On the device."""
        return torch.from_numpy(pixels).to(self.device)

    def run(self, encoded: torch.Tensor, on_fraction: OnFraction | None = None) -> torch.Tensor:
        """(H, W, C_in) float32 → (H, W, 3) float32, on the device both."""
        narrow = self.precision == "bfloat16"
        with torch.no_grad(), Float32(), torch.autocast(self.device.type, torch.bfloat16, enabled=narrow):
            output: torch.Tensor = self.network(encoded.permute(2, 0, 1)[None])  # a view: channels last
        return output.float()[0].permute(1, 2, 0)
