"""What is wrong with a demo is said before it renders for minutes."""

import os

import pytest

from n2n_render.demo import DemoOptions, demo
from n2n_render.errors import N2NError


@pytest.fixture(autouse=True)
def any_blender(monkeypatch):
    monkeypatch.setattr("n2n_render.demo.road.find_blender", lambda given: None)


def test_a_view_that_is_not_there_is_refused_before_anything_is_written(tmp_path):
    pytest.importorskip("PyOpenColorIO")
    options = DemoOptions(str(tmp_path / "demo"), ocio="ocio://default", view="Nonsense")
    with pytest.raises(N2NError, match="no view 'Nonsense'"):
        demo(options)
    assert not (tmp_path / "demo").exists()


def test_a_folder_that_takes_nothing_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(N2NError, match="nothing can be written there") as told:
        demo(DemoOptions(str(tmp_path)))
    assert "--out" in told.value.hint and not list(tmp_path.iterdir())
