"""Adapting from files to files: what is written, and how good it is."""

from pathlib import Path

import numpy as np
import OpenEXR
import pytest
import torch
from adapt_fixtures import COMBINED, ERROR, NAMES, SIZE, adapt, adapted, assert_refused, report
from click.testing import CliRunner
from conftest import noisy_frame, true_frame
from masks import EDGE, cycles

from n2n_render.adapt import Adapted
from n2n_render.cli.commands import main
from n2n_render.denoise import Denoiser
from n2n_render.denoise.artist import FrameResult
from n2n_render.engines.options import EngineOptions
from n2n_render.frame import metrics
from n2n_render.frame.frame import mean_frame
from n2n_render.frame.transfer import exposure
from n2n_render.io.exr import ExrImage, read_frame, write_frame
from n2n_render.learn import norms
from n2n_render.network.checkpoint import read_checkpoint
from n2n_render.network.registry import open_model


@pytest.mark.slow
def test_frames_error_maps_report_and_model_are_written_and_nothing_else(shot, start, tmp_path):
    adapted(shot, tmp_path / "out", start)
    pictures = [*(name.replace(".exr", ".error.png") for name in NAMES), "preview.png"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *NAMES,
        *pictures,
        "adapted.pt",
        "report.json",
        "report.html",
    }
    for name in pictures:
        assert (tmp_path / "out" / name).read_bytes().startswith(b"\x89PNG")
    told = report(tmp_path / "out")
    assert [frame["file"] for frame in told["frames"]] == NAMES and told["config"]["steps"] == 2
    assert all(
        0 < frame["expected_psnr_db"] < 100 and 0 <= frame["adapted"] <= 1 and 0 <= frame["noisy"] <= 1
        for frame in told["frames"]
    )
    assert [check["step"] for check in told["checks"]] == [2] and told["stopped"] is None


@pytest.mark.slow
def test_a_written_frame_has_another_picture_its_error_and_all_else_as_it_was(shot, start, tmp_path):
    adapted(shot, tmp_path / "out", start)
    for name in NAMES:
        before = ExrImage.open(shot / name.replace(".exr", "_s0001_0008spp.exr"))
        after = ExrImage.open(tmp_path / "out" / name)
        (_, old), (_, new) = before.parts[0], after.parts[0]
        assert set(new) == {*old, ERROR}
        assert all(new[channel].pixels.tobytes() == old[channel].pixels.tobytes() for channel in set(old) - set(COMBINED))
        picture = after.pixels(COMBINED)
        assert np.isfinite(picture).all() and (picture >= 0).all() and not np.allclose(picture, before.pixels(COMBINED))
        error = after.pixels([ERROR])
        assert error.shape == (*SIZE, 1) and np.isfinite(error).all() and (error > 0).all()


@pytest.mark.slow
def test_the_noisy_picture_is_kept_if_asked(shot, start, tmp_path):
    adapted(shot, tmp_path / "out", start, "--keep-noisy")
    noisy = np.mean([ExrImage.open(shot / f"v000_f0001_s000{seed}_0008spp.exr").pixels(COMBINED) for seed in (1, 2)], axis=0)
    kept = ExrImage.open(tmp_path / "out" / NAMES[0]).pixels([name.replace("Combined", "Noisy") for name in COMBINED])
    np.testing.assert_allclose(kept, noisy, rtol=1e-6)


@pytest.mark.slow
def test_masks_have_strengths_of_their_own(start, tmp_path):
    """Of the mean of the seeds; and a name that is not there is an error before the training."""
    paths = [cycles(tmp_path / f"{name}_0001.exr", seed=seed) for seed, name in enumerate("ab")]
    pair = [paths[0], tmp_path / "out", start, "--pair", paths[1], "--crop", "32"]
    assert_refused(adapt(*pair, "--strength", "1,gras=0.5"), "'gras'")
    assert not list((tmp_path / "out").glob("*.pt"))
    said = adapted(*pair, "--strength", "1,grass=0,rock=0.5").output
    assert "strength 0: object grass" in said and "strength 0.5: object rock" in said
    mean = np.mean([ExrImage.open(path).shown_color("ViewLayer") for path in paths], axis=0)
    image = ExrImage.open(tmp_path / "out" / "a_0001.exr")
    clean = image.shown_color("ViewLayer")
    assert np.allclose(clean[:, :EDGE], mean[:, :EDGE], atol=1e-6) and not np.allclose(
        clean[:, EDGE + 1 :], mean[:, EDGE + 1 :]
    )
    adapted(*pair, "--strength", "1")  # the weights are kept, and the picture is made again
    assert not np.allclose(ExrImage.open(tmp_path / "out" / "a_0001.exr").shown_color("ViewLayer")[:, :EDGE], mean[:, :EDGE])


@pytest.mark.slow
def test_the_model_can_be_used_like_any_other(shot, start, tmp_path):
    """It loads, says where it comes from, denoises, and can be adapted further."""
    adapted(shot, tmp_path / "out", start)
    model = tmp_path / "out" / "adapted.pt"
    found, before = read_checkpoint(model), read_checkpoint(start)
    assert found.model == before.model and found.provenance.origin == "a test"
    assert any(not torch.equal(tensor, before.weights[name]) for name, tensor in found.tensors().items())
    noisy, out = shot / "v000_f0001_s0001_0008spp.exr", tmp_path / "again.exr"
    result = CliRunner().invoke(main, [*map(str, ["denoise", noisy, "--model", model, "-o", out, "--engine", "torch"])])
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(
        read_frame(out).color, Denoiser.open(found, EngineOptions("cpu", "torch")).denoise(read_frame(noisy, ("albedo",)))
    )
    adapted(shot, tmp_path / "further", model)


def psnr_of(picture, truth):
    """PSNR on T of a picture, compared with the truth after its exposure."""
    factor = np.float32(exposure(truth))
    return metrics.psnr(image=picture * factor, reference_a=truth * factor, reference_b=truth * factor)


def mean_of(shot, view):
    """The mean of the seeds of one frame, and the truth."""
    frames = [read_frame(path, ("albedo", "normal")) for path in sorted(shot.glob(f"v00{view}_*.exr"))]
    return mean_frame(frames), true_frame(*SIZE, seed=view).color


@pytest.mark.slow
def test_adapting_brings_the_pictures_nearer_to_the_truth(shot, start, tmp_path):
    """Three frames teach the tiny network much; it is told the truth nowhere."""
    adapted(shot, tmp_path / "out", start, "--learning-rate", "0.01", "--batch", "4", steps=120)
    beginner, told = Denoiser.open(open_model(str(start)), EngineOptions("cpu", "torch")), report(tmp_path / "out")
    assert told["checks"][-1]["change"] < -0.2 and told["share"] > 0.5
    for view, name in enumerate(NAMES):
        mean, truth = mean_of(shot, view)
        found = psnr_of(read_frame(tmp_path / "out" / name).color, truth)
        assert found > psnr_of(beginner.denoise(mean), truth) + 1.0 and found > psnr_of(mean.color, truth) + 1.0


@pytest.mark.slow
def test_an_adaptation_that_spoils_the_network_is_hardly_used(shot, tmp_path):
    """From Open Image Denoise, with steps far too long: the pictures stay the start's."""
    adapted(shot, tmp_path / "out", "oidn-small", "--learning-rate", "10", steps=3)
    told = report(tmp_path / "out")
    assert told["checks"][-1]["change"] > 1 and told["share"] < 1e-3
    assert all(frame["adapted"] < 0.02 for frame in told["frames"])
    plain = Denoiser.open(open_model("oidn-small"), EngineOptions("cpu", "torch")).denoise(mean_of(shot, 2)[0])
    assert np.abs(read_frame(tmp_path / "out" / NAMES[2]).color - plain).mean() < 0.05 * plain.mean()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(shot, start, tmp_path):
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        adapted(shot, tmp_path / name, start, "--seed", seed)
    one, two, three = (read_checkpoint(tmp_path / name / "adapted.pt").weights for name in ("one", "two", "three"))
    assert all(torch.equal(tensor, two[key]) for key, tensor in one.items())
    assert not all(torch.equal(tensor, three[key]) for key, tensor in one.items())


@pytest.mark.slow
def test_open_image_denoise_is_a_start(shot, tmp_path):
    """Its guides, which are noisy here, are prefiltered; two short steps leave its picture nearly as it was."""
    for seed, path in enumerate(sorted(shot.glob("*.exr"))):
        frame = read_frame(path, ("albedo", "normal"))
        frame.albedo += np.random.default_rng(seed).normal(0, 0.2, frame.albedo.shape).astype(np.float32)
        write_frame(path, frame)
    adapted(shot, tmp_path / "out", "oidn-small", "--train-frames", "1")
    found = read_checkpoint(tmp_path / "out" / "adapted.pt")
    assert found.model.clean_guides and found.provenance.trained_on == ("data/v001_f0001",)
    assert "Open Image Denoise" in found.provenance.origin
    plain, raw = (
        Denoiser.open(open_model("oidn-small"), EngineOptions("cpu", "torch"), prefilter=prefilter).denoise(mean_of(shot, 2)[0])
        for prefilter in (True, False)
    )
    assert np.abs(read_frame(tmp_path / "out" / NAMES[2]).color - plain).mean() < 0.3 * np.abs(raw - plain).mean()


@pytest.mark.slow
def test_the_expected_error_is_about_the_true_one(shot, tmp_path):
    """Of the picture on T, as a number; and of the radiance, as a pass. The scene is very bright."""
    for path in shot.glob("*.exr"):
        frame = read_frame(path, ("albedo", "normal"))
        frame.color *= 50
        write_frame(path, frame)
    adapted(shot, tmp_path / "out", "oidn-small")
    for view, frame in enumerate(report(tmp_path / "out")["frames"]):
        written, truth = ExrImage.open(tmp_path / "out" / frame["file"]), 50 * mean_of(shot, view)[1]
        assert frame["expected_psnr_db"] == pytest.approx(psnr_of(written.pixels(COMBINED), truth), abs=1.5)
        errors = written.pixels([ERROR]), written.pixels(COMBINED) - truth
        expected, found = (np.sqrt((error**2).mean()) for error in errors)
        assert 0.7 < expected / found < 1.4


@pytest.mark.slow
def test_nothing_is_a_start_too(shot, tmp_path, monkeypatch):
    monkeypatch.setattr(norms, "REESTIMATE_BATCHES", 2)
    adapted(shot, tmp_path / "out", "nothing")
    found = read_checkpoint(tmp_path / "out" / "adapted.pt")
    assert found.model.features == ("albedo", "normal")
    assert {frame["adapted"] for frame in report(tmp_path / "out")["frames"]} == {1.0}


@pytest.mark.slow
def test_three_seeds_and_frames_of_different_sizes(make_dataset, start, tmp_path):
    large, small = make_dataset("large", views=1, seeds=3, size=SIZE), make_dataset("small", views=1, seeds=3, size=(37, 50))
    adapted([large, small], tmp_path / "out", start)
    names = ["large-v000_f0001.exr", "small-v000_f0001.exr"]
    assert [ExrImage.open(tmp_path / "out" / name).pixels([ERROR]).shape[:2] for name in names] == [SIZE, (37, 50)]


@pytest.mark.slow
def test_loose_files_are_adapted_to_with_their_pairs(loose, start):
    adapted(loose / "a_####.exr", loose / "out", start, "--pair", loose / "b_####.exr")
    assert {path.name for path in (loose / "out").glob("*.exr")} == {"a_0001.exr", "a_0002.exr"}
    assert not np.allclose(read_frame(loose / "out" / "a_0001.exr").color, read_frame(loose / "a_0001.exr").color)


@pytest.mark.slow
def test_a_view_layer_can_be_chosen(loose, start):
    """The other one stays what it was."""
    for name in "ab":
        frames = {
            layer: read_frame(loose / f"{name}_{number}.exr", ("albedo",))
            for number, layer in (("0001", "Back"), ("0002", "Front"))
        }
        channels = {
            f"{layer}.{kind}.{channel}": np.ascontiguousarray(image[..., index])
            for layer, frame in frames.items()
            for kind, image in (("Combined", frame.color), ("Denoising Albedo", frame.albedo))
            for index, channel in enumerate("RGB")
        }
        OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION}, channels).write(str(loose / f"{name}_layers.exr"))
    adapted(loose / "a_layers.exr", loose / "out", start, "--pair", loose / "b_layers.exr", "--layer", "Front")
    before, after = ExrImage.open(loose / "a_layers.exr").parts[0][1], ExrImage.open(loose / "out" / "a_layers.exr").parts[0][1]
    assert set(after) == {*before, "Front.Error.V"}
    changed = {name for name in before if after[name].pixels.tobytes() != before[name].pixels.tobytes()}
    assert changed == {f"Front.Combined.{channel}" for channel in "RGB"}


@pytest.mark.slow
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
        assert np.isfinite(ExrImage.open(loose / "out" / name).pixels([*COMBINED, ERROR])).all()
    assert all(torch.isfinite(tensor).all() for tensor in read_checkpoint(loose / "out" / "adapted.pt").weights.values())


def two_layers(path, seed):
    """Layer A without the features, layer B with them, as a scene with two view layers may be set up."""
    frame = noisy_frame(true_frame(*SIZE), seed)
    channels = {
        f"{layer}.Combined.{letter}": frame.color[..., index].copy() for layer in "AB" for index, letter in enumerate("RGB")
    }
    channels |= {f"B.Denoising Albedo.{letter}": frame.albedo[..., index].copy() for index, letter in enumerate("RGB")}
    OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, channels).write(str(path))
    return path


@pytest.mark.slow
def test_the_picture_goes_into_the_layer_that_it_was_made_from(start, tmp_path):
    one, two = two_layers(tmp_path / "a.exr", 1), two_layers(tmp_path / "b.exr", 2)
    adapted(one, tmp_path / "out", start, "--pair", two)
    before, after = ExrImage.open(one), ExrImage.open(tmp_path / "out" / "a.exr")
    layers = [[f"{layer}.Combined.{letter}" for letter in "RGB"] for layer in "AB"]
    np.testing.assert_array_equal(after.pixels(layers[0]), before.pixels(layers[0]))
    assert not np.allclose(after.pixels(layers[1]), before.pixels(layers[1])) and after.pixels(["B.Error.V"]).any()


@pytest.mark.slow
@pytest.mark.nightly
def test_an_extreme_pixel_leaves_all_numbers_finite(make_dataset, tmp_path):
    """From nothing, where the initial estimate is the blurred picture itself."""
    shot = make_dataset(views=2, size=SIZE)
    for seed in (1, 2):
        path = shot / f"v000_f0001_s000{seed}_0008spp.exr"
        frame = read_frame(path, ("albedo", "normal", "depth"))
        frame.color *= 1e-3
        if seed == 1:
            frame.color[5, 5] = 65504.0
        write_frame(path, frame)
    adapted(shot, tmp_path / "out", "nothing")
    assert all(np.isfinite(read_frame(path).color).all() for path in (tmp_path / "out").glob("*.exr"))
    report(tmp_path / "out")


@pytest.mark.slow
def test_an_adapted_model_is_listed_with_what_it_was_adapted_to(shot, tmp_path):
    adapted(shot, tmp_path / "out", "nothing")
    result = CliRunner().invoke(main, ["models", str(tmp_path / "out")])
    assert result.exit_code == 0 and "adapted to 3 frame(s) of data" in " ".join(result.output.split())


def test_what_a_run_gave_names_the_frame_that_is_worst():
    frames = [FrameResult(Path(name), psnr_db, {}) for name, psnr_db in (("a", 30.0), ("b", None), ("c", 26.0))]
    done = Adapted(Path("out"), None, None, frames)
    assert (done.expected_psnr_db, done.worst) == (28.0, frames[2])
    done = Adapted(Path("out"), None, None, frames[1:2])
    assert (done.expected_psnr_db, done.worst) == (None, None)


@pytest.mark.slow
def test_other_views_are_trained_on_and_not_denoised(loose, make_dataset, start, tmp_path):
    """The weights are others than those of the frames alone; the frames are painted, and nothing of the views."""
    views = make_dataset("views", views=2, size=SIZE)
    alone = (loose / "a_####.exr", tmp_path / "alone", start, "--pair", loose / "b_####.exr")
    adapted(*alone, "--learning-rate", "1e-3", steps=8)
    with_views = (loose / "a_####.exr", tmp_path / "with", start, "--pair", loose / "b_####.exr", "--learn-from", views)
    adapted(*with_views, "--learning-rate", "1e-3", steps=8)
    assert {path.name for path in (tmp_path / "with").glob("*.exr")} == {"a_0001.exr", "a_0002.exr"}
    assert len(report(tmp_path / "with")["frames"]) == 2
    first, second = (read_checkpoint(tmp_path / name / "adapted.pt") for name in ("alone", "with"))
    assert any(not torch.equal(first.weights[name], second.weights[name]) for name in first.weights)
    refused = adapt(*with_views[:2], start, "--pair", loose / "b_####.exr", "--learn-from", views, "--temporal", 2)
    assert refused.exit_code == 1 and "learn_from" in refused.output
