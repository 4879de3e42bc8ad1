"""What other programs write for frame numbers is understood."""

import pytest

from n2n_render.errors import N2NError
from n2n_render.io.patterns import match_pattern
from n2n_render.io.sequence import find_inputs


def names(folder, text):
    return [path.name for path in find_inputs([str(folder / text)])]


@pytest.fixture
def folder(tmp_path):
    for name in ("f_0008.exr", "f_0009.exr", "f_0010.exr", "f_0001.png", ".f_0007.exr", "f_title.exr", "g_0008.exr"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        "f_####.exr",
        "f_%04d.exr",
        "f_%d.exr",
        "f_%4d.exr",
        "f_@@@@.exr",
        "f_#.exr",
        "f_$F4.exr",
        "f_$F.exr",
        "f_${F4}.exr",
        "f_$FF.exr",
        "f_<frame>.exr",
        "f_<Frame>.exr",
        "f_<frame04>.exr",
        "f_{frame:04d}.exr",
        "f_{frame}.exr",
        "f_{:04d}.exr",
        "f_[####].exr",
        "f_[8-10].exr",
        "f_[0008-0010].exr",
        "f_{0008..0010}.exr",
        "f_8-10#.exr",
        "f_8-10@@@@.exr",
        "f_0*.exr",
        "f_00??.exr",
        "f_00[01][0-9].exr",
        "f_####.EXR",
        "f_####.*",
    ],
)
def test_every_way_of_writing_a_frame_number_finds_the_frames(folder, text):
    assert names(folder, text) == ["f_0008.exr", "f_0009.exr", "f_0010.exr"]


@pytest.mark.parametrize(
    "text, found",
    [
        ("f_[8-9].exr", None),
        ("f_[09-10].exr", [9, 10]),
        ("f_8-10x2####.exr", [8, 10]),
        ("f_{8..10..2}.exr", [8, 10]),
        ("f_#####.exr", None),
        ("f_0010-0020.exr", None),
        ("f_&&&&.exr", None),
    ],
)
def test_ranges_are_the_frames_that_they_name(folder, text, found):
    if found:
        assert names(folder, text) == [f"f_{frame:04d}.exr" for frame in found]
    else:
        with pytest.raises(N2NError, match="no such file") as caught:
            names(folder, text)
        assert "frame_####.exr" in caught.value.hint and "$F4" in caught.value.hint


def test_negative_frames_match_as_blender_and_as_printf_write_them(tmp_path):
    for name in ("a_-0001.exr", "a_0000.exr", "b_-001.exr", "b_0000.exr"):
        (tmp_path / name).touch()
    for text in ("a_####.exr", "a_%04d.exr", "a_[-1-10].exr", "a_{-1..0}.exr"):
        assert names(tmp_path, text) == ["a_-0001.exr", "a_0000.exr"]
    assert names(tmp_path, "b_%04d.exr") == ["b_-001.exr", "b_0000.exr"]


def test_a_file_of_the_very_name_is_no_pattern(tmp_path):
    for name in ("take#2.exr", "take12.exr", "shot[1-20].exr", "50%d.exr", "{}.exr"):
        (tmp_path / name).touch()
    for name in ("take#2.exr", "shot[1-20].exr", "50%d.exr", "{}.exr"):
        assert names(tmp_path, name) == [name]
    (tmp_path / "sh##").mkdir()
    (tmp_path / "sh##" / "a.exr").touch()
    assert names(tmp_path, "sh##") == ["a.exr"]


def test_folders_may_be_globs_too(tmp_path):
    for shot in ("sh010", "sh020"):
        (tmp_path / shot).mkdir()
        (tmp_path / shot / "f_0001.exr").touch()
    assert len(names(tmp_path, "sh*/f_####.exr")) == len(names(tmp_path, "sh*/*.exr")) == 2
    (tmp_path / "shots [v2]").mkdir()
    (tmp_path / "shots [v2]" / "f_0001.exr").touch()
    assert names(tmp_path, "shots [v2]/f_####.exr") == names(tmp_path, "shots [v2]/*.exr") == ["f_0001.exr"]


@pytest.mark.parametrize(
    "text", ["", "a" * 5000, "[", "f_[!a", "{", "%", "$", "f_{frame:}.exr", "a\0b", "\n", "f_%(frame)d.exr"]
)
def test_no_text_breaks_the_reading(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    assert match_pattern(text) == []
    with pytest.raises(N2NError, match="no such file"):
        find_inputs([text])
