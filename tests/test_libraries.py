"""A package that is there and lacks a library of the system: one sentence with the library and the commands."""

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from click.testing import CliRunner

from n2n_render import libraries
from n2n_render.cli.commands import main
from n2n_render.errors import missing_library, sentence_of

linux = pytest.mark.skipif(sys.platform != "linux", reason="how Linux names and loads libraries")
NEEDED = b"libc.so.6\0"  # every extension module needs it
OTHER = b"libq.so.6\0"  # as long, and on no system


@pytest.fixture
def needy(tmp_path, monkeypatch):
    """A module that needs a library which is nowhere: an extension module of NumPy's, with another name in it."""
    modules = sorted(Path(numpy.__file__).parent.rglob("*.so"), key=lambda path: path.stat().st_size)
    data = next(data for path in modules if (data := path.read_bytes()).count(NEEDED) == 1)
    (tmp_path / "needy.so").write_bytes(data.replace(NEEDED, OTHER))
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "needy.so"


@linux
def test_an_import_that_fails_names_the_library_and_how_to_find_it(needy):
    with pytest.raises(ImportError) as caught:
        importlib.import_module("needy")
    told = sentence_of(caught.value)
    assert told is not None and told.what == "the system library libq.so.6 is missing"
    assert "apt-file search libq.so.6" in told.hint and "dnf provides '*/libq.so.6'" in told.hint


@linux
def test_a_library_of_the_table_comes_with_the_command_of_both_systems(needy, monkeypatch):
    monkeypatch.setitem(libraries.PACKAGES, "libq.so.6", ("libq6", "libq"))
    with pytest.raises(OSError) as caught:
        ctypes.CDLL(str(needy))
    told = sentence_of(caught.value)
    assert told is not None and told.hint == "Debian, Ubuntu: apt install libq6; Fedora: dnf install libq."


@linux
def test_one_of_blenders_brings_the_others_that_are_missing_too(needy, monkeypatch):
    monkeypatch.setattr(libraries, "BLENDER_NEEDS", ("libc.so.6", "libq.so.6", "libq.so.7"))
    with pytest.raises(ImportError) as caught:
        importlib.import_module("needy")
    told = missing_library(caught.value)
    assert told is not None and told.what == "the system libraries libq.so.6, libq.so.7 are missing"


@linux
def test_a_command_ends_with_that_sentence(needy, monkeypatch):
    def fail(*_):
        import needy  # noqa: F401

    monkeypatch.setattr("n2n_render.network.registry.list_models", fail)
    done = CliRunner().invoke(main, ["models"])
    assert done.exit_code == 1 and done.stderr.startswith("error: the system library libq.so.6 is missing\n"), done.output


def test_what_an_error_was_raised_from_counts_and_other_errors_do_not():
    try:
        try:
            raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")
        except ImportError as error:
            raise ImportError("could not import the module") from error
    except ImportError as error:
        told = missing_library(error)
    assert told is not None and "libGL.so.1" in told.what
    assert missing_library(ImportError("No module named 'bpy'")) is None
    assert missing_library(OSError(2, "No such file or directory", "/lib/libGL.so.1")) is None
    assert missing_library(ValueError("libGL.so.1: cannot open shared object file: No such file")) is None


@pytest.mark.parametrize(
    "said, what",
    [
        ("Error loading shared library libXi.so.6: No such file or directory (needed by x)", "libXi.so.6"),
        ("/lib/libc.so.6: version `GLIBC_2.38' not found (required by x.so)", "too old"),
        ("libcublas.so.12: cannot open shared object file: No such file or directory", "PyTorch"),
        ("DLL load failed while importing _C: The specified module could not be found.", "_C"),
        ("dlopen(x.so, 0x2): Library not loaded: @rpath/libomp.dylib\n  Referenced from: x", "libomp.dylib"),
    ],
)
def test_every_system_has_words_of_its_own(said, what):
    told = libraries.understood(said)
    assert told is not None and what in told[0] and told[1].endswith(".")


@linux
def test_the_table_holds_all_that_blenders_wheel_needs():
    """Of the libraries that the loader has found for bpy on this machine, all that no minimal Debian has are in the table."""
    spec = importlib.util.find_spec("bpy")
    if spec is None:
        pytest.skip("Blender's wheel is not installed")
    folder = Path(next(iter(spec.submodule_search_locations or [])))
    lines = subprocess.run(["ldd", folder / "__init__.so"], capture_output=True, text=True, check=True).stdout.splitlines()
    direct = subprocess.run(["readelf", "-d", folder / "__init__.so"], capture_output=True, text=True).stdout
    minimal = ("libc.", "libm.", "libdl.", "librt.", "libutil.", "libpthread.", "libgcc_s.", "libstdc++.", "ld-linux")
    outside = {line.split()[0] for line in lines if "=>" in line and str(folder) not in line}
    needed = {name for name in outside if f"[{name}]" in direct and not name.startswith(minimal)}
    assert needed and needed <= set(libraries.BLENDER_NEEDS), needed


def _can_hide():
    """Whether this process may have a file system of its own, as root, and often anybody, may on Linux."""
    return sys.platform == "linux" and not subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode


@pytest.mark.blender
@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("unshare") or not _can_hide(), reason="may not hide a file of the system")
def test_blender_on_a_machine_without_one_of_its_libraries(tmp_path):
    """The library's folder is laid anew, with a link to all that is in it but to the one library."""
    if importlib.util.find_spec("bpy") is None:
        pytest.skip("Blender's wheel is not installed")
    found = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True).stdout
    folder = next(Path(line.split()[-1]).resolve().parent for line in found.splitlines() if "libXi.so.6 " in line)
    for name in ("real", "links"):
        (tmp_path / name).mkdir()
    script = (
        f"mount --bind {folder} {tmp_path}/real && ln -s {tmp_path}/real/* {tmp_path}/links/ && rm {tmp_path}/links/libXi.so.6 "
        f'&& mount --bind {tmp_path}/links {folder} && exec "$@"'
    )
    command = [sys.executable, "-m", "n2n_render", "demo", "--out", str(tmp_path / "demo")]
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", *command],
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    said = [line for line in done.stderr.splitlines() if "error" in line or "install" in line]
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert said == [
        "error: Blender cannot start: the system library libXi.so.6 is missing",
        "  Debian, Ubuntu: apt install libxi6; Fedora: dnf install libXi.",
    ]
