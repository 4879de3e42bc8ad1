"""The texts that name a noise, and the table behind them."""

import numpy as np
import pytest

from n2n_render.errors import N2NError
from n2n_render.learn.losses import SIGNAL_LOSSES
from n2n_render.noise.table import KINDS, Noise, known_noise


@pytest.mark.parametrize(
    "text, noise",
    [
        ("gaussian", Noise("gaussian", 0, 50)),
        ("gaussian:0-50", Noise("gaussian", 0, 50)),
        ("gaussian:25", Noise("gaussian", 25, 25)),
        ("poisson:.001-50.", Noise("poisson", 0.001, 50)),
        ("bernoulli", Noise("bernoulli", 0, 0.95)),
        ("text:0-0.5", Noise("text", 0, 0.5)),
        ("impulse:0.7", Noise("impulse", 0.7, 0.7)),
        ("brown", Noise("brown", 25, 25)),
        ("mri", Noise("mri", 0.1, 0.1)),
        ("pairs", Noise("pairs", 0, 0)),
    ],
)
def test_a_text_is_read_and_written(text, noise):
    assert Noise.parse(text) == noise
    assert Noise.parse(str(noise)) == noise


@pytest.mark.parametrize("low, high", [(0, 50), (25, 25), (1e-7, 0.1 + 0.2), (1 / 3, 100 / 3)])
def test_every_strength_survives_its_text(low, high):
    assert Noise.parse(str(Noise("gaussian", low, high))) == Noise("gaussian", low, high)


WRONG = ["", "nan", "inf", "0-nan", "-5", "50-0", "0-50-60", "0-256", "1e400", "9" * 400, "0 - 50", "a", "0-", ".", "٣", "1,5"]


@pytest.mark.parametrize("strength", WRONG)
def test_a_wrong_strength_gets_a_sentence_with_the_range(strength):
    with pytest.raises(N2NError, match="is no strength of gaussian noise") as error:
        Noise.parse(f"gaussian:{strength}")
    assert "gaussian:0-255" in error.value.hint and len(error.value.what) < 120


@pytest.mark.parametrize("text", ["pairs:", "pairs:0", "pairs:3"])
def test_real_noise_has_no_strength(text):
    with pytest.raises(N2NError, match="is no strength of pairs noise"):
        Noise.parse(text)


@pytest.mark.parametrize("text", ["", ":", "Gaussian", "salt:0.5", "gaussian 25", "x" * 500, "monte_carlo"])
def test_an_unknown_noise_gets_the_list(text):
    with pytest.raises(N2NError, match="unknown noise") as error:
        Noise.parse(text)
    assert all(name in error.value.hint for name in KINDS) and len(error.value.what) < 120


@pytest.mark.parametrize("values", [("salt", 0, 1), ("gaussian", 2, 1), ("gaussian", 0, 999), ("gaussian", 0, np.nan)])
def test_wrong_noise_cannot_be_made(values):
    with pytest.raises(N2NError):
        Noise(*values)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_kind_goes_together_with_itself(kind):
    assert Noise.parse(kind.name).at_test() == Noise(kind.name, kind.test, kind.test)
    assert kind.loss in SIGNAL_LOSSES
    assert any(text.startswith(kind.name) for text in known_noise())


@pytest.mark.parametrize("name", [name for name in KINDS if name != "pairs"])
def test_every_kind_observes_a_signal_of_its_channels_and_leaves_it_alone(name):
    signal = np.random.default_rng(1).random((33, 34, KINDS[name].channels), np.float32) - np.float32(0.5)
    before = signal.copy()
    observation = Noise.parse(name).observe(signal, np.random.default_rng(2))
    assert observation.signal.shape == signal.shape and observation.signal.dtype == np.float32
    assert all(fact.shape[:2] == (33, 34) and fact.dtype == np.float32 for fact in observation.facts.values())
    np.testing.assert_array_equal(signal, before)


def test_strengths_are_drawn_evenly_unless_one_is_given():
    noise, generator = Noise.parse("gaussian:10-50"), np.random.default_rng(3)
    signal = np.zeros((64, 64, 3), np.float32)
    drawn = [255 * noise.observe(signal, generator).signal.std() for _ in range(300)]
    assert min(drawn) > 9 and max(drawn) < 51.5 and np.mean(drawn) == pytest.approx(30, abs=2)
    assert 255 * noise.observe(signal, generator, 25).signal.std() == pytest.approx(25, rel=0.03)


def test_real_noise_is_not_made():
    with pytest.raises(N2NError, match="real noise"):
        Noise.parse("pairs").observe(np.zeros((8, 8, 3), np.float32), np.random.default_rng(1))
