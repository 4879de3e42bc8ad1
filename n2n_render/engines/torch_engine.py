"""Runs a network with torch: encoded pixels in, network output out. In float16 on CUDA, in float32 on MPS and the CPU."""

from dataclasses import dataclass

import torch

from ..network.build import Network, fold
from ..network.checkpoint import Checkpoint, load_network
from ..network.device import Float32, describe_device, pick_device
from .protocol import Engine, Image, OnProgress

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def find_devices() -> dict[str, str]:
    """Kind ("cpu", "cuda", "mps") → name."""
    devices = {"cpu": describe_device(torch.device("cpu"))}
    if torch.cuda.is_available():
        devices["cuda"] = torch.cuda.get_device_name()
    if torch.backends.mps.is_available():
        devices["mps"] = "Apple GPU"
    return devices


@dataclass(eq=False)
class TorchEngine(Engine):
    """A network on a device, as it is given: in evaluation mode, any layout.

    network: on `device` already; precision: of its convolutions, by autocast.
    """

    network: Network
    device: torch.device
    precision: str

    name = "torch"
    tile_px = 768  # with the overlap 1.3 million pixels at a time: some 2 GiB in the paper's network

    @classmethod
    def open(cls, checkpoint: Checkpoint, device: str = "auto", precision: str = "auto") -> "TorchEngine":
        """BatchNorm folded, channels last.

        Args:
            device: As `pick_device`.
            precision: See `choice.make_engine`; only CUDA has other ones than float32.

        Raises:
            N2NError: For a device that cannot be used, and weights that do not fit.
        """
        place = pick_device(device)
        network = fold(load_network(checkpoint)).to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]
        fast = "bfloat16" if precision == "bfloat16" else "float16"
        return cls(network, place, fast if place.type == "cuda" and precision != "float32" else "float32")

    @property
    def description(self) -> str:
        return f"PyTorch, {describe_device(self.device)}, {self.precision}"

    @property
    def on_cpu(self) -> bool:
        return self.device.type == "cpu"

    def run(self, encoded: Image, on_progress: OnProgress | None = None) -> Image:
        try:
            image: Image = self.predict(torch.from_numpy(encoded).to(self.device)).cpu().numpy()
        except RuntimeError as error:  # torch has one class on CUDA and none on the CPU
            if isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error):
                raise MemoryError(str(error).splitlines()[0]) from None
            raise
        return image

    def predict(self, encoded: torch.Tensor) -> torch.Tensor:
        """The same on the device: (H, W, C_in) float32 → (H, W, C_out) float32. What torch raises comes through."""
        rounded = torch.autocast(self.device.type, DTYPES[self.precision], enabled=self.precision != "float32")
        with torch.inference_mode(), Float32(), rounded:
            output: torch.Tensor = self.network(encoded.permute(2, 0, 1)[None])  # a view: NHWC memory is channels-last
        return output[0].permute(1, 2, 0).float()
