"""The archive that build.py makes."""

import subprocess
import tomllib
import zipfile

import pytest
from addon_fixtures import BLENDER, REPOSITORY

from n2n_render import __version__

pytestmark = pytest.mark.blender


@pytest.fixture
def manifest(extension):
    with zipfile.ZipFile(extension.archive) as archive:
        return tomllib.loads(archive.read("blender_manifest.toml").decode()), archive.namelist()


def test_the_manifest_is_what_blender_asks_for(manifest):
    """Schema 1.0.0; nothing but what an extension's manifest may hold; a tagline without a full stop."""
    found, _ = manifest
    assert (found["schema_version"], found["id"], found["type"]) == ("1.0.0", "n2n_denoise", "add-on")
    assert found["version"] == __version__ and found["blender_version_min"] == "4.2.0"
    assert 0 < len(found["tagline"]) <= 64 and found["tagline"][-1].isalnum()
    assert all(name.startswith("SPDX:") for name in found["license"])
    assert set(found["permissions"]) <= {"files", "network", "clipboard", "camera", "microphone"}
    assert all(0 < len(reason) <= 64 and reason[-1].isalnum() for reason in found["permissions"].values())
    assert set(found["tags"]) <= {"Render", "Compositing"}


def test_the_wheels_are_those_of_the_manifest(manifest):
    found, names = manifest
    assert sorted(found["wheels"]) == sorted(f"./{name}" for name in names if name.endswith(".whl"))
    packages = {name.split("/")[-1].split("-")[0].lower() for name in found["wheels"]}
    assert packages == {"pyoidn", "cffi", "pycparser", "openexr"}
    assert len(found["platforms"]) == 1


def test_nothing_is_in_the_archive_that_does_not_belong_there(manifest):
    _, names = manifest
    addon = REPOSITORY / "blender_addon"
    modules = {str(path.relative_to(addon)) for folder in ("ui", "process") for path in (addon / folder).rglob("*.py")}
    found = {name for name in names if not name.startswith(("wheels/", "beside/")) and not name.endswith("/")}
    assert found == modules | {"__init__.py", "blender_manifest.toml", "edition.json", "LICENSE"}


def test_n2n_render_is_what_this_repository_holds(extension):
    """As plain files, and no wheel: Blender does not replace an installed wheel by another one of the same version."""
    with zipfile.ZipFile(extension.archive) as archive:
        found = {name.removeprefix("beside/") for name in archive.namelist() if name.startswith("beside/") and name[-1] != "/"}
        ours = {str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "n2n_render").rglob("*") if path.is_file()}
        assert found == {name for name in ours if "__pycache__" not in name}
        assert all(archive.read(f"beside/{name}") == (REPOSITORY / name).read_bytes() for name in found)


def test_blender_itself_accepts_it(extension):
    """The program's own command; the bpy wheel has none, and has installed the archive instead."""
    if BLENDER:
        said = subprocess.run(
            [BLENDER, "--command", "extension", "validate", str(extension.archive)], capture_output=True, text=True
        )
        assert said.returncode == 0 and "rror" not in said.stdout + said.stderr, said.stdout + said.stderr
    assert (extension.resources / "extensions" / "user_default" / "n2n_denoise" / "blender_manifest.toml").is_file()
