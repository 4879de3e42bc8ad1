"""evaluate --passes: each pass of light and what they add up to, beside the picture."""

import json

import numpy as np
import pytest
from blender_fixtures import run_in_blender
from click.testing import CliRunner
from conftest import noisy_frame, true_frame

from n2n_render.cli.commands import main
from n2n_render.engines import oidn
from n2n_render.errors import N2NError
from n2n_render.evaluate import EvaluateOptions, evaluate
from n2n_render.evaluate.passes import PASS_METRICS, SUM_METRICS, ViewPasses, mean_passes
from n2n_render.evaluate.views import find_views
from n2n_render.frame import metrics
from n2n_render.frame.display import TONE_MAP
from n2n_render.frame.frame import mean_frame
from n2n_render.frame.transfer import exposure
from n2n_render.io.dataset import FrameName, write_manifest
from n2n_render.io.exr import ExrImage, read_frame, write_frame
from n2n_render.io.view_transform import open_view

ACES = "ocio://cg-config-v1.0.0_aces-v1.3_ocio-v2.1"
SIZE = (32, 48)
PASSES = ["Combined_fill", "Combined_key", "Diffuse Direct", "Emission", "Environment", "dim", "grey"]
SCORED = [name for name in PASSES if name != "Environment"]


def light_of(frame):
    """A frame's picture → the passes that it is made of: two groups, and three light passes of which one is black."""
    y, _ = np.mgrid[: frame.height, : frame.width]
    share = (0.2 + 0.6 * y / frame.height)[..., None].astype(np.float32)
    lit = frame.albedo > 0
    key, color = frame.color * share, np.where(lit, frame.albedo, 1)
    return {
        "Combined_key": key,
        "Combined_fill": frame.color - key,
        "Diffuse Color": frame.albedo,
        "Diffuse Direct": np.where(lit, frame.color / color, 0),
        "Emission": np.where(lit, 0, frame.color),
        "Environment": np.zeros_like(frame.color),
        "dim": key / 1000,  # an AOV
        "grey": key[..., :1],  # one of a single number
    }


def write_with_light(path, frame, light):
    write_frame(path, frame)
    image = ExrImage.open(path)
    for name, pixels in light.items():
        letters = "RGB" if pixels.shape[-1] == 3 else "X"
        planes = {letter: pixels[..., index].astype(np.float32) for index, letter in enumerate(letters)}
        image.add_pass("ViewLayer", name, planes)
    image.write(path)


def write_dataset(folder, views=1, seeds=2, spp=8, references=True, passes=True):
    """Its passes hold the noise of its pictures."""
    folder.mkdir()
    for view in range(views):
        truth = true_frame(*SIZE, seed=view)
        shown = [("s", seed, spp, noisy_frame(truth, 100 * view + seed, (8 / spp) ** 0.5)) for seed in range(1, seeds + 1)]
        if references:
            shown += [("r", half, 2048, noisy_frame(truth, 7000 + 100 * view + half, 1 / 16)) for half in (1, 2)]
        for kind, number, samples, frame in shown:
            path = folder / FrameName(f"v{view:03d}", 1, kind, number, samples).filename
            write_with_light(path, frame, light_of(frame) if passes else {})
    write_manifest(folder, {"format": 1, "scene": {"file": "a.blend"}, "spp": spp, "seeds": seeds})
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A dataset of one view."""
    return write_dataset(tmp_path_factory.mktemp("passes") / "data")


@pytest.fixture
def finish(tmp_path):
    """finish(name, changes) → a folder with the true frame of the view and its true passes, some of them changed."""

    def make(name, **changes):
        truth, folder = true_frame(*SIZE), tmp_path / name
        folder.mkdir()
        light = light_of(truth)
        write_with_light(folder / "v000_f0001.exr", truth, {**light, **{key: value(light) for key, value in changes.items()}})
        return str(folder)

    return make


@pytest.fixture
def compare(data, tmp_path):
    """compare(**options) → Evaluated of that dataset, without Open Image Denoise unless it is asked for."""

    def run(**options):
        given = {"data": (str(data),), "out": str(tmp_path / "out"), "passes": ("all",), "oidn": False, "engine": "oidn"}
        return evaluate(EvaluateOptions(**{**given, **options}))

    return run


@pytest.mark.slow
def test_the_true_passes_score_best_and_each_method_on_each_pass(compare, finish):
    folder = finish("truth")
    (passes,) = compare(models=("oidn-small",), frames=(folder,)).passes
    assert list(passes.scores) == SCORED and list(passes.lit) == ["Environment"]
    for name, scores in passes.scores.items():
        assert list(scores) == ["noisy, mean of 2", "ours", folder], name
        assert all(tuple(values) == PASS_METRICS for values in scores.values())
        truth, ours, noisy = (scores[method] for method in (folder, "ours", "noisy, mean of 2"))
        assert truth["relmse"] < ours["relmse"] < noisy["relmse"], name
        assert ours["psnr_db"] > noisy["psnr_db"], name
        assert not truth["psnr_db"] < ours["psnr_db"] + 3, name  # NaN: lost in the references' noise


@pytest.mark.slow
def test_a_pass_is_scored_after_its_own_references_exposure(compare, data):
    """So dim ones count as bright ones do. By hand: the same numbers as of an image of its own."""
    (passes,) = compare().passes
    noisy = {name: scores["noisy, mean of 2"] for name, scores in passes.scores.items()}
    assert noisy["dim"] == pytest.approx(noisy["Combined_key"], rel=1e-4)
    pair = find_views([data])[0]
    image = np.mean([light_of(read_frame(path, ("albedo",)))["Combined_key"] for path in pair.noisy], axis=0)
    first, second = (light_of(read_frame(path, ("albedo",)))["Combined_key"] for path in pair.references)
    factor = np.float32(exposure((first + second) / 2))
    images = {"image": image * factor, "reference_a": first * factor, "reference_b": second * factor}
    assert noisy["Combined_key"]["psnr_db"] == pytest.approx(metrics.psnr(**images), abs=1e-3)
    assert noisy["Combined_key"]["relmse"] == pytest.approx(metrics.relmse(**images), rel=1e-3)


@pytest.mark.slow
def test_a_pass_counts_as_light_in_the_picture_whatever_it_is_divided_by(compare, finish):
    """A finished file holds colours of its own; what a compositor multiplies is compared."""
    halved = {
        "Diffuse Color": lambda light: light["Diffuse Color"] / 2,
        "Diffuse Direct": lambda light: 2 * light["Diffuse Direct"],
    }
    same, doubled = finish("same", **halved), finish("doubled", **{"Diffuse Direct": halved["Diffuse Direct"]})
    (passes,) = compare(frames=(finish("truth"), same, doubled)).passes
    truth, moved, wrong = list(passes.scores["Diffuse Direct"].values())[1:]
    assert moved == pytest.approx(truth, nan_ok=True) and wrong["relmse"] > truth["relmse"] + 0.5


@pytest.mark.slow
def test_it_is_told_whether_the_passes_add_up(compare, finish):
    truth = finish("truth")
    off = finish("off", Combined_key=lambda light: light["Combined_key"] * np.float32(1.2))
    (passes,) = compare(models=("oidn-small",), frames=(truth, off)).passes
    assert list(passes.sums) == ["light-groups", "light-passes"]
    for kind, methods in passes.sums.items():
        assert all(tuple(scores) == SUM_METRICS for scores in methods.values())
        for method in ("noisy, mean of 2", "ours", truth):
            scores = methods[method]
            assert scores["held"] == scores["kept"] == 1 and scores["deviation"] < 1e-5, (kind, method)
            assert scores["psnr_db"] == pytest.approx(scores["picture_psnr_db"], abs=1e-2, nan_ok=True)
    wrong = passes.sums["light-groups"][off]
    assert wrong["held"] == wrong["kept"] == 0 and wrong["deviation"] == pytest.approx(0.2 * 0.8, rel=0.05)
    assert wrong["psnr_db"] < 40 and passes.sums["light-passes"][off]["held"] == 1


@pytest.mark.slow
def test_where_passes_did_not_add_up_as_rendered_is_not_counted_against_a_method(compare, data, tmp_path):
    """Light of no group in the upper half: the sum holds in the lower half alone, and there it is kept."""
    folder = tmp_path / "data"
    folder.mkdir()
    for path in data.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    for path in folder.glob("*.exr"):
        image = ExrImage.open(path)
        fill = image.pass_pixels("ViewLayer", "Combined_fill")[..., ::-1].copy()  # B, G, R
        fill[: SIZE[0] // 2] = 0
        image.add_pass("ViewLayer", "Combined_fill", dict(zip("RGB", np.moveaxis(fill, -1, 0), strict=True)))
        image.write(path)
    (passes,) = compare(data=(str(folder),), models=("oidn-small",)).passes
    noisy, ours = passes.sums["light-groups"].values()
    assert noisy["held"] == pytest.approx(0.5, abs=0.01) and noisy["kept"] == 1
    assert ours["held"] < 1 and ours["kept"] > 0.6  # beside the border some light of no group is seen in the lower half


def test_of_a_part_of_the_passes_no_sum_is_told(compare):
    (passes,) = compare(passes=("light-passes", "key")).passes
    assert list(passes.scores) == ["Combined_key", "Diffuse Direct", "Emission"] and list(passes.sums) == ["light-passes"]


@pytest.mark.slow
def test_a_black_pass_is_not_scored_and_light_in_it_is_told(compare, finish, data, tmp_path):
    truth = finish("truth")
    lit = finish("lit", Environment=lambda light: light["Environment"] + np.float32(0.5))
    done = compare(models=("oidn-small",), frames=(truth, lit))
    assert "Environment" not in done.passes[0].scores
    assert list(done.passes[0].lit["Environment"]) == [lit] and done.passes[0].lit["Environment"][lit] > 0.1
    command = ["evaluate", "--data", str(data), "--frames", truth, "--no-oidn", "--passes", "all", "--out", str(tmp_path / "o")]
    said = " ".join(CliRunner().invoke(main, [*command, "--frames", lit]).output.split())
    assert "black in the references: Environment" in said and f"{lit} shows light there, up to" in said
    assert "shows light there" not in CliRunner().invoke(main, command).output


@pytest.mark.slow
def test_open_image_denoise_gets_each_pass_alone_with_the_same_guides(compare, data, tmp_path):
    """Of the mean of all seeds, and of one render of as many samples where it has the pass."""
    more = write_dataset(tmp_path / "more", seeds=1, spp=16, references=False)
    (passes,) = compare(oidn=True, more=(str(more),)).passes
    pair = find_views([data])[0]
    mean = mean_frame([read_frame(path, ("albedo", "normal")) for path in pair.noisy])
    one = read_frame(more / "v000_f0001_s0001_0016spp.exr", ("albedo", "normal"))
    halves = [light_of(read_frame(path, ("albedo",)))["Combined_fill"] for path in pair.references]
    factor = np.float32(exposure((halves[0] + halves[1]) / 2))
    for method, frame in (("OIDN, mean of 2", mean), ("OIDN, one render of 16", one)):
        alone = oidn.denoise_best(frame.with_channels(color=light_of(frame)["Combined_fill"])) * factor
        expected = metrics.psnr(image=alone, reference_a=halves[0] * factor, reference_b=halves[1] * factor)
        assert passes.scores["Combined_fill"][method]["psnr_db"] == pytest.approx(expected, abs=0.02), method
        assert list(passes.scores["Combined_fill"])[1:] == ["OIDN, mean of 2", "OIDN, one render of 16"]
    sums = passes.sums["light-groups"]["OIDN, mean of 2"]
    assert sums["held"] < 0.9  # nothing makes them add up


@pytest.mark.slow
def test_files_that_lack_passes_are_said(compare, data, tmp_path, caplog):
    more = write_dataset(tmp_path / "more", seeds=1, spp=16, references=False, passes=False)
    (passes,) = compare(oidn=True, more=(str(more),), passes=("light-groups",)).passes
    assert "Combined_key is not compared of 'OIDN, one render of 16', whose files lack it" in caplog.text
    assert list(passes.scores["Combined_key"]) == ["noisy, mean of 2", "OIDN, mean of 2"]
    assert "OIDN, one render of 16" not in passes.sums["light-groups"]


@pytest.mark.slow
def test_what_the_passes_do_to_the_picture_is_told(compare):
    done = compare(models=("oidn-small", "oidn-small-noisy-aux"))
    assert list(done.mean_passes.pictures) == ["oidn-small", "oidn-small-noisy-aux"]
    for name, scores in done.mean_passes.pictures.items():
        assert scores["alone_psnr_db"] == pytest.approx(done.mean[name]["psnr_db"])
        assert scores["psnr_db"] != scores["alone_psnr_db"]
        assert done.mean_passes.sums["light-groups"][name]["picture_psnr_db"] == pytest.approx(scores["psnr_db"])


def test_passes_that_are_not_there_are_refused_before_anything_is_compared(compare, tmp_path, caplog):
    with pytest.raises(N2NError, match="no pass of light 'Emmission'"):
        compare(passes=("Emmission",))
    bare = write_dataset(tmp_path / "bare", passes=False)
    with pytest.raises(N2NError, match="no pass of light in common") as caught:
        compare(data=(str(bare),))
    assert "--passes all" in caught.value.hint and not (tmp_path / "out").exists()


@pytest.mark.slow
def test_passes_that_the_references_lack_are_said_and_left(compare, data, tmp_path, caplog):
    """No sum is told then: the references' part of it is not known."""
    folder = write_dataset(tmp_path / "data", references=False)
    for path in data.glob("*_r*.exr"):
        frame = read_frame(path, ("albedo", "normal"))
        write_with_light(folder / path.name, frame, {"Combined_key": light_of(frame)["Combined_key"]})
    (passes,) = compare(data=(str(folder),)).passes
    assert list(passes.scores) == ["Combined_key"] and passes.sums == {}
    assert "not compared are Combined_fill, Diffuse Direct" in caplog.text


def test_without_passes_nothing_of_them_is_done(compare, tmp_path, monkeypatch):
    monkeypatch.setattr("n2n_render.evaluate.comparing.compare_passes", None)
    done = compare(passes=(), json=str(tmp_path / "all.json"))
    assert done.passes == () and done.mean_passes is None
    assert "passes" not in (tmp_path / "all.json").read_text()
    assert {path.name for path in done.pictures.iterdir()} == {"data_v000_f0001.png", "report.html"}
    with pytest.raises(N2NError, match="passes is for renders"):
        EvaluateOptions(noise="gaussian:25", passes=("all",))


@pytest.mark.slow
def test_shares_put_together_are_the_undivided_result(compare, tmp_path):
    folder = str(write_dataset(tmp_path / "two", views=2))
    given = {"data": (folder,), "models": ("oidn-small",)}
    whole = compare(**given, out=str(tmp_path / "whole"), json=str(tmp_path / "whole.json"))
    for number in (2, 1):
        compare(**given, chunk=(number, 2))
    with pytest.raises(N2NError, match="other settings .passes"):
        compare(**given, merge=True, passes=("light-groups",))
    merged = compare(**given, merge=True, json=str(tmp_path / "merged.json"))
    assert merged.passes == whole.passes and len(merged.passes) == 2 and not merged.unwritten
    assert (tmp_path / "merged.json").read_bytes() == (tmp_path / "whole.json").read_bytes()
    written = json.loads((tmp_path / "merged.json").read_text())
    assert list(written["views"][1]["passes"]["scores"]) == list(written["mean_passes"]["scores"]) == SCORED
    pictures = sorted(path.name for path in (tmp_path / "out").glob("*.png"))
    assert pictures == [f"two_v00{view}_f0001{kind}.png" for view in (0, 1) for kind in ("", "_passes")]
    (tmp_path / "out" / pictures[1]).unlink()
    assert [pictures[1] in error.what for error in compare(**given, merge=True).unwritten] == [True]


def test_damaged_numbers_of_passes_are_no_numbers(compare, tmp_path):
    compare(chunk=(1, 1))
    (file,) = (tmp_path / "out" / ".views").iterdir()
    content = json.loads(file.read_text())
    content["passes"]["sums"] = 3
    file.write_text(json.dumps(content))
    with pytest.raises(N2NError, match="sums is 3"):
        compare(merge=True)


@pytest.mark.slow
@pytest.mark.parametrize("view", ["T", "Un-tone-mapped"])
def test_the_picture_has_a_row_for_each_pass_and_a_column_for_each_method(compare, data, tmp_path, view):
    from PIL import Image

    compare(oidn=True, models=("oidn-small",), view=view, ocio=ACES)
    shown = np.asarray(Image.open(tmp_path / "out" / "data_v000_f0001_passes.png"))
    height, width = SIZE[0] + 18, SIZE[1]
    assert shown.shape == (height * len(SCORED), width * 4, 3)  # noisy, ours, Open Image Denoise, reference
    pair, row = find_views([data])[0], SCORED.index("Combined_fill")
    halves = [light_of(read_frame(path, ("albedo",)))["Combined_fill"] for path in pair.references]
    mean = (halves[0] + halves[1]) / 2
    reference = shown[row * height + 18 : (row + 1) * height, 3 * width :]
    expected = TONE_MAP.pixels(mean * np.float32(exposure(mean))) if view == "T" else open_view(ACES, view).pixels(mean)
    assert np.abs(reference.astype(int) - expected).max() <= 1


def test_means_are_over_the_views_that_tell_a_number():
    def view(psnr_db, **lit):
        return ViewPasses({"a": {"ours": {"psnr_db": psnr_db}}}, {"b": lit}, {}, {"ours": {"psnr_db": psnr_db}})

    mean = mean_passes([view(20.0, ours=0.1), view(float("nan"), ours=0.3), view(30.0), ViewPasses({}, {}, {}, {})])
    assert mean == ViewPasses({"a": {"ours": {"psnr_db": 25.0}}}, {"b": {"ours": 0.3}}, {}, {"ours": {"psnr_db": 25.0}})
    assert mean_passes([]) is None


@pytest.mark.slow
def test_the_command_line_shows_it(data, tmp_path):
    command = ["evaluate", "--data", str(data), "--model", "oidn-small", "--engine", "oidn", "--out", str(tmp_path / "out")]
    answer = CliRunner().invoke(main, [*command, "--passes", "light-groups,Emission"])
    said = " ".join(answer.output.split())
    assert answer.exit_code == 0 and "passes of light: PSNR on T in dB, and relMSE; mean of 1 view(s)" in said
    assert all(text in said for text in ("│ Combined_key │", "│ Emission │", "light groups: ours │ 100.00% │ 100.00% │"))
    assert "ours beside OIDN, mean of 2, on each pass alone: as good or better in" in said
    assert "ours: its picture with the passes has" in said and "light passes:" not in said
    assert "passes of light" not in CliRunner().invoke(main, command).output
    assert "cannot read the passes" in CliRunner().invoke(main, [*command, "--passes", "key,"]).output


@pytest.mark.blender
def test_light_groups_of_a_real_render(scenes, run_sample, tmp_path):
    scene = tmp_path / "groups.blend"
    run_in_blender("blender_light_groups.py", json.dumps([str(scenes.demo), str(scene)]))
    run_sample(scene, 4, tmp_path / "data", views=1, reference_spp=32, size=(64, 36), passes="all")
    options = EvaluateOptions(
        data=(str(tmp_path / "data"),), models=("oidn-small",), out=str(tmp_path / "out"), passes=("all",), engine="oidn"
    )
    (passes,) = evaluate(options).passes
    assert {"Combined_things", "Diffuse Direct", "Diffuse Indirect"} <= set(passes.scores)
    for kind in ("light-groups", "light-passes"):
        noisy, ours = (passes.sums[kind][method] for method in ("noisy, mean of 2", "ours"))
        assert noisy["held"] > 0.99 and ours["kept"] > 0.99, kind
    for name in ("Combined_things", "Diffuse Direct"):
        scores = passes.scores[name]
        assert scores["ours"]["psnr_db"] > scores["noisy, mean of 2"]["psnr_db"] + 3, name
    assert passes.lit and not any("noisy, mean of 2" in methods for methods in passes.lit.values())  # Cycles' 1e-8 is black
