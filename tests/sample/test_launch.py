"""Finding Blender, and what the user hears when it dies. The programs here are small shell scripts."""

import sys
from pathlib import Path

import pytest

from n2n_render.errors import N2NError
from n2n_render.sample.launch import Worker, find_blender


@pytest.fixture
def program(tmp_path):
    """program(shell lines): the path of an executable script."""

    def write(*lines):
        path = tmp_path / "program"
        path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
        path.chmod(0o755)
        return str(path)

    return write


def test_a_path_without_a_program_is_named(tmp_path):
    """The hint says which Blender is needed."""
    path = str(tmp_path / "nothing" / "blender")
    with pytest.raises(N2NError) as caught:
        find_blender(path)
    assert path in caught.value.what and "--blender" in caught.value.hint and "4.2" in caught.value.hint


def test_a_program_that_is_not_blender_is_refused(program):
    """Whatever it prints, it must name itself Blender."""
    path = program("echo GIMP 3.0")
    with pytest.raises(N2NError, match="does not say that it is Blender") as caught:
        find_blender(path)
    assert path in caught.value.what


def test_an_old_blender_is_refused_with_its_version(program):
    """The sentence names the version found and the one needed."""
    with pytest.raises(N2NError, match=r"is Blender 3\.6") as caught:
        find_blender(program("echo Blender 3.6.0"))
    assert "4.2" in caught.value.hint


def test_a_file_that_the_system_cannot_run_is_refused(tmp_path):
    """An executable of no known kind gives a sentence, not a traceback."""
    path = tmp_path / "broken"
    path.write_bytes(b"\x00\x01\x02")
    path.chmod(0o755)
    with pytest.raises(N2NError, match="cannot be run"):
        find_blender(str(path))


@pytest.mark.parametrize("version", ["4.2.0", "4.10.1", "5.0.1", "10.0"])
def test_blender_from_4_2_on_runs_without_personal_settings(program, version):
    """Versions are compared as numbers; the user's preferences stay out."""
    path = program(f"echo Blender {version}")
    command = find_blender(path)
    assert command[0] == path and "--factory-startup" in command and "--background" in command


def test_the_worker_script_is_started_from_a_file(program):
    """Nothing of ours is installed inside Blender, so the last argument is a path that exists."""
    command = find_blender(program("echo Blender 4.5.0"))
    assert command[-1].endswith("main.py") and Path(command[-1]).is_file()


def test_the_bpy_wheel_is_taken_without_a_path(tmp_path, monkeypatch):
    """This Python runs the worker when it can import bpy."""
    (tmp_path / "bpy.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert find_blender(None)[0] == sys.executable


def dying(program, *lines):
    return program('if [ "$1" = --version ]; then echo Blender 4.5.0; exit 0; fi', *lines)


def test_a_blender_that_dies_is_reported_with_its_last_words(program):
    """Exit code and last lines, so that a crash can be told from a lack of memory."""
    path = dying(program, "read line", "echo the roof is on fire", "exit 3")
    with pytest.raises(N2NError, match="exit code 3") as caught, Worker(path, print) as worker:
        worker.ask({"do": "open"})
    assert "the roof is on fire" in caught.value.hint


def test_a_blender_that_dies_at_once_is_reported_with_its_last_words(program):
    """Also when it is gone before the first request can be written."""
    with pytest.raises(N2NError, match="exit code 3") as caught:
        with Worker(dying(program, "echo no library of that name", "exit 3"), print) as worker:
            worker._process.wait()
            worker.ask({"do": "open"})
    assert "no library of that name" in caught.value.hint


def test_a_blender_that_dies_after_an_answer_is_reported(program):
    """A death between two requests is the same sentence."""
    path = dying(program, "read line", """echo '@n2n {"event": "scene", "size": [1, 2]}'""", "echo last words >&2", "exit 4")
    with pytest.raises(N2NError, match="exit code 4") as caught, Worker(path, print) as worker:
        assert worker.ask({"do": "open"})["size"] == [1, 2]
        worker._process.wait()
        worker.ask({"do": "render"})
    assert "last words" in caught.value.hint


def test_errors_and_warnings_of_the_worker_arrive(program):
    """A warning goes to the reporter and does not answer the request; an error is raised with its hint."""
    warnings = []
    path = dying(
        program,
        "read line",
        "echo Blender chatter",
        """echo '@n2n {"event": "warning", "message": "careful"}'""",
        """echo '@n2n {"event": "error", "what": "no camera", "hint": "set one", "traceback": ""}'""",
        "read line",
    )
    with Worker(path, warnings.append) as worker, pytest.raises(N2NError, match="no camera") as caught:
        worker.ask({"do": "open"})
    assert caught.value.hint == "set one" and warnings == ["careful"]


def test_leaving_the_worker_ends_the_child(program):
    """Whatever it is doing."""
    with Worker(dying(program, "exec sleep 1000"), print) as worker:
        process = worker._process
        assert process.poll() is None
    assert process.poll() is not None
