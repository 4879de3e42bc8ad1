"""The Blender extension, built from this repository and installed into a folder of its own, once for all tests.

N2N_BLENDER=PROGRAM pytest tests/addon: in that Blender, from 4.2, instead of the bpy wheel. A wrapper script may stand in for
it; it must hand BLENDER_USER_RESOURCES on, and see this repository and pytest's --basetemp under the same paths.
"""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from types import SimpleNamespace

import pytest

BLENDER = os.environ.get("N2N_BLENDER")
REPOSITORY = Path(__file__).parent.parent
INSIDE = Path(__file__).parent / "addon" / "inside"


def blender_python() -> str:
    """The version of Blender's Python, as pip writes it."""
    if not BLENDER:
        return f"{sys.version_info.major}.{sys.version_info.minor}"
    said = subprocess.run(
        [BLENDER, "-b", "--factory-startup", "--python-expr", "import sys; print('PYTHON', *sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=True,
    )
    return ".".join(said.stdout.split("PYTHON ")[1].split()[:2])


def python_with_bpy_alone(folder: Path) -> Path:
    """Blender's Python has numpy, and neither PyTorch nor n2n-render; so has this one."""
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for name in ("bpy", "numpy", "numpy.libs"):
        here = Path(sysconfig.get_path("platlib")) / name
        if here.exists():
            (packages / name).symlink_to(here)
    return next((folder / "bin").glob("python*"))


@pytest.fixture(scope="session")
def extension(tmp_path_factory) -> SimpleNamespace:
    """`archive`: what build.py made; `resources`: where it is installed; `blender`: what runs a script in Blender."""
    folder = tmp_path_factory.mktemp("extension")
    subprocess.run(
        [sys.executable, str(REPOSITORY / "blender_addon" / "build.py"), "--python", blender_python(), "--out", str(folder)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (archive,) = folder.glob("*.zip")
    blender = (
        [BLENDER, "-b", "--factory-startup", "--python-exit-code", "1", "--python"]
        if BLENDER
        else [str(python_with_bpy_alone(folder / "python"))]
    )
    installed = SimpleNamespace(archive=archive, resources=folder / "resources", blender=blender)
    finish(start_inside(installed, "install.py", "install", archive))
    return installed


def start_inside(extension, script: str, function: str, *arguments) -> subprocess.Popen:
    """Starts `function` of inside/<script> in a Blender of its own, see inside/run.py."""
    command = [*extension.blender, str(INSIDE / "run.py"), "--", script, function, *map(str, arguments)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "BLENDER_USER_RESOURCES": str(extension.resources)},
    )


def finish(process, timeout=300) -> str:
    try:
        said, _ = process.communicate(timeout=timeout)
    finally:
        process.kill()
    said = "\n".join(line for line in said.splitlines() if not line.startswith("Fra:"))
    assert process.returncode == 0 and "THE END" in said, said[-4000:]
    return said
