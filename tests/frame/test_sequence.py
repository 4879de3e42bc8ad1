"""Windows of an animation: which frames are neighbours, and which are not. Pairs, orders and names of outputs."""

from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from n2n_render.errors import N2NError
from n2n_render.io import sequence
from n2n_render.io.dataset import FrameName
from n2n_render.io.sequence import (
    are_named,
    check_overwrites,
    find_inputs,
    find_windows,
    match_pairs,
    parse_shots,
    plan_outputs,
)


def loose(*names):
    return [(Path(name), Path("other") / name) for name in names]


def numbered(*numbers, pattern="a/frame_{:04d}.exr"):
    return loose(*(pattern.format(number) for number in numbers))


def of_view(view, *frames, folder="data"):
    return [tuple(Path(folder) / FrameName(view, frame, "s", seed, 8).filename for seed in (1, 2)) for frame in frames]


@pytest.mark.parametrize(
    "text, shots",
    [
        (None, []),
        ("", []),
        ("1-48", [(1, 48)]),
        ("1-48,49-120", [(1, 48), (49, 120)]),
        ("-5--1, 0-0 ,1-3", [(-5, -1), (0, 0), (1, 3)]),
    ],
)
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
    assert find_windows(groups, 2, [(1, 2), (3, 4)]) == [
        [None, None, 0, 1, None],
        [None, 0, 1, None, None],
        [None, None, 2, 3, None],
        [None, 2, 3, None, None],
    ]


def test_a_gap_in_the_numbers_leaves_its_place_empty():
    assert find_windows(numbered(1, 2, 4, 5), 2, []) == [
        [None, None, 0, 1, None],
        [None, 0, 1, None, 2],
        [1, None, 2, 3, None],
        [None, 2, 3, None, None],
    ]


@pytest.mark.parametrize(
    "groups",
    [
        of_view("v000", 1, 2) + of_view("v001", 1, 2),
        of_view("v000", 1, 2) + of_view("v000", 1, 2, folder="more"),
        numbered(1, 2) + numbered(1, 2, pattern="b/frame_{:04d}.exr"),
        numbered(1, 2) + numbered(1, 2, pattern="a/shot_{:04d}.exr"),
        numbered(1, 2, pattern="a/one_{:04d}_noisy.exr") + numbered(1, 2, pattern="a/two_{:04d}_noisy.exr"),
    ],
    ids=["views", "datasets", "folders", "names", "numbers within"],
)
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


@pytest.mark.parametrize(
    "groups, shots",
    [
        (numbered(7), []),
        (numbered(1, 3, 5), []),
        (numbered(1, 2), [(1, 1), (2, 2)]),
        (of_view("v000", 1) + of_view("v001", 1), []),
        (loose("still.exr", "other.exr"), []),
    ],
    ids=["one", "every other", "all cut", "views", "unnumbered"],
)
@pytest.mark.parametrize("reach", [1, 2])
def test_no_neighbors_at_all_is_an_error(groups, shots, reach):
    with pytest.raises(N2NError, match="before or after") as caught:
        find_windows(groups, reach, shots)
    assert caught.value.hint


def test_a_file_without_a_number_stands_alone():
    assert find_windows([*numbered(1, 2), *loose("a/title.exr")], 1, []) == [[None, 0, 1], [0, 1, None], [None, 2, None]]


def put(folder, **frames):
    """name → what the header says under `Frame`, None for nothing."""
    folder.mkdir(exist_ok=True)
    for name, frame in frames.items():
        header = {} if frame is None else {"Frame": frame}
        OpenEXR.File(header, {"ViewLayer.Combined.R": np.zeros((1, 2), np.float32)}).write(str(folder / f"{name}.exr"))
    return folder


def pairs_of(folder, inputs, *others):
    """File names of each group, as the commands find them."""
    inputs, others = [str(folder / text) for text in inputs], [str(folder / text) for text in others]
    groups = match_pairs(find_inputs(inputs), [find_inputs([text]) for text in others], are_named(inputs, others))
    return [[path.relative_to(folder).as_posix() for path in group] for group in groups]


def doubts(caplog):
    return " ".join(record.getMessage() for record in caplog.records if record.name == "n2n_render")


@pytest.mark.parametrize(
    "first, second",
    [("render_1", "render_2"), ("still_s1", "still_s2"), ("kitchen", "kitchen2"), ("v1", "v2"), ("take-1", "take-2")],
)
def test_two_files_that_are_named_are_a_pair(tmp_path, caplog, first, second):
    put(tmp_path, **{first: None, second: None})
    assert pairs_of(tmp_path, [f"{first}.exr"], f"{second}.exr") == [[f"{first}.exr", f"{second}.exr"]]
    put(tmp_path, **{first: "7", second: "7"})
    assert pairs_of(tmp_path, [f"{first}.exr"], f"{second}.exr") and not doubts(caplog)


def test_several_named_files_have_as_many_named_pairs(tmp_path):
    put(tmp_path, **{f"{name}_s{seed}": None for name in ("hall", "attic") for seed in (1, 2, 3)})
    seeds = {seed: [f"hall_s{seed}.exr", f"attic_s{seed}.exr"] for seed in (1, 2, 3)}
    wanted = [list(group) for group in zip(*seeds.values(), strict=True)]
    assert pairs_of(tmp_path, seeds[1], *seeds[2], *seeds[3]) == wanted
    with pytest.raises(N2NError, match="names 1 file"):
        pairs_of(tmp_path, seeds[1], *seeds[2][:1])


@pytest.mark.parametrize("names", [{"render_1": "1", "render_2": "2"}, {"a": "1", "b": "2"}, {"a_0001": None, "b_0002": None}])
def test_named_files_of_different_frames_are_averaged_with_a_word(tmp_path, caplog, names):
    put(tmp_path, **names)
    first, second = (f"{name}.exr" for name in names)
    assert pairs_of(tmp_path, [first], second) == [[first, second]] and "different frames" in doubts(caplog)


def test_seeds_of_one_folder_are_told_apart_by_patterns(tmp_path):
    put(tmp_path, f_0001_s1=None, f_0002_s1=None, f_0001_s2=None, f_0002_s2=None)
    wanted = [["f_0001_s1.exr", "f_0001_s2.exr"], ["f_0002_s1.exr", "f_0002_s2.exr"]]
    assert pairs_of(tmp_path, ["f_####_s1.exr"], "f_####_s2.exr") == pairs_of(tmp_path, ["*_s1.exr"], "*_s2.exr") == wanted
    assert pairs_of(tmp_path, ["f_*1_s1.exr"], "f_*1_s2.exr") == wanted[:1]


@pytest.mark.parametrize("second", ["b", "b/*.exr", "b/f_#.exr"])
def test_sequences_of_different_frames_are_refused(tmp_path, second):
    put(tmp_path / "a", f_1=None, f_2=None)
    put(tmp_path / "b", f_2=None, f_3=None)
    with pytest.raises(N2NError, match="another frame"):
        pairs_of(tmp_path, ["a"], second)
    put(tmp_path / "b", f_0002=None)
    with pytest.raises(N2NError, match="for 2 input") as caught:
        pairs_of(tmp_path, ["a"], "b")
    assert "one side" in caught.value.hint


def test_headers_tell_sequences_of_other_frames_apart_and_equal_ones_together(tmp_path):
    put(tmp_path / "a", f_1="1", f_2="2")
    put(tmp_path / "b", f_1="11", f_2="12")
    with pytest.raises(N2NError, match="another frame"):
        pairs_of(tmp_path, ["a"], "b")
    put(tmp_path / "c", take_5="2", take_6="1")
    assert pairs_of(tmp_path, ["a"], "c") == [["a/f_1.exr", "c/take_6.exr"], ["a/f_2.exr", "c/take_5.exr"]]
    put(tmp_path / "d", f_1=None, f_2=None)
    assert pairs_of(tmp_path, ["b"], "d") == [["b/f_1.exr", "d/f_1.exr"], ["b/f_2.exr", "d/f_2.exr"]]


def test_pairs_are_matched_by_frame_whatever_the_order(tmp_path):
    """A shell sorts by text."""
    for folder in "ab":
        put(tmp_path / folder, **{f"f_{frame}": None for frame in (1, 2, 9, 10)})
    texts = [f"a/f_{frame}.exr" for frame in (1, 10, 2, 9)]
    assert pairs_of(tmp_path, texts, "b") == [[text, text.replace("a/", "b/")] for text in texts]
    for folder in "ab":
        put(tmp_path / folder, **{f"g_{frame}": None for frame in (1, 2, 9, 10)})
    assert all(one[2:] == two[2:] for one, two in pairs_of(tmp_path, ["a"], "b"))


def test_frames_are_in_the_order_of_their_numbers(tmp_path):
    put(tmp_path, **{f"f_{frame}": None for frame in (1, 2, 9, 10, 100)})
    for text in (tmp_path, tmp_path / "f_#.exr", tmp_path / "*.exr"):
        assert [path.stem for path in find_inputs([str(text)])] == ["f_1", "f_2", "f_9", "f_10", "f_100"]


def test_capital_letters_are_no_other_format(tmp_path):
    put(tmp_path, f_1=None, f_2=None, f_3=None)
    (tmp_path / "f_2.exr").rename(tmp_path / "f_2.EXR")
    (tmp_path / "f_3.exr").rename(tmp_path / "f_3.Exr")
    for text in (tmp_path, tmp_path / "f_#.exr", tmp_path / "f_*.exr", tmp_path / "*.EXR"):
        assert [path.name for path in find_inputs([str(text)])] == ["f_1.exr", "f_2.EXR", "f_3.Exr"]
    assert plan_outputs([tmp_path / "f_2.EXR"], "x.EXR") == [Path("x.EXR")]


def test_folders_and_hidden_files_are_no_frames(tmp_path):
    put(tmp_path, f_1=None)
    (tmp_path / "f_2.exr").mkdir()
    (tmp_path / "._f_1.exr").touch()
    assert [path.name for path in find_inputs([str(tmp_path)])] == ["f_1.exr"]


def test_a_folder_that_may_not_be_read_is_an_error(tmp_path, monkeypatch):
    def refuse(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)  # root may read everything
    for text in (tmp_path, tmp_path / "f_####.exr"):
        with pytest.raises(N2NError, match="cannot be read .Permission denied"):
            find_inputs([str(text)])


def test_missing_and_doubled_frames_are_said_but_done(tmp_path, caplog):
    put(tmp_path, f_1=None, f_0001=None, f_2=None, f_4=None, f_5=None)
    assert len(find_inputs([str(tmp_path)])) == 5
    assert "frame 3" in doubts(caplog) and "f_0001.exr and f_1.exr are the same frame" in doubts(caplog)
    caplog.clear()
    find_inputs([str(path) for path in tmp_path.iterdir()])
    assert not doubts(caplog)


@pytest.mark.parametrize("prefix", ["", "shot", "shot-", "v000_f"])
def test_headers_put_negative_frames_in_their_order(tmp_path, prefix):
    put(tmp_path, **{f"{prefix}{'-' * (frame < 0)}{abs(frame):04d}": str(frame) for frame in (-2, -1, 0, 1)})
    paths = find_inputs([str(tmp_path)])
    assert find_windows([(path,) for path in paths], 1, []) == [[None, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, None]]
    assert paths[0].name == f"{prefix}-0002.exr"


def test_the_same_frame_twice_is_said_where_neighbours_are_looked_at(caplog):
    assert find_windows(loose("a/f_1.exr", "a/f_0001.exr", "a/f_2.exr"), 1, [])[2] == [0, 2, None]
    assert "the same frame" in doubts(caplog)


@pytest.mark.parametrize("output", ["out.png", "x/out.JPG", "film.mp4", "", "  "])
def test_an_output_of_another_kind_is_an_error(tmp_path, monkeypatch, output):
    monkeypatch.chdir(tmp_path)
    for inputs in ([Path("a.exr")], [Path("a.exr"), Path("b.exr")]):
        with pytest.raises(N2NError) as caught:
            plan_outputs(inputs, output)
        assert caught.value.hint and not list(tmp_path.iterdir())
    Path("clean.png").mkdir()
    assert plan_outputs([Path("a.exr")], "clean.png") == [Path("clean.png/a.exr")]
    assert plan_outputs([Path("a.exr")], "v1.2") == [Path("v1.2/a.exr")]


def test_names_that_differ_in_case_only_collide_where_case_is_ignored(tmp_path, monkeypatch):
    inputs = [tmp_path / "a" / "X.exr", tmp_path / "b" / "x.exr"]
    assert len(plan_outputs(inputs, str(tmp_path / "out"))) == 2 or (tmp_path.with_name(tmp_path.name.swapcase())).exists()
    monkeypatch.setattr(sequence, "_ignores_case", lambda folder: True)
    with pytest.raises(N2NError, match="X.exr"):
        plan_outputs(inputs, str(tmp_path / "out"))
    with pytest.raises(N2NError, match="noisy original"):
        check_overwrites([[tmp_path / "a.exr"]], [tmp_path / "A.exr"])
