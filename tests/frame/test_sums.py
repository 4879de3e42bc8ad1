"""Parts that were changed one by one add up again."""

import numpy as np
import pytest

from n2n_render.frame.sums import adds_up, share_out, unsummed

SIZE = (70, 9)  # more rows than are shared out at a time


def parts_of(seed, count=4):
    draw = np.random.default_rng(seed)
    return [draw.gamma(0.5, 1.0, (*SIZE, 3)).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize("change", [0.5, 0.9, 1.0, 1.1, 3.0, 0.0])
def test_parts_add_up_and_are_never_negative(change):
    parts, errors = parts_of(1), parts_of(2)
    total = np.sum(parts, axis=0) * np.float32(change)
    shared = share_out(parts, errors, total)
    assert adds_up(shared, total).all() and min(part.min() for part in shared) >= 0
    np.testing.assert_allclose(np.sum(shared, axis=0), total, rtol=1e-5, atol=1e-6)


def test_what_is_off_goes_where_the_error_is():
    parts = [np.full((*SIZE, 3), 2, np.float32) for _ in range(3)]
    errors = [np.full((*SIZE, 1), error, np.float32) for error in (0, 1, 3)]
    shared = share_out(parts, errors, np.full((*SIZE, 3), 8, np.float32))
    for part, value in zip(shared, (2.0, 2.5, 3.5), strict=True):
        np.testing.assert_allclose(part, value, rtol=1e-6)


def test_a_part_that_would_be_negative_is_black_and_the_others_share_again():
    parts = [np.full((*SIZE, 3), value, np.float32) for value in (0.1, 2, 2)]
    errors = [np.full((*SIZE, 1), error, np.float32) for error in (10, 1, 1)]
    first, second, third = share_out(parts, errors, np.full((*SIZE, 3), 3, np.float32))
    assert (first == 0).all()
    np.testing.assert_allclose([second, third], 1.5, rtol=1e-6)


def test_parts_without_error_stay_unless_the_others_are_too_little():
    parts = [np.full((*SIZE, 3), value, np.float32) for value in (1, 0.5)]
    errors = [np.zeros((*SIZE, 1), np.float32), np.ones((*SIZE, 1), np.float32)]
    sure, other = share_out(parts, errors, np.full((*SIZE, 3), 1.25, np.float32))
    assert (sure == 1).all() and np.allclose(other, 0.25)
    sure, other = share_out(parts, errors, np.full((*SIZE, 3), 0.5, np.float32))
    np.testing.assert_allclose(sure, 0.5, rtol=1e-6)
    assert (other == 0).all()


def test_the_nearest_parts_are_found():
    """No step between two parts that keeps the sum is nearer, counted in errors."""
    parts, errors = parts_of(3), [error + 0.01 for error in parts_of(4)]
    total = np.sum(parts, axis=0) * np.float32(0.6)
    shared = share_out(parts, errors, total)

    def distance(these):
        return sum(((one - part) ** 2 / error).sum() for one, part, error in zip(these, parts, errors, strict=True))

    for giving in range(4):
        for taking in range(4):
            step = np.minimum(shared[giving], 0.01)
            moved = list(shared)
            moved[giving], moved[taking] = shared[giving] - step, moved[taking] + step
            if giving != taking:
                assert distance(moved) >= distance(shared) - 1e-3


def test_where_parts_add_up():
    parts = parts_of(5)
    total = np.sum(parts, axis=0)
    total[:10] *= np.float32(1.01)
    total[10:20] *= np.float32(1.0005)
    held = adds_up(parts, total)
    assert not held[:10].any() and held[10:].all()
    np.testing.assert_allclose(unsummed(parts, total)[20:], 0, atol=1e-5)


@pytest.mark.parametrize("level", [1e-5, 1e-4, 1.0])
def test_dark_parts_in_half_floats_add_up_too(level):
    """Below 6e-5 half floats round by 3e-8, which is much of what is dark; what is missing there is no rounding."""
    parts = [part * np.float32(level) for part in parts_of(6, 20)]
    total = np.sum(parts, axis=0).astype(np.float16).astype(np.float32)
    halves = [part.astype(np.float16).astype(np.float32) for part in parts]
    assert adds_up(halves, total).all()
    assert not adds_up(halves[:10], total).any()
