"""The U-Net: the paper's shape, any size, folded = unfolded, never negative, and what its radius promises."""

import pytest
import torch

from n2n_render.frame.transfer import CURVES
from n2n_render.network.build import build_network, fold
from n2n_render.network.layers import Conv
from n2n_render.network.paper import UNet
from n2n_render.network.specification import OIDN_NETWORKS, PaperNetwork, Specification

SMALL = PaperNetwork(levels=2, encoder_width=8, decoder_width=12, head_widths=(8, 6))
ALL = ("albedo", "normal", "depth")


def trained_looking(config):
    """A network whose BatchNorms are no longer at their initial values."""
    torch.manual_seed(1)
    network = UNet(config)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.weight.data, module.bias.data, module.running_mean):
                tensor.add_(0.3 * torch.randn_like(tensor))
            module.running_var.mul_(1 + torch.rand_like(module.running_var))
    return network.eval()


def test_default_is_the_papers_network():
    """Table 2 of Noise2Noise: 9 channels in; 17 hidden 3×3 convolutions of 48, 96, 64, 32; 3 channels out."""
    network = UNet(Specification(features=("albedo", "normal"), network=PaperNetwork(norm="none", head="direct")))
    shapes = [tuple(module[0].weight.shape[:2]) for module in network.modules() if isinstance(module, Conv)]
    assert shapes == [(48, 9)] + [(48, 48)] * 6 + [(96, 96)] * 2 + [(96, 144), (96, 96)] * 3 + [(64, 105), (32, 64)]
    assert network.last.weight.shape[:2] == (3, 32)


@pytest.mark.parametrize("size", [(1, 1), (16, 31), (33, 70)])
def test_any_size_comes_out_as_it_went_in(size):
    network = UNet(Specification(features=ALL)).eval()
    assert network(torch.rand(1, 10, *size)).shape == (1, 3, *size)


def test_radiance_is_never_negative_and_always_learns():
    network = UNet(Specification(network=SMALL))
    x = torch.linspace(-30, 40, 200, requires_grad=True)
    radiance = network._output(x)
    radiance.sum().backward()
    assert (radiance >= 0).all() and (radiance <= 65505).all() and (x.grad[x < 15] > 0).all()


@pytest.mark.parametrize("encoding", ["log", "tonemap", "linear"])
def test_open_gates_pass_the_input_through(encoding):
    radiance = torch.rand(1, 3, 8, 8) * 5
    network = UNet(Specification(encoding=encoding, network=SMALL)).eval()
    torch.nn.init.zeros_(network.last.weight)
    torch.nn.init.constant_(network.last.bias[3:], 30.0)
    passed = network(CURVES[encoding][0](radiance, torch))
    torch.testing.assert_close(passed, radiance, rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_folded_equals_unfolded(norm):
    network = trained_looking(Specification(features=ALL, network=PaperNetwork(norm=norm)))
    x = torch.rand(2, 10, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(fold(network)(x), network(x), rtol=1e-4, atol=1e-6)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in fold(network).modules())


@pytest.mark.parametrize("levels", [1, 3, 5])
def test_nothing_beyond_the_receptive_radius_matters(levels):
    network = trained_looking(
        Specification(network=PaperNetwork(levels=levels, encoder_width=6, decoder_width=8, head_widths=(6, 4)))
    )
    radius, alignment = network.specification.receptive_radius, network.specification.alignment
    width = 2 * (radius + alignment)
    x = torch.rand(1, 3, alignment, 2 * width)
    changed = x.clone()
    changed[..., width + radius :] += 1.0
    changed[..., : width - radius] += 1.0
    with torch.no_grad():
        difference = (network(x) - network(changed)).abs().amax(dim=(0, 1, 2))
    assert difference[width - alignment // 2] == 0 and difference[0] > 0 and difference[-1] > 0


@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize(
    "model",
    [
        {"levels": 1, "head": "direct"},
        {"levels": 4, "features": ("albedo", "depth")},
        {"output": "display"},
        *(
            {"topology": topology, "widths": widths, "output": "encoded", "encoding": "pu", "features": features}
            for topology, widths in OIDN_NETWORKS.values()
            for features in ((), ("albedo", "normal"))
        ),
    ],
)
def test_weights_are_known_without_building_the_network(model, norm):
    config = Specification.from_dict({**model, "norm": norm})
    shapes = {name: tuple(tensor.shape) for name, tensor in build_network(config).state_dict().items()}
    assert config.weight_shapes() == shapes and list(config.weight_shapes()) == list(shapes)
