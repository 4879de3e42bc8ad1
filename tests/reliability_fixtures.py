"""How much the reliability tests try: little in CI, as much as asked by hand."""

import shutil

import pytest

# Options of a training that takes no time. The files' own: how many steps, and how often it is validated.
TINY = {
    "batch": 2,
    "crop_px": 16,
    "levels": 2,
    "encoder_width": 8,
    "decoder_width": 8,
    "device": "cpu",
    "precision": "float32",
    "hdr": True,
    "features": ("albedo",),
}


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


@pytest.fixture
def place(material, tmp_path, monkeypatch):
    """A copy of the folder that the file's own fixture `material` makes, which is the current folder."""
    shutil.copytree(material, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path
