"""Which frame a file is: its header says it, then its name; hyphens may be signs."""

import logging
from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from n2n_render.io.dataset import FrameName, picture_name
from n2n_render.io.numbering import doubt_gaps, frame_of_header, place_files


def put(folder, **frames):
    """Tiny EXR files, name → what the header says under `Frame` (None: nothing)."""
    folder.mkdir(exist_ok=True)
    paths = []
    for name, frame in frames.items():
        header = {} if frame is None else {"Frame": frame}
        OpenEXR.File(header, {"ViewLayer.Combined.R": np.zeros((1, 2), np.float32)}).write(str(folder / f"{name}.exr"))
        paths.append(folder / f"{name}.exr")
    return paths


def frames_of(paths):
    return [place.frame for place in place_files(paths)]


def loose(*stems):
    return [Path("nowhere") / f"{stem}.exr" for stem in stems]


@pytest.mark.parametrize(
    "value, frame",
    [
        ("12", 12),
        ("0012", 12),
        ("-2", -2),
        ("-0002", -2),
        (7, 7),
        (7.0, 7),
        (" 3 ", 3),
        ("twelve", None),
        ("1.5", None),
        ("nan", None),
        ("", None),
    ],
)
def test_headers_name_the_frame_as_text_or_number(tmp_path, value, frame):
    (path,) = put(tmp_path, still=value)
    assert frame_of_header(path) == frame and frames_of([path]) == [frame]


def test_other_programs_write_the_attribute_in_small_letters(tmp_path):
    OpenEXR.File({"frame": 42}, {"R": np.zeros((1, 2), np.float32)}).write(str(tmp_path / "a.exr"))
    assert frame_of_header(tmp_path / "a.exr") == 42


def test_what_cannot_be_read_names_no_frame(tmp_path):
    (tmp_path / "text.exr").write_text("no image")
    assert frame_of_header(tmp_path / "text.exr") is None and frame_of_header(tmp_path / "missing.exr") is None
    assert frame_of_header(tmp_path) is None


def test_a_file_that_is_written_anew_is_read_anew(tmp_path):
    (path,) = put(tmp_path, a="1")
    assert frame_of_header(path) == 1
    put(tmp_path, a="-123")
    assert frame_of_header(path) == -123


@pytest.mark.parametrize("sign", [1, -1])
def test_the_header_says_whether_a_hyphen_is_a_sign(tmp_path, sign):
    paths = put(tmp_path, **{f"shot-{number:04d}": str(sign * number) for number in (1, 2, 3)})
    assert frames_of(paths) == [sign, 2 * sign, 3 * sign]
    assert len({place.sequence for place in place_files(paths)}) == 1


def test_frames_before_zero_belong_to_the_sequence_of_those_after(tmp_path):
    """As Blender names them for the output paths `shot` and none at all."""
    for prefix in ("shot", "", "v000_f"):
        paths = put(
            tmp_path / (prefix or "bare"),
            **{f"{prefix}{'-' * (frame < 0)}{abs(frame):04d}": str(frame) for frame in (-2, -1, 0, 1)},
        )
        assert frames_of(paths) == [-2, -1, 0, 1]
        assert len({place.sequence for place in place_files(paths)}) == 1


@pytest.mark.parametrize(
    "stems, frames",
    [
        (("-0002", "-0001", "0000"), [-2, -1, 0]),
        (("-0002", "-0001"), [-2, -1]),
        (("frame_-0001", "frame.-0002", "frame -0003", "shot--0004"), [-1, -2, -3, -4]),
        (("shot-0002", "shot-0001", "shot0000"), [-2, -1, 0]),
        (("shot-001", "shot0000"), [-1, 0]),
        (("f-1", "f0", "f10"), [-1, 0, 10]),
        (("f-0001", "f10000"), [-1, 10000]),
        (("shot-0001", "shot-0002"), [1, 2]),
        (("shot-0000", "shot-0001", "shot0001"), [0, 1, 1]),
        (("shot-0001", "shot-0002", "shot7"), [1, 2, 7]),
        (("render-2026-11-25",), [25]),
        (("v000_f-0001", "v000_f-0002"), [-1, -2]),
        (("sh010-0001", "sh010-0002"), [1, 2]),
    ],
)
def test_without_headers_the_names_around_decide(stems, frames):
    assert frames_of(loose(*stems)) == frames


def test_names_on_disk_that_were_not_passed_decide_too(tmp_path):
    paths = put(tmp_path, **{"shot-0001": None, "shot-0002": None, "shot0000": None, "other0000": None})
    assert frames_of(paths[:2]) == [-1, -2]
    paths[2].unlink()
    assert frames_of(paths[:2]) == [1, 2]


def test_a_file_without_a_header_follows_the_others(tmp_path):
    """One damaged frame of a sequence keeps its place in it."""
    paths = put(tmp_path, **{"shot-0001": "-1", "shot-0002": "-2", "shot-0003": "-3"})
    paths[1].write_bytes(b"")
    assert frames_of(paths) == [-1, -2, -3] and len({place.sequence for place in place_files(paths)}) == 1


def test_headers_count_before_names_and_only_where_they_tell_frames_apart(tmp_path):
    later = put(tmp_path / "a", take_1="101", take_2="102")
    assert frames_of(later) == [101, 102]
    constant = put(tmp_path / "b", take_1="1", take_2="1")
    assert frames_of(constant) == [1, 2]


@pytest.mark.parametrize(
    "names, frames",
    [
        ({"frame_0001_s2": "1", "frame_0002_s2": "2"}, [1, 2]),
        ({"frame_0001_v2": None, "frame_0002_v2": None}, [1, 2]),
        ({"f_1_s1": None, "f_1_s2": None}, [1, 1]),
        ({"f_1_seed2": None}, [1]),
        ({"still_s1": None, "still_s2": None}, [1, 2]),
        ({"frame_0001_0008spp": None}, [1]),
        ({"sh010_v2_001": None, "sh010_v2_002": None}, [1, 2]),
        ({"v1_0007": None, "v2_0007": None}, [7, 7]),
        ({"frame_0003_v0002": "3", "frame_0004_v0002": "4"}, [3, 4]),
    ],
)
def test_the_frame_is_found_among_other_numbers(tmp_path, names, frames):
    assert frames_of(put(tmp_path, **names)) == frames


def test_a_dataset_names_its_frames_itself():
    paths = [Path("data") / FrameName("v000", frame, "s", 1, 8).filename for frame in (-12, -1, 0, 12)]
    assert [path.name.split("_")[1] for path in paths] == ["f-0012", "f-0001", "f0000", "f0012"]
    assert frames_of(paths) == [-12, -1, 0, 12]
    assert picture_name("v000", -1) == "v000_f-0001"


def test_gaps_and_doubles_are_said(caplog):
    def said(*stems):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "n2n_render"):
            doubt_gaps(loose(*stems), place_files(loose(*stems)))
        return " ".join(record.getMessage() for record in caplog.records)

    assert "frame 3 of a sequence from 1 to 5" in said("a_1", "a_2", "a_4", "a_5")
    assert "frames 16, 21 of" in said("a_001", "a_006", "a_011", "a_026", "a_031")
    assert "a_1.exr and a_0001.exr are the same frame" in said("a_1", "a_0001", "a_2")
    for whole in (
        ("a_1", "a_2", "a_3"),
        ("a_1", "a_6", "a_11"),
        ("a_1", "a_9"),
        ("a_1", "b_3", "c_7"),
        ("a_8", "a_9", "a_10"),
        ("a_-1", "a_0", "a_1"),
        ("kitchen", "hall"),
    ):
        assert not said(*whole)
