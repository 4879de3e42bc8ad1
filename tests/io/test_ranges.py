"""Texts of frame numbers and of shares of a work."""

import pytest

from n2n_render.errors import N2NError
from n2n_render.io import ranges


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", [7]),
        ("1-5", [1, 2, 3, 4, 5]),
        ("1-10x4", [1, 5, 9]),
        ("1-10:4", [1, 5, 9]),
        ("1,7,20", [1, 7, 20]),
        ("3-3", [3]),
        ("5,1-3,2", [1, 2, 3, 5]),
        ("-3--1", [-3, -2, -1]),
        ("-2-1", [-2, -1, 0, 1]),
        (" 1 , 3 ", [1, 3]),
    ],
)
def test_frames_are_read_sorted_and_once(text, expected):
    """Ranges, steps, lists and mixtures, negative numbers too."""
    assert ranges.parse_frames(text) == expected


@pytest.mark.parametrize("text", ["", "a", "1-", "-", "5-1", "1-5x0", "1,,2", "1.5", "1-5x", "1x2", "x"])
def test_bad_frames_are_refused_with_a_hint(text):
    """Each mistake names the text and shows how to write it."""
    with pytest.raises(N2NError, match="frames") as caught:
        ranges.parse_frames(text)
    assert repr(text) in caught.value.what and "1-100x5" in caught.value.hint


@pytest.mark.parametrize(("text", "expected"), [("1/1", (1, 1)), ("2/5", (2, 5)), ("5/5", (5, 5))])
def test_chunks_are_a_share_of_a_count(text, expected):
    """The first share is 1."""
    assert ranges.parse_chunk(text) == expected


@pytest.mark.parametrize("text", ["", "0/5", "6/5", "1/0", "-1/5", "1", "1/", "a/b", "1/2/3"])
def test_bad_chunks_are_refused_with_a_hint(text):
    """A share outside of its count does not exist."""
    with pytest.raises(N2NError, match="chunk") as caught:
        ranges.parse_chunk(text)
    assert "2/5" in caught.value.hint


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([7], "7"),
        ([1, 2, 3], "1-3"),
        ([1, 2], "1-2"),
        ([1, 5], "1,5"),
        ([1, 3, 5], "1-5x2"),
        ([3, 1, 2, 9, 9], "1-3,9"),
        ([-2, -1, 0, 7, 17, 27], "-2-0,7-27x10"),
        ([1, 2, 4, 6, 8, 20], "1-2,4-8x2,20"),
    ],
)
def test_frames_are_written_as_they_are_read(frames, expected):
    """The text is short, and reading it gives the frames again."""
    assert ranges.frames_text(frames) == expected
    assert ranges.parse_frames(expected) == sorted(set(frames))


@pytest.mark.parametrize(("length", "count"), [(10, 3), (3, 10), (7, 7), (250, 16), (0, 2)])
def test_shares_are_consecutive_and_hold_everything_once(length, count):
    """No item is left, none is there twice, and no share is more than one item larger than another."""
    items = list(range(length))
    shares = [ranges.share(items, (number, count)) for number in range(1, count + 1)]
    assert [item for share in shares for item in share] == items
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_range_that_was_mistyped_does_not_fill_the_memory():
    with pytest.raises(N2NError, match="more frames than any shot has"):
        ranges.parse_frames("1-100000000000")
    assert ranges.parse_frames("1-100000000000x99999999999") == [1, 100000000000]
