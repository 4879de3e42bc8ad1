"""How much the reliability tests try: little in CI, as much as asked by hand."""

import pytest


def pytest_addoption(parser):
    group = parser.getgroup("reliability")
    group.addoption("--reliability-cases", type=int, default=60, help="How many damaged files are made (1000: minutes).")
    group.addoption("--reliability-seed", type=int, default=1, help="Which ones.")
    group.addoption("--reliability-kills", type=int, default=1, help="How often each command is killed (5: minutes).")


@pytest.fixture
def reliability_cases(request):
    return request.config.getoption("--reliability-cases")


@pytest.fixture
def reliability_seed(request):
    return request.config.getoption("--reliability-seed")


@pytest.fixture
def reliability_kills(request):
    return request.config.getoption("--reliability-kills")
