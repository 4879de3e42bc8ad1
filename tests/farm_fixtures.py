"""Jobs of a shot whose names are hard for every shell and template, and a worker's program that only notes what it is told."""

import json
import shlex
import subprocess
import sys
from types import SimpleNamespace

import pytest

from n2n_render.farm import FarmOptions, farm

AWKWARD = 'it\'s 100% $HOME `x` {{y}} ü "q"'
NOTE = """
import json, os, pathlib, sys
here = pathlib.Path(__file__).parent
words = sys.argv[1:]
with open(here / "told.jsonl", "a") as file:
    file.write(json.dumps(words) + "\\n")
failing = here / "failing.json"
if failing.exists():
    left = json.loads(failing.read_text())
    for word in set(words) & set(left):
        left[word] -= 1
        failing.write_text(json.dumps({key: count for key, count in left.items() if count > 0}))
        sys.exit(1)
"""


@pytest.fixture
def farm_shot(tmp_path):
    """A scene and a job's folder with awkward names.

    `told()`: what the workers' program was called with, each call's words without its style of progress.
    `fail(word, times)`: it fails so often when it is given the word. `options(**others)`: of `farm`.
    """
    folder = tmp_path / AWKWARD
    folder.mkdir()
    scene, job, program = folder / "my scene.blend", folder / "job", tmp_path / "worker.py"
    scene.write_bytes(b"no scene")
    program.write_text(NOTE)
    log = tmp_path / "told.jsonl"

    def told():
        calls = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [call[2:] if call[0] == "--progress" else call for call in calls]

    def options(**others):
        usual = {"frames": tuple(range(1, 8)), "spp": 4, "camera": 'a {{b}} "c" %d <STARTFRAME', "workers": 2, "probe": False}
        runs = {"program": shlex.join([sys.executable, str(program)]), "sample_chunk": 3, "paint_chunk": 4}
        return FarmOptions(**{"scene": str(scene), "output": str(job), **usual, **runs, **others})

    return SimpleNamespace(
        scene=scene,
        job=job,
        told=told,
        fail=lambda word, times: (tmp_path / "failing.json").write_text(json.dumps({word: times})),
        options=options,
        farm=lambda **others: farm(options(**others)),
    )


@pytest.fixture
def farm_commands():
    """farm_commands(options) → the words of all tasks of the plan, in order, from the verb on."""
    from n2n_render.farm.job import plan
    from n2n_render.farm.measured import Measured

    def of(options):
        tasks = [list(words) for step in plan(options, Measured()).steps for words in step.commands]
        return [words[min(words.index(verb) for verb in ("sample", "adapt", "evaluate") if verb in words) :] for words in tasks]

    return of


@pytest.fixture
def run_words():
    """run_words(*words) → what a process of them said; it has to succeed."""

    def call(*words, **how):
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=300, **how)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    return call
