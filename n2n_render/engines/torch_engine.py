"""Runs a network with torch: encoded pixels in, network output out."""
import numpy as np
import torch

from ..network.checkpoint import Checkpoint, load_network
from ..network.device import describe_device, pick_device
from ..network.unet import fold


class TorchEngine:
    """BatchNorm folded, channels last, float32."""

    def __init__(self, checkpoint: Checkpoint, device: str = "auto"):
        self.device = pick_device(device)
        self.network = fold(load_network(checkpoint)).to(self.device, memory_format=torch.channels_last)
        self.alignment = self.network.alignment
        self.receptive_radius = self.network.receptive_radius

    @property
    def description(self) -> str:
        return describe_device(self.device)

    def run(self, encoded: np.ndarray) -> np.ndarray:
        """(H, W, C_in) float32 → (H, W, 3) float32. Raises MemoryError when the device has too little."""
        tensor = torch.from_numpy(encoded).permute(2, 0, 1)[None]  # a view: NHWC memory is channels-last
        try:
            with torch.inference_mode():
                output = self.network(tensor.to(self.device))
        except RuntimeError as error:  # torch has one class on CUDA and none on the CPU
            if isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error):
                raise MemoryError(str(error).splitlines()[0]) from None
            raise
        return output[0].permute(1, 2, 0).cpu().numpy()
