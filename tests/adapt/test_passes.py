"""`adapt --passes`: passes of light by the shot's network, whatever is painted beside them."""

import numpy as np
import pytest
from adapt_fixtures import adapt, adapted, assert_refused, times
from layouts import planes
from masks import cycles

from n2n_render.adapt.shot import Selection, Shot
from n2n_render.engines.options import EngineOptions
from n2n_render.frame.sums import adds_up
from n2n_render.io.exr import ExrImage
from n2n_render.io.sources import DETECT
from n2n_render.learn.start import open_shot_start
from n2n_render.progress import silent

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


@pytest.mark.slow
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


@pytest.mark.slow
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


def loaded(lit, start, folder, passes):
    """What is trained on."""
    selection, engine = Selection(None, 48, 0, (), DETECT), EngineOptions("cpu", "torch")
    return Shot.open([tuple(lit)], open_shot_start(str(start), 0), selection, engine).load(folder, silent, passes)


def test_passes_are_trained_on_beside_the_picture(lit, start, tmp_path):
    """Each as a network is shown it, with an exposure of its own."""
    pictures = loaded(lit, start, tmp_path / "cache", ())
    frames = loaded(lit, start, tmp_path / "cache", ("light-groups",))
    assert [frame.light for frame in pictures] == [None]
    assert frames[0].light is None and {frame.light for frame in frames[1:]} == set(GROUPS)
    for frame in frames[1:]:
        for seed, path in enumerate(frame.paths):
            rendered = groups_of(path)[1][GROUPS.index(frame.light)]
            np.testing.assert_allclose(frame.colors[seed], rendered * frame.exposure, rtol=2e-3, atol=1e-4)


@pytest.mark.slow
def test_a_network_is_kept_whatever_passes_it_was_trained_on(lit, start, tmp_path):
    """Its passes are no reason to refuse it, or to train anew; others of its settings are."""
    out, pair = tmp_path / "out", ["--pair", lit[1], "--crop", "32"]
    adapted(lit[0], out, start, *pair, "--passes", "light-groups")
    model = times(out, "*.pt")
    for more in ((), ("--passes", "key"), ("--passes", "all")):
        adapted(lit[0], out, start, *pair, *more)
        assert times(out, "*.pt") == model
    assert_refused(adapt(lit[0], out, start, *pair, "--passes", "light-groups", "--seed", "7"), "with other settings")
    other = adapted(lit[0], tmp_path / "other", start, *pair)
    assert other and (tmp_path / "other" / "adapted.pt").read_bytes() != (out / "adapted.pt").read_bytes()
