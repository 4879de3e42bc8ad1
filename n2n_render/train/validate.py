"""How good is the network on held-out views? Pair estimates need no reference; where references are, they are used too."""

import numpy as np
import torch
import torch.nn.functional as F

from ..denoise.ladder import Ladder, encode_channels
from ..engines.torch_engine import TorchEngine
from ..frame.channels import COLOR
from ..frame.metrics import psnr, relmse
from ..frame.transfer import LOG_EPSILON, unexpose
from ..network.device import Float32
from ..network.oidn import OidnUNet
from ..network.paper import UNet
from ..network.specification import decode_output
from .dataset import Batches, CachedPair, split_exposed

WINDOW_PX = 512  # of each held-out frame at most this much is looked at, in the middle
MAX_PAIRS = 12  # and at most so many frames, evenly spaced


def encode_input(model, noisy, guides):
    """Exposed radiance (N, 3, h, w) and guides (N, C, h, w), normals [-1, 1] → network input (N, 3 + C, h, w)."""
    exposed = model.layout.split(torch.cat([noisy, guides], dim=1), axis=1)
    return torch.cat(list(encode_channels(model, exposed, torch).values()), dim=1)


@Float32()
def reestimate_norms(network: UNet | OidnUNet, batches: Batches, device, precision: str, count: int):
    """Sets BatchNorm's running statistics to their mean over `count` training batches with the present weights."""
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    if not norms:
        return
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative mean
    network.train()
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        for step in range(count):
            batch = {key: torch.from_numpy(value).to(device) for key, value in batches.make(step, stream=1).items()}
            network(encode_input(network.specification, batch["noisy"], batch["guides"]))
    network.eval()


def set_norms_fixed(network: UNet | OidnUNet):
    """Makes BatchNorm use its running statistics while everything else trains."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()


class LiveLadder(Ladder):
    """The ladder of a network that is being trained, as it is at the moment: its curves are on the device, too."""

    engine: TorchEngine

    def _paint(self, shown, see, factor, crop, out, on_fraction):
        layout = self.model.layout
        given = layout.stack({name: see(name, image) for name, image in shown.items()})
        exposed = layout.split(torch.from_numpy(given).to(self.engine.device))
        encoded = torch.cat(list(encode_channels(self.model, exposed, torch).values()), dim=-1)
        decoded = decode_output(self.model, self.engine.predict(encoded), torch)
        out[:] = unexpose(COLOR, decoded[crop].cpu().numpy(), factor, 1.0)


def denoise_array(network: UNet | OidnUNet, image, device, precision: str = "float32", tile_px: int | None = None):
    """(H, W, 10 or 17) of a cached pair → exposed radiance (H, W, 3) float32, in tiles: it fits a frame of any size."""
    ladder = LiveLadder(network.specification, TorchEngine(network, device, precision), tile_px)
    return ladder.denoise_exposed(split_exposed(image))


def pair_error(denoised, noisy, other) -> float:
    """Relative squared error of `denoised` (made from `noisy`), estimated with the independent render `other`.

    E[(f(A) - B)²] = MSE + Var(B) and E[(A - B)²] / 2 = Var (facts of Noise2Noise validation); both are divided by the
    squared mean of A around the pixel, without the pixel itself: so neither term's noise is in its weight. (H, W, 3).
    """
    chw = torch.from_numpy(np.ascontiguousarray(noisy.transpose(2, 0, 1)))[None]
    sums, counts = (F.avg_pool2d(image, 7, stride=1, padding=3, divisor_override=1) for image in (chw, torch.ones_like(chw)))
    local = ((sums - chw) / (counts - 1)).clamp(min=0)[0].numpy().transpose(1, 2, 0)
    weight = 1.0 / (local + LOG_EPSILON) ** 2
    return float((weight * ((denoised - other) ** 2 - (noisy - other) ** 2 / 2)).mean())


def validate(
    network: UNet | OidnUNet, pairs: list[CachedPair], device, precision: str
) -> tuple[dict[str, float], list[np.ndarray]]:
    """Means over held-out pairs, and the images (noisy, denoised[, reference]) of the first for the preview strip.

    Keys: pair_error always; psnr_db and relmse where references exist.
    """
    chosen = pairs[:: -(-len(pairs) // MAX_PAIRS)]
    found: dict[str, list[float]] = {"pair_error": []}
    strip = []
    for pair in chosen:
        window = _window(pair)
        images = [np.array(image[window], np.float32) for image in pair.images[:2]]
        reference = pair.reference
        noisy = [image[..., :3] for image in images]
        denoised = [denoise_array(network, image, device, precision) for image in images]
        found["pair_error"] += [pair_error(denoised[0], noisy[0], noisy[1]), pair_error(denoised[1], noisy[1], noisy[0])]
        if reference is not None:
            halves = {f"reference_{name}": np.array(half[window]) for name, half in zip("ab", reference, strict=True)}
            found.setdefault("psnr_db", []).append(psnr(image=denoised[0], **halves))
            found.setdefault("relmse", []).append(relmse(image=denoised[0], **halves))
        if not strip:
            strip = [noisy[0], denoised[0]] + ([reference[:, window[0], window[1]].mean(0)] if reference is not None else [])
    return {key: float(np.nanmean(values)) for key, values in found.items()}, strip


def _window(pair: CachedPair):
    height = pair.shape[1]
    left, right = pair.columns
    top = max(0, (height - WINDOW_PX) // 2)
    side = max(0, (right - left - WINDOW_PX) // 2)
    return slice(top, min(height, top + WINDOW_PX)), slice(left + side, min(right, left + side + WINDOW_PX))
