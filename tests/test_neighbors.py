"""Neighbours in files: placed by their data windows; one that cannot be read is not there, and that is said."""

import logging

import numpy as np
import OpenEXR
import pytest
from conftest import noisy_frame, true_frame

from n2n_render.engines.options import EngineOptions
from n2n_render.errors import N2NError
from n2n_render.frame.frame import crop
from n2n_render.guides.accumulation import Accumulator
from n2n_render.io.sequence import find_windows

SIZE = (64, 80)
PLANE = (120, 140)


def write(path, plane, corner, without=(), more=lambda frame: {}):
    """A part of a still scene, rendered with a border whose corner is at (column, row); without some passes, and with more:
    name → (H, W, 3), of its frame.
    """
    frame = crop(plane, (slice(corner[1], corner[1] + SIZE[0]), slice(corner[0], corner[0] + SIZE[1])))
    channels = {}
    for name, image, letters in (
        ("Combined", frame.color, "RGB"),
        ("Denoising Albedo", frame.albedo, "RGB"),
        ("Denoising Normal", frame.normal, "XYZ"),
        ("Vector", np.zeros((*SIZE, 4)), "XYZW"),
        *((name, image, "RGB") for name, image in more(frame).items()),
    ):
        if name in without:
            continue
        channels.update(
            {
                f"ViewLayer.{name}.{letter}": np.ascontiguousarray(image[..., index], np.float32)
                for index, letter in enumerate(letters)
            }
        )
    window = np.array(corner, np.int32), np.array([corner[0] + SIZE[1] - 1, corner[1] + SIZE[0] - 1], np.int32)
    OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, "dataWindow": window}, channels).write(
        str(path)
    )
    return (path,)


@pytest.fixture
def plane():
    """The whole scene by another seed for each frame."""
    return lambda number: noisy_frame(true_frame(*PLANE), number, 0.3)


def accumulator_of(groups):
    return Accumulator.open(("albedo", "normal"), groups, find_windows(groups, 1, []), options=EngineOptions("cpu", "oidn"))


@pytest.mark.slow
@pytest.mark.parametrize("shift", [(0, 0), (9, 5), (-12, 0), (6, -7)])
def test_what_a_neighbor_shows_lies_where_it_belongs(tmp_path, plane, shift):
    """Borders of the same size at other places: before, the neighbours were laid on each other, corner on corner."""
    corner, other = (20, 20), (20 + shift[0], 20 + shift[1])
    groups = [write(tmp_path / f"f_000{number}.exr", plane(number), place) for number, place in ((1, corner), (2, other))]
    accumulated = accumulator_of(groups).of(0)
    taken = accumulated.neighbors[0]
    both = np.zeros(PLANE, bool)
    both[other[1] : other[1] + SIZE[0], other[0] : other[0] + SIZE[1]] = True
    here = (slice(20, 20 + SIZE[0]), slice(20, 20 + SIZE[1]))
    assert not taken[..., 3][~both[here]].any()  # beyond its window nothing is taken in
    inside = both[here] & (taken[..., 3] > 0.3)
    assert inside.mean() > 0.5
    colors = taken[inside][:, :3] / taken[inside][:, 3:] / accumulated.factor
    np.testing.assert_allclose(colors, plane(2).color[here][inside], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_a_neighbor_that_cannot_be_read_is_not_there(tmp_path, plane, caplog):
    groups = [write(tmp_path / f"f_000{number}.exr", plane(number), (20, 20)) for number in (1, 2, 3)]
    groups[1][0].write_bytes(groups[1][0].read_bytes()[:-500])
    accumulator = accumulator_of(groups)
    with caplog.at_level(logging.WARNING):
        assert not accumulator.of(0).neighbors.any()
    assert "f_0002.exr" in caplog.text and "do without it" in caplog.text
    with pytest.raises(N2NError, match="f_0002.exr"):
        accumulator.of(1)


@pytest.mark.slow
@pytest.mark.parametrize("lacking", ["Vector", "Denoising Normal"])
def test_a_neighbor_that_lacks_a_pass_is_not_there(tmp_path, plane, caplog, lacking):
    groups = [
        write(tmp_path / f"f_000{number}.exr", plane(number), (20, 20), (lacking,) if number == 2 else ())
        for number in (1, 2, 3)
    ]
    accumulator = accumulator_of(groups)
    with caplog.at_level(logging.WARNING):
        assert not accumulator.of(0).neighbors.any() and not accumulator.of(2).neighbors.any()
    assert f"f_0002.exr: view layer 'ViewLayer' has no '{lacking}'" in caplog.text and "do without it" in caplog.text
    with pytest.raises(N2NError, match=lacking):
        accumulator.of(1)


@pytest.mark.slow
def test_passes_take_in_neighbours_that_lack_another_pass(tmp_path, plane):
    """What a shader writes is negative in the second frame, and stays as it is there: the lights are all there all the same."""

    def passes(sign):
        share = np.float32(0.25)
        return lambda frame: {
            "Combined_key": share * frame.color,
            "Combined_fill": (1 - share) * frame.color,
            "wet": sign * frame.albedo,
        }

    groups = [
        write(tmp_path / f"f_000{number}.exr", plane(number), (20, 20), more=passes(sign))
        for number, sign in ((1, 1), (2, -1), (3, 1))
    ]
    windows = find_windows(groups, 1, [])
    accumulator = Accumulator.open(("albedo", "normal"), groups, windows, options=EngineOptions("cpu", "oidn"), passes=("all",))
    accumulated = accumulator.of(0)
    light, color = accumulated.light, accumulated.color()
    assert accumulated.frames_worth > 1.3
    np.testing.assert_allclose(light["pass/Combined_key"] + light["pass/Combined_fill"], color, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(light["pass/wet"], accumulated.frame["pass/wet"], rtol=1e-6)  # its own alone
    assert "pass/wet" not in accumulator.of(1).light


@pytest.mark.slow
def test_a_neighbour_without_a_named_pass_is_there_for_the_picture_and_the_others(tmp_path, plane):
    groups = []
    for number in (1, 2, 3):
        names = ("Combined_key", "Combined_fill") if number == 1 else ("Combined_key",)
        passes = lambda frame, names=names: {name: np.float32(0.5) * frame.color for name in names}  # noqa: E731
        groups.append(write(tmp_path / f"f_000{number}.exr", plane(number), (20, 20), more=passes))
    options = {"options": EngineOptions("cpu", "oidn"), "passes": ("key", "fill")}
    accumulated = Accumulator.open(("albedo", "normal"), groups, find_windows(groups, 1, []), **options).of(0)
    assert accumulated.frames_worth > 1.3
    np.testing.assert_allclose(2 * accumulated.light["pass/Combined_key"], accumulated.color(), rtol=1e-3, atol=1e-5)
    own = accumulated.frame["pass/Combined_fill"]
    np.testing.assert_allclose(accumulated.light["pass/Combined_fill"], own, rtol=1e-6)


@pytest.mark.slow
def test_vectors_that_are_zero_everywhere_are_said_once(tmp_path, plane, caplog):
    groups = [write(tmp_path / f"f_000{number}.exr", plane(number), (20, 20)) for number in (1, 2)]
    accumulator = accumulator_of(groups)
    with caplog.at_level(logging.WARNING):
        assert accumulator.of(0).neighbors.any() and accumulator.of(1).neighbors.any()
    assert caplog.text.count("zero everywhere") == 1 and "motion blur" in caplog.text


@pytest.mark.slow
def test_in_a_hurry_each_layer_and_each_shot_has_a_frame_of_its_own_that_is_judged(tmp_path, plane):
    """Of those that are judged there are the frame's versions, too."""
    groups = [write(tmp_path / f"f_000{number}.exr", plane(number), (20, 20)) for number in range(1, 7)]
    windows = find_windows(groups, 1, [(1, 3), (4, 6)])
    options = EngineOptions("cpu", "oidn")
    accumulator = Accumulator.open(("albedo", "normal"), groups, windows, options=options, fast=True)
    judged = [[bool(accumulator.of(index, layer).versions) for layer in (None, "ViewLayer")] for index in range(6)]
    assert judged == [[index in (0, 3)] * 2 for index in range(6)]


@pytest.mark.slow
def test_the_same_seed_in_every_frame_is_said_and_brings_nothing_where_nothing_moves(tmp_path, plane, caplog):
    groups = [write(tmp_path / f"f_000{number}.exr", plane(1), (20, 20)) for number in (1, 2)]
    accumulator = accumulator_of(groups)
    with caplog.at_level(logging.WARNING):
        assert not accumulator.of(0).neighbors.any() and not accumulator.of(1).neighbors.any()
    assert caplog.text.count("the same noise") == 1 and "clock beside" in caplog.text


@pytest.mark.slow
def test_one_seed_or_two_bring_the_frame_nearer_to_the_truth(tmp_path, plane):
    """Of each frame one file, whose pixels are held out in turn, or two, which judge each other."""
    truth = true_frame(*PLANE).color[20 : 20 + SIZE[0], 20 : 20 + SIZE[1]]
    (tmp_path / "other").mkdir()
    ones, others = (
        [write(tmp_path / folder / f"f_000{number}.exr", plane(seed + number), (20, 20))[0] for number in (1, 2, 3)]
        for folder, seed in ((".", 0), ("other", 10))
    )
    for groups in ([(one,) for one in ones], list(zip(ones, others, strict=True))):
        accumulated = accumulator_of(groups).of(1)
        before, after = (np.abs(color - truth).mean() for color in (accumulated.frame.color, accumulated.color()))
        assert after < 0.8 * before and 1.5 < accumulated.frames_worth <= 3
        assert len(accumulated.versions) == len(groups[0])


@pytest.mark.slow
def test_when_it_is_to_be_fast_one_frame_in_eight_is_judged_and_each_shots_first(tmp_path, plane):
    """Others have no versions of single seeds: nobody asked for them."""
    groups = [write(tmp_path / f"f_{number:04d}.exr", plane(number), (20, 20)) for number in range(1, 12)]
    windows = find_windows(groups, 1, [(1, 9), (10, 11)])
    accumulator = Accumulator.open(("albedo", "normal"), groups, windows, options=EngineOptions("cpu", "oidn"), fast=True)
    judged = [bool(accumulator.of(index).versions) for index in range(11)]
    assert [index for index, was in enumerate(judged) if was] == [0, 8, 9]
    assert accumulator.of(10).frames_worth > 1.2
