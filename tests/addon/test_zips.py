"""build.py with the real pip, and an index of this test's own: a folder of wheels that hold nothing."""

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

BUILD = Path(__file__).parents[2] / "blender_addon" / "build.py"
TAGS = {
    "linux-x64": "manylinux_2_28_x86_64",
    "windows-x64": "win_amd64",
    "macos-arm64": "macosx_11_0_arm64",
    "macos-x64": "macosx_10_15_x86_64",
}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


@pytest.fixture
def index(tmp_path):
    """Wheels of every package for every platform and Python that build.py may ask for."""
    folder = tmp_path / "index"
    folder.mkdir()
    _write_wheel(folder, "pycparser", "2.22", "py3-none-any")
    for tag in TAGS.values():
        _write_wheel(folder, "pyoidn", "2.5.1.0", f"py3-none-{tag}")
        for python in PYTHONS:
            name = "cp" + python.replace(".", "")
            _write_wheel(folder, "cffi", "2.0.0", f"{name}-{name}-{tag}")
            _write_wheel(folder, "openexr", "3.5.3", f"{name}-{name}-{tag}")
    return folder


def _write_wheel(folder, name, version, tags):
    with zipfile.ZipFile(folder / f"{name}-{version}-{tags}.whl", "w") as wheel:
        info = f"{name}-{version}.dist-info"
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tags}\n")
        wheel.writestr(f"{info}/RECORD", "")


def built(out, *options, **environment):
    """(exit code, what was said, names of all that lies in `out`)"""
    command = [sys.executable, str(BUILD), "--out", str(out), *options]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    return done.returncode, done.stdout + done.stderr, sorted(path.name for path in out.iterdir())


def from_index(index):
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index)}


@pytest.mark.slow
@pytest.mark.nightly
def test_one_archive_for_each_platform_with_the_wheels_of_every_python(index, tmp_path):
    out = tmp_path / "out"
    code, said, names = built(out, "--all", **from_index(index))
    assert code == 0, said
    assert names == sorted(f"n2n_denoise-0.1.0-{platform}.zip" for platform in TAGS)
    for platform, tag in TAGS.items():
        with zipfile.ZipFile(out / f"n2n_denoise-0.1.0-{platform}.zip") as archive:
            manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
            wheels = {name for name in archive.namelist() if name.endswith(".whl")}
            assert manifest["platforms"] == [platform] and {f"./{name}" for name in wheels} == set(manifest["wheels"])
            assert len(wheels) == 2 + 2 * len(PYTHONS) and all(tag in name or "py3-none-any" in name for name in wheels)
            assert all(archive.read(name) == (index / Path(name).name).read_bytes() for name in wheels), "wheels are unmodified"


@pytest.mark.slow
@pytest.mark.nightly
def test_a_python_of_distributions_is_left_out_where_a_wheel_is_missing(index, tmp_path):
    (index / "cffi-2.0.0-cp314-cp314-win_amd64.whl").unlink()
    code, said, names = built(tmp_path / "out", "--platform", "windows-x64", **from_index(index))
    assert code == 0 and "left out: Python 3.14 on windows-x64, there is no wheel of cffi" in said
    with zipfile.ZipFile(tmp_path / "out" / names[0]) as archive:
        assert not [name for name in archive.namelist() if "cp314" in name]
        assert [name for name in archive.namelist() if "cp313" in name]


@pytest.mark.slow
@pytest.mark.nightly
def test_without_a_wheel_for_an_official_blender_nothing_is_built_and_nothing_is_lost(index, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    before = out / "n2n_denoise-0.1.0-linux-x64.zip"
    before.write_text("an earlier build")
    (index / "openexr-3.5.3-cp313-cp313-win_amd64.whl").unlink()
    code, said, names = built(out, "--all", **from_index(index))
    assert code == 1 and "there is no wheel of OpenEXR==3.5.3 for windows-x64 and Python 3.13" in said
    assert "Traceback" not in said and names == [before.name] and before.read_text() == "an earlier build"


@pytest.mark.slow
def test_a_python_that_was_asked_for_must_be_there(index, tmp_path):
    code, said, names = built(tmp_path / "out", "--platform", "linux-x64", "--python", "3.15", **from_index(index))
    assert code == 1 and "linux-x64 and Python 3.15" in said and names == []


@pytest.mark.slow
def test_a_network_that_fails_is_not_taken_for_a_missing_wheel(tmp_path):
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1", "PIP_TIMEOUT": "1", "PIP_NO_CACHE_DIR": "1"}
    code, said, names = built(tmp_path / "out", "--platform", "linux-x64", PIP_NO_INDEX="", PIP_FIND_LINKS="", **nowhere)
    assert code == 1 and "pip could not fetch the wheels" in said and names == []


@pytest.mark.slow
def test_the_edition_for_the_platform_promises_nothing_that_needs_other_software(index, tmp_path):
    """The rules of extensions.blender.org, as far as a file can be asked."""
    code, said, names = built(tmp_path, "--edition", "platform", "--platform", "linux-x64", **from_index(index))
    assert code == 0, said
    archive = tmp_path / "n2n_denoise-platform-0.1.0-linux-x64.zip"
    with zipfile.ZipFile(archive) as packed:
        assert json.loads(packed.read("edition.json")) == {"edition": "platform", "best": "found"}
        manifest = tomllib.loads(packed.read("blender_manifest.toml").decode())
        assert "LICENSE" in packed.namelist() and not [name for name in packed.namelist() if name.endswith((".pyc", ".zip"))]
    assert not {"learn", "train"} & set(manifest["tagline"].lower().split()) and len(manifest["tagline"]) <= 64
    assert "SPDX:GPL-3.0-or-later" in manifest["license"] and "blender" not in manifest["name"].lower()
    assert "network" not in manifest["permissions"]
