"""Windows of an animation: which frames are neighbours, and which are not."""
from pathlib import Path

import pytest

from n2n_render.errors import N2NError
from n2n_render.frame.pairs import FrameName
from n2n_render.frame.sequence import find_windows, parse_shots


def loose(*names):
    return [(Path(name), Path("other") / name) for name in names]


def numbered(*numbers, pattern="a/frame_{:04d}.exr"):
    return loose(*(pattern.format(number) for number in numbers))


def of_view(view, *frames, folder="data"):
    return [tuple(Path(folder) / FrameName(view, frame, "s", seed, 8).filename for seed in (1, 2)) for frame in frames]


@pytest.mark.parametrize("text, shots", [
    (None, []), ("", []), ("1-48", [(1, 48)]), ("1-48,49-120", [(1, 48), (49, 120)]), ("-5--1, 0-0 ,1-3", [(-5, -1), (0, 0),
                                                                                                           (1, 3)])])
def test_shots_are_first_and_last_frames(text, shots):
    assert parse_shots(text) == shots


@pytest.mark.parametrize("text", ["48", "1-48;49-120", "1-48,", "a-b", "9-1", "1-2-3"])
def test_what_is_no_list_of_shots_is_refused(text):
    with pytest.raises(N2NError, match="cannot read the shots") as caught:
        parse_shots(text)
    assert text in caught.value.what and "1-48,49-120" in caught.value.hint


def test_windows_reach_before_and_after_and_end_at_the_ends():
    groups = numbered(1, 2, 3, 4)
    assert find_windows(groups, 1, []) == [[None, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, None]]
    assert find_windows(groups, 2, [])[0] == [None, None, 0, 1, 2] and find_windows(groups, 2, [])[2] == [0, 1, 2, 3, None]


def test_the_order_of_the_inputs_does_not_matter():
    """Numbers decide, also across a digit more: frame_10000 is sorted before frame_9999."""
    assert find_windows(numbered(3, 1, 2), 1, []) == [[2, 0, None], [None, 1, 2], [1, 2, 0]]
    assert find_windows(numbered(10000, 9999), 1, []) == [[1, 0, None], [None, 1, 0]]


def test_no_window_reaches_over_a_cut():
    groups = numbered(1, 2, 3, 4)
    assert find_windows(groups, 2, [(1, 2), (3, 4)]) == [[None, None, 0, 1, None], [None, 0, 1, None, None],
                                                         [None, None, 2, 3, None], [None, 2, 3, None, None]]


def test_a_gap_in_the_numbers_leaves_its_place_empty():
    assert find_windows(numbered(1, 2, 4, 5), 2, []) == [[None, None, 0, 1, None], [None, 0, 1, None, 2],
                                                         [1, None, 2, 3, None], [None, 2, 3, None, None]]


@pytest.mark.parametrize("groups", [
    of_view("v000", 1, 2) + of_view("v001", 1, 2), of_view("v000", 1, 2) + of_view("v000", 1, 2, folder="more"),
    numbered(1, 2) + numbered(1, 2, pattern="b/frame_{:04d}.exr"), numbered(1, 2) + numbered(1, 2, pattern="a/shot_{:04d}.exr"),
    numbered(1, 2, pattern="a/one_{:04d}_noisy.exr") + numbered(1, 2, pattern="a/two_{:04d}_noisy.exr")],
    ids=["views", "datasets", "folders", "names", "numbers within"])
def test_sequences_are_not_mixed(groups):
    assert find_windows(groups, 1, []) == [[None, 0, 1], [0, 1, None], [None, 2, 3], [2, 3, None]]


def test_numbers_in_the_name_of_a_shot_are_not_the_frames():
    assert find_windows(numbered(1, 2, pattern="a/sh010_v2_{:03d}.exr"), 1, []) == [[None, 0, 1], [0, 1, None]]


def test_frames_may_have_negative_numbers_in_a_dataset():
    assert find_windows(of_view("v000", -2, -1, 0, 1), 1, []) == [[None, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, None]]
    cut = find_windows(of_view("v000", -2, -1, 0, 1), 1, [(-2, -1), (0, 1)])
    assert cut == [[None, 0, 1], [0, 1, None], [None, 2, 3], [2, 3, None]]


def test_frames_may_have_negative_numbers_in_files_of_ones_own():
    """As Blender names them, before the action starts."""
    groups = loose("frame_-0002.exr", "frame_-0001.exr", "frame_0000.exr", "frame_0001.exr")
    assert find_windows(groups, 1, []) == [[None, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, None]]


def test_a_hyphen_before_the_number_is_no_sign():
    assert find_windows(numbered(1, 2, 3, pattern="a/shot-{:04d}.exr"), 1, []) == [[None, 0, 1], [0, 1, 2], [1, 2, None]]


def test_a_frame_that_no_shot_names_is_pointed_out():
    with pytest.raises(N2NError, match="says nothing of frame 3") as caught:
        find_windows(numbered(1, 2, 3, 4), 1, [(1, 2), (4, 9)])
    assert "frame_0003.exr" in caught.value.what


@pytest.mark.parametrize("groups, shots", [
    (numbered(7), []), (numbered(1, 3, 5), []), (numbered(1, 2), [(1, 1), (2, 2)]),
    (of_view("v000", 1) + of_view("v001", 1), []), (loose("still.exr", "other.exr"), [])],
    ids=["one", "every other", "all cut", "views", "unnumbered"])
@pytest.mark.parametrize("reach", [1, 2])
def test_no_neighbors_at_all_is_an_error(groups, shots, reach):
    with pytest.raises(N2NError, match="before or after") as caught:
        find_windows(groups, reach, shots)
    assert caught.value.hint


def test_a_file_without_a_number_stands_alone():
    assert find_windows([*numbered(1, 2), *loose("a/title.exr")], 1, []) == [[None, 0, 1], [0, 1, None], [None, 2, None]]
