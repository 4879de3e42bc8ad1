"""programs.py, outside Blender: what a program tells in events becomes a result or one sentence."""

import importlib
import json
import sys
import types
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "blender_addon"


@pytest.fixture(scope="module")
def programs():
    """The module without the package around it, which needs Blender."""
    sys.modules["n2n_addon"] = types.ModuleType("n2n_addon")
    sys.modules["n2n_addon"].__path__ = [str(FOLDER / "process")]
    yield importlib.import_module("n2n_addon.programs")
    for name in [name for name in sys.modules if name.split(".")[0] == "n2n_addon"]:
        del sys.modules[name]


def ran(programs, code, warn=print):
    """(what it yields besides None, what it returns)"""
    steps, found = programs.run([sys.executable, "-c", code], {}, warn), []
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            return found, stop.value
        found += [step] if step else []


def says(*events, code=0):
    lines = "".join(json.dumps(event) + "\n" for event in events)
    return f"import sys; sys.stderr.write({lines!r}); print('noise ' * 100_000); sys.exit({code})"


def test_the_result_is_returned_and_the_rest_is_told(programs):
    warned = []
    found, made = ran(
        programs,
        says(
            {"event": "start", "task": "t", "total": 2},
            {"event": "warning", "message": "odd"},
            {"event": "progress", "task": "t", "done": 1, "text": "x"},
            {"event": "result", "folder": "here"},
        ),
        warned.append,
    )
    assert made["folder"] == "here" and warned == ["odd"] and (0.5, "t x") in found


def test_an_error_is_its_sentence_whatever_words_it_has(programs):
    with pytest.raises(Exception, match="Was ist. Das tun") as caught:
        ran(programs, says({"event": "error", "kind": "input", "what": "Was ist", "hint": "Das tun"}, code=1))
    assert type(caught.value).__name__ == "Problem"


@pytest.mark.parametrize(
    "code",
    [
        "raise SystemExit(3)",
        "import os; os.kill(os.getpid(), 9)",
        "print('error: not an event')",
        "import sys; sys.stderr.write('error: an old program\\n'); sys.exit(1)",
    ],
)
def test_a_program_that_ends_without_an_event_is_a_problem(programs, code):
    with pytest.raises(Exception, match="without a word") as caught:
        ran(programs, code)
    assert type(caught.value).__name__ == "Problem"


def test_the_command_line_ends_with_such_events(programs):
    start = "import sys; sys.argv = ['n2n-render', '--progress', 'json', {}]; from n2n_render.cli.start import main; main()"
    assert ran(programs, start.format("'models', '.'"))[1]["models"]
    with pytest.raises(Exception, match="nowhere.exr"):
        ran(programs, start.format("'denoise', 'nowhere.exr', '--model', 'oidn', '-o', 'out.exr'"))
