"""How commands end: one event for programs, one sentence for people, and never a traceback for what a user can mend."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from conftest import noisy_frame, true_frame
from nightly_fixtures import nightly

from n2n_render.cli.commands import main

ROOT = Path(__file__).parents[1]
EVENTS = ("error", "result")


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def ending(*arguments):
    """(exit code, the event that the stream of `--progress json` ends with); there is no other one of its kind."""
    done = run("--progress", "json", *arguments)
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert [line["event"] in EVENTS for line in lines] == [False] * (len(lines) - 1) + [True], done.stderr
    assert done.stderr.splitlines()[-1].startswith("{")
    return done.exit_code, lines[-1]


@pytest.fixture
def frame(tmp_path):
    from n2n_render.io.exr import write_frame

    write_frame(tmp_path / "noisy.exr", noisy_frame(true_frame(40, 48), 1))
    return tmp_path / "noisy.exr"


@pytest.mark.parametrize(
    "arguments, code, kind, says",
    [
        (["denoise", "missing.exr", "--model", "oidn", "-o", "out.exr"], 1, "input", "missing.exr"),
        (["denoise", "--model", "oidn"], 2, "usage", "INPUT"),
        (["denoise", "a.exr", "--model", "oidn", "-o", "b.exr", "--strength", "7"], 2, "usage", "strength"),
        (["dance"], 2, "usage", "dance"),
        (["--dance", "models"], 2, "usage", "dance"),
        (["denoise", f"{'a' * 300}.exr", "--model", "oidn", "-o", "b.exr"], 1, "input", "no such file"),
    ],
)
def test_what_went_wrong_is_the_last_event(arguments, code, kind, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found, event = ending(*arguments)
    assert (found, event["event"], event["kind"]) == (code, "error", kind) and event["hint"]
    assert says in event["what"] and "Traceback" not in event["what"]


@pytest.mark.parametrize(
    "raised, code, kind",
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.Abort(), 130, "interrupted"),
        (click.UsageError("not so"), 2, "usage"),
        (MemoryError("12 GiB"), 1, "memory"),
        (OSError(errno.ENOSPC, "No space left on device", "/disk/file"), 1, "system"),
        (ZeroDivisionError("by us"), 1, "unexpected"),
        (SystemError("in an import"), 1, "unexpected"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_whatever_is_raised_is_one_last_event(raised, code, kind, monkeypatch):
    def fail(*_):
        raise raised

    monkeypatch.setattr("n2n_render.network.registry.list_models", fail)
    found, event = ending("models")
    assert (found, event["event"], event["kind"]) == (code, "error", kind)


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_error_of_the_disk_is_a_sentence_with_the_path(number, monkeypatch):
    def fail(*_):
        raise OSError(number, os.strerror(number), "/disk/some file")

    monkeypatch.setattr("n2n_render.network.registry.list_models", fail)
    done = run("models")
    assert done.exit_code == 1 and "Traceback" not in done.output
    said = done.stderr.splitlines()
    assert len(said) == 2 and said[0].startswith("error: /disk/some file: ") and said[1].strip(), done.stderr


@pytest.mark.slow
def test_a_full_disk_behind_stdout_is_a_sentence():
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "n2n_render", "engines"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "full" in done.stderr and "standard output" in done.stderr
    assert "Traceback" not in done.stderr and "ignored" not in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_name_that_no_terminal_can_show_and_closed_streams_are_no_traceback(tmp_path):
    (tmp_path / "m").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path / "m") + b"/b\xff.tza")).write_bytes(b"x")
    for line in ("models m", "models m >&-", "models m 2>&-", "denoise m/*.tza --model oidn -o out.exr"):
        shell = ["sh", "-c", f"exec '{sys.executable}' '{ROOT}/cli.py' {line}"]
        done = subprocess.run(shell, capture_output=True, cwd=tmp_path, env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"})
        assert done.returncode == line.startswith("denoise") and b"Traceback" not in done.stderr, done.stderr
        assert ">" in line or any(shown in done.stdout + done.stderr for shown in (b"udcff", b"b?.tza"))


@pytest.mark.slow
def test_results_are_numbers_and_paths_by_name(frame, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, event = ending("denoise", frame, "--model", "oidn-small", "-o", tmp_path / "out.exr", "--device", "cpu")
    assert code == 0 and event["event"] == "result" and event["outputs"] == [str(tmp_path / "out.exr")]
    code, event = ending("export", "oidn-small", "--format", "tza", "-o", tmp_path / "m.tza", "--check", frame)
    assert code == 0 and event["path"] == str(tmp_path / "m.tza") and 0 <= event["difference"] < 1
    code, event = ending("models")
    assert code == 0 and "oidn" in {model["name"] for model in event["models"]}
    for word in ("--help", "--version"):
        assert ending(word) == (0, {"event": "result"})


@pytest.mark.slow
def test_learning_tells_what_it_made(make_dataset, tmp_path):
    data = make_dataset(size=(48, 48))
    steps = ("--steps", 3, "--batch", 1, "--device", "cpu")
    code, event = ending(
        "train", "--hdr", "--data", data, "--out", tmp_path / "run", *steps, "--levels", 1, "--widths", "8,8", "--crop", 16
    )
    assert code == 0 and event["folder"] == str(tmp_path / "run") and Path(event["model"]).is_file(), event
    for _ in range(2):  # the second one uses what the first has learned
        code, event = ending("adapt", data, "-o", tmp_path / "out", "--init", "oidn-small", "--crop", 32, *steps)
        assert code == 0 and Path(event["model"]).is_file() and len(event["outputs"]) == event["frames"] == 4
        assert event["learned"] == bool(event["steps"] or event["share"]) and 0 < event["expected_psnr_db"] < 100
        assert event["least_psnr_db"] <= event["expected_psnr_db"]


def _texts():
    """(command, option or argument) of every one that takes a text."""
    for name, command in main.commands.items():
        for param in command.params:
            if isinstance(param.type, click.types.StringParamType) and param.default != "":
                yield pytest.param(name, param, id=f"{name} {param.opts[0]}")


@pytest.mark.parametrize("command, param", list(_texts()))
@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_text_is_an_error_that_names_the_option(command, param, empty, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = [] if isinstance(param, click.Option) else [empty]
    for other in main.commands[command].params:
        if isinstance(other, click.Option) and (other.required or other is param):
            usual = other.type.choices[0] if isinstance(other.type, click.Choice) else "1"
            given += [other.opts[0], empty if other is param else usual]
        elif other.required and other is not param:
            given.append("1")
    done = run(command, *given)
    assert done.exit_code == 2 and "it is empty" in done.output, done.output
    assert (param.opts[0] if isinstance(param, click.Option) else param.make_metavar(click.Context(main))) in done.output
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no SIGINT for child processes")
@pytest.mark.parametrize(
    "program",
    [pytest.param(("-m", "n2n_render"), id="module"), pytest.param(("cli.py",), id="checkout", marks=pytest.mark.nightly)],
)
@pytest.mark.parametrize("moment_s", [0.0, 0.03, 0.06, 0.1, 0.3, 0.8, 1.4, *nightly(0.2, 0.5, 1.1, 1.7, 2.0)])
def test_ctrl_c_at_any_moment_is_no_traceback(program, moment_s, make_dataset, tmp_path):
    """Before `start.main` is reached, some hundredths of a second, Python itself answers: by its end, or a traceback."""
    data, out = make_dataset(views=2), tmp_path / "run"
    command = [
        sys.executable,
        *program,
        "--progress",
        "json",
        "train",
        "--hdr",
        "--data",
        str(data),
        "--out",
        str(out),
        "--steps",
        "100000",
        "--levels",
        "1",
        "--widths",
        "8,8",
        "--crop",
        "16",
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=ROOT)
    time.sleep(moment_s)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    if "interrupted" not in said and "in main" not in said.rpartition("site>")[2]:
        assert moment_s < 0.1 and process.returncode != 0, said
        return
    assert process.returncode == 130 and "Traceback" not in said, said
    assert [json.loads(said.splitlines()[-1])[name] for name in ("event", "kind")] == ["error", "interrupted"], said


def test_an_interruption_before_json_is_there_is_the_same_event():
    from n2n_render.cli.start import INTERRUPTED, INTERRUPTED_EVENT, end_event

    assert INTERRUPTED_EVENT + "\n" == end_event("interrupted", INTERRUPTED)
