"""Runs a network with torch: encoded pixels in, network output out. CUDA in half precision, MPS and CPU in single."""

import numpy as np
import torch

from ..network.build import fold
from ..network.checkpoint import Checkpoint, load_network
from ..network.device import Float32, describe_device, pick_device


def find_devices() -> dict[str, str]:
    """Kind ("cpu", "cuda", "mps") → name."""
    found = {"cpu": describe_device(torch.device("cpu"))}
    if torch.cuda.is_available():
        found["cuda"] = torch.cuda.get_device_name()
    if torch.backends.mps.is_available():
        found["mps"] = "Apple GPU"
    return found


class TorchEngine:
    """BatchNorm folded, channels last."""

    name = "torch"
    coarse = False
    tile_px = 768  # with the overlap 1.3 million pixels at a time: some 2 GiB in the paper's network

    def __init__(self, checkpoint: Checkpoint, device: str = "auto", precision: str = "auto"):
        self.device = pick_device(device)
        self.network = fold(load_network(checkpoint)).to(self.device, memory_format=torch.channels_last)
        self.alignment = checkpoint.model.alignment
        self.receptive_radius = checkpoint.model.receptive_radius
        self.on_cpu = self.device.type == "cpu"
        self.half = self.device.type == "cuda" and precision != "float32"
        self.description = f"PyTorch, {describe_device(self.device)}, {'float16' if self.half else 'float32'}"

    def run(self, encoded: np.ndarray, on_progress=None) -> np.ndarray:
        """(H, W, C_in) float32 → (H, W, 3) float32. Raises MemoryError when the device has too little."""
        tensor = torch.from_numpy(encoded).permute(2, 0, 1)[None]  # a view: NHWC memory is channels-last
        try:
            with torch.inference_mode(), Float32(), torch.autocast(self.device.type, torch.float16, enabled=self.half):
                output = self.network(tensor.to(self.device))
        except RuntimeError as error:  # torch has one class on CUDA and none on the CPU
            if isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error):
                raise MemoryError(str(error).splitlines()[0]) from None
            raise
        return output[0].permute(1, 2, 0).cpu().numpy()
