"""Files outside of the scene: each that a render needs and cannot find is named; no other is."""

import re

import pytest
from blender_fixtures import BLENDER

from n2n_render.sample.launch import Worker

pytestmark = pytest.mark.blender

MISSING = {
    "image": ["still.png", "movie.mp4", "walk_0011.png", "walk_0013.png", "tile.1001.png", "tile.1012.png"],
    "library": ["outer.blend"],
    "volume": ["smoke_0001.vdb", "smoke_0003.vdb", "cloud.vdb"],
    "cache": ["actors.abc", "verts.mdd"],
    "font": ["letters.ttf"],
    "light profile": ["lamp.ies"],
    "shader script": ["wood.osl"],
    "simulation cache": ["fluid"],
}


@pytest.fixture(scope="module")
def files(in_blender, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    in_blender("blender_missing.py", str(folder))
    return folder


def said(path):
    """The warnings of opening a scene for frames 1 and 3."""
    warnings = []
    with Worker(BLENDER, warnings.append) as worker:
        worker.ask({"do": "open", "scene": str(path), "frames": [1, 3], "device": "cpu"})
    return warnings


@pytest.fixture(scope="module")
def said_of_absent(files):
    return said(files / "absent.blend")


@pytest.mark.parametrize("kind", MISSING)
def test_missing_files_are_named_by_kind_with_their_number(said_of_absent, kind):
    """Sequences at the frames of this run, tiles one by one, folders of simulations, libraries."""
    lines = [line for line in said_of_absent if re.match(rf"\d+ {kind}.* file\(s\) are missing", line)]
    assert len(lines) == 1, said_of_absent
    assert lines[0].startswith(f"{len(MISSING[kind])} ")
    shown = [name for name in MISSING[kind] if name in lines[0]]
    assert len(shown) == min(len(MISSING[kind]), 5)


def test_files_that_nothing_uses_are_not_missed(said_of_absent):
    assert "unused" not in " ".join(said_of_absent)


def test_blender_itself_is_heard(said_of_absent):
    """It too says that a library is gone, in its own words, each sentence once."""
    own = [line for line in said_of_absent if line.startswith("Blender: ")]
    assert any("outer" in line for line in own) and len(own) == len(set(own))


@pytest.mark.parametrize("scene", ["present", "packed"])
def test_nothing_is_said_to_be_missing_that_is_there(files, scene):
    """Whatever is in them (Blender may well complain of that), or packed."""
    assert not [line for line in said(files / f"{scene}.blend") if "are missing" in line]


def test_a_library_of_a_library_is_missed(files):
    """The outer one is there."""
    (files / "present" / "inner.blend").rename(files / "inner.elsewhere")
    lines = [line for line in said(files / "present.blend") if "library" in line and "missing" in line]
    (files / "inner.elsewhere").rename(files / "present" / "inner.blend")
    assert len(lines) >= 1 and "inner.blend" in lines[0] and "outer.blend" not in lines[0]


def test_a_file_from_a_newer_blender_is_said_to_be_one(files, tmp_path):
    """Blender opens it and may lose something: its own sentence arrives."""
    written = (files / "packed.blend").read_bytes()
    version = re.match(rb"BLENDER(?:17-01v|[-_][vV])(\d+)", written)
    newer = b"%0*d" % (len(version[1]), int(version[1]) + 3)
    (tmp_path / "newer.blend").write_bytes(written[: version.start(1)] + newer + written[version.end(1) :])
    assert len([line for line in said(tmp_path / "newer.blend") if "newer" in line]) == 1
