"""The pages of `evaluate` and `adapt`: what they hold, what is told where something is missing, what else suffers: nothing."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from adapt_fixtures import NAMES, adapt, adapted
from click.testing import CliRunner
from conftest import true_frame
from report_fixtures import BLOB, radiance_of, told_by

from n2n_render.adapt.page import SHOWN, chosen_frames
from n2n_render.cli.commands import main
from n2n_render.denoise.artist import FrameResult
from n2n_render.evaluate import EvaluateOptions, evaluate
from n2n_render.evaluate.page import expected_psnrs
from n2n_render.frame.metrics import psnr
from n2n_render.frame.transfer import exposure
from n2n_render.io.exr import ExrImage, read_frame, write_frame
from n2n_render.report.expected import expected_on_display, true_on_display

VIEW = re.compile(r'<div class="view-data (\w+)" hidden><script type="application/json">(.*?)</script>', re.DOTALL)


def shown_by(path):
    """What the page says of the pictures of each view."""
    return [{**json.loads(about), "kind": kind} for kind, about in VIEW.findall(path.read_text())]


@pytest.fixture
def data(make_dataset):
    return make_dataset(views=3, references=(0, 1), size=(40, 56))


def run(data, out, **changes):
    return evaluate(EvaluateOptions(**{"data": (str(data),), "out": str(out), "oidn": False, "device": "cpu", **changes}))


@pytest.fixture
def finished(tmp_path):
    """Frames that adapt might have written: the error that they hold is 0.02 everywhere."""
    folder = tmp_path / "finished"
    folder.mkdir()
    for view in (0, 1):
        truth = true_frame(40, 56, seed=view)
        path = folder / f"v00{view}_f0001.exr"
        write_frame(path, truth.with_channels(color=truth.color + np.float32(0.02)))
        image = ExrImage.open(path)
        image.add_pass("ViewLayer", "Error", {"V": np.full((40, 56), 0.02, np.float32)})
        image.write(path)
    frames = [{"file": "v000_f0001.exr", "expected_psnr_db": 33.5}, {"file": "v001_f0001.exr", "expected_psnr_db": None}]
    (folder / "report.json").write_text(json.dumps({"frames": frames}))
    return folder


@pytest.mark.slow
def test_the_page_of_an_evaluation_holds_pictures_maps_and_what_was_expected(data, finished, tmp_path):
    done = run(data, tmp_path / "out", frames=(str(finished),))
    assert done.report.path == tmp_path / "out" / "report.html" and not done.unwritten
    views, told = shown_by(done.report.path), told_by(done.report.path)
    names = ["noisy, mean of 2", str(finished), "reference"]
    assert [[picture["name"] for picture in view["pictures"]] for view in views] == [names] * 2
    assert [list(picture["maps"]) for picture in views[0]["pictures"]] == [["flip", "true"], ["flip", "true", "expected"], []]
    ours = [row["scores"][str(finished)] for row in told["rows"]]
    assert [scores["expected_psnr_db"] for scores in ours] == [33.5, None] and told["mean"][str(finished)][
        "expected_psnr_db"
    ] == 33.5
    assert ours[0]["psnr_db"] == pytest.approx(done.views[0].scores[str(finished)]["psnr_db"])
    halves = [read_frame(path).color for path in sorted(Path(data).glob("v000_*_r*.exr"))]
    mean = (halves[0] + halves[1]) / 2
    blobs = BLOB.findall(done.report.path.read_text())
    reference = radiance_of(blobs[views[0]["pictures"][2]["pixels"]], 40, 56)
    np.testing.assert_allclose(reference, mean * exposure(mean), rtol=1 / 300, atol=1e-5)


@pytest.mark.slow
def test_the_page_can_be_left_out_and_one_that_cannot_be_written_costs_no_number(data, tmp_path):
    done = run(data, tmp_path / "out", report=False)
    assert done.report is None and not (tmp_path / "out" / "report.html").exists()
    (tmp_path / "out" / "report.html").mkdir()
    done = run(data, tmp_path / "out")
    assert done.report is None and ["report.html: cannot be written" in error.what for error in done.unwritten] == [True]
    assert len(done.views) == 2
    command = ["evaluate", "--data", str(data), "--no-oidn", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1 and "error:" in result.output and "mean of 2 view(s)" in result.output
    assert not [path for path in (tmp_path / "out").iterdir() if "partial" in path.name]


@pytest.mark.slow
def test_a_merge_without_the_pictures_of_a_share_says_so(data, tmp_path):
    run(data, tmp_path / "out", chunk=(1, 2))
    run(data, tmp_path / "out", chunk=(2, 2), report=False)
    done = run(data, tmp_path / "out", merge=True)
    assert ["lacks the pictures of 1 view(s), like data/v001_f0001" in error.what for error in done.unwritten] == [True]
    assert (done.report.views, done.report.whole) == (2, 1)
    assert not run(data, tmp_path / "out", merge=True, report=False).unwritten
    run(data, tmp_path / "out", chunk=(2, 2))
    assert run(data, tmp_path / "out", merge=True).report.whole == 2
    run(data, tmp_path / "out", chunk=(2, 2), report=False)  # what it kept is of another run
    assert run(data, tmp_path / "out", merge=True).report.whole == 1


@pytest.mark.parametrize(
    "content",
    ["no JSON", "[]", '{"frames": 3}', '{"frames": [{"file": 3}]}', '{"frames": [{"file": "a", "expected_psnr_db": "x"}]}'],
)
def test_a_report_that_is_not_of_adapt_is_doubted(content, tmp_path, caplog):
    assert expected_psnrs(tmp_path) == {}
    (tmp_path / "report.json").write_text(content)
    assert expected_psnrs(tmp_path) == {} and "what was expected of these frames is not shown" in caplog.text


@pytest.mark.slow
def test_large_views_are_told_of(data, tmp_path, monkeypatch):
    monkeypatch.setattr("n2n_render.report.room.PAGE_PX", 2000)
    done = run(data, tmp_path / "out")
    assert str(done.report).endswith("0 of 2 view(s) whole, 2 as crops of their worst places")
    views = shown_by(done.report.path)
    assert {view["kind"] for view in views} == {"cropped"} and views[0]["crop"][2:] == [40, 56] and views[0]["width"] < 40


def test_the_expected_error_is_held_against_the_true_one_on_the_same_scale():
    truth = true_frame(64, 96).color
    rng = np.random.default_rng(0)
    image = truth + rng.normal(0, 0.01, truth.shape).astype(np.float32)
    halves = [truth + rng.normal(0, 0.005, truth.shape).astype(np.float32) for _ in range(2)]
    true = true_on_display(image, *halves)
    expected = expected_on_display(np.full(truth.shape[:2], 0.01, np.float32), truth)
    assert np.median(true / expected) == pytest.approx(1, abs=0.1)
    mse = 10 ** (-psnr(image=image, reference_a=halves[0], reference_b=halves[1]) / 10)
    assert (true**2).mean() == pytest.approx(mse, rel=0.05)


@pytest.mark.slow
def test_adapt_shows_the_worst_frame_first_and_is_not_made_again(shot, start, tmp_path):
    out = tmp_path / "out"
    said = adapted(shot, out, start).output
    assert "report.html: 3 of 3 frame(s) whole" in said
    told, views = told_by(out / "report.html"), shown_by(out / "report.html")
    frames = {frame["file"]: frame["expected_psnr_db"] for frame in json.loads((out / "report.json").read_text())["frames"]}
    assert {row["name"]: row["scores"]["denoised"]["expected_psnr_db"] for row in told["rows"]} == frames
    assert [row["name"] for row in told["rows"]] == NAMES and told["opens"] == min(frames, key=frames.get) == views[0]["name"]
    names = ["noisy, mean of 2", "denoised"]
    assert [[picture["name"] for picture in view["pictures"]] for view in views] == [[*names, f"start, {start}"], names, names]
    assert [list(picture["maps"]) for picture in views[0]["pictures"]] == [[], ["expected"], []]
    shown = read_frame(out / views[0]["name"]).color
    blob = BLOB.findall((out / "report.html").read_text())[views[0]["pictures"][1]["pixels"]]
    np.testing.assert_allclose(radiance_of(blob, 64, 96), shown * exposure(shown), rtol=1 / 300, atol=1e-5)
    before = (out / "report.html").stat().st_mtime_ns
    assert "3 of 3 frame(s) whole" in adapted(shot, out, start).output
    assert (out / "report.html").stat().st_mtime_ns == before
    (out / NAMES[0]).unlink()  # painted again
    adapted(shot, out, start)
    assert (out / "report.html").stat().st_mtime_ns != before


@pytest.mark.slow
def test_adapt_without_a_page_or_where_it_cannot_be_written(shot, start, tmp_path):
    out = tmp_path / "out"
    assert "report.html" not in adapted(shot, out, start, "--no-report").output and not (out / "report.html").exists()
    (out / "report.html").mkdir()
    result = adapt(shot, out, start)
    assert result.exit_code == 0 and "report.html: cannot be written" in result.output
    assert "goes on without" in result.output and "to look at" not in result.output


@pytest.mark.slow
def test_what_is_expected_of_a_frame_is_about_what_its_error_map_shows(shot, start, tmp_path):
    out = tmp_path / "out"
    adapted(shot, out, start)
    image = ExrImage.open(out / NAMES[0])
    error, color = image.pass_pixels("ViewLayer", "Error")[..., 0], image.shown_color("ViewLayer")
    factor = np.float32(exposure(color))
    expected = expected_on_display(error * factor, color * factor)
    told = {frame["file"]: frame["expected_psnr_db"] for frame in json.loads((out / "report.json").read_text())["frames"]}
    assert -10 * np.log10((expected**2).mean()) == pytest.approx(told[NAMES[0]], abs=1.5)


def test_of_many_frames_the_worst_and_others_evenly_spaced_are_shown():
    results = [FrameResult(Path(f"{index}.exr"), 30.0 - (index == 17), {}) for index in range(40)]
    chosen = chosen_frames(results)
    assert len(chosen) == SHOWN and chosen[0] is results[17]
    numbers = [int(result.output.stem) for result in chosen[1:]]
    assert numbers == sorted(set(numbers)) and np.ptp(np.diff(numbers)) <= 2
    fast = [FrameResult(Path("a.exr"), None, {}), FrameResult(Path("b.exr"), None, {})]
    assert chosen_frames(fast) == fast


@pytest.mark.slow
def test_shares_of_a_shot_are_put_together_to_a_page_without_the_start(shot, start, tmp_path):
    out = tmp_path / "out"
    adapted(shot, out, start, "--train-only")
    paint = ["adapt", str(shot), "-o", str(out), "--device", "cpu", "--engine", "torch", "--average", "1"]
    for chunk in ("1/2", "2/2"):
        assert CliRunner().invoke(main, [*paint, "--paint", "--chunk", chunk]).exit_code == 0
        assert not (out / "report.html").exists()
    result = CliRunner().invoke(main, ["adapt", str(shot), "-o", str(out), "--merge"])
    assert result.exit_code == 0 and "3 of 3 frame(s) whole" in result.output, result.output
    views = shown_by(out / "report.html")
    assert [picture["name"] for picture in views[0]["pictures"]] == ["noisy, mean of 2", "denoised"]


@pytest.mark.slow
def test_pictures_are_shown_through_the_view_that_is_asked_for(data, tmp_path):
    pytest.importorskip("PyOpenColorIO")
    for chunk in ((1, 2), (2, 2)):
        run(data, tmp_path / "out", chunk=chunk, ocio="ocio://default", view="Un-tone-mapped")
    done = run(data, tmp_path / "out", merge=True, ocio="ocio://default", view="Un-tone-mapped")
    told = told_by(done.report.path)
    assert told["view"]["name"] == "Un-tone-mapped" and "flip_view" in told["mean"]["noisy, mean of 2"] and not done.unwritten
    assert "FLIP (Un-tone-mapped)" in [metric["title"] for metric in told["metrics"]]  # as the command's table has it
    assert any("Un-tone-mapped shows them" in note for note in told["notes"])
    gains = [view["gain"] for view in shown_by(done.report.path)]  # as rendered: the exposure is taken back
    halves = [read_frame(path).color for path in sorted(Path(data).glob("v000_*_r*.exr"))]
    assert gains[0] == pytest.approx(1 / exposure((halves[0] + halves[1]) / 2), rel=1e-5)
    elsewhere = run(data, tmp_path / "out", merge=True, view="T")
    assert elsewhere.report is None and ["Give --merge the same --ocio" in error.hint for error in elsewhere.unwritten] == [
        True
    ]
