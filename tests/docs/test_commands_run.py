"""Every command of the documents runs as it stands there, on small files and with short limits.

By day those that a newcomer meets first, of the README, the quick starts and the list of commands.
"""

import functools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from docs_fixtures import run
from documented import DOCUMENTS, OTHERS, RECORDS, ROOT, blocks, commands

pytestmark = [pytest.mark.blender, pytest.mark.slow]

# All that is changed of a command, so that it takes a second. Words of any command:
SHORTER = {"1-250": "1-4", "1-48": "1-4", "1-24": "1-4", "1-125": "1-2", "12,13": "2,3", "25-124": "2-5"}
PLACES = {"/mnt/show": "show"}
# Options of a command: the value that they have here if the document gives one, and what is added or replaced in any case.
GIVEN = {"sample": {"--views": "2", "--reference-spp": "2"}, "adapt": {"--train-frames": "2"}}
ALWAYS = {
    "sample": {"--spp": "1", "--size": "64x36", "--device": "cpu"},
    "train": {"--steps": "2", "--levels": "1", "--widths": "8,8", "--crop": "32", "--batch": "2"},
    "adapt": {"--engine": "torch", "--init": "oidn-small", "--steps": "2", "--crop": "32", "--batch": "1"},
    "denoise": {"--engine": "torch"},  # is ready at once; another one takes seconds to be
    "evaluate": {"--engine": "torch"},
    "online": {"--spp": "1", "--size": "64x36", "--steps-per-frame": "1", "--crop": "32", "--batch": "1"},
    "watch": {"--engine": "torch", "--settle": "0"},
    "farm": {"--no-probe": None},
}
NO_TRAINING = ("--paint", "--merge")  # stages of `adapt` that take none of its limits, and want what was trained before
ELSEWHERE = {"demo": "tests/test_journey.py"}  # has no limits to shorten by: run there


def test_what_runs_elsewhere_does():
    assert all(f"{name}(" in (ROOT / place).read_text() for name, place in ELSEWHERE.items())


def name_of(words):
    """Of a command; options of the program stand before it."""
    return next(word for before, word in zip(["", *words], words, strict=False) if before != "--progress" and word[:2] != "--")


def shortened(words):
    words = [
        functools.reduce(lambda text, old: text.replace(old, PLACES[old]), PLACES, SHORTER.get(word, word)) for word in words
    ]
    name = name_of(words)
    for option, value in GIVEN.get(name, {}).items():
        if option in words:
            words[words.index(option) + 1] = value
    for option, value in ALWAYS.get(name, {}).items():
        if set(NO_TRAINING) & set(words) and option != "--engine":
            continue
        if option in words:
            words[words.index(option) + 1] = value
        else:
            words += [option] if value is None else [option, value]
    return words


def documented():
    """Each command once, with the first document that has it."""
    found = {}
    for document in DOCUMENTS:
        for words in commands(document) if document not in [*RECORDS, *OTHERS] else ():
            if name_of(words) not in (*ELSEWHERE, "serve"):
                found.setdefault(tuple(shortened(words)), document.relative_to(ROOT))
    return [
        pytest.param(words, id=f"{document}: {' '.join(words)}", marks=[pytest.mark.nightly] * (not is_met_first(document)))
        for words, document in found.items()
    ]


def is_met_first(document):
    return document.as_posix().startswith(("README", "docs/start/", "docs/commands"))


@pytest.fixture
def files(documented_files, tmp_path, monkeypatch):
    shutil.copytree(documented_files, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")


@pytest.mark.parametrize("words", documented())
def test_a_documented_command_runs(words, files):
    name = name_of(words)
    makes = next((words[words.index(option) + 1] for option in ("-o", "--output", "--out") if option in words), None)
    if name == "sample":
        makes = makes or f"datasets/{Path(words[words.index('--scene') + 1]).stem}"
    if makes and not set(NO_TRAINING) & set(words):
        shutil.rmtree(makes, ignore_errors=True)
    run(*words)
    assert makes is None or Path(makes).exists()


def test_the_documented_requests_are_answered(files):
    """Each is sent when the one before is done."""
    assert ["serve"] in commands(ROOT / "docs/programs.md")
    requests = [json.loads(line) for line in "".join(blocks(ROOT / "docs/programs.md", "json")).splitlines()]
    assert requests[-1]["do"] == "quit"
    started = [sys.executable, "-m", "n2n_render", "serve"]
    with subprocess.Popen(started, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        for request in requests[:-1]:
            print(json.dumps(request), file=process.stdin, flush=True)
            answers = (json.loads(line) for line in process.stdout)
            assert next(answer for answer in answers if answer["event"] not in ("progress", "warning"))["event"] == "done"
        print(json.dumps(requests[-1]), file=process.stdin, flush=True)
        assert process.wait(60) == 0
    assert Path("clean.exr").exists()
