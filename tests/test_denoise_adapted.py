"""`denoise` with a model of `adapt`: the picture that `adapt` paints, where pairs are given; and what is said where not."""

import numpy as np
import pytest
import torch
from adapt_fixtures import COMBINED, ERROR, SIZE, adapted, loose, report, start  # noqa: F401
from click.testing import CliRunner
from conftest import noisy_frame, true_frame

from n2n_render.cli.commands import main
from n2n_render.denoise import Denoiser
from n2n_render.denoise.adapted import Palette, is_adapted, is_trained_on
from n2n_render.denoise.alpha import AlphaDenoiser
from n2n_render.denoise.artist import Artist
from n2n_render.denoise.options import AS_DENOISED
from n2n_render.denoise.subjects import find_subjects
from n2n_render.engines.options import EngineOptions
from n2n_render.frame.frame import mean_frame
from n2n_render.io.exr import ExrImage, read_frame, write_frame
from n2n_render.io.sources import DETECT
from n2n_render.judge.error import SHARED_ERROR
from n2n_render.judge.held_out import held_out_pixels
from n2n_render.network.checkpoint import read_checkpoint, write_checkpoint
from n2n_render.network.mixture import can_mix, mixture

QUICK = EngineOptions("cpu", "torch")


@pytest.fixture
def model(loose, start):  # noqa: F811
    """A model of two frames that is worth something, beside the frames that it painted."""
    adapted(loose / "a_####.exr", loose / "out", start, "--pair", loose / "b_####.exr", "--learning-rate", "0.01", steps=40)
    checkpoint = read_checkpoint(loose / "out" / "adapted.pt")
    assert 0.1 < checkpoint.provenance.blend_weight
    return loose / "out" / "adapted.pt"


def denoise(*arguments):
    result = CliRunner().invoke(main, [*map(str, ["denoise", *arguments, "--engine", "torch"])])
    assert result.exit_code == 0, result.output + repr(result.exception)
    return " ".join(result.output.split())


def denoised_pair(model, out, *more):
    """Of frame 1; adapt was asked for one orientation."""
    folder = model.parent.parent
    return denoise(folder / "a_0001.exr", "--pair", folder / "b_0001.exr", "--model", model, "-o", out, *more)


@pytest.mark.slow
def test_pairs_give_the_picture_of_adapt(model, tmp_path):
    said = denoised_pair(model, tmp_path / "again.exr", "--average", "1")
    found, before = (ExrImage.open(path) for path in (tmp_path / "again.exr", model.parent / "a_0001.exr"))
    for channels in (COMBINED, [ERROR]):
        np.testing.assert_array_equal(found.pixels(channels), before.pixels(channels))
    assert f"expected PSNR on T {report(model.parent)['frames'][0]['expected_psnr_db']:.1f} dB" in said


@pytest.mark.slow
def test_several_frames_are_painted_and_one_that_cannot_be_read_does_not_keep_the_others(model, tmp_path):
    folder = model.parent.parent
    (folder / "b_0001.exr").write_bytes(b"no picture")
    arguments = ["denoise", folder / "a_####.exr", "--pair", folder / "b_####.exr", "--model", model, "-o", tmp_path / "new"]
    result = CliRunner().invoke(main, [*map(str, [*arguments, "--engine", "torch"])])
    assert result.exit_code == 1 and "1 of 2 frames" in result.output
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a_0002.exr"]


@pytest.mark.slow
def test_of_one_render_it_says_what_is_missing_and_paints_what_is_best_for_the_shot(model, start, tmp_path):  # noqa: F811
    noisy = model.parent.parent / "a_0001.exr"
    said = denoise(noisy, "--model", model, "-o", tmp_path / "one.exr")
    assert "pass its second seed with --pair" in said
    checkpoint = read_checkpoint(model)
    between = mixture(read_checkpoint(start), checkpoint, checkpoint.provenance.blend_weight)
    expected = Denoiser.open(between, QUICK).denoise(read_frame(noisy, ("albedo",)))
    np.testing.assert_array_equal(read_frame(tmp_path / "one.exr").color, expected)
    assert ERROR not in ExrImage.open(tmp_path / "one.exr").parts[0][1]


@pytest.mark.slow
def test_a_model_that_knows_no_neighbours_expects_that_halves_share_some_error_with_them(model):
    """It was never measured."""
    palette = Palette.find(read_checkpoint(model))
    assert palette.adapted.provenance.shared_error == 0
    assert palette.open(None, QUICK).usual.shared == SHARED_ERROR


@pytest.mark.slow
def test_fast_paints_the_mean_alone(model, tmp_path):
    said = denoised_pair(model, tmp_path / "fast.exr", "--fast")
    assert "expected" not in said and ERROR not in ExrImage.open(tmp_path / "fast.exr").parts[0][1]
    frames = [read_frame(model.parent.parent / f"{name}_0001.exr", ("albedo",)) for name in "ab"]
    network = Palette.find(read_checkpoint(model)).network()[0]
    expected = Denoiser.open(network, QUICK, average=2).denoise(mean_frame(frames))
    np.testing.assert_allclose(read_frame(tmp_path / "fast.exr").color, expected, rtol=1e-5)


@pytest.mark.slow
def test_adapt_can_be_fast_too(model, tmp_path):
    folder = model.parent.parent
    result = adapted(
        folder / "a_####.exr",
        model.parent,
        folder / "start.pt",
        "--pair",
        folder / "b_####.exr",
        "--learning-rate",
        "0.01",
        "--fast",
        steps=40,
    )
    assert "nothing is known of their error" in " ".join(result.output.split())
    told = report(model.parent)["frames"]
    assert [frame["expected_psnr_db"] for frame in told] == [None, None]
    assert told[0]["adapted"] == pytest.approx(read_checkpoint(model).provenance.blend_weight)
    assert ERROR not in ExrImage.open(model.parent / "a_0001.exr").parts[0][1]


@pytest.mark.slow
@pytest.mark.parametrize("other", [None, "another"])
def test_without_its_start_it_paints_alone_and_says_so(model, start, tmp_path, other):  # noqa: F811
    checkpoint = read_checkpoint(start)
    start.unlink()
    if other:
        checkpoint.provenance = type(checkpoint.provenance)(origin=other)
        write_checkpoint(start, checkpoint)
    said = denoised_pair(model, tmp_path / "alone.exr")
    assert "its pictures are not blended with the start's" in said and "expected PSNR" in said
    assert Palette.find(read_checkpoint(model)).network()[0].weights.keys() == checkpoint.weights.keys()


@pytest.mark.slow
def test_only_frames_of_the_training_are_judged_by_held_out_tiles(model, tmp_path):
    """In whatever order their seeds are given; of any other frame nobody has seen anything."""
    masks, told = [], read_checkpoint(model).provenance

    class Looking:
        features = ("albedo",)

        def paint_layer(self, frames, render, held_out, on_fraction):
            masks.append(held_out)
            return painter.paint_layer(frames, render, held_out, on_fraction)

    painter = Palette.find(read_checkpoint(model)).open(None, QUICK)
    artist = Artist(Looking(), told, AlphaDenoiser(QUICK), None, AS_DENOISED, DETECT)
    folder = model.parent.parent
    for seed in (1, 2):
        write_frame(tmp_path / f"new_{seed}.exr", noisy_frame(true_frame(*SIZE, 7), seed))
    for paths in ([folder / "b_0002.exr", folder / "a_0002.exr"], [tmp_path / f"new_{seed}.exr" for seed in (1, 2)]):
        artist.denoise(find_subjects(0, tuple(paths), None, ("albedo",)), tmp_path / "out.exr", lambda fraction: None)
    np.testing.assert_array_equal(masks[0], held_out_pixels(*SIZE))
    assert masks[1].all()
    assert is_trained_on(told, [folder / "a_0001.exr"]) and not is_trained_on(told, [tmp_path / "new_1.exr"])


@pytest.mark.slow
def test_which_models_are_adapted_ones(model, start):  # noqa: F811
    assert is_adapted(read_checkpoint(model)) and not is_adapted(read_checkpoint(start))


@pytest.mark.slow
def test_a_mixture_lies_on_the_line_between(start, model):  # noqa: F811
    one, two = read_checkpoint(start), read_checkpoint(model)
    for weight in (0.0, 0.25, 1.0):
        between = mixture(one, two, weight)
        for name, tensor in between.tensors().items():
            expected = (1 - weight) * one.tensors()[name] + weight * two.tensors()[name]
            torch.testing.assert_close(tensor, expected)
    assert between.model == two.model and between.provenance == two.provenance


@pytest.mark.slow
def test_networks_of_different_kinds_cannot_be_mixed(model):
    from n2n_render.network.registry import open_model

    other = open_model("oidn-small")
    assert not can_mix(other, read_checkpoint(model))
    with pytest.raises(ValueError, match="nothing between"):
        mixture(other, read_checkpoint(model), 0.5)
