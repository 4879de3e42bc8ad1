"""Which n2n-render is run, and what an edition shows; outside Blender."""

import importlib
import json
import shutil
import sys
import types
from pathlib import Path

import pytest

PROCESS = Path(__file__).parents[2] / "blender_addon" / "process"


@pytest.fixture
def process(tmp_path, monkeypatch):
    """process("runtime") → that module of an extension that is installed in tmp_path / "installed"."""
    shutil.copytree(PROCESS, tmp_path / "installed" / "process", ignore=shutil.ignore_patterns("__pycache__"))
    package = types.ModuleType("n2n_installed")
    package.__path__ = [str(tmp_path / "installed" / "process")]
    monkeypatch.setitem(sys.modules, "n2n_installed", package)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    yield lambda name: importlib.import_module(f"n2n_installed.{name}")
    for name in [name for name in sys.modules if name.startswith("n2n_installed.")]:
        del sys.modules[name]


def program(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_without_any_there_is_none(process):
    assert process("runtime").external("") is None


def test_the_path_comes_before_the_usual_places(process, tmp_path):
    usual = program(tmp_path / "home" / "n2n" / "bin" / "n2n-render")
    assert process("runtime").external("") == [usual]
    on_path = program(tmp_path / "path" / "n2n-render")
    assert process("runtime").external("") == [on_path]


@pytest.mark.parametrize("name", ["bin/n2n-render", "Scripts/n2n-render.exe"])
def test_what_was_named_comes_first_as_program_python_or_folder(process, tmp_path, name):
    program(tmp_path / "path" / "n2n-render")
    there = program(tmp_path / "venv" / name)
    python = program(tmp_path / "venv" / "bin" / "python3.13")
    external = process("runtime").external
    assert external(there) == external(str(tmp_path / "venv")) == [there]
    assert external(python) == [python, "-m", "n2n_render"]


def test_what_was_named_and_is_not_there_is_said_and_nothing_else_is_taken(process, tmp_path):
    program(tmp_path / "path" / "n2n-render")
    runtime = process("runtime")
    (tmp_path / "empty").mkdir()
    for named in ("nowhere", "empty"):
        with pytest.raises(Exception, match=named) as caught:
            runtime.external(str(tmp_path / named))
        assert type(caught.value).__name__ == "Problem" and "docs/training-in-blender.md" in str(caught.value)


def test_nothing_is_bundled_in_a_checkout_and_n2n_render_beside_the_wheels_is(process, tmp_path, monkeypatch):
    runtime = process("runtime")
    assert runtime.bundled() is None
    (tmp_path / "installed" / "beside" / "n2n_render").mkdir(parents=True)
    monkeypatch.setattr(runtime, "WHEELS", ("json", "queue"))
    command, environment = runtime.bundled()
    assert command[0] == sys.executable and command[-1] == "n2n_render.serve"
    assert environment["PYTHONPATH"].split(":")[0] == str(tmp_path / "installed" / "beside")
    monkeypatch.setattr(runtime, "WHEELS", ("no_such_wheel",))
    assert runtime.bundled() is None


@pytest.mark.parametrize(
    "written, without, with_program",
    [(None, True, True), ("always", True, True), ("found", False, True), ("never", False, False)],
)
def test_best_is_shown_as_the_edition_says(process, tmp_path, written, without, with_program):
    if written:
        (tmp_path / "installed" / "edition.json").write_text(json.dumps({"edition": "test", "best": written}))
    edition = process("edition")
    assert edition.offers_best(False) is without and edition.offers_best(True) is with_program
