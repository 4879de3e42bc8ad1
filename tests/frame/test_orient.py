"""Orientations: there and back, pixels and normals together."""

import numpy as np
import pytest
from conftest import noisy_frame, true_frame

from n2n_render.frame.orient import ORIENTATIONS, move, move_back, turn, turn_normals

FEATURES = ("color", "albedo", "normal", "depth")


@pytest.fixture
def image():
    return np.random.default_rng(2).random((5, 7, 3))


def test_there_are_eight_different_orientations_and_the_first_changes_nothing(image):
    assert len({move(image, *switches).tobytes() for switches in ORIENTATIONS}) == len(ORIENTATIONS) == 8
    np.testing.assert_array_equal(move(image, *ORIENTATIONS[0]), image)


@pytest.mark.parametrize("switches", ORIENTATIONS)
def test_moving_back_is_the_inverse_of_moving(image, switches):
    np.testing.assert_array_equal(move_back(move(image, *switches), *switches), image)
    np.testing.assert_array_equal(move(move_back(image, *switches), *switches), image)


@pytest.mark.parametrize("count", [1, 4, 8])
def test_the_first_orientations_are_closed_under_turning(image, count):
    """So that a mean over them does not depend on how the frame was turned before, if by one of them."""

    def pictures(start):
        return {move(start, *switches).tobytes() for switches in ORIENTATIONS[:count]}

    for switches in ORIENTATIONS[:count]:
        assert pictures(move(image, *switches)) == pictures(image)


def test_the_first_four_orientations_are_the_rotations(image):
    turned = {np.rot90(image, count).tobytes() for count in range(4)}
    assert {move(image, *switches).tobytes() for switches in ORIENTATIONS[:4]} == turned


@pytest.mark.parametrize("switches", ORIENTATIONS)
def test_a_turned_frame_is_turned_in_all_features(switches):
    frame = noisy_frame(true_frame(6, 10), 1)
    before = {name: frame[name].copy() for name in FEATURES}
    turned = turn(frame, *switches)
    assert (turned.height, turned.width) == ((10, 6) if switches[2] else (6, 10))
    for name in ("color", "albedo", "depth"):
        np.testing.assert_array_equal(move_back(getattr(turned, name), *switches), before[name])
    np.testing.assert_array_equal(turned.normal, turn_normals(move(before["normal"], *switches), *switches))
    for name in FEATURES:
        np.testing.assert_array_equal(frame[name], before[name])


@pytest.mark.parametrize("switches", [(True, False, False), (False, True, False), (True, True, False), (False, False, True)])
def test_turning_twice_by_its_own_inverse_gives_the_frame_again(switches):
    frame = noisy_frame(true_frame(6, 10), 1)
    frame.normal[:] = np.random.default_rng(3).uniform(-1, 1, frame.normal.shape)
    again = turn(turn(frame, *switches), *switches)
    for name in FEATURES:
        np.testing.assert_array_equal(again[name], frame[name])


def test_features_that_are_not_there_stay_away():
    frame = noisy_frame(true_frame(6, 10), 1)
    frame.normal = frame.depth = None
    turned = turn(frame, True, True, True)
    assert turned.normal is None and turned.depth is None and turned.albedo.shape == (10, 6, 3)
