"""process/ without Blender: the countdown of a job's parts, and rates that are kept."""

import importlib
import sys
import types
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "blender_addon" / "process"


@pytest.fixture(scope="module")
def process():
    """Imports a module of the folder, without the package around it, which needs Blender."""
    sys.modules["n2n_process"] = types.ModuleType("n2n_process")
    sys.modules["n2n_process"].__path__ = [str(FOLDER)]
    yield lambda name: importlib.import_module(f"n2n_process.{name}")
    for name in [name for name in sys.modules if name.split(".")[0] == "n2n_process"]:
        del sys.modules[name]


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def started(process, *parts):
    clock = Clock()
    module = process("countdown")
    return module.Countdown([module.Part(title, seconds) for title, seconds in parts], clock), clock


def test_what_is_left_covers_all_parts(process):
    countdown, clock = started(process, ("render", 40.0), ("learning", 120.0), ("painting", 40.0))
    assert countdown.left() == (200.0, False) and countdown.whole() == 0.0
    clock.now += 20
    assert countdown.left() == (180.0, False) and countdown.whole() == pytest.approx(0.1)
    countdown.enter(1)
    countdown.reach(0.5)
    clock.now += 30
    assert countdown.left() == (70.0, False), "half is done in 30 s: it is faster than expected"
    assert countdown.whole() == pytest.approx(0.5) and countdown.words() == "1:10 left"


def test_a_part_that_takes_longer_than_expected_is_never_over_before_it_is(process):
    countdown, clock = started(process, ("render", 10.0), ("denoising", 5.0))
    clock.now += 60
    assert countdown.left() == (5.0, False) and countdown.whole() < 10 / 15
    countdown.reach(0.25)
    assert countdown.left() == (185.0, False)


def test_what_is_not_known_is_said(process):
    countdown, clock = started(process, ("render", None), ("learning", 60.0))
    assert countdown.left() == (60.0, True) and countdown.words() == "more than 1:00 left"
    clock.now += 10
    countdown.reach(0.5)
    assert countdown.left() == (70.0, False)
    unknown, _ = started(process, ("denoising", None))
    assert unknown.words() == "" and 0 <= unknown.whole() <= 1


def test_a_sentence_before_it_begins(process):
    module = process("countdown")
    parts = [module.Part("second render", 40.0), module.Part("learning", 600.0, most=True), module.Part("painting", None)]
    said = module.total_words(parts)
    assert said == "More than 11 min: second render 40 s, learning at most 10 min, and painting (not measured yet)"
    assert module.total_words(parts[:1]) == "About 40 s"
    assert "not known" in module.total_words(parts[2:])


def test_rates_are_kept_and_scaled(process, tmp_path):
    rates = process("rates").Rates(str(tmp_path / "rates.json"))
    assert rates.seconds("render", 2.0) is None
    rates.tell("render", 10.0, 2.0)
    rates.tell("nothing", 10.0, 0.0)
    again = process("rates").Rates(str(tmp_path / "rates.json"))
    assert again.seconds("render", 4.0) == 20.0 and again.seconds("nothing", 1.0) is None


@pytest.mark.parametrize("text", ["", "[1]", '{"render": "fast"}', '{"render": -1}'])
def test_a_damaged_file_of_rates_costs_the_memory_only(process, tmp_path, text):
    (tmp_path / "rates.json").write_text(text)
    rates = process("rates").Rates(str(tmp_path / "rates.json"))
    assert rates.seconds("render", 1.0) is None
    rates.tell("render", 1.0, 1.0)
    assert process("rates").Rates(str(tmp_path / "rates.json")).seconds("render", 1.0) == 1.0


def test_a_folder_that_cannot_be_written_is_nobodys_business(process, tmp_path):
    rates = process("rates").Rates(str(tmp_path / "gone" / "rates.json"))
    rates.tell("render", 1.0, 1.0)
    assert rates.seconds("render", 2.0) == 2.0


def test_a_file_is_put_whole_or_not_at_all(process, tmp_path, monkeypatch):
    place = process("place")
    source, target = tmp_path / "new", tmp_path / "there"
    source.write_text("new")
    target.write_text("old")
    monkeypatch.setattr(place.os, "replace", lambda *names: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError):
        place.put(str(source), str(target))
    assert target.read_text() == "old" and [path.name for path in tmp_path.iterdir()] == ["there"]
    monkeypatch.undo()
    source.write_text("new")
    place.put(str(source), str(target))
    assert target.read_text() == "new" and [path.name for path in tmp_path.iterdir()] == ["there"]
