"""What was held out of a picture tells where another one is better: seeds of a pair, or pixels of a single render."""

import numpy as np
import pytest

from n2n_render.judge.splits import GRID_PX, split, step_weight

SIZE = (96, 128)


def renders(count, seed=0, spread=0.2):
    rng = np.random.default_rng(seed)
    truth = np.full((*SIZE, 3), 0.5, np.float32)
    return truth, [(truth + spread * rng.standard_normal(truth.shape)).clip(0).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize("count", [2, 3, 4])
def test_each_seed_is_judged_by_all_others(count):
    _, colors = renders(count)
    parts = split(colors)
    assert len(parts) == count and all(part.weight == pytest.approx(1 / count) and part.held_out.all() for part in parts)
    for index, part in enumerate(parts):
        np.testing.assert_array_equal(part.seen, colors[index])
        others = [color for number, color in enumerate(colors) if number != index]
        np.testing.assert_allclose(part.target, np.mean(others, axis=0), atol=1e-6)


def test_a_single_render_is_judged_by_pixels_that_are_left_out():
    """What is seen in their place does not know them."""
    _, (color,) = renders(1)
    (part,) = split([color])
    assert part.held_out.mean() == pytest.approx(1 / GRID_PX**2, rel=0.1) and part.weight == 1
    np.testing.assert_array_equal(part.seen[~part.held_out], color[~part.held_out])
    other = np.where(part.held_out[..., None], color + 100, color)
    np.testing.assert_allclose(split([other])[0].seen, part.seen, atol=1e-3)


def test_black_around_a_lamp_is_not_darker_than_black():
    """Sums over squares are differences of running sums, which are rounded."""
    color = np.zeros((*SIZE, 3), np.float32)
    lamps = color[1::GRID_PX, 1::GRID_PX]
    lamps[:] = 10 ** np.random.default_rng(1).uniform(-6, 4, lamps.shape)
    assert split([color])[0].seen.min() == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 2), (5, 4)])
def test_tiny_renders_can_be_split(size):
    for colors in ([np.ones((*size, 3), np.float32)], [np.ones((*size, 3), np.float32)] * 2):
        for part in split(colors):
            assert part.seen.shape == (*size, 3) and np.isfinite(part.seen).all()


@pytest.mark.parametrize("count", [1, 2])
def test_the_way_is_gone_where_it_leads_to_the_truth_and_nowhere_else(count):
    """From a picture that is wrong everywhere to one that is right at the left and twice as wrong at the right."""
    truth, colors = renders(count)
    parts = split(colors)
    before = truth + 0.1
    after = truth.copy()
    after[:, SIZE[1] // 2 :] += 0.2
    weight = step_weight(parts, [before] * count, [after] * count, before)
    assert weight.shape == (*SIZE, 1) and weight.min() >= 0 and weight.max() <= 1
    assert weight[:, :32].mean() > 0.7 and weight[:, -32:].mean() < 0.2


@pytest.mark.parametrize("count", [1, 2])
def test_what_only_follows_the_noise_gets_no_weight(count):
    """A picture that is nearer to the seen noise looks better on it; what was held out does not agree."""
    truth, colors = renders(count)
    parts = split(colors)
    after = [truth + 0.5 * (part.seen - truth) for part in parts]
    assert step_weight(parts, [truth] * count, after, truth).max() < 0.25
