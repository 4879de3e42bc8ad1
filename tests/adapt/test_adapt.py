"""Adapting from files to files: what is written, what is done once only, what is refused, what Ctrl-C leaves."""
import json

import numpy as np
import OpenEXR
import pytest
import torch
from click.testing import CliRunner
from conftest import noisy_frame, true_frame

from n2n_render.adapt import tune
from n2n_render.adapt.picture import Painter
from n2n_render.adapt.tune import Tuning
from n2n_render.commands import main
from n2n_render.denoise import Denoiser
from n2n_render.frame import metrics
from n2n_render.frame.exr import ExrImage, read_frame, write_frame
from n2n_render.frame.frame import mean_frame
from n2n_render.frame.transfer import exposure
from n2n_render.network.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from n2n_render.network.models import open_model
from n2n_render.network.unet import ModelConfig, UNet

SIZE = (64, 96)
NAMES = ["v000_f0001.exr", "v001_f0001.exr", "v002_f0001.exr"]
COMBINED = [f"ViewLayer.Combined.{channel}" for channel in "RGB"]
ERROR = "ViewLayer.Error.V"


@pytest.fixture
def start(tmp_path):
    """A checkpoint of a tiny network that knows nothing yet."""
    torch.manual_seed(1)
    config = ModelConfig(features=("albedo",), levels=2, encoder_width=8, decoder_width=8, head_widths=(8, 8), norm="none")
    write_checkpoint(tmp_path / "start.pt", Checkpoint(config, UNet(config).state_dict(), {"origin": "a test"}))
    return tmp_path / "start.pt"


@pytest.fixture
def shot(make_dataset):
    return make_dataset(views=3, size=SIZE)


def adapt(inputs, out, init, *more, steps=2):
    """The command, as fast as it can be; `more` comes last, so that it wins. Returns click's result."""
    quick = ["--device", "cpu", "--engine", "torch", "--average", "1", "--batch", "2", "--crop", "48", "--steps", steps]
    inputs = inputs if isinstance(inputs, list) else [inputs]
    return CliRunner().invoke(main, [*map(str, ["adapt", *inputs, "-o", out, "--init", init, *quick, *more])])


def adapted(*arguments, **changes):
    """The same where it must succeed."""
    result = adapt(*arguments, **changes)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result


def report(out):
    """report.json, which must hold plain numbers only."""
    def refuse(name):
        raise AssertionError(f"{name} in {out}/report.json")
    return json.loads((out / "report.json").read_text(), parse_constant=refuse)


def times(out, pattern="*.exr"):
    return {path.name: path.stat().st_mtime_ns for path in out.glob(pattern)}


def assert_refused(result, says):
    """One sentence and a hint."""
    assert result.exit_code == 1 and "error:" in result.output and says in result.output
    assert len(result.output[result.output.index("error:"):].strip().splitlines()) == 2
    assert isinstance(result.exception, SystemExit)


def test_frames_error_maps_report_and_model_are_written_and_nothing_else(shot, start, tmp_path):
    adapted(shot, tmp_path / "out", start)
    pictures = [name.replace(".exr", ".error.png") for name in NAMES]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*NAMES, *pictures, "adapted.pt", "report.json"}
    for name in pictures:
        assert (tmp_path / "out" / name).read_bytes().startswith(b"\x89PNG")
    told = report(tmp_path / "out")
    assert [frame["file"] for frame in told["frames"]] == NAMES and told["config"]["steps"] == 2
    assert all(0 < frame["expected_psnr_db"] < 100 and 0 <= frame["adapted"] <= 1 and 0 <= frame["noisy"] <= 1
               for frame in told["frames"])
    assert [check["step"] for check in told["checks"]] == [1, 2]


def test_a_written_frame_has_another_picture_its_error_and_all_else_as_it_was(shot, start, tmp_path):
    adapted(shot, tmp_path / "out", start)
    for name in NAMES:
        before = ExrImage(shot / name.replace(".exr", "_s0001_0008spp.exr"))
        after = ExrImage(tmp_path / "out" / name)
        (_, old), (_, new) = before.parts[0], after.parts[0]
        assert set(new) == {*old, ERROR}
        assert all(new[channel].pixels.tobytes() == old[channel].pixels.tobytes() for channel in set(old) - set(COMBINED))
        picture = after.pixels(COMBINED)
        assert np.isfinite(picture).all() and (picture >= 0).all() and not np.allclose(picture, before.pixels(COMBINED))
        error = after.pixels([ERROR])
        assert error.shape == (*SIZE, 1) and np.isfinite(error).all() and (error > 0).all()


def test_the_noisy_picture_is_kept_if_asked(shot, start, tmp_path):
    adapted(shot, tmp_path / "out", start, "--keep-noisy")
    noisy = ExrImage(shot / "v000_f0001_s0001_0008spp.exr").pixels(COMBINED)
    kept = ExrImage(tmp_path / "out" / NAMES[0]).pixels([name.replace("Combined", "Noisy") for name in COMBINED])
    np.testing.assert_array_equal(kept, noisy)


def test_the_model_can_be_used_like_any_other(shot, start, tmp_path):
    """It loads, says where it comes from, denoises, and can be adapted further."""
    adapted(shot, tmp_path / "out", start)
    model = tmp_path / "out" / "adapted.pt"
    found, before = read_checkpoint(model), read_checkpoint(start)
    assert found.model == before.model and found.provenance["origin"] == "a test"
    assert any(not torch.equal(tensor, before.weights[name]) for name, tensor in found.weights.items())
    noisy, out = shot / "v000_f0001_s0001_0008spp.exr", tmp_path / "again.exr"
    result = CliRunner().invoke(main, [*map(str, ["denoise", noisy, "--model", model, "-o", out, "--engine", "torch"])])
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(read_frame(out).color,
                               Denoiser(found, "cpu", engine="torch").denoise(read_frame(noisy, ("albedo",))))
    adapted(shot, tmp_path / "further", model)


def psnr_of(picture, truth):
    """PSNR on T of a picture, compared with the truth after its exposure."""
    factor = np.float32(exposure(truth))
    return metrics.psnr(image=picture * factor, reference_a=truth * factor, reference_b=truth * factor)


def mean_of(shot, view):
    """The mean of the seeds of one frame, and the truth."""
    frames = [read_frame(path, ("albedo", "normal")) for path in sorted(shot.glob(f"v00{view}_*.exr"))]
    return mean_frame(frames), true_frame(*SIZE, seed=view).color


def test_adapting_brings_the_pictures_nearer_to_the_truth(shot, start, tmp_path):
    """Three frames teach the tiny network much; it is told the truth nowhere."""
    adapted(shot, tmp_path / "out", start, "--learning-rate", "0.01", "--batch", "4", steps=120)
    beginner, told = Denoiser(open_model(str(start)), "cpu", engine="torch"), report(tmp_path / "out")
    assert told["checks"][-1]["change"] < -0.2 and told["share"] > 0.5
    for view, name in enumerate(NAMES):
        mean, truth = mean_of(shot, view)
        found = psnr_of(read_frame(tmp_path / "out" / name).color, truth)
        assert found > psnr_of(beginner.denoise(mean), truth) + 1.0 and found > psnr_of(mean.color, truth) + 1.0


def test_an_adaptation_that_spoils_the_network_is_hardly_used(shot, tmp_path):
    """From Open Image Denoise, with steps far too long: the pictures stay the start's."""
    pytest.importorskip("pyoidn")
    adapted(shot, tmp_path / "out", "oidn-small", "--learning-rate", "10", steps=3)
    told = report(tmp_path / "out")
    assert told["checks"][-1]["change"] > 1 and told["share"] < 1e-3
    assert all(frame["adapted"] < 0.02 for frame in told["frames"])
    plain = Denoiser(open_model("oidn-small"), "cpu", engine="torch").denoise(mean_of(shot, 2)[0])
    assert np.abs(read_frame(tmp_path / "out" / NAMES[2]).color - plain).mean() < 0.05 * plain.mean()


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(shot, start, tmp_path):
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        adapted(shot, tmp_path / name, start, "--seed", seed)
    one, two, three = (read_checkpoint(tmp_path / name / "adapted.pt").weights for name in ("one", "two", "three"))
    assert all(torch.equal(tensor, two[key]) for key, tensor in one.items())
    assert not all(torch.equal(tensor, three[key]) for key, tensor in one.items())


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


def test_another_way_to_denoise_denoises_again_without_training(shot, start, tmp_path):
    out = tmp_path / "out"
    adapted(shot, out, start)
    before = times(out)
    result = adapted(shot, out, start, "--average", "2")
    assert "training on" not in result.output and all(times(out)[name] > before[name] for name in NAMES)


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
    step = Tuning._step

    def stop(self):
        if self.checks:
            raise KeyboardInterrupt
        step(self)
    monkeypatch.setattr(Tuning, "_step", stop)


def test_ctrl_c_while_training_leaves_what_was_learned(shot, start, tmp_path, monkeypatch):
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        interrupt(patch)
        result = adapt(shot, out, start, steps=100)
    model = out / "interrupted-adapted.pt"
    assert result.exit_code == 130 and "the best so far" in result.output and not (out / "adapted.pt").exists()
    assert not list(out.glob("*.exr")) and 0 < read_checkpoint(model).provenance["step"] < 100
    adapted(shot, tmp_path / "further", model)
    adapted(shot, out, start, steps=100)  # to the end, as what was interrupted is taken for no finished model
    assert read_checkpoint(out / "adapted.pt").provenance["checks"][-1][0] == 100
    assert {path.name for path in out.glob("*.exr")} == set(NAMES) and not (out / ".adapt-cache").exists()


def test_an_interrupted_model_is_not_taken_for_a_finished_one(shot, start, tmp_path, monkeypatch):
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        interrupt(patch)
        adapt(shot, out, start)
    (out / "interrupted-adapted.pt").rename(out / "adapted.pt")
    assert_refused(adapt(shot, out, start), "adapted to other frames or with other")


def test_ctrl_c_before_anything_was_learned_leaves_no_model(shot, start, tmp_path, monkeypatch):
    def stop(self):
        raise KeyboardInterrupt
    monkeypatch.setattr(Tuning, "_step", stop)
    assert adapt(shot, tmp_path / "out", start).exit_code == 130
    assert not list((tmp_path / "out").glob("*.pt"))


def test_ctrl_c_while_denoising_keeps_the_finished_frames(shot, start, tmp_path, monkeypatch):
    paint, out = Painter.paint, tmp_path / "out"

    def once(self, *arguments):
        if list(out.glob("*.exr")):
            raise KeyboardInterrupt
        return paint(self, *arguments)
    with monkeypatch.context() as patch:
        patch.setattr(Painter, "paint", once)
        assert adapt(shot, out, start).exit_code == 130
    before = times(out)
    assert list(before) == NAMES[:1]
    assert "training on" not in adapted(shot, out, start).output
    after = times(out)
    assert set(after) == set(NAMES) and after[NAMES[0]] == before[NAMES[0]]
    assert [frame["file"] for frame in report(out)["frames"]] == NAMES


def test_open_image_denoise_is_a_start(shot, tmp_path):
    """Its guides, which are noisy here, are prefiltered; two short steps leave its picture nearly as it was."""
    pytest.importorskip("pyoidn")
    for seed, path in enumerate(sorted(shot.glob("*.exr"))):
        frame = read_frame(path, ("albedo", "normal"))
        frame.albedo += np.random.default_rng(seed).normal(0, 0.2, frame.albedo.shape).astype(np.float32)
        write_frame(path, frame)
    adapted(shot, tmp_path / "out", "oidn-small", "--train-frames", "1")
    found = read_checkpoint(tmp_path / "out" / "adapted.pt")
    assert found.model.clean_guides and found.provenance["trained_on"] == ["data/v001_f0001"]
    assert "Open Image Denoise" in found.provenance["origin"]
    plain, raw = (Denoiser(open_model("oidn-small"), "cpu", engine="torch", prefilter=prefilter).denoise(mean_of(shot, 2)[0])
                  for prefilter in (True, False))
    assert np.abs(read_frame(tmp_path / "out" / NAMES[2]).color - plain).mean() < 0.3 * np.abs(raw - plain).mean()


def test_frames_rendered_again_are_denoised_again(shot, start, tmp_path):
    """Also those that were not trained on; the weights stay."""
    out = tmp_path / "out"
    adapted(shot, out, start, "--train-frames", "1")
    trained = read_checkpoint(out / "adapted.pt").provenance["trained_on"]
    assert trained == ["data/v001_f0001"]
    before = times(out)
    for seed in (1, 2):
        write_frame(shot / f"v000_f0001_s000{seed}_0008spp.exr", noisy_frame(true_frame(*SIZE, seed=8), 70 + seed))
    assert "training on" not in adapted(shot, out, start, "--train-frames", "1").output
    after = times(out)
    assert after[NAMES[0]] != before[NAMES[0]] and after[NAMES[1]] == before[NAMES[1]]


def test_starts_that_know_these_frames_are_pointed_out(shot, start, tmp_path):
    adapted(shot, tmp_path / "out", start)
    assert "was trained on some of these very frames" in adapted(shot, tmp_path / "on", tmp_path / "out" / "adapted.pt").output


def test_the_same_file_twice_is_no_second_seed(loose, start):
    twice = ["--pair", loose / "b_0001.exr", "--pair", loose / "b_0001.exr"]
    assert_refused(adapt(loose / "a_0001.exr", loose / "out", start, *twice), "hold the same noise")


def test_an_engine_that_cannot_run_the_model_is_told_before_the_training(shot, start, tmp_path):
    pytest.importorskip("pyoidn")
    result = adapt(shot, tmp_path / "out", start, "--engine", "oidn")
    assert result.exit_code == 1 and "cannot run this model" in result.output and "training on" not in result.output


def test_the_expected_error_is_about_the_true_one(shot, tmp_path):
    """Of the picture on T, as a number; and of the radiance, as a pass. The scene is very bright."""
    pytest.importorskip("pyoidn")
    for path in shot.glob("*.exr"):
        frame = read_frame(path, ("albedo", "normal"))
        frame.color *= 50
        write_frame(path, frame)
    adapted(shot, tmp_path / "out", "oidn-small")
    for view, frame in enumerate(report(tmp_path / "out")["frames"]):
        written, truth = ExrImage(tmp_path / "out" / frame["file"]), 50 * mean_of(shot, view)[1]
        assert frame["expected_psnr_db"] == pytest.approx(psnr_of(written.pixels(COMBINED), truth), abs=1.5)
        errors = written.pixels([ERROR]), written.pixels(COMBINED) - truth
        expected, found = (np.sqrt((error ** 2).mean()) for error in errors)
        assert 0.7 < expected / found < 1.4


def test_nothing_is_a_start_too(shot, tmp_path, monkeypatch):
    pytest.importorskip("pyoidn")
    monkeypatch.setattr(tune, "REESTIMATE_BATCHES", 2)
    adapted(shot, tmp_path / "out", "nothing")
    found = read_checkpoint(tmp_path / "out" / "adapted.pt")
    assert found.model.features == ("albedo", "normal")
    assert {frame["adapted"] for frame in report(tmp_path / "out")["frames"]} == {1.0}


def test_three_seeds_and_frames_of_different_sizes(make_dataset, start, tmp_path):
    large, small = make_dataset("large", views=1, seeds=3, size=SIZE), make_dataset("small", views=1, seeds=3, size=(37, 50))
    adapted([large, small], tmp_path / "out", start)
    names = ["large-v000_f0001.exr", "small-v000_f0001.exr"]
    assert [ExrImage(tmp_path / "out" / name).pixels([ERROR]).shape[:2] for name in names] == [SIZE, (37, 50)]


@pytest.fixture
def loose(tmp_path):
    """Two frames of two seeds outside any dataset: a_0001.exr, a_0002.exr, b_0001.exr, b_0002.exr."""
    for frame in (1, 2):
        for seed, name in enumerate("ab"):
            write_frame(tmp_path / f"{name}_000{frame}.exr", noisy_frame(true_frame(*SIZE, frame), 10 * frame + seed))
    return tmp_path


def test_loose_files_are_adapted_to_with_their_pairs(loose, start):
    adapted(loose / "a_####.exr", loose / "out", start, "--pair", loose / "b_####.exr")
    assert {path.name for path in (loose / "out").glob("*.exr")} == {"a_0001.exr", "a_0002.exr"}
    assert not np.allclose(read_frame(loose / "out" / "a_0001.exr").color, read_frame(loose / "a_0001.exr").color)


def test_a_view_layer_can_be_chosen(loose, start):
    """The other one stays what it was."""
    for name in "ab":
        frames = {layer: read_frame(loose / f"{name}_{number}.exr", ("albedo",))
                  for number, layer in (("0001", "Back"), ("0002", "Front"))}
        channels = {f"{layer}.{kind}.{channel}": np.ascontiguousarray(image[..., index])
                    for layer, frame in frames.items()
                    for kind, image in (("Combined", frame.color), ("Denoising Albedo", frame.albedo))
                    for index, channel in enumerate("RGB")}
        OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION}, channels).write(str(loose / f"{name}_layers.exr"))
    adapted(loose / "a_layers.exr", loose / "out", start, "--pair", loose / "b_layers.exr", "--layer", "Front")
    before, after = ExrImage(loose / "a_layers.exr").parts[0][1], ExrImage(loose / "out" / "a_layers.exr").parts[0][1]
    assert set(after) == {*before, "Front.Error.V"}
    changed = {name for name in before if after[name].pixels.tobytes() != before[name].pixels.tobytes()}
    assert changed == {f"Front.Combined.{channel}" for channel in "RGB"}


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_broken_pixels_do_not_spread(loose, start, value):
    frame = read_frame(loose / "a_0001.exr", ("albedo", "normal", "depth"))
    frame.color[10:14, 20:30] = value
    frame.albedo[40, 40] = value
    write_frame(loose / "a_0001.exr", frame)
    adapted(loose / "a_####.exr", loose / "out", start, "--pair", loose / "b_####.exr")
    told = report(loose / "out")
    assert np.isfinite(told["share"]) and len(told["frames"]) == 2
    for name in ("a_0001.exr", "a_0002.exr"):
        assert np.isfinite(ExrImage(loose / "out" / name).pixels([*COMBINED, ERROR])).all()
    assert all(torch.isfinite(tensor).all() for tensor in read_checkpoint(loose / "out" / "adapted.pt").weights.values())


@pytest.mark.parametrize("inputs, more, says", [
    (["a_0001.exr"], [], "every frame rendered twice"),
    (["missing.exr"], ["--pair", "b_0001.exr"], "missing.exr: no such file"),
    (["a_0001.exr"], ["--pair", "missing.exr"], "missing.exr: no such file"),
    (["a_####.exr"], ["--pair", "b_0001.exr"], "--pair names 1 file(s) for 2"),
    (["a_0001.exr"], ["--pair", "b_0002.exr"], "another frame"),
    (["a_0001.exr"], ["--pair", "b_0001.exr", "--minutes", "1"], "--steps and --minutes"),
    (["a_0001.exr"], ["--pair", "b_0001.exr", "-o", "x.exr"], "x.exr is the name of a file"),
    (["a_0001.exr"], ["--pair", "b_0001.exr", "-o", "."], "a_0001.exr is an input"),
])
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
    config = ModelConfig(levels=1, encoder_width=4, decoder_width=4, head_widths=(4, 4), output="display")
    write_checkpoint(loose / "display.pt", Checkpoint(config, UNet(config).state_dict()))
    assert_refused(adapt(loose / "a_0001.exr", loose / "out", loose / "display.pt", *pair),
                   "display.pt is a model of display-referred images")


def test_help_explains_every_option():
    result = CliRunner().invoke(main, ["adapt", "--help"])
    assert result.exit_code == 0 and all(text in result.output for text in ("--pair", "--init", "--minutes", "--average"))


def two_layers(path, seed):
    """Layer A without the features, layer B with them, as a scene with two view layers may be set up."""
    frame = noisy_frame(true_frame(*SIZE), seed)
    channels = {f"{layer}.Combined.{letter}": frame.color[..., index].copy() for layer in "AB"
                for index, letter in enumerate("RGB")}
    channels |= {f"B.Denoising Albedo.{letter}": frame.albedo[..., index].copy() for index, letter in enumerate("RGB")}
    OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, channels).write(str(path))
    return path


def test_the_picture_goes_into_the_layer_that_it_was_made_from(start, tmp_path):
    one, two = two_layers(tmp_path / "a.exr", 1), two_layers(tmp_path / "b.exr", 2)
    adapted(one, tmp_path / "out", start, "--pair", two)
    before, after = ExrImage(one), ExrImage(tmp_path / "out" / "a.exr")
    layers = [[f"{layer}.Combined.{letter}" for letter in "RGB"] for layer in "AB"]
    np.testing.assert_array_equal(after.pixels(layers[0]), before.pixels(layers[0]))
    assert not np.allclose(after.pixels(layers[1]), before.pixels(layers[1])) and after.pixels(["B.Error.V"]).any()


def test_other_weights_in_the_start_s_file_are_another_start(shot, start, tmp_path):
    adapted(shot, tmp_path / "out", start)
    torch.manual_seed(9)
    model = read_checkpoint(start).model
    write_checkpoint(start, Checkpoint(model, UNet(model).state_dict(), {}))
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


def test_an_extreme_pixel_leaves_all_numbers_finite(make_dataset, tmp_path):
    """From nothing, where the pilot is the blurred picture itself."""
    shot = make_dataset(views=2, size=SIZE)
    path = shot / "v000_f0001_s0001_0008spp.exr"
    frame = read_frame(path, ("albedo", "normal", "depth"))
    frame.color *= 1e-3
    frame.color[5, 5] = 65504.0
    write_frame(path, frame)
    adapted(shot, tmp_path / "out", "nothing")
    assert all(np.isfinite(read_frame(path).color).all() for path in (tmp_path / "out").glob("*.exr"))
    report(tmp_path / "out")


def test_an_adapted_model_is_listed_with_what_it_was_adapted_to(shot, tmp_path):
    adapted(shot, tmp_path / "out", "nothing")
    result = CliRunner().invoke(main, ["models", str(tmp_path / "out")])
    assert result.exit_code == 0 and "adapted to 3 frame(s) of data" in " ".join(result.output.split())
