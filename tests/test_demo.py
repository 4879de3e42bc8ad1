"""What is wrong with a demo is said before it renders for minutes."""

import os

import pytest

from n2n_render.demo import DemoOptions, demo
from n2n_render.errors import N2NError
from n2n_render.io.dataset import write_manifest


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


@pytest.mark.parametrize(
    "minutes, there, size, views", [(5, None, (320, 180), 10), (0.2, None, (240, 135), 6), (5, (240, 135), (240, 135), 10)]
)
def test_a_brief_demo_renders_less_and_a_later_one_keeps_the_size_of_its_folder(
    tmp_path, monkeypatch, minutes, there, size, views
):
    class Asked(Exception):
        pass

    def sample(options, reporter):
        raise Asked(options)

    monkeypatch.setattr("n2n_render.demo.road.sample", sample)
    (tmp_path / "dataset").mkdir()
    (tmp_path / "demo.blend").touch()
    if there:
        write_manifest(tmp_path / "dataset", {"format": 1, "scene": {"file": "demo.blend"}, "spp": 8, "size": list(there)})
    with pytest.raises(Asked) as asked:
        demo(DemoOptions(str(tmp_path), minutes))
    (options,) = asked.value.args
    assert (options.size, options.views, options.reference_spp) == (size, views, 192)
