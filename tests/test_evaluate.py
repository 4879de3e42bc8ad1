"""Evaluation: every method on every view with references, equal samples for all."""

import contextlib
import gc
import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from conftest import true_frame

from n2n_render.cli.commands import main
from n2n_render.cli.tables import flicker_lines, samples_lines, score_rows
from n2n_render.denoise import Denoiser
from n2n_render.engines import oidn
from n2n_render.engines.options import EngineOptions
from n2n_render.errors import N2NError
from n2n_render.evaluate import EvaluateOptions, evaluate
from n2n_render.evaluate.evaluation import Evaluated, numbers
from n2n_render.evaluate.numbers import try_to_write_numbers
from n2n_render.evaluate.pictures import comparison, worst_places
from n2n_render.evaluate.rival import command_for_one_render, find_more, one_renders
from n2n_render.evaluate.samples_worth import equal_samples, oidn_ladder
from n2n_render.evaluate.scores import METRICS, ComparedView, compare_view, means
from n2n_render.evaluate.views import find_finished, find_views
from n2n_render.frame.display import TONE_MAP
from n2n_render.frame.frame import mean_frame
from n2n_render.io.dataset import find_files, write_manifest
from n2n_render.io.exr import read_frame, write_frame
from n2n_render.network.checkpoint import Checkpoint
from n2n_render.network.paper import UNet
from n2n_render.network.specification import PaperNetwork, Specification


@pytest.fixture
def result(make_dataset):
    torch.manual_seed(1)
    config = Specification(
        features=("albedo",), network=PaperNetwork(levels=2, encoder_width=6, decoder_width=6, head_widths=(6, 6))
    )
    denoiser = Denoiser.open(Checkpoint(config, UNet(config).state_dict()), EngineOptions("cpu"))
    view = find_views([make_dataset(views=2, references=(1,), size=(64, 80))])[0]
    return compare_view(view, {"ours": denoiser}, with_oidn=True)


@pytest.mark.slow
def test_all_methods_are_scored_and_the_mean_of_seeds_beats_one(result):
    assert set(result.scores) == {"noisy, one seed", "noisy, mean of 2", "ours", "OIDN, mean of 2"}
    assert all(set(scores) == set(METRICS) for scores in result.scores.values())
    one, two = result.scores["noisy, one seed"], result.scores["noisy, mean of 2"]
    assert two["psnr_db"] > one["psnr_db"] + 1.5 and two["relmse"] < one["relmse"]
    assert result.scores["OIDN, mean of 2"]["psnr_db"] > two["psnr_db"] + 5


@pytest.mark.slow
def test_open_image_denoise_gets_the_mean_of_the_seeds(make_dataset):
    pair = find_views([make_dataset(views=1, references=(0,), size=(64, 80))])[0]
    mean = mean_frame([read_frame(path, ("albedo", "normal")) for path in pair.noisy])
    result = compare_view(pair, {}, with_oidn=True)
    expected = oidn.denoise_best(mean)
    ratio = result.images["OIDN, mean of 2"] / np.maximum(expected, 1e-6)
    np.testing.assert_allclose(ratio, np.median(ratio), rtol=1e-3)


@pytest.mark.slow
def test_pictures_tables_and_json_hold_all_of_it(result, tmp_path):
    picture = comparison(result)
    assert picture.size == (80 * 4, 2 * 64 + 18 + 4 * 10)  # images, error maps, caption, two crops of 10² magnified 4 times
    y, x = worst_places([result.errors[name] for name in ("ours", "OIDN, mean of 2")], 10)[0]
    crop = np.asarray(picture)[-40:, -80:-40]  # of the reference, the last column
    np.testing.assert_array_equal(crop[::4, ::4], TONE_MAP.pixels(result.images["reference"])[y : y + 10, x : x + 10])
    assert [row[0] for row in score_rows(result.scores)] == list(result.scores)
    evaluated = Evaluated((result.view,), means([result.view]), (), {16: 20.0}, tmp_path)
    assert try_to_write_numbers(numbers(evaluated), str(tmp_path / "a.json")) == []
    written = json.loads((tmp_path / "a.json").read_text())
    assert written["mean"]["OIDN, mean of 2"] == result.scores["OIDN, mean of 2"] and written["oidn_psnr_db"] == {"16": 20.0}


def test_crops_show_the_places_that_are_worst_for_all():
    one, two = np.zeros((40, 60)), np.zeros((40, 60))
    one[5:9, 7:11], two[5:9, 7:11] = 0.5, 0.5  # bad in both
    one[30:34, 50:54] = 0.8  # bad in one
    two[20, 20] = 0.9  # a single pixel
    assert worst_places([one, two], 4) == [(5, 7), (30, 50)]
    assert len(worst_places([one], 40)) == 1  # there is no second place apart from the first
    assert worst_places([], 4) == []


def test_no_references_is_a_clear_error(make_dataset):
    with pytest.raises(N2NError, match="has references") as error:
        find_views([make_dataset()])
    assert "--reference-spp" in error.value.hint


def test_oidn_leaves_a_clean_picture_nearly_alone():
    frame = true_frame(64, 64)
    assert np.abs(oidn.denoise_best(frame) - frame.color).mean() < 0.02


@pytest.fixture
def views(make_dataset):
    return find_views([make_dataset(views=2, references=(0, 1), size=(48, 64))])


def test_frames_that_are_denoised_already_are_scored_like_any_other(views, tmp_path):
    """Here they are the means of the seeds, so that their scores are known."""
    for pair in views:
        mean = mean_frame([read_frame(path) for path in pair.noisy])
        write_frame(tmp_path / f"{pair.view}_f0001.exr", mean)
    for pair, path in find_finished([tmp_path], views)[str(tmp_path)].items():
        result = compare_view(pair, {}, with_oidn=False, finished={"mine": path})
        assert result.scores["mine"] == pytest.approx(result.scores["noisy, mean of 2"])


def test_finished_frames_that_are_missing_or_of_another_size_are_refused(views, tmp_path):
    write_frame(tmp_path / "v000_f0001.exr", true_frame(48, 60))
    with pytest.raises(N2NError, match="v001_f0001.exr: no such file") as error:
        find_finished([tmp_path], views)
    assert "adapt" in error.value.hint
    with pytest.raises(N2NError, match="mine: its frame of data/v000_f0001 has another size"):
        compare_view(views[0], {}, with_oidn=False, finished={"mine": tmp_path / "v000_f0001.exr"})


def test_equal_samples_go_straight_in_the_logarithm_between_rungs_and_not_beyond():
    ladder = {64: 30.0, 4: 20.0, 16: 26.0}
    assert [equal_samples(ladder, ladder[spp]) for spp in (4, 16, 64)] == pytest.approx([4, 16, 64])
    assert equal_samples(ladder, 23.0) == pytest.approx(8) and equal_samples(ladder, 28.0) == pytest.approx(32)
    assert equal_samples(ladder, 19.9) is None and equal_samples(ladder, 30.1) is None


def test_the_ladder_is_told_in_words():
    ladder = {4: 20.0, 16: 26.0}
    mean = {
        name: {"psnr_db": value}
        for name, value in {
            "noisy, mean of 2": 10.0,
            "OIDN, mean of 2": 19.9,
            "OIDN, one render of 4": 20.0,
            "ours": 23.0,
            "bad": 15.0,
            "best": 40.0,
        }.items()
    }
    assert samples_lines(ladder, mean) == [
        "OIDN at 4 spp 20.00 dB, 16 spp 26.00 dB",
        "ours equals OIDN at 8.0 spp",
        "bad equals OIDN at fewer than 4 spp",
        "best equals OIDN at more than 16 spp",
    ]
    assert samples_lines({}, mean) == []


@pytest.fixture
def make_more(make_dataset):
    """make_more(spp, spread, seeds=2, views=2) → a dataset of the same views as `views` with other samples a pixel."""

    def make(spp, spread, seeds=2, views=2):
        folder = make_dataset(f"more_{spp}", views=views, seeds=seeds, size=(48, 64), spread=spread)
        for path in folder.glob("*.exr"):
            path.rename(path.with_name(path.name.replace("0008spp", f"{spp:04d}spp")))
        return folder

    return make


@pytest.mark.slow
def test_the_ladder_climbs_with_the_samples_of_other_datasets(views, make_more):
    """Its first rungs are the own renders: one seed, and all of them."""
    ladder = oidn_ladder(views, find_more([make_more(128, 0.25)], views))
    assert sorted(ladder) == [8, 16, 128, 256]
    assert ladder[8] < ladder[16] < ladder[128] - 2 and ladder[128] < ladder[256]
    own = [compare_view(pair, {}, with_oidn=True).scores["OIDN, mean of 2"]["psnr_db"] for pair in views]
    assert ladder[16] == pytest.approx(np.mean(own))


@pytest.mark.slow
def test_open_image_denoise_is_judged_on_one_render_of_as_many_samples_too(views, make_more, tmp_path):
    """In the table, the pictures and the ladder, whose rung is that of one render where there are both."""
    one, two = make_more(16, 0.5, seeds=1), make_more(32, 0.4)
    options = EvaluateOptions(data=(str(views[0].dataset),), more=(str(one), str(two)), out=str(tmp_path / "out"), view="T")
    done = evaluate(options)
    assert list(done.mean)[2:] == ["OIDN, mean of 2", "OIDN, one render of 16"]
    scores = done.mean["OIDN, one render of 16"]
    assert set(scores) == set(METRICS) and scores["psnr_db"] > done.mean["OIDN, mean of 2"]["psnr_db"]
    assert sorted(done.oidn_psnr_db) == [8, 16, 32, 64] and done.oidn_psnr_db[16] == pytest.approx(scores["psnr_db"])
    assert done.missing_rival is None
    (file,) = find_files(one, "s")["v000", 1]
    expected = oidn.denoise_best(read_frame(file, ("albedo", "normal")))
    result = compare_view(views[0], {}, with_oidn=True, one_render=file)
    np.testing.assert_allclose(result.images["OIDN, one render of 16"], expected * result.references.factor, rtol=1e-5)
    assert comparison(result).size[0] == 64 * 4  # noisy, both of Open Image Denoise's, reference


@pytest.mark.slow
def test_renders_of_other_samples_are_no_such_rival(views, make_more):
    more = find_more([make_more(32, 0.4, seeds=1)], views)
    assert one_renders(more, views) == {} and sorted(oidn_ladder(views, more)) == [8, 16, 32]


def test_renders_of_another_scene_are_doubted(views, make_more, caplog):
    more = make_more(16, 0.5)
    find_more([more], views)
    assert not caplog.records
    write_manifest(more, {"format": 1, "scene": {"file": "other.blend"}, "spp": 16})
    find_more([more], views)
    assert "sampled from other.blend" in caplog.text and "from synthetic.blend" in caplog.text


@pytest.mark.slow
def test_how_to_render_the_rival_is_said_where_it_is_missing(make_dataset, tmp_path, monkeypatch):
    """As a command that the command line takes; not where Open Image Denoise was not asked for."""
    monkeypatch.chdir(tmp_path)
    data = make_dataset(views=3, references=(0, 2))
    said = CliRunner().invoke(main, ["evaluate", "--data", str(data)]).output
    wanted = "n2n-render sample --scene synthetic.blend --spp 16 --seeds 1 --views 3 --frames 1 --out more/data_16"
    assert wanted in " ".join(said.split()) and "evaluate --more more/data_16" in " ".join(said.split())
    answer = CliRunner().invoke(main, wanted.split()[1:])
    assert answer.exit_code == 1 and "synthetic.blend: no such file" in answer.output
    assert "--seeds" not in CliRunner().invoke(main, ["evaluate", "--data", str(data), "--no-oidn"]).output


def test_the_command_for_the_rival_knows_frames_and_size(make_dataset):
    data = make_dataset(views=1, references=(0,))
    for path in data.glob("*.exr"):
        path.rename(path.with_name(path.name.replace("f0001", "f-007")))
    write_manifest(data, {"format": 1, "scene": {"file": "my shot.blend"}, "spp": 8, "size": [64, 48]})
    command = command_for_one_render(find_views([data]))
    assert command.endswith("--scene 'my shot.blend' --spp 16 --seeds 1 --frames -7 --size 64x48 --out more/data_16")


def test_more_needs_the_same_views_of_one_dataset(views, make_more, make_dataset):
    with pytest.raises(N2NError, match="no renders of data/v001_f0001"):
        find_more([make_more(16, 0.5, views=1)], views)
    others = find_views([make_dataset("other", references=(0,))])
    with pytest.raises(N2NError, match="one dataset at a time"):
        find_more([views[0].dataset], [*views, *others])


@pytest.mark.slow
def test_a_picture_that_cannot_be_written_costs_no_numbers(make_dataset, tmp_path):
    """Before, the first of them ended the evaluation, and the numbers of all views were lost."""
    data = make_dataset(views=2, references=(0, 1))
    (tmp_path / "out" / "data_v000_f0001.png" / "in the way").mkdir(parents=True)
    result = CliRunner().invoke(
        main,
        ["evaluate", "--data", str(data), "--no-oidn", "--out", str(tmp_path / "out"), "--json", str(tmp_path / "all.json")],
    )
    assert result.exit_code == 1 and "data_v000_f0001.png: cannot be written" in result.output
    assert "mean of 2 view(s)" in result.output and len(json.loads((tmp_path / "all.json").read_text())["views"]) == 2
    assert (tmp_path / "out" / "data_v001_f0001.png").is_file()


def test_evaluating_is_a_function_that_tells_its_progress(make_dataset, tmp_path, silent):
    """Numbers as they come from each view, a picture of each, and what could not be written is in the result."""
    data = make_dataset(views=3, references=(0, 1))
    (tmp_path / "full").touch()
    options = EvaluateOptions(
        data=(str(data),), out=str(tmp_path / "pictures"), json=str(tmp_path / "full" / "all.json"), oidn=False, view="T"
    )
    titles = []

    def reporter(title):
        titles.append(title)
        return contextlib.nullcontext(silent)

    done = evaluate(options, reporter)
    assert titles == ["evaluating"] and (silent.total, silent.text) == (2, "data/v001_f0001")
    alone = [compare_view(pair, {}, with_oidn=False).view for pair in find_views([data])]
    assert list(done.views) == alone and done.mean == means(alone) and done.oidn_psnr_db == {} == done.mean_change
    pictures = ["data_v000_f0001.png", "data_v001_f0001.png"]
    assert sorted(path.name for path in done.pictures.iterdir()) == [*pictures, "report.html"]
    assert ["all.json" in str(error) for error in done.unwritten] == [True]


def test_the_change_between_frames_is_the_mean_over_those_that_can_be_compared():
    assert flicker_lines([{}]) == [] == flicker_lines([])
    (line,) = flicker_lines([{}, {"ours": 0.02, "noisy": -1.0}, {"ours": 0.0, "noisy": 0.5}])
    assert line == (
        "change between 2 pair(s) of consecutive frames, PSNR on T: ours: 20.00 dB; noisy: less than the references' noise"
    )


@pytest.mark.slow
def test_the_images_of_views_that_are_done_are_given_up(make_dataset, tmp_path, silent):
    """At 8K the images of one view are gigabytes."""
    data = make_dataset(views=4, references=range(4), size=(24, 32))
    alive = []

    class Counting(type(silent)):
        def advance(self, *args, **values):
            gc.collect()
            alive.append(sum(type(thing) is ComparedView for thing in gc.get_objects()))

    options = EvaluateOptions(data=(str(data),), out=str(tmp_path / "out"), oidn=False)
    evaluate(options, lambda title: contextlib.nullcontext(Counting()))
    assert len(alive) == 4 and max(alive) == 1
