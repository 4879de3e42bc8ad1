"""The command `denoise` on whole files: every layer, every view, alpha; what is left is named."""

import numpy as np
import OpenEXR
import pytest
from click.testing import CliRunner
from conftest import noisy_frame, true_frame

from n2n_render.cli.commands import main
from n2n_render.denoise.alpha import AlphaDenoiser
from n2n_render.engines.options import EngineOptions
from n2n_render.frame.frame import Frame
from n2n_render.frame.metrics import squared_error
from n2n_render.io.exr import ExrImage, write_frame

SIZE = (48, 64)


def denoise(*arguments):
    quick = ["--device", "cpu", "--engine", "oidn", "--model", "oidn-small-noisy-aux"]
    result = CliRunner().invoke(main, [*map(str, ["denoise", *arguments, *quick])])
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.output


def changed_layers(one, two):
    """Layer → whether its picture differs, and that nothing else does."""
    before, after = ExrImage.open(one), ExrImage.open(two)
    assert len(before.parts) == len(after.parts)
    for (_, old), (_, new) in zip(before.parts, after.parts, strict=True):
        for name, channel in old.items():
            if ".Combined" not in name:
                assert new[name].pixels.tobytes() == channel.pixels.tobytes(), name
    return {layer: not np.array_equal(before.picture(layer), after.picture(layer)) for layer in before.layers}


def write_layers(path, layers):
    """layers: name → whether it has the denoising passes."""
    channels = {}
    for index, (layer, complete) in enumerate(layers.items()):
        frame = noisy_frame(true_frame(*SIZE, index), index)
        for name, image, letters in (
            ("Combined", frame.color, "RGB"),
            ("Denoising Albedo", frame.albedo, "RGB"),
            ("Denoising Normal", frame.normal, "XYZ"),
        ):
            if complete or name == "Combined":
                channels.update(
                    {
                        f"{layer}.{name}.{letter}": np.ascontiguousarray(image[..., place])
                        for place, letter in enumerate(letters)
                    }
                )
    OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, channels).write(str(path))
    return path


@pytest.mark.slow
def test_all_layers_that_can_be_are_denoised_and_the_others_named(tmp_path):
    """Before, the first layer only, with exit code 0 and no word of the others."""
    path = write_layers(tmp_path / "a.exr", {"Front": True, "Back": True, "Bare": False, "Composite": False})
    said = denoise(path, "-o", tmp_path / "out.exr")
    assert changed_layers(path, tmp_path / "out.exr") == {"Front": True, "Back": True, "Bare": False, "Composite": False}
    assert "left noisy: Bare" in said and "Composite" in said
    denoise(path, "-o", tmp_path / "back.exr", "--layer", "Back")
    assert changed_layers(path, tmp_path / "back.exr") == {"Front": False, "Back": True, "Bare": False, "Composite": False}


def test_a_layer_that_is_asked_for_and_lacks_passes_is_an_error(tmp_path):
    path = write_layers(tmp_path / "a.exr", {"Front": True, "Bare": False})
    result = CliRunner().invoke(
        main,
        [
            "denoise",
            str(path),
            "-o",
            str(tmp_path / "out.exr"),
            "--model",
            "oidn-small-noisy-aux",
            "--engine",
            "oidn",
            "--layer",
            "Bare",
        ],
    )
    assert result.exit_code == 1 and "'Bare' has no 'Denoising Albedo' pass" in result.output
    assert not (tmp_path / "out.exr").exists()


def alpha_frame(alpha):
    frame = noisy_frame(true_frame(*SIZE), 1)
    return Frame(frame.color, albedo=frame.albedo, normal=frame.normal, alpha=np.float32(alpha)[..., None])


def test_alpha_is_cleaned_where_it_is_noisy_and_exact_where_it_is_sure(tmp_path):
    rng = np.random.default_rng(1)
    alpha = np.zeros(SIZE)
    alpha[:, 20:40] = 1
    alpha[:, 40:] = 0.5 + 0.2 * rng.standard_normal((SIZE[0], 24))
    write_frame(tmp_path / "a.exr", alpha_frame(np.clip(alpha, 0.01, 0.99) * (alpha != 0) * (alpha != 1) + (alpha == 1)))
    denoise(tmp_path / "a.exr", "-o", tmp_path / "out.exr")
    before, after = (ExrImage.open(tmp_path / name).picture("ViewLayer")[..., 3] for name in ("a.exr", "out.exr"))
    np.testing.assert_array_equal(after[:, :40], before[:, :40])
    assert after[8:40, 48:60].std() < 0.25 * before[8:40, 48:60].std() and abs(after[8:40, 48:60].mean() - 0.5) < 0.03


def test_alpha_without_information_is_filled(tmp_path):
    alpha = np.ones(SIZE)
    alpha[10, 10] = np.nan
    write_frame(tmp_path / "a.exr", alpha_frame(alpha))
    assert "Combined alpha" in denoise(tmp_path / "a.exr", "-o", tmp_path / "out.exr")
    assert (ExrImage.open(tmp_path / "out.exr").picture("ViewLayer")[..., 3] == 1).all()


def test_sure_alpha_takes_no_pass():
    assert AlphaDenoiser(EngineOptions("cpu"))(alpha_frame(np.ones(SIZE))) is None
    assert AlphaDenoiser(EngineOptions("cpu"))(Frame(np.ones((*SIZE, 3), np.float32))) is None


@pytest.fixture(scope="module")
def catcher(in_blender, tmp_path_factory):
    folder = tmp_path_factory.mktemp("catcher")
    in_blender("blender_catcher.py", str(folder))
    return folder


@pytest.mark.blender
@pytest.mark.nightly
def test_the_shadow_on_a_catcher_is_as_clean_as_the_rest(catcher, tmp_path):
    """Mean squared error of alpha against two halves of 256 spp, with their own noise cancelled."""
    denoise(catcher / "a.exr", "--pair", catcher / "b.exr", "-o", tmp_path / "out.exr")
    pictures = {
        name: ExrImage.open(path).picture("ViewLayer")
        for name, path in {
            **{name: catcher / f"{name}.exr" for name in ("a", "b", "r1", "r2")},
            "out": tmp_path / "out.exr",
        }.items()
    }
    mean = (pictures["a"] + pictures["b"]) / 2

    def error(image):
        return float(
            squared_error(image=image[..., 3:], reference_a=pictures["r1"][..., 3:], reference_b=pictures["r2"][..., 3:]).mean()
        )

    assert error(pictures["out"]) < 0.5 * error(mean)
    for value in (0, 1):
        sure = (pictures["a"][..., 3] == value) & (pictures["b"][..., 3] == value)
        assert sure.mean() > 0.01 and (pictures["out"][..., 3][sure] == value).all()


@pytest.mark.blender
@pytest.mark.parametrize("name", ["stereo.exr", "stereo_one_part.exr"])
def test_both_eyes_of_all_layers_of_a_stereo_render_are_denoised(catcher, tmp_path, name):
    """Before, the left eye came out byte-identical, still noisy, with exit code 0."""
    denoise(catcher / name, "-o", tmp_path / "out.exr")
    assert changed_layers(catcher / name, tmp_path / "out.exr") == {
        f"{layer}.{view}": True for layer in ("ViewLayer", "Second") for view in ("left", "right")
    }


def test_of_a_pair_what_holds_no_noise_is_passed_through(tmp_path):
    """A title card, and a still region beside noise."""
    card = np.full((*SIZE, 3), 0.03, np.float32)
    card[10:30, 20:50] = (0.8, 0.2, 0.5)
    for name, noisy in (("card", slice(0, 0)), ("half", slice(0, 32))):
        for seed in (1, 2):
            frame = noisy_frame(true_frame(*SIZE), seed)
            color = card.copy()
            color[:, noisy] = frame.color[:, noisy]
            write_frame(tmp_path / f"{name}{seed}.exr", Frame(color, albedo=frame.albedo, normal=frame.normal))
        denoise(tmp_path / f"{name}1.exr", "--pair", tmp_path / f"{name}2.exr", "-o", tmp_path / "out.exr")
        picture = ExrImage.open(tmp_path / "out.exr").picture("ViewLayer")[..., :3]
        np.testing.assert_array_equal(picture[:, noisy.stop :], card[:, noisy.stop :])
        assert noisy.stop == 0 or not np.allclose(picture[:, noisy], color[:, noisy])


def test_a_soft_shadow_that_is_zero_by_chance_is_cleaned_too(tmp_path):
    """One render of few samples: a fifth of its pixels is exactly 0."""
    alpha = np.clip(0.1 + 0.12 * np.random.default_rng(1).standard_normal(SIZE), 0, 1)
    write_frame(tmp_path / "a.exr", alpha_frame(alpha))
    denoise(tmp_path / "a.exr", "-o", tmp_path / "out.exr")
    after = ExrImage.open(tmp_path / "out.exr").picture("ViewLayer")[8:40, 8:56, 3]
    assert (alpha == 0).mean() > 0.1 and (after == 0).mean() < 0.01 and after.std() < 0.25 * alpha.std()


def test_noise_in_alpha_alone_is_cleaned_and_still_alpha_is_not_touched(tmp_path):
    """A shadow catcher's colour is black in both renders; a card's soft edge is the same in both."""
    rng = np.random.default_rng(2)
    edge = np.clip((np.arange(SIZE[1]) - 20) / 9.0, 0, 1) * np.ones(SIZE)
    for seed in (1, 2):
        frame = alpha_frame(np.where(np.arange(SIZE[1]) < 36, edge, np.clip(0.5 + 0.2 * rng.standard_normal(SIZE), 0.01, 0.99)))
        frame.color[:] = 0
        write_frame(tmp_path / f"{seed}.exr", frame)
    denoise(tmp_path / "1.exr", "--pair", tmp_path / "2.exr", "-o", tmp_path / "out.exr")
    before, after = (ExrImage.open(tmp_path / name).picture("ViewLayer")[..., 3] for name in ("1.exr", "out.exr"))
    np.testing.assert_array_equal(after[:, :32], before[:, :32])
    assert after[8:40, 44:60].std() < 0.3 * before[8:40, 44:60].std()
