"""Runs a network that is being trained: on batches, and on whole images."""

from collections.abc import Mapping
from typing import Any

import torch

from ..engines.torch_engine import TorchEngine
from ..frame.arrays import Array
from ..frame.transfer import unexpose
from ..ladder.ladder import Ladder, See, encode_channels
from ..network.specification import Specification, decode_output
from ..progress import OnFraction
from .arrays import split_exposed
from .protocols import Batch


def encode_batch(model: Specification, batch: Batch) -> torch.Tensor:
    """ "noisy" (N, 3, h, w), exposed radiance, or signal, and "guides" (N, C, h, w), exposed → network input, all of them."""
    exposed = model.layout.split(torch.cat([batch["noisy"], batch["guides"]], dim=1), axis=1)
    return torch.cat(list(encode_channels(model, exposed, torch).values()), dim=1)


def predict(network: torch.nn.Module, model: Specification, batch: Batch, precision: str) -> torch.Tensor:
    """(N, 3, h, w) float32, exposed radiance; of models with output "display": display-referred, [0, 1]; "signal": that."""
    with autocast(batch["noisy"].device, precision):
        output: torch.Tensor = network(encode_batch(model, batch))
    output = output.float()
    if model.output == "encoded":
        output = decode_output(model, output, torch)
    return output


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Inside, convolutions are computed in `precision`: "float32" or "bfloat16"."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


class LiveLadder(Ladder):
    """The ladder of a network that is being trained, as it is at the moment: its curves are on the device, too."""

    engine: TorchEngine

    def _paint(
        self,
        shown: Mapping[str, Array],
        see: See,
        factor: float,
        crop: tuple[slice, slice],
        out: Array,
        on_fraction: OnFraction,
    ) -> None:
        layout = self.model.layout
        given = layout.stack({name: see(name, image) for name, image in shown.items()})
        exposed = layout.split(torch.from_numpy(given).to(self.engine.device))
        encoded = torch.cat(list(encode_channels(self.model, exposed, torch).values()), dim=-1)
        decoded = decode_output(self.model, self.engine.predict(encoded), torch)
        out[:] = unexpose(self.model.shown, decoded[crop].cpu().numpy(), factor, 1.0)


def denoise_array(
    network: Any,
    model: Specification,
    image: Array,
    device: torch.device,
    precision: str = "float32",
    tile_px: int | None = None,
) -> Array:
    """(H, W, 10 or 17) as `arrays.stack_seeds` makes it → exposed radiance (H, W, 3) float32, in tiles.

    Args:
        network: In evaluation mode.
    """
    ladder = LiveLadder(model, TorchEngine(network, device, precision), tile_px)
    return ladder.denoise_exposed(split_exposed(image))
