"""serve: one JSON object for each line, and a process that survives what is asked of it."""

import json
import subprocess
import sys
import time

import pytest
from conftest import noisy_frame, true_frame
from serve_fixtures import TIMEOUT_S, denoise

from n2n_render.errors import doubt
from n2n_render.io.exr import write_frame
from n2n_render.serve.job import Job
from n2n_render.serve.request import Describe
from n2n_render.serve.server import Server


@pytest.mark.slow
def test_a_request_can_be_cancelled_before_and_while_it_runs(served, noisy_file, tmp_path):
    write_frame(tmp_path / "large.exr", noisy_frame(true_frame(720, 1280), 1))
    served.ask(id="runs", **denoise(tmp_path / "large.exr", output=str(tmp_path / "runs.exr")))
    served.ask(id="waits", **denoise(tmp_path / "large.exr", output=str(tmp_path / "waits.exr")))
    served.ask(id="waits", do="cancel")
    assert served.answer()["event"] == "progress"
    served.ask(id="runs", do="cancel")
    assert served.last("runs")[0]["event"] == "cancelled"
    assert served.last("waits")[0]["event"] == "cancelled"
    served.ask(id="next", **denoise(noisy_file, output=str(tmp_path / "next.exr")))
    assert served.last("next")[0]["event"] == "done"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["large.exr", "next.exr", "noisy.exr"]


@pytest.mark.slow
def test_what_cannot_be_done_is_an_error_and_the_process_lives_on(served, noisy_file, tmp_path):
    (tmp_path / "text.tza").write_text("not a model")
    (tmp_path / "text.exr").write_text("not an image")
    for identity, (request, expected) in enumerate(
        (
            ({"do": "dance"}, "dance"),
            (denoise(tmp_path / "none.exr"), "none.exr"),
            (denoise(tmp_path / "text.exr"), "text.exr"),
            (denoise(noisy_file, model=str(tmp_path / "text.tza")), "text.tza"),
            (denoise(noisy_file, model=str(tmp_path / "none.tza")), "none.tza"),
            (denoise(noisy_file, device="toaster"), "toaster"),
            (denoise(noisy_file, layers=["Nowhere"]), "Nowhere"),
            (denoise(noisy_file, output=str(noisy_file / "folder.exr")), "noisy.exr"),
            ({"do": "denoise"}, "model"),
        )
    ):
        served.ask(id=identity, **request)
        found, _ = served.last(identity)
        assert found["event"] == "error" and expected in found["what"], found
    for line in (b"{", b"[]", b""):
        served.send(line)
        found = served.answer()
        assert (found["id"], found["event"]) == (None, "error") and "JSON" in found["what"]
    served.ask(id="last", do="check", model="oidn-small", inputs=[str(noisy_file)])
    assert served.last("last")[0]["event"] == "done"


@pytest.mark.slow
@pytest.mark.parametrize("how", ["end of stdin", "quit", "end of stdin at work"])
def test_it_ends_with_who_asks(served, tmp_path, how):
    served.ask(id=1, do="check", model="oidn-small", inputs=[])
    served.last(1)
    if how == "end of stdin at work":
        write_frame(tmp_path / "large.exr", noisy_frame(true_frame(720, 1280), 1))
        served.ask(id=2, **denoise(tmp_path / "large.exr"))
        served.answer()
    started = time.monotonic()
    if how == "quit":
        served.ask(do="quit")
        code = served.process.wait(timeout=TIMEOUT_S)
    else:
        code = served.end()
    assert code == 0 and time.monotonic() - started < 10


@pytest.mark.slow
def test_only_answers_go_to_stdout(served, noisy_file):
    """Whatever a library prints there would break the protocol."""
    served.ask(id=1, do="describe", folders=[])
    served.ask(id=2, **denoise(noisy_file))
    assert served.last(1)[0]["event"] == served.last(2)[0]["event"] == "done"
    served.end()
    assert served.lines.empty()


HOSTILE_LINES = {
    "unhashable id": b'{"do": "cancel", "id": [1]}',
    "object as id": b'{"do": "describe", "id": {"a": 1}}',
    "true as id": b'{"do": "describe", "id": true}',
    "infinite id": b'{"do": "describe", "id": 1e999}',
    "not UTF-8": b'{"do": "describe", "id": "\xff\xfe"}',
    "another encoding": '{"do": "describe", "id": 1}'.encode("utf-16"),
    "deep list": b"[" * 200_000,
    "deep object": b'{"id":' * 200_000,
    "deep in a field": b'{"id": 1, "do": "describe", "folders": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "NaN": b'{"do": "denoise", "id": 1, "model": "oidn", "input": "a", "strength": NaN}',
    "infinity": b'{"do": "describe", "id": 1, "folders": [-Infinity]}',
    "a field twice": b'{"id": 1, "do": "describe", "do": "quit"}',
    "huge number": b'{"id": ' + b"9" * 5000 + b', "do": "describe"}',
    "no object": b'"quit"',
    "null": b"null",
    "zeros": b"\0\0\0",
    "do is a list": b'{"id": 1, "do": ["quit"]}',
    "cancel of nothing": b'{"do": "cancel"}',
}


@pytest.mark.slow
def test_no_line_ends_the_process_or_its_hearing(served):
    for name, line in HOSTILE_LINES.items():
        served.send(line)
        found = served.answer()
        assert found["event"] == "error" and found["what"] and found["hint"], name
        assert len(found["what"]) < 300, name
    served.send(b"x" * (2**24 + 5))
    found = served.answer()
    assert (found["id"], found["event"]) == (None, "error") and "16 MiB" in found["what"]
    served.ask(id="still", do="check", model="oidn-small", inputs=[])
    assert served.last("still")[0]["event"] == "done"
    assert served.end() == 0


@pytest.mark.slow
@pytest.mark.parametrize("line", [*HOSTILE_LINES.values(), b"x" * 2**25], ids=[*HOSTILE_LINES, "huge"])
def test_the_process_ends_with_stdin_after_any_line(served, line):
    served.process.stdin.write(line)  # not even a line's end
    assert served.end() == 0


@pytest.mark.slow
def test_a_cancelled_id_can_be_used_again(served, noisy_file, tmp_path):
    """Also when nothing of that id was there to cancel, and in the same breath."""
    served.ask(id=1, do="cancel")
    served.ask(id=1, do="check", model="oidn-small", inputs=[str(noisy_file)])
    assert served.last(1)[0]["event"] == "done"
    served.ask(id="busy", **denoise(noisy_file, output=str(tmp_path / "busy.exr")))
    for do in ("check", "cancel", "check"):
        served.ask(id=1, do=do, **({} if do == "cancel" else {"model": "oidn-small", "inputs": [str(noisy_file)]}))
    assert served.last("busy")[0]["event"] == "done"
    assert [served.last(1)[0]["event"] for _ in range(2)] == ["cancelled", "done"]


def test_doubts_of_the_library_are_warnings_of_the_request_in_hand():
    answers = []
    server = Server(answers.append)
    doubtful = {"version": "0"}

    def describe(request, job):
        doubt("the file looks odd")
        doubt("the file looks odd")
        return doubtful

    server._work[Describe] = describe
    for identity in (1, 2):
        server.handle(Job(identity, Describe(), server.answer))
    doubt("nobody asked")
    assert [(found["id"], found["event"]) for found in answers] == [(1, "warning"), (1, "done"), (2, "warning"), (2, "done")]
    assert answers[0]["message"] == "the file looks odd"


@pytest.mark.slow
def test_it_ends_when_nobody_listens(noisy_file):
    process = subprocess.Popen([sys.executable, "-m", "n2n_render.serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.close()
    try:
        request = {"id": 1, "do": "check", "model": "oidn-small", "inputs": [str(noisy_file)]}
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        assert process.wait(timeout=TIMEOUT_S) == 0
    finally:
        process.kill()


def test_work_that_tells_nobody_of_its_progress_is_cancelled_too(noisy_file):
    """By what a network's every tile asks."""
    from n2n_render.denoise import load_denoiser
    from n2n_render.engines.options import EngineOptions
    from n2n_render.io.exr import ExrImage

    answers, denoiser = [], load_denoiser("oidn-small", EngineOptions("cpu", "oidn"))
    frame = ExrImage.open(noisy_file).frame(None, denoiser.features)
    server = Server(answers.append)

    def describe(request, job):
        job.is_cancelled = True
        return {"sum": float(denoiser.denoise(frame).sum())}

    server._work[Describe] = describe
    server.handle(Job(1, Describe(), server.answer))
    assert answers == [{"id": 1, "event": "cancelled"}]
    assert denoiser.denoise(frame).any()  # beyond the request nobody stops it
