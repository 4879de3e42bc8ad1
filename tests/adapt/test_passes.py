"""`adapt --passes`: passes of light by the shot's network, whatever is painted beside them."""

import numpy as np
import pytest
from adapt_fixtures import adapt, adapted, assert_refused, times
from layouts import planes
from masks import cycles

from n2n_render.io.exr import ExrImage
from n2n_render.frame.sums import adds_up

GROUPS = ("Combined_key", "Combined_fill")


@pytest.fixture
def lit(tmp_path):
    """Two seeds of a frame with two light groups."""

    def render(name, seed):
        path = cycles(tmp_path / name, seed=seed)
        color = ExrImage.open(path).shown_color("ViewLayer")
        share = np.linspace(0.2, 0.8, color.shape[1], dtype=np.float32)[None, :, None]
        parts = [share * color, color - share * color]
        groups = [planes(f"ViewLayer.{group}", part) for group, part in zip(GROUPS, parts, strict=True)]
        return cycles(path, *groups, seed=seed)

    return [render(f"{name}_0001.exr", seed) for seed, name in enumerate("ab")]


def groups_of(path):
    image = ExrImage.open(path)
    light = image.light_pixels("ViewLayer", image.light("ViewLayer"))
    return image.shown_color("ViewLayer"), [light[f"pass/{group}"] for group in GROUPS]


@pytest.mark.parametrize("how", [(), ("--fast",)])
def test_light_groups_are_denoised_and_add_up(lit, start, tmp_path, how):
    out = tmp_path / "out" / "a_0001.exr"
    adapted(lit[0], out.parent, start, "--pair", lit[1], "--crop", "32", "--passes", "light-groups", *how)
    (color, groups), (noisy, rendered) = groups_of(out), groups_of(lit[0])
    mean = [(one + other) / 2 for one, other in zip(rendered, groups_of(lit[1])[1], strict=True)]
    assert adds_up(groups, color).all()
    assert not np.allclose(color, noisy)
    for group, before in zip(groups, mean, strict=True):
        assert np.abs(group - before).mean() > 0.01 * before.mean()
