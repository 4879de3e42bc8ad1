"""Evaluations whose pictures are shown through a view of OpenColorIO: the numbers on T stay, and FLIP is told of both."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from n2n_render.cli.commands import main
from n2n_render.cli.tables import HEADINGS, headings
from n2n_render.errors import N2NError
from n2n_render.evaluate import EvaluateOptions, evaluate
from n2n_render.frame import metrics
from n2n_render.frame.display import TONE_MAP, View
from n2n_render.io.exr import read_frame
from n2n_render.io.images import pillow
from n2n_render.io.view_transform import open_view

CG = "ocio://cg-config-v1.0.0_aces-v1.3_ocio-v2.1"
PLAIN = "Un-tone-mapped"


@pytest.fixture
def data(make_dataset):
    """With a scene that is seen one stop darker."""
    folder = make_dataset(views=2, references=(0, 1), spread=0.5)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["color_management"] = {"view_transform": PLAIN, "exposure": -1.0}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def options(data, out, **changes):
    given = {"data": (str(data),), "out": str(out), "json": None if "chunk" in changes else f"{out}.json", "oidn": False}
    return EvaluateOptions(**{**given, "ocio": CG, **changes})


@pytest.mark.slow
def test_numbers_on_t_stay_and_flip_is_told_as_shown_too(data, tmp_path, silent, reporter):
    on_t = evaluate(options(data, tmp_path / "t", view="T"))
    shown = evaluate(options(data, tmp_path / "shown"), reporter)
    assert shown.shown == {"view": PLAIN, "configuration": CG} and on_t.shown["view"] == "T"
    assert any(f"{PLAIN} ({CG})" in note for note in silent.notes)
    for method, scores in shown.mean.items():
        assert {name: value for name, value in scores.items() if name != "flip_view"} == on_t.mean[method]
    view = open_view(CG, PLAIN, exposure=-1.0)
    pair = shown.views[0].name.split("/")[1]
    noisy = read_frame(data / f"{pair}_s0001_0008spp.exr").color
    mean = sum(read_frame(data / f"{pair}_r000{half}_2048spp.exr").color for half in (1, 2)) / 2
    expected = metrics.flip_shown(image=view.encode(noisy), reference=view.encode(mean))
    assert shown.views[0].scores["noisy, one seed"]["flip_view"] == pytest.approx(expected, abs=1e-4)
    assert expected > 0.01
    told = json.loads((tmp_path / "shown.json").read_text())
    assert told["shown"] == shown.shown and told["mean"]["noisy, one seed"]["flip_view"] > 0
    assert "flip_view" not in json.dumps(json.loads((tmp_path / "t.json").read_text()))


@pytest.mark.slow
def test_pictures_are_as_rendered_through_the_view(data, tmp_path):
    done = evaluate(options(data, tmp_path / "out"))
    name = done.views[0].name
    picture = np.asarray(pillow()[0].open(tmp_path / "out" / f"{name.replace('/', '_')}.png"))
    pair = name.split("/")[1]
    noisy = sum(read_frame(data / f"{pair}_s000{seed}_0008spp.exr").color for seed in (1, 2)) / 2
    expected = open_view(CG, PLAIN, exposure=-1.0).pixels(noisy)
    found = picture[18 : 18 + noisy.shape[0], : noisy.shape[1]]
    differs = (np.abs(found.astype(int) - expected.astype(int)) > 1).any(-1)
    assert differs.mean() < 0.15, "but for the frames around the places that are magnified"
    assert np.abs(found.astype(int) - TONE_MAP.pixels(noisy).astype(int)).mean() > 10


@pytest.mark.slow
def test_shares_keep_what_they_were_shown_through(data, tmp_path):
    whole = evaluate(options(data, tmp_path / "whole"))
    for number in (1, 2):
        chunk = evaluate(options(data, tmp_path / "out", chunk=(number, 2)))
        assert chunk.shown == whole.shown
    merged = evaluate(options(data, tmp_path / "out", merge=True, ocio=None))
    assert merged.mean == whole.mean and merged.shown == whole.shown
    evaluate(options(data, tmp_path / "out", chunk=(2, 2), view="T"))
    with pytest.raises(N2NError, match="different views: T, Un-tone-mapped"):
        evaluate(options(data, tmp_path / "out", merge=True))


def test_shares_from_before_there_were_views_are_merged_as_on_t(data, tmp_path):
    whole = evaluate(options(data, tmp_path / "whole", view="T"))
    evaluate(options(data, tmp_path / "out", chunk=(1, 1), view="T", report=False))
    for path in (tmp_path / "out" / ".views").iterdir():
        content = json.loads(path.read_text())
        del content["shown"]
        path.write_text(json.dumps(content))
    merged = evaluate(options(data, tmp_path / "out", merge=True, report=False))
    assert merged.mean == whole.mean and merged.shown == TONE_MAP.told


@pytest.mark.slow
def test_the_command_line_says_which_view(data, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    command = ["evaluate", "--data", str(data), "--no-oidn", "--out", str(tmp_path / "out"), "--ocio", CG]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0 and f"FLIP ({PLAIN})" in done.stdout and f"pictures through {PLAIN}" in done.stderr
    done = CliRunner().invoke(main, [*command, "--view", "T"])
    assert done.exit_code == 0 and "FLIP ↓" in done.stdout and PLAIN not in done.output
    done = CliRunner().invoke(main, [*command, "--view", "AgX"])
    assert done.exit_code == 1 and "no view 'AgX'" in done.stderr and PLAIN in done.stderr and not done.stdout
    done = CliRunner().invoke(main, ["evaluate", "--data", str(data), "--noise", "gaussian:25", "--view", "AgX"])
    assert done.exit_code == 1 and "--view is for renders" in done.stderr


def test_a_column_for_the_view_only_where_there_is_one():
    assert headings("T") == HEADINGS
    assert headings("AgX") == [*HEADINGS, "FLIP (AgX) ↓"]


def test_flip_of_equal_pictures_is_nothing_and_grows_with_the_error():
    picture = np.random.default_rng(1).uniform(0, 1, (32, 40, 3)).astype(np.float32)
    assert metrics.flip_shown(image=picture, reference=picture) == 0
    near, far = (metrics.flip_shown(image=np.clip(picture + step, 0, 1), reference=picture) for step in (0.02, 0.3))
    assert 0 < near < far < 1


def test_a_strip_is_shown_through_a_view(tmp_path):
    from n2n_render.io.images import write_strip

    half = View("half", lambda radiance: radiance / 2)
    images = [np.full((2, 3, 3), value, np.float32) for value in (0.4, 1.6)]
    write_strip(tmp_path / "strip.png", images, half, exposure=2.0)
    pixels = np.asarray(pillow()[0].open(tmp_path / "strip.png"))
    assert pixels.shape == (2, 6, 3) and set(pixels[:, :3].ravel()) == {26} and set(pixels[:, 3:].ravel()) == {102}
    write_strip(tmp_path / "strip.png", images)
    assert (np.asarray(pillow()[0].open(tmp_path / "strip.png"))[:, :3] == TONE_MAP.pixels(images[0])).all()
