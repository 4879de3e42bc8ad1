"""What is built from a checkout: all that belongs there, and nothing of what lies about."""

import configparser
import email
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from n2n_render import __version__

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
NAME = f"n2n_render-{__version__}"
OF_THE_REPOSITORY = (".ci/", ".github/", ".gitignore", ".pre-commit-config.yaml")  # serve it, and no user
STRAYS = (
    "runs/shot/best.pt",
    "demo/data/v000_f0001_s0001_0008spp.exr",
    "datasets/shot/v000_f0001_s0001_0008spp.exr",
    "docs/_build/html/index.html",
    "docs/frame.exr",
    "dist/old.zip",
    "examples/plugin/build/lib/plugin.py",
    "examples/plugin/plugin.egg-info/PKG-INFO",
    "build/lib/n2n_render/old.py",
    "n2n_render/frame/__pycache__/frame.cpython-311.pyc",
    "n2n_render/frame/.frame.py.swp",
    "n2n_render/frame/frame.py~",
    "tests/__pycache__/conftest.cpython-311.pyc",
    "tests/shot.blend",
    "blender_addon/n2n_denoise.zip",
    ".venv/lib/site.py",
    "n2n.log",
)


def files_of_git():
    """Those that a clone has, and new ones that are not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return {name for name in listed if (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """(source distribution, wheel), from a checkout where things lie about."""
    checkout, out = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("dist")
    for name in files_of_git():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_bytes((ROOT / name).read_bytes())
    for name in STRAYS:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("stray")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, checkout]
    done = subprocess.run(command, capture_output=True, text=True, cwd=out)
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
    return out / f"{NAME}.tar.gz", out / f"{NAME}-py3-none-any.whl"


def test_the_source_distribution_is_what_git_has(built):
    with tarfile.open(built[0]) as archive:
        names = {entry.name.removeprefix(f"{NAME}/") for entry in archive.getmembers() if entry.isfile()}
    made = {name for name in names if name == "PKG-INFO" or name == "setup.cfg" or name.startswith("n2n_render.egg-info/")}
    wanted = {name for name in files_of_git() if not name.startswith(OF_THE_REPOSITORY)}
    assert names - made == wanted - made and "setup.cfg" in made
    assert built[0].stat().st_size < 20e6


def test_the_wheel_is_the_package_and_nothing_else(built):
    with zipfile.ZipFile(built[1]) as archive:
        names = set(archive.namelist())
    own = {name for name in names if not name.startswith(f"{NAME}.dist-info/")}
    assert own == {name for name in files_of_git() if name.startswith("n2n_render/")}
    assert "n2n_render/py.typed" in own and f"{NAME}.dist-info/licenses/LICENSE" in names


def test_the_wheel_says_what_it_is(built):
    with zipfile.ZipFile(built[1]) as archive:
        told = email.message_from_bytes(archive.read(f"{NAME}.dist-info/METADATA"))
        commands = archive.read(f"{NAME}.dist-info/entry_points.txt").decode()
    read = configparser.ConfigParser()
    read.read(ROOT / "setup.cfg")
    assert (told["Name"], told["Version"], told["Requires-Python"]) == ("n2n-render", __version__, ">=3.11")
    assert set(told.get_all("Provides-Extra")) == set(read["options.extras_require"])
    needed = {line.strip() for line in read["options"]["install_requires"].splitlines() if line.strip() and "#" not in line}
    assert needed == {text for text in told.get_all("Requires-Dist") if "extra ==" not in text}
    assert (
        "Apache-2.0" in (told["License-Expression"], told["License"]) and "n2n-render = n2n_render.cli.start:main" in commands
    )


def test_it_can_be_installed_and_imported_where_nothing_else_is(built, tmp_path):
    """`.ci/wheel` installs it with all that it needs, and uses it."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    command = [python, "-I", "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", built[1]]
    subprocess.run(command, check=True, cwd=tmp_path)
    code = "import n2n_render, sys; print(n2n_render.__version__, n2n_render.__file__, 'torch' in sys.modules)"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    version, place, torch = done.stdout.split()
    assert (version, torch) == (__version__, "False") and str(tmp_path) in place
