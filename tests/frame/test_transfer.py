"""Curves and their inverses, exposure, depth."""

import numpy as np
import pytest
import torch

from n2n_render.frame import transfer
from n2n_render.frame.channels import Layout
from n2n_render.frame.frame import Frame

RADIANCE = np.concatenate([[0.0], np.geomspace(1e-5, 100.0, 400)]).astype(np.float32)


@pytest.mark.parametrize("name", list(transfer.CURVES))
def test_decode_is_the_inverse_of_encode(name):
    encode, decode = transfer.CURVES[name]
    np.testing.assert_allclose(decode(encode(RADIANCE, np), np), RADIANCE, rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in transfer.CURVES if name != "unit"])
def test_curves_rise_and_agree_between_numpy_and_torch(name):
    encode, _ = transfer.CURVES[name]
    encoded = encode(RADIANCE, np)
    assert (np.diff(encoded) > 0).all() and encoded[0] == 0
    np.testing.assert_allclose(encode(torch.from_numpy(RADIANCE), torch).numpy(), encoded, rtol=1e-5)


def test_exposure_undoes_the_scale_of_an_image():
    color = np.random.default_rng(1).gamma(1.0, 1.0, (50, 70, 3)).astype(np.float32)
    assert transfer.exposure(color * 1000) == pytest.approx(transfer.exposure(color) / 1000, rel=1e-5)


def test_exposure_brings_a_grey_image_to_middle_grey_and_leaves_black_alone():
    assert transfer.exposure(np.full((33, 47, 3), 2.0, np.float32)) == pytest.approx(0.09)
    assert transfer.exposure(np.zeros((8, 8, 3), np.float32)) == 1.0


def test_exposure_ignores_black_borders():
    color = np.full((64, 64, 3), 0.5, np.float32)
    color[:32] = 0
    assert transfer.exposure(color) == pytest.approx(0.36)


def test_depth_looks_alike_in_scenes_of_any_scale():
    depth = np.random.default_rng(1).uniform(1, 9, (20, 30, 1)).astype(np.float32)
    depth[0, 0] = np.inf
    for scale in (0.01, 1.0, 1000.0):
        encoded = transfer.encode_depth(depth * scale, transfer.depth_scale(depth * scale))
        np.testing.assert_allclose(encoded, transfer.encode_depth(depth, transfer.depth_scale(depth)), rtol=1e-4)
        assert encoded[0, 0] == 0 and encoded.max() < 1
    np.testing.assert_allclose(transfer.decode_depth(encoded, transfer.depth_scale(depth)), depth, rtol=1e-3)


def test_each_channel_is_encoded_by_its_kind_in_the_order_of_the_layout():
    frame = Frame(
        color=np.full((2, 2, 3), 0.5, np.float32),
        albedo=np.full((2, 2, 3), 0.25, np.float32),
        normal=np.full((2, 2, 3), -0.5, np.float32),
        depth=np.full((2, 2, 1), 3.0, np.float32),
    )
    exposed = {name: transfer.expose(name, image, 2.0, 3.0) for name, image in frame.items()}
    encoded = {name: transfer.encode(name, image, "linear", True, np) for name, image in exposed.items()}
    layout = Layout(("color", "depth", "albedo", "normal"))
    assert layout.stack(exposed)[0, 0].tolist() == [1.0] * 3 + [0.5] + [0.25] * 3 + [-0.5] * 3
    assert layout.stack(encoded)[0, 0].tolist() == [1.0] * 3 + [0.5] + [0.25] * 6


def test_the_slope_is_the_derivative_of_the_tone_map_a_little_further_and_finite_at_black():
    step, radiance = 1e-6, np.concatenate([[0.0], np.geomspace(1e-5, 100.0, 50)])
    shifted = radiance + transfer.SLOPE_SHIFT
    rise = transfer.encode_tonemap(shifted + step, np) - transfer.encode_tonemap(shifted - step, np)
    np.testing.assert_allclose(transfer.tonemap_slope(radiance, np), rise / (2 * step), rtol=1e-4)
    np.testing.assert_allclose(transfer.tonemap_slope(torch.from_numpy(radiance), torch), rise / (2 * step), rtol=1e-4)


EVERY_KIND = {  # a value of each kind that a network takes
    "color": np.geomspace(1e-4, 100.0, 60).reshape(4, 5, 3),
    "albedo": np.linspace(0, 1, 60).reshape(4, 5, 3),
    "normal": np.linspace(-1, 1, 60).reshape(4, 5, 3),
    "depth": np.geomspace(0.1, 1000.0, 20).reshape(4, 5, 1),
    "alpha": np.linspace(0, 1, 20).reshape(4, 5, 1),
}


@pytest.mark.parametrize("name", list(EVERY_KIND))
def test_unexpose_is_the_inverse_of_expose(name):
    image = EVERY_KIND[name].astype(np.float32)
    exposed = transfer.expose(name, image, 0.37, 4.0)
    np.testing.assert_allclose(transfer.unexpose(name, exposed, 0.37, 4.0), image, rtol=1e-3)
    assert np.array_equal(exposed, image) == (name in ("albedo", "normal", "alpha"))


@pytest.mark.parametrize("xp", [np, torch], ids=["numpy", "torch"])
@pytest.mark.parametrize("unit_normals", [True, False])
@pytest.mark.parametrize("curve", ["log", "tonemap", "linear", "pu"])
@pytest.mark.parametrize("name", list(EVERY_KIND))
def test_a_channel_comes_back_from_a_networks_eyes(name, curve, unit_normals, xp):
    image = transfer.expose(name, EVERY_KIND[name].astype(np.float32), 1.0, 4.0)
    given = torch.from_numpy(image) if xp is torch else image
    encoded = transfer.encode(name, given, curve, unit_normals, xp)
    np.testing.assert_allclose(np.asarray(transfer.decode(name, encoded, curve, unit_normals, xp)), image, rtol=2e-3, atol=1e-6)
    changed = not np.array_equal(np.asarray(encoded), image)
    assert changed == ((name == "color" and curve != "linear") or (name == "normal" and unit_normals))
