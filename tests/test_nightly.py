"""What waits for the night is left out by day, is counted, and runs when it is asked for."""

from pathlib import Path

import pytest

TESTS = """
import pytest

@pytest.mark.nightly
@pytest.mark.parametrize("value", [1, 2])
def test_at_night(value): pass

def test_by_day(): pass
"""
WAITING = "2 tests wait for the night (--nightly)"


@pytest.fixture
def suite(pytester, monkeypatch):
    """suite(*words) → what pytest says of one test by day and two by night."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    pytester.makeini("[pytest]\nmarkers =\n    nightly: at night")
    pytester.makeconftest('pytest_plugins = ["nightly_fixtures"]')
    path = pytester.makepyfile(TESTS)

    def run(*words):
        start = pytester.runpytest_subprocess if "-n" in words else pytester.runpytest
        return start(*(word.replace("FILE", path.name) for word in words))

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    "words, passed, waiting",
    [
        ((), 1, True),
        (("-n", "2"), 1, True),
        (("FILE",), 1, True),
        (("--nightly",), 3, False),
        (("-m", "nightly"), 2, False),
        (("FILE::test_at_night",), 2, False),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_waits_runs_only_when_it_is_asked_for(suite, words, passed, waiting):
    said = suite(*words)
    assert said.parseoutcomes()["passed"] == passed and "skipped" not in said.parseoutcomes()
    assert (WAITING in said.outlines) == waiting
