"""SLURM's scripts, run by a fake `sbatch` that does what is submitted at once: arrays task by task, dependencies, logs."""

import json
import os
import sys

import pytest

from n2n_render.errors import N2NError
from n2n_render.farm import farm

SBATCH = """#!{python}
import json, os, pathlib, re, subprocess, sys
state = pathlib.Path(__file__).parent / "jobs.json"
jobs = json.loads(state.read_text()) if state.exists() else []
*options, script = sys.argv[1:]
lines = pathlib.Path(script).read_text().splitlines()
assert lines[0] == "#!/bin/bash"
options += [line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH ")]
given = dict(re.fullmatch(r"--([a-z-]+)(?:=(.*))?", option).groups() for option in options)
assert set(given) <= {{"parsable", "output", "dependency", "kill-on-invalid-dep", "partition", "job-name", "nodes", "ntasks",
    "mem", "gres", "time", "array", "requeue"}}, given
number = 100 + len(jobs)
waits = re.fullmatch(r"afterok((?::\\d+)+)", given["dependency"])[1][1:].split(":") if "dependency" in given else []
ok = all(jobs[int(wait) - 100]["ok"] for wait in waits)
first, last = map(int, given.get("array", "0-0").split("-"))
ran = []
for index in range(first, last + 1) if ok else ():
    log = given["output"].replace("%%", "\\0").replace("%A", str(number)).replace("%a", str(index)).replace("%j", str(number))
    own = {{"SLURM_ARRAY_TASK_ID": str(index)}} if "array" in given else {{}}
    with open(log.replace("\\0", "%"), "w") as file:
        ran.append(subprocess.run(["bash", script], stdout=file, stderr=file, env={{**os.environ, **own}}).returncode)
jobs.append({{"given": given, "codes": ran, "ok": ok and not any(ran)}})
state.write_text(json.dumps(jobs))
print(f"{{number}};cluster")
"""


@pytest.fixture
def sbatch(tmp_path, monkeypatch):
    """sbatch() → the jobs that were submitted, with their options, their tasks' exit codes, and whether all went well."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    program = folder / "sbatch"
    program.write_text(SBATCH.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return lambda: json.loads((folder / "jobs.json").read_text())


@pytest.mark.slow
def test_every_task_runs_once_with_its_own_words(farm_shot, sbatch, farm_commands, run_words):
    options = farm_shot.options(engine="slurm", reference_spp=16, reference_frames=(1, 2), frames=(-3, -2, 1, 2, 5, 7))
    done = farm(options)
    run_words(*done.submit, "--partition=render")
    assert farm_shot.told() == farm_commands(options)
    jobs = sbatch()
    assert all(job["ok"] and job["given"]["partition"] == "render" for job in jobs)
    assert [len(job["codes"]) for job in jobs] == list(done.tasks.values())
    assert sorted(path.name for path in (farm_shot.job / "logs").iterdir())[:2] == ["collect-103.log", "evaluate-104_1.log"]


@pytest.mark.slow
def test_a_task_that_fails_is_tried_again(farm_shot, sbatch):
    farm_shot.fail("4-6", 3)
    farm_shot.farm(engine="slurm", submit=True)
    assert all(job["ok"] for job in sbatch())
    assert sum("4-6" in call for call in farm_shot.told()) == 4


@pytest.mark.slow
def test_nothing_follows_a_step_that_failed_for_good(farm_shot, sbatch):
    farm_shot.fail("--train-only", 10)
    farm_shot.farm(engine="slurm", submit=True, retries=1)
    assert [job["ok"] for job in sbatch()] == [True, False, False, False]
    assert sbatch()[2]["codes"] == []  # never began


@pytest.mark.slow
def test_what_a_task_needs_is_asked_for(farm_shot, sbatch):
    answer = farm_shot.farm(engine="slurm", submit=True, gpus=2, memory_gib=7.0, minutes=10.0, retries=0).answer
    given = [job["given"] for job in sbatch()]
    assert [(one["mem"], one.get("gres")) for one in given] == [
        ("7168M", None),
        ("7168M", "gpu:2"),
        ("7168M", "gpu:2"),
        (given[3]["mem"], None),
    ]
    assert int(given[1]["time"]) > 10 and "requeue" in given[0]
    assert answer.splitlines() == ["sample: job 100", "train: job 101", "paint: job 102", "collect: job 103"]


def test_without_the_program_nothing_is_submitted(farm_shot, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(N2NError, match="sbatch is not on the PATH") as error:
        farm_shot.farm(engine="slurm", submit=True)
    assert "submit.sh" in error.value.hint and (farm_shot.job / "submit.sh").exists()
