"""`adapt --passes`: passes of light by the shot's network, whatever is painted beside them."""

import numpy as np
import pytest
from adapt_fixtures import adapt, adapted, assert_refused, times
from layouts import planes
from masks import cycles

from n2n_render.frame.sums import adds_up
from n2n_render.io.exr import ExrImage

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
    said = adapted(lit[0], out.parent, start, "--pair", lit[1], "--crop", "32", "--passes", "light-groups", *how).output
    assert "passes of light: Combined_fill, Combined_key" in said.replace("\n", " ")
    (color, groups), (noisy, rendered) = groups_of(out), groups_of(lit[0])
    mean = [(one + other) / 2 for one, other in zip(rendered, groups_of(lit[1])[1], strict=True)]
    assert adds_up(groups, color).all()
    assert not np.allclose(color, noisy)
    for group, before in zip(groups, mean, strict=True):
        assert np.abs(group - before).mean() > 0.01 * before.mean()


def test_a_pass_that_is_not_there_is_an_error_before_the_training(lit, start, tmp_path):
    assert_refused(adapt(lit[0], tmp_path / "out", start, "--pair", lit[1], "--passes", "rim"), "no pass of light 'rim'")
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").glob("*.pt"))


def test_frames_that_were_painted_without_passes_are_painted_again(lit, start, tmp_path):
    """The weights are kept."""
    out, pair = tmp_path / "out", ["--pair", lit[1], "--crop", "32"]
    adapted(lit[0], out, start, *pair)
    model, before = times(out, "*.pt"), groups_of(out / "a_0001.exr")
    assert not adds_up(before[1], before[0]).all()
    adapted(lit[0], out, start, *pair, "--passes", "key,fill")
    color, groups = groups_of(out / "a_0001.exr")
    assert adds_up(groups, color).all() and times(out, "*.pt") == model
    painted = times(out)
    adapted(lit[0], out, start, *pair, "--passes", "key,fill")
    assert times(out) == painted
