"""`--progress openjd`: what a worker of Open Job Description reads on stdout."""

import logging
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner
from conftest import noisy_frame, true_frame

from n2n_render.cli import lines
from n2n_render.cli.commands import main
from n2n_render.cli.lines import OpenJDReporter
from n2n_render.cli.start import progress_style


def run(*arguments):
    return CliRunner().invoke(main, ["--progress", "openjd", *map(str, arguments)])


def told(text, kind):
    return [line.partition(": ")[2] for line in text.splitlines() if line.startswith(f"openjd_{kind}: ")]


@pytest.fixture
def frames(tmp_path):
    from n2n_render.io.exr import write_frame

    (tmp_path / "in").mkdir()
    for number in (1, 2, 3):
        write_frame(tmp_path / "in" / f"f_{number:04}.exr", noisy_frame(true_frame(40, 48), number))
    return tmp_path / "in"


@pytest.mark.slow
def test_a_command_tells_its_stage_its_percent_and_its_result(frames, tmp_path):
    (frames / "f_0002.exr").write_bytes(b"no image")
    done = run("denoise", frames, "--model", "oidn-small", "-o", tmp_path / "out", "--device", "cpu")
    percent = [float(text) for text in told(done.stdout, "progress")]
    assert percent[0] == 0.0 and percent[-1] == 100.0 and percent == sorted(set(percent))
    statuses = told(done.stdout, "status")
    assert statuses[0] == "denoising" and any(text.startswith("denoising with oidn-small") for text in statuses)
    assert done.exit_code == 1 and "f_0002.exr" in done.stderr  # the log has the sentence, the worker too
    assert done.stdout.splitlines()[-1].startswith("openjd_fail: ") and "f_0002.exr" in done.stdout.splitlines()[-1]
    (frames / "f_0002.exr").unlink()
    done = run("denoise", frames, "--model", "oidn-small", "-o", tmp_path / "out", "--device", "cpu")
    assert done.exit_code == 0 and done.stdout.splitlines()[-1].startswith("wrote 2 files") and not told(done.stdout, "fail")


@pytest.mark.slow
def test_open_job_descriptions_own_reader_understands_every_line(frames, tmp_path):
    sessions = pytest.importorskip("openjd.sessions._action_filter")
    done = run("denoise", frames, tmp_path / "none", "--model", "oidn-small", "-o", tmp_path / "out")
    read = []
    reader = sessions.ActionMonitoringFilter(session_id="s", callback=lambda *told: read.append(told))
    for line in (*done.stdout.splitlines(), *run("denoise", frames, "-o", tmp_path / "o").stdout.splitlines()):
        record = logging.LogRecord("log", logging.INFO, "", 0, line, (), None)
        record.session_id = "s"
        reader.filter(record)
    assert {kind.value for kind, _, _ in read} == {"progress", "status", "fail"} and not any(cancel for _, _, cancel in read)


def test_percent_never_go_back_and_are_told_once_a_second(capsys, monkeypatch):
    moment = [100.0]
    monkeypatch.setattr(lines.time, "monotonic", lambda: moment[0])
    stage = OpenJDReporter("painting")
    stage.start(1000.0, 1000)
    for _ in range(900):  # nine seconds
        moment[0] += 0.01
        stage.advance(1.0)
    stage.advance(-400.0, finished=False)  # a frame that is done again
    for _ in range(500):
        stage.advance(1.0)
    said = [float(text) for text in told(capsys.readouterr().out, "progress")]
    assert said == sorted(said) and said[0] == 0.0 and said[-1] == 100.0 and len(said) <= 12
    moment[0] += 31.0
    stage.start(10.0, 10)
    moment[0] += 31.0
    stage.advance(1.0, "loss 0.1")
    stage.note("two\nlines")
    stage.warn("a\ndoubt")
    said = capsys.readouterr()
    assert told(said.out, "status") == ["painting", "painting: 1/10, loss 0.1", "two lines", "warning: a doubt"]
    assert said.err == "warning: a doubt\n"


@pytest.mark.parametrize(
    "arguments, style",
    [
        (["--progress", "openjd", "denoise"], "openjd"),
        (["--progress=openjd", "dance"], "openjd"),
        (["--progress", "json", "denoise"], "json"),
        (["denoise", "--progress", "openjd"], "bar"),
        (["--progress", "bar", "denoise", "json"], "bar"),
        ([], "bar"),
    ],
)
def test_the_style_is_known_before_the_line_is_parsed(arguments, style):
    assert progress_style(arguments) == style


@pytest.mark.parametrize(
    "raised, code",
    [(KeyboardInterrupt(), 130), (click.UsageError("not so"), 2), (MemoryError("12 GiB"), 1), (ZeroDivisionError("by us"), 1)],
    ids=lambda value: type(value).__name__,
)
def test_whatever_is_raised_is_told_last(raised, code, monkeypatch):
    def fail(*_):
        raise raised

    monkeypatch.setattr("n2n_render.network.registry.list_models", fail)
    done = run("models")
    assert done.exit_code == code and len(told(done.stdout, "fail")) == 1
    assert done.stdout.splitlines()[-1].startswith("openjd_fail: ") and done.stderr.strip()


@pytest.mark.slow
def test_a_line_that_cannot_be_parsed_fails_too(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "n2n_render", "--progress=openjd", "dance"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2 and "dance" in told(done.stdout, "fail")[0] and "dance" in done.stderr
