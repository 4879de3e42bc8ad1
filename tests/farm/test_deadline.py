"""Deadline's files, taken by a fake `deadlinecommand` that runs a job's tasks at once, as the plugin CommandLine does."""

import json
import os
import sys

import pytest

from n2n_render.errors import N2NError
from n2n_render.farm import farm
from n2n_render.farm.deadline import quoted

DEADLINE = """#!{python}
import json, pathlib, shlex, subprocess, sys
state = pathlib.Path(__file__).parent / "jobs.json"
jobs = json.loads(state.read_text()) if state.exists() else []
texts = [pathlib.Path(path).read_text() for path in sys.argv[1:]]
info, plugin = [{{key: value for key, _, value in (line.partition("=") for line in text.splitlines())}} for text in texts]
assert info["Plugin"] == "CommandLine" and all(wait in [job["id"] for job in jobs if job["ok"]]
    for wait in info.get("JobDependencies", "").split(",") if wait)
first, _, last = info["Frames"].lstrip("-").partition("-")
sign = -1 if info["Frames"].startswith("-") else 1
first, last = sign * int(first), int(last or first)
size, codes = int(info["ChunkSize"]), []
for start in range(first, last + 1, size):
    words = plugin["Arguments"].replace("<STARTFRAME>", str(start)).replace("<ENDFRAME>", str(min(last, start + size - 1)))
    codes.append(subprocess.run([plugin["Executable"], *shlex.split(words)]).returncode)
jobs.append({{"id": f"6a{{len(jobs)}}", "info": info, "ok": not any(codes), "codes": codes}})
state.write_text(json.dumps(jobs))
print(f"Submitted\\nResult=Success\\nJobID={{jobs[-1]['id']}}\\nThe job was submitted")
"""


@pytest.fixture
def deadline(tmp_path, monkeypatch):
    """deadline() → the jobs that were submitted."""
    folder = tmp_path / "thinkbox"
    folder.mkdir()
    program = folder / "deadlinecommand"
    program.write_text(DEADLINE.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return lambda: json.loads((folder / "jobs.json").read_text())


@pytest.mark.slow
def test_every_task_runs_once_with_its_own_words(farm_shot, deadline, farm_commands):
    options = farm_shot.options(
        engine="deadline", submit=True, reference_spp=16, reference_frames=(1, 2), camera="a 'b' %d $x ü"
    )
    answer = farm(options).answer
    expected = [[word if word != "7" else "7-7" for word in words] for words in farm_commands(options)]  # first and last frame
    assert farm_shot.told() == expected
    assert answer.splitlines()[0] == "sample: job 6a0"
    assert [job["info"].get("JobDependencies") for job in deadline()] == [None, "6a0", "6a1", "6a2", "6a3", "6a4"]
    folders = [job["info"]["OutputDirectory0"].rpartition("/")[2] for job in deadline()]
    assert folders == ["renders", "clean", "clean", "clean", "evaluation", "evaluation"]


@pytest.mark.slow
def test_frames_with_gaps_are_numbered_parts(farm_shot, deadline):
    farm_shot.farm(engine="deadline", submit=True, frames=(1, 3, 5, 7), sample_chunk=2, camera=None)
    assert [call[-2:] for call in farm_shot.told()[:2]] == [["--chunk", "1/2"], ["--chunk", "2/2"]]
    assert [call[-2:] for call in farm_shot.told()[3:4]] == [["--chunk", "1/1"]]


@pytest.mark.slow
def test_failures_and_time_are_limited(farm_shot, deadline):
    farm_shot.farm(engine="deadline", submit=True, retries=2, minutes=10.0, camera=None)
    info = deadline()[1]["info"]
    assert info["FailureDetectionTaskErrors"] == "3" and int(info["TaskTimeoutMinutes"]) > 10


def test_a_job_that_is_not_taken_is_a_sentence(farm_shot, deadline, tmp_path):
    (tmp_path / "thinkbox" / "deadlinecommand").write_text("#!/bin/sh\necho no repository >&2; exit 1\n")
    with pytest.raises(N2NError, match="sample was not submitted: no repository"):
        farm_shot.farm(engine="deadline", submit=True)


@pytest.mark.parametrize(
    "word, text",
    [
        ("--only", "--only"),
        ("/a b/c", '"/a b/c"'),
        ('a "b"', '"a \\"b\\""'),
        ("C:\\a b\\", '"C:\\a b\\\\"'),
        ('\\"', '"\\\\\\""'),
        ("it's", '"it\'s"'),
        ("", '""'),
    ],
)
def test_words_between_quotes(word, text):
    assert quoted(word) == text
