"""What waits for the night: statistics, and further values of what a test by day tries with others.

A test with the mark `nightly` is left out unless it is asked for: by `--nightly`, `-m nightly`, or its name (`FILE::TEST`).
It is not skipped: how many wait is said at the end.
"""

import pytest

WAITING = pytest.StashKey[int]()


def nightly(*values):
    """Values of `parametrize` that are tried by night alone."""
    return [pytest.param(value, marks=pytest.mark.nightly) for value in values]


def pytest_addoption(parser):
    parser.addoption("--nightly", action="store_true", help="All tests: also those that CI leaves to the night.")


def pytest_configure(config):
    config.stash[WAITING] = 0


def pytest_collection_modifyitems(config, items):
    asked = config.getoption("--nightly") or "nightly" in config.option.markexpr or any("::" in word for word in config.args)
    waiting = [] if asked else [item for item in items if item.get_closest_marker("nightly")]
    if waiting:
        items[:] = [item for item in items if not item.get_closest_marker("nightly")]
        config.stash[WAITING] = len(waiting)
        config.hook.pytest_deselected(items=waiting)


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):  # one of several processes of pytest-xdist
        session.config.workeroutput["waiting"] = session.config.stash[WAITING]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    """Each process collects the same tests."""
    if error is None:
        node.config.stash[WAITING] = node.workeroutput["waiting"]


def pytest_terminal_summary(terminalreporter, config):
    if config.stash[WAITING]:
        terminalreporter.write_line(f"{config.stash[WAITING]} tests wait for the night (--nightly)")
