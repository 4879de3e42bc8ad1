"""What a bug report can hold: all of the machine that matters, nothing that is private, and no package can stop it."""

import configparser
import json
import os
import re
import subprocess
import venv
from pathlib import Path

import numpy
import pytest
from click.testing import CliRunner
from conftest import noisy_frame, true_frame

import n2n_render
from n2n_render.cli.commands import main
from n2n_render.doctor import Diagnosis, DoctorOptions, child, doctor, machine, verb
from n2n_render.doctor.packages import BROKEN, MISSING, OK
from n2n_render.doctor.text import as_markdown
from n2n_render.errors import N2NError
from n2n_render.libraries import MODULES

ROOT = Path(__file__).parents[2]


@pytest.fixture
def frame(tmp_path):
    from n2n_render.io.exr import write_frame

    write_frame(tmp_path / "noisy.exr", noisy_frame(true_frame(40, 48), 1))
    return tmp_path / "noisy.exr"


@pytest.fixture
def few_packages(monkeypatch):
    """To be quicker; `.ci/wheel` looks at all of them."""
    for name in set(MODULES) - {"click", "nibabel", "numpy", "pyoidn", "torch"}:
        monkeypatch.delitem(MODULES, name)


def test_every_package_of_the_extras_is_looked_at():
    read = configparser.ConfigParser()
    read.read(ROOT / "setup.cfg")

    def names(text):
        return {found[0] for line in text.splitlines() if (found := re.match(r"[A-Za-z][\w.-]*", line.strip()))} - {
            "n2n-render"
        }

    extras = {extra: names(text) for extra, text in read["options.extras_require"].items() if extra not in ("test", "docs")}
    wanted = set().union(*extras.values()) | names(read["options"]["install_requires"])
    assert {package for package, _ in MODULES.values()} == wanted
    for package, extra in MODULES.values():
        assert not extra or package in extras[extra], package


@pytest.mark.slow
def test_a_package_that_ends_its_process_is_told_and_ends_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "falls.py").write_text("import os; os.abort()")
    (tmp_path / "leaves.py").write_text("import sys; print('x'); sys.exit(3)")
    (tmp_path / "hangs.py").write_text("import time; time.sleep(100)")
    (tmp_path / "lies.py").write_text("print('@n2n-doctor {\"version\": \"no\"}'); __version__ = '7'")
    (tmp_path / "fails.py").write_text("raise RuntimeError('no such card\\nand more')")
    assert "ends the process (signal 6)" in child.ask("package", "falls")["problem"]
    assert "ends the process (exit code 3)" in child.ask("package", "leaves")["problem"]
    assert child.ask("package", "hangs", limit_s=1.0) == {"problem": "gives no answer within 1 s"}
    assert child.ask("package", "lies") == {"version": "7"}
    assert child.ask("package", "fails") == {"problem": "RuntimeError: no such card", "hint": ""}


@pytest.mark.slow
def test_a_file_is_described_by_its_headers(frame):
    found = child.ask("exr", str(frame))
    (part,) = found["parts"]
    assert (found["bytes"], found["dialect"], part["size"]) == (frame.stat().st_size, "Cycles", [48, 40])
    assert part["channels"]["ViewLayer.Combined.R"] == "float" and part["compression"] == "ZIP" and part["kind"] == "scanline"
    assert found["layers"][0]["taken"] == "Cycles' names: Combined, Denoising Albedo, Denoising Normal, Denoising Depth"


@pytest.mark.parametrize(
    "files, titles",
    [
        ((), []),
        (("a/f.exr",), ["f.exr"]),
        (("x/a/f.exr", "x/b/f.exr"), ["a/f.exr", "b/f.exr"]),
        (("/f.exr", "f.exr", "./f.exr"), ["/f.exr", "f.exr"]),
    ],
)
def test_files_of_one_name_are_told_apart_by_no_more_folders_than_needed(files, titles):
    assert [title.replace(os.sep, "/") for title in verb._titled(files)] == titles


def test_a_file_that_was_cut_off_is_called_damaged(frame):
    """Its headers are whole, so that all the rest is told as of a good one."""
    assert verb._file(str(frame), lambda *_: None)["damage"] is None
    frame.write_bytes(frame.read_bytes()[: frame.stat().st_size * 2 // 3])
    found = verb._file(str(frame), lambda *_: None)
    assert found["damage"] == "the file is incomplete or damaged" and found["parts"][0]["size"] == [48, 40]
    text = as_markdown(Diagnosis(_sections(files={"noisy.exr": found})))
    assert "  pixels: the file is incomplete or damaged" in text.splitlines()


def test_the_types_of_channels_are_those_that_the_library_tells_with_the_pixels():
    from n2n_render.io.exr_parts import read_parts
    from n2n_render.io.exr_text import channel_types

    kinds = {numpy.dtype("float16"): "half", numpy.dtype("float32"): "float", numpy.dtype("uint32"): "uint"}
    for path in sorted((ROOT / "tests" / "golden").glob("*.exr")):
        told = [{name: kinds[channel.pixels.dtype] for name, channel in part[1].items()} for part in read_parts(path)[0]]
        assert channel_types(path) == told, path


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"no picture", b"\x76\x2f\x31\x01" + bytes(40)])
def test_a_file_that_is_none_is_a_sentence(tmp_path, content):
    path = tmp_path / "bad.exr"
    path.write_bytes(content)
    assert "cannot be read" in child.ask("exr", str(path))["problem"]
    assert "no such file" in child.ask("exr", str(tmp_path / "none.exr"))["problem"]


def test_home_and_other_variables_stay_private(monkeypatch):
    home = os.path.expanduser("~")
    monkeypatch.setenv("OCIO", f"{home}/config.ocio")
    monkeypatch.setenv("SECRET_KEY", "xyzzy")
    told = machine.private({"variables": machine.describe_environment(), "list": [f"{home}/a"], "count": 3})
    assert told["variables"]["OCIO"] == "~/config.ocio" and told["list"] == ["~/a"] and told["count"] == 3
    assert "xyzzy" not in json.dumps(told)


def _sections(**others):
    package = {"extra": "", "version": "1", "state": OK}
    return {
        "n2n_render": "1",
        "python": "3",
        "environment": "virtual",
        "system": "Linux",
        "libc": "glibc",
        "packages": {"torch": package, "bpy": {**package, "extra": "blender", "state": MISSING, "version": None}},
        "blender": {"wheel": None, "program": None, "used": None, "problem": "no Blender found"},
        "libraries": {"missing": []},
        "engines": {"engines": {"torch": {"cpu": "CPU"}, "oidn": {}}, "torch": None},
        "models": {"problem": "no weights"},
        "graphics": [],
        "cpu": {"name": "a CPU", "cores": 2, "usable": 1, "flags": None},
        "memory_bytes": {"total": 2**34, "free": None},
        "disk": {"temporary": "/tmp", "free": 5 * 2**20},
        "color": {"variable": None, "variable_is_there": True, "found": None},
        "variables": {},
        "files": {},
        **others,
    }


def test_the_text_is_one_block_whatever_a_file_holds():
    hostile = "a\n```\n# b\x1b[31m"
    part = {
        "name": hostile,
        "size": [1, 1],
        "display": None,
        "kind": "scanline",
        "compression": "ZIP",
        "channels": {hostile: "half"},
    }
    facts = {
        "bytes": 3,
        "dialect": "Cycles",
        "software": hostile,
        "parts": [part],
        "layers": [],
        "doubts": [hostile],
        "damage": hostile,
    }
    text = as_markdown(Diagnosis(_sections(files={hostile: facts})))
    lines = text.splitlines()
    assert (lines[0], lines[-1]) == ("```text", "```") and not [line for line in lines[1:-1] if "`" in line or "\x1b" in line]
    assert "memory     16.0 GiB, free unknown" in lines and "missing    bpy (n2n-render[blender])" in lines
    assert "broken     nothing that is installed" in lines


def test_what_is_broken_stands_in_the_text_with_what_to_do():
    text = as_markdown(Diagnosis(_sections(), (("bpy cannot be used", "Install it again."),)))
    assert "broken     bpy cannot be used. Install it again." in text.splitlines()


def test_options_are_checked():
    with pytest.raises(N2NError, match="files"):
        DoctorOptions(files="a.exr")


@pytest.mark.slow
def test_the_command_tells_text_and_data_and_ends_well(few_packages, frame, tmp_path):
    done = CliRunner().invoke(main, ["--progress", "json", "doctor", str(frame), "--json", str(tmp_path / "d.json")])
    data = json.loads((tmp_path / "d.json").read_text())
    event = json.loads(done.stderr.splitlines()[-1])
    assert done.exit_code == 0 and event["event"] == "result", done.output
    assert {name: event[name] for name in data} == data and event["exit_code"] == 0 and data["problems"] == []
    assert data["n2n_render"] == n2n_render.__version__ and data["packages"]["numpy"]["version"] == numpy.__version__
    assert data["files"]["noisy.exr"]["dialect"] == "Cycles" and "cpu" in data["engines"]["engines"]["torch"]
    assert "Apache-2.0" in data["models"]["origin"]
    assert "noisy.exr" in done.stdout and os.path.expanduser("~") not in done.stdout


@pytest.mark.slow
def test_one_broken_package_hides_no_other_and_the_exit_code_says_so(few_packages, tmp_path, monkeypatch):
    (tmp_path / "nibabel.py").write_text("import os; os.abort()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = CliRunner().invoke(main, ["doctor"])
    assert done.exit_code == 1 and "Traceback" not in done.stderr, done.output
    assert "warning: nibabel cannot be used: ends the process (signal 6)" in done.stderr
    assert "pip install --force-reinstall --no-deps nibabel" in done.stderr
    assert "packages   torch" in done.stdout and "engine     torch: cpu" in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_it_works_without_the_heavy_packages(frame, tmp_path):
    """In an environment that has little besides what draws the command line."""
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    for name in ("click", "rich", "pygments", "markdown_it", "mdurl", "numpy", "filelock"):
        found = Path(__import__(name).__file__).parent
        os.symlink(found, site / name)
    if (libraries := Path(numpy.__file__).parent.with_name("numpy.libs")).exists():
        os.symlink(libraries, site / "numpy.libs")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [tmp_path / "venv" / "bin" / "python", ROOT / "cli.py", "doctor", frame]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert re.search(r"^missing    torch, OpenEXR, safetensors \(n2n-render itself\)$", done.stdout, re.M), done.stdout
    assert "missing    bpy (n2n-render[blender])" in done.stdout and "engine     torch: cannot run here" in done.stdout
    assert "cannot be read here (the package OpenEXR is not installed)" in done.stdout
    assert "no weights" in done.stdout or "Open Image Denoise is not installed" in done.stdout


def test_from_python_it_answers_with_plain_data(monkeypatch):
    monkeypatch.setattr("n2n_render.doctor.packages.ask", lambda *_: {"version": "1"})
    monkeypatch.setattr("n2n_render.doctor.verb.ask", lambda *_: {"problem": "asked nobody"})
    done = doctor(DoctorOptions())
    assert json.loads(json.dumps(done.to_dict())) == done.to_dict()
    assert {found["state"] for found in done.sections["packages"].values()} <= {OK, MISSING, BROKEN}
    assert ("the engines cannot be told: asked nobody", "Please report this.") in done.problems
