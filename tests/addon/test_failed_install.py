"""An archive that cannot be installed, in a real Blender: what it leaves behind."""

import re
import zipfile
from types import SimpleNamespace

import pytest
from addon_fixtures import finish, start_inside

pytestmark = pytest.mark.blender
BROKEN = "pyoidn"


def doctored(archive, target, change_manifest=lambda text: text, tag="py3"):
    """The archive with wheels that hold next to nothing; that of pyoidn is for `tag`, and cannot be unpacked."""
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(target, "w") as made:
        wheels = {name.split("-")[0].split("/")[1] for name in source.namelist() if name.endswith(".whl")}
        names = [f"wheels/{wheel}-1.0-{tag if wheel == BROKEN else 'py3'}-none-any.whl" for wheel in sorted(wheels)]
        for name in source.namelist():
            if name == "blender_manifest.toml":
                listed = "wheels = [" + ", ".join(f'"./{name}"' for name in names) + "]"
                made.writestr(
                    name, change_manifest(re.sub(r"wheels = \[.*?\]", listed, source.read(name).decode(), flags=re.S))
                )
            elif not name.endswith(".whl"):
                made.writestr(name, source.read(name))
        for name in names:
            made.writestr(name, _wheel(target.parent / "wheel.zip", name.split("/")[1].split("-")[0]))
    return target


def _wheel(path, package):
    modules = {"openexr": ["OpenEXR.py"], "cffi": ["cffi/__init__.py", "_cffi_backend.py"]}.get(
        package, [f"{package}/__init__.py"]
    )
    with zipfile.ZipFile(path, "w") as wheel:
        for name in modules:
            wheel.writestr(name, "CONTENT = 'of a module'\n")
        wheel.writestr(f"{package}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        wheel.writestr(f"{package}-1.0.dist-info/RECORD", "".join(f"{name},,\n" for name in modules))
    data = path.read_bytes()
    return data.replace(b"'of a module'", b"'of a mosule'") if package == BROKEN else data  # its checksum is now wrong


def refused(extension, archive, folder, *words):
    """(the folder of the extension in Blender's, the names of what of its wheels is there)"""
    there = SimpleNamespace(blender=extension.blender, resources=folder / "resources")
    said = finish(start_inside(there, "install.py", "fail", archive, *words))
    unpacked = [path.name for path in (there.resources / "extensions" / ".local").rglob("*.py") if "STOPPED" not in said]
    return there.resources / "extensions" / "user_default" / "n2n_denoise", unpacked


@pytest.mark.parametrize(
    "pattern, instead",
    [("platforms = .*", 'platforms = ["windows-arm64"]'), ("blender_version_min = .*", 'blender_version_min = "99.0.0"')],
)
def test_for_another_platform_or_blender_nothing_is_unpacked(extension, tmp_path, pattern, instead):
    archive = doctored(extension.archive, tmp_path / "other.zip", lambda text: re.sub(pattern, instead, text))
    folder, wheels = refused(extension, archive, tmp_path)
    assert not folder.exists() and wheels == []


def test_for_another_python_it_is_not_switched_on_and_no_wheel_is_unpacked(extension, tmp_path):
    """Blender itself leaves the folder of the extension, to be removed in its preferences; so one zip serves all Pythons."""
    archive = doctored(extension.archive, tmp_path / "other.zip", tag="cp399")
    _, wheels = refused(extension, archive, tmp_path, "Python")
    assert wheels == []


def test_where_a_wheel_could_not_be_unpacked_it_is_not_switched_on_and_says_so(extension, tmp_path):
    """As on a full disk. Blender would go on with the rest; before 4.4 it stops there, and leaves what it had unpacked."""
    archive = doctored(extension.archive, tmp_path / "broken.zip")
    _, wheels = refused(extension, archive, tmp_path, "not installed whole (pyoidn missing)", "make room")
    assert wheels == []
