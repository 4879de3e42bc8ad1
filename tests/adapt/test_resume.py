"""Adapting again, otherwise, or not to the end: what is done once only, what is refused, what Ctrl-C leaves."""

import pytest
import torch
from adapt_fixtures import NAMES, SIZE, adapt, adapted, assert_refused, report, times
from click.testing import CliRunner
from conftest import noisy_frame, true_frame

from n2n_render.cli.commands import main
from n2n_render.denoise.picture import Painter
from n2n_render.io.dataset import FrameName, frame_names
from n2n_render.io.exr import read_frame, write_frame
from n2n_render.learn.loop import Loop
from n2n_render.network.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from n2n_render.network.paper import UNet
from n2n_render.network.specification import PaperNetwork, Specification


@pytest.mark.slow
def test_run_again_it_neither_trains_nor_denoises_twice(shot, start, tmp_path):
    out = tmp_path / "out"
    first = adapted(shot, out, start)
    before = times(out, "*")
    again = adapted(shot, out, start)
    assert "training on" in first.output and "training on" not in again.output
    assert times(out, "*") == before
    (out / NAMES[1]).unlink()
    assert "training on" not in adapted(shot, out, start).output
    after = times(out)
    assert set(after) == set(NAMES) and [name for name in NAMES if after[name] != before[name]] == [NAMES[1]]


@pytest.mark.slow
def test_another_way_to_denoise_denoises_again_without_training(shot, start, tmp_path):
    out = tmp_path / "out"
    adapted(shot, out, start)
    before = times(out)
    result = adapted(shot, out, start, "--average", "2")
    assert "training on" not in result.output and all(times(out)[name] > before[name] for name in NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("change", ["settings", "frames"])
def test_what_was_adapted_otherwise_is_not_overwritten(shot, start, tmp_path, change):
    out = tmp_path / "out"
    adapted(shot, out, start)
    before = times(out, "*")
    if change == "frames":
        write_frame(shot / "v001_f0001_s0002_0008spp.exr", noisy_frame(true_frame(*SIZE, seed=1), 77))
    assert_refused(adapt(shot, out, start, steps=2 if change == "frames" else 3), "adapted to other frames or with other")
    assert {name: time for name, time in times(out, "*").items() if name in before} == before


def interrupt(monkeypatch):
    """Ctrl-C arrives in the step after the first check."""
    step, look, looked = Loop.step, Loop.look, []

    def stop(self):
        if looked:
            raise KeyboardInterrupt
        step(self)

    monkeypatch.setattr(Loop, "look", lambda *arguments: looked.append(True) or look(*arguments))
    monkeypatch.setattr(Loop, "step", stop)


@pytest.mark.slow
def test_ctrl_c_while_training_leaves_what_was_learned(shot, start, tmp_path, monkeypatch):
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        interrupt(patch)
        result = adapt(shot, out, start, steps=100)
    model = out / "interrupted-adapted.pt"
    assert result.exit_code == 130 and "the best so far" in result.output and not (out / "adapted.pt").exists()
    assert not list(out.glob("*.exr")) and 0 < read_checkpoint(model).provenance.step < 100
    adapted(shot, tmp_path / "further", model)
    adapted(shot, out, start, steps=100)  # to the end, as what was interrupted is taken for no finished model
    assert read_checkpoint(out / "adapted.pt").provenance.checks[-1][0] == 100
    assert {path.name for path in out.glob("*.exr")} == set(NAMES) and not (out / ".adapt-cache").exists()


@pytest.mark.slow
def test_an_interrupted_model_is_not_taken_for_a_finished_one(shot, start, tmp_path, monkeypatch):
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        interrupt(patch)
        adapt(shot, out, start, steps=100)
    (out / "interrupted-adapted.pt").rename(out / "adapted.pt")
    assert_refused(adapt(shot, out, start, steps=100), "adapted to other frames or with other")


@pytest.mark.slow
def test_ctrl_c_before_anything_was_learned_leaves_no_model(shot, start, tmp_path, monkeypatch):
    def stop(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Loop, "step", stop)
    assert adapt(shot, tmp_path / "out", start).exit_code == 130
    assert not list((tmp_path / "out").glob("*.pt"))


@pytest.mark.slow
def test_ctrl_c_while_denoising_keeps_the_finished_frames(shot, start, tmp_path, monkeypatch):
    paint, out = Painter.paint_layer, tmp_path / "out"

    def once(self, *arguments):
        if list(out.glob("*.exr")):
            raise KeyboardInterrupt
        return paint(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Painter, "paint_layer", once)
        assert adapt(shot, out, start).exit_code == 130
    before = times(out)
    assert list(before) == NAMES[:1]
    assert "training on" not in adapted(shot, out, start).output
    after = times(out)
    assert set(after) == set(NAMES) and after[NAMES[0]] == before[NAMES[0]]
    assert [frame["file"] for frame in report(out)["frames"]] == NAMES


@pytest.mark.slow
def test_frames_rendered_again_are_denoised_again(shot, start, tmp_path):
    """Also those that were not trained on; the weights stay."""
    out = tmp_path / "out"
    adapted(shot, out, start, "--train-frames", "1")
    trained = read_checkpoint(out / "adapted.pt").provenance.trained_on
    assert trained == ("data/v001_f0001",)
    before = times(out)
    for seed in (1, 2):
        write_frame(shot / f"v000_f0001_s000{seed}_0008spp.exr", noisy_frame(true_frame(*SIZE, seed=8), 70 + seed))
    assert "training on" not in adapted(shot, out, start, "--train-frames", "1").output
    after = times(out)
    assert after[NAMES[0]] != before[NAMES[0]] and after[NAMES[1]] == before[NAMES[1]]


@pytest.mark.slow
def test_starts_that_know_these_frames_are_pointed_out(shot, start, tmp_path):
    adapted(shot, tmp_path / "out", start)
    assert "was trained on some of these very frames" in adapted(shot, tmp_path / "on", tmp_path / "out" / "adapted.pt").output


def test_the_same_file_twice_is_no_second_seed(loose, start):
    twice = ["--pair", loose / "b_0001.exr", "--pair", loose / "b_0001.exr"]
    assert_refused(adapt(loose / "a_0001.exr", loose / "out", start, *twice), "hold the same noise")


def test_an_engine_that_cannot_run_the_model_is_told_before_the_training(shot, start, tmp_path):
    result = adapt(shot, tmp_path / "out", start, "--engine", "oidn")
    assert result.exit_code == 1 and "cannot run this model" in result.output and "training on" not in result.output


@pytest.mark.parametrize(
    "inputs, more, says",
    [
        (["a_0001.exr"], [], "every frame rendered twice"),
        (["missing.exr"], ["--pair", "b_0001.exr"], "missing.exr: no such file"),
        (["a_0001.exr"], ["--pair", "missing.exr"], "missing.exr: no such file"),
        (["a_####.exr"], ["--pair", "b_0001.exr"], "--pair names 1 file(s) for 2"),
        (["a_000[1].exr"], ["--pair", "b_000[2].exr"], "another frame"),
        (["a_0001.exr"], ["--pair", "b_0001.exr", "--minutes", "1"], "--steps and --minutes"),
        (["a_0001.exr"], ["--pair", "b_0001.exr", "-o", "x.exr"], "x.exr is the name of a file"),
        (["a_0001.exr"], ["--pair", "b_0001.exr", "-o", "x.png"], "x.png is the name of a file"),
        (["a_0001.exr"], ["--pair", "b_0001.exr", "-o", "."], "a_0001.exr is an input"),
    ],
)
def test_impossible_wishes_are_refused_before_anything_is_made(loose, start, monkeypatch, inputs, more, says):
    monkeypatch.chdir(loose)
    before = sorted(loose.iterdir())
    assert_refused(adapt(inputs, "out", start, *more), says)
    assert sorted(loose.iterdir()) == before


def test_the_hint_of_a_single_seed_names_the_option(loose, start):
    assert "--pair" in adapt(loose / "a_0001.exr", loose / "out", start).output


def test_files_that_are_no_seeds_of_each_other_are_refused(loose, start):
    noisy = read_frame(loose / "a_0001.exr", ("albedo",))
    write_frame(loose / "same_0001.exr", noisy)
    write_frame(loose / "wide_0001.exr", noisy_frame(true_frame(64, 100), 5))
    (loose / "text_0001.exr").write_text("no image")
    for name, says in (("same", "same noise"), ("wide", "100×64"), ("text", "cannot be read")):
        assert_refused(adapt(loose / "a_0001.exr", loose / name, start, "--pair", loose / f"{name}_0001.exr"), says)
        assert not [path for pattern in ("*.exr", "*.pt") for path in (loose / name).glob(pattern)]


def test_models_that_are_no_start_are_refused(loose, start):
    pair = ["--pair", loose / "b_0001.exr"]
    assert_refused(adapt(loose / "a_0001.exr", loose / "out", loose / "missing.pt", *pair), "missing.pt: no such model")
    config = Specification(
        output="display", network=PaperNetwork(levels=1, encoder_width=4, decoder_width=4, head_widths=(4, 4))
    )
    write_checkpoint(loose / "display.pt", Checkpoint(config, UNet(config).state_dict()))
    assert_refused(
        adapt(loose / "a_0001.exr", loose / "out", loose / "display.pt", *pair),
        "display.pt is a model of display-referred images",
    )


def test_help_explains_every_option():
    result = CliRunner().invoke(main, ["adapt", "--help"])
    assert result.exit_code == 0 and all(text in result.output for text in ("--pair", "--init", "--minutes", "--average"))


@pytest.mark.slow
def test_other_weights_in_the_start_s_file_are_another_start(shot, start, tmp_path):
    adapted(shot, tmp_path / "out", start)
    torch.manual_seed(9)
    model = read_checkpoint(start).model
    write_checkpoint(start, Checkpoint(model, UNet(model).state_dict()))
    assert_refused(adapt(shot, tmp_path / "out", start), "was adapted to other frames or with other settings")


def test_frames_that_only_get_denoised_are_checked_before_the_training(shot, start, tmp_path):
    write_frame(shot / "v001_f0001_s0002_0008spp.exr", noisy_frame(true_frame(32, 48), 3))
    assert_refused(adapt(shot, tmp_path / "out", start, "--train-frames", "1"), "is 48×32, but")
    assert not (tmp_path / "out").exists()


def test_a_frame_with_one_seed_is_not_left_out_silently(shot, start, tmp_path):
    (shot / "v001_f0001_s0002_0008spp.exr").unlink()
    assert_refused(adapt(shot, tmp_path / "out", start), "v001, frame 1, has one seed only")


def test_denoised_frames_do_not_go_into_a_dataset(shot, start):
    assert_refused(adapt(shot, shot, start), "is a dataset")


@pytest.mark.slow
def test_a_model_knows_the_frames_that_it_was_adapted_to(loose, start):
    """Also where names hold `_s`, and where other shots have frames of the same name."""
    moved = {}
    for name, source in (("cam_s1_0001", 1), ("cam_s1_0002", 2)):
        for seed in "ab":
            for folder in ("one", "two"):
                place = loose / folder / "render" / f"{name}{seed}.exr"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes((loose / f"{seed}_000{source}.exr").read_bytes())
                moved[folder, source, seed] = place
    adapted(moved["one", 1, "a"], loose / "first", start, "--pair", moved["one", 1, "b"])
    model, says = loose / "first" / "adapted.pt", "trained on some of these very frames"
    for index, (key, known) in enumerate({("one", 1): True, ("one", 2): False, ("two", 1): False}.items()):
        result = adapted(moved[*key, "a"], loose / f"again{index}", model, "--pair", moved[*key, "b"])
        assert (says in result.output) == known, key


def test_frames_of_a_dataset_have_the_names_of_its_pairs(tmp_path):
    names = [FrameName("v000", frame, "s", 1, 8).filename for frame in (-1, 1)]
    assert frame_names([(tmp_path / "data_s" / name,) for name in names]) == ["data_s/v000_f-0001", "data_s/v000_f0001"]


@pytest.mark.slow
def test_pictures_that_cannot_be_written_cost_nothing(shot, start, tmp_path):
    """A preview and an error map open in a viewer, or without space: one warning each, and all the rest is there."""
    out = tmp_path / "out"
    (out / "preview.png").mkdir(parents=True)
    (out / NAMES[0].replace(".exr", ".error.png")).mkdir()
    (out / NAMES[1].replace(".exr", ".error.png")).mkdir()
    result = adapted(shot, out, start, "--learning-rate", 1e-3, steps=8)
    assert result.output.count("the work goes on without it") == 2
    assert sorted(path.name for path in out.glob("*.exr")) == NAMES
    assert "stopped early" not in result.output and report(out)["stopped"] is None
