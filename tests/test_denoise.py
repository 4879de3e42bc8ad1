"""Denoising: tiled = untiled, scale, orientations, strength, pairs, names, bad input."""

from dataclasses import replace

import numpy as np
import OpenEXR
import pytest
import torch
from conftest import noisy_frame, true_frame

from n2n_render.denoise import Denoiser, PictureOptions
from n2n_render.denoise.files import denoise_files, raise_failures
from n2n_render.engines.options import EngineOptions
from n2n_render.errors import N2NError
from n2n_render.frame.orient import ORIENTATIONS, move, turn
from n2n_render.io.exr import ExrImage, read_frame, write_frame
from n2n_render.io.sequence import check_overwrites, find_inputs, match_pairs, plan_outputs
from n2n_render.network.checkpoint import Checkpoint
from n2n_render.network.paper import UNet
from n2n_render.network.specification import PaperNetwork, Specification

CONFIG = Specification(
    features=("albedo", "normal", "depth"), network=PaperNetwork(levels=3, encoder_width=8, decoder_width=8, head_widths=(8, 8))
)


def denoiser(tile_px=None, **changes):
    """A network with random weights: enough to tell whether pixels go where they should."""
    torch.manual_seed(2)
    config = replace(CONFIG, **changes)
    return Denoiser.open(Checkpoint(config, UNet(config).state_dict()), EngineOptions("cpu", "torch", tile_px=tile_px))


@pytest.fixture
def frame():
    return noisy_frame(true_frame(150, 210), 1)


@pytest.mark.slow
@pytest.mark.parametrize("tile_px", [32, 64, 100])
def test_tiled_equals_untiled(frame, tile_px):
    whole = denoiser(4096).denoise(frame)
    np.testing.assert_allclose(denoiser(tile_px).denoise(frame), whole, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("output", ["radiance", "display"])
def test_a_brighter_scene_of_another_scale_gives_the_same_picture(frame, output):
    reference = denoiser(output=output).denoise(frame)
    frame.color *= 1000
    frame.depth *= 1000
    np.testing.assert_allclose(denoiser(output=output).denoise(frame) / 1000, reference, rtol=2e-3, atol=1e-5)


def test_output_has_the_size_of_the_input_and_is_finite_and_not_negative(frame):
    result = denoiser().denoise(frame)
    assert result.shape == (150, 210, 3) and result.dtype == np.float32
    assert np.isfinite(result).all() and (result >= 0).all()


def averaging(count):
    """The same network, as the mean over so many orientations."""
    result = denoiser()
    result.average = count
    return result


def test_a_mean_over_one_orientation_is_the_plain_picture(frame):
    checkpoint = denoiser().ladder.checkpoint
    single = Denoiser.open(checkpoint, EngineOptions("cpu", "torch"), average=1)
    np.testing.assert_array_equal(single.denoise(frame), denoiser().denoise(frame))


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4, 8])
def test_the_mean_over_orientations_is_that_of_the_turned_back_pictures(count):
    frame = noisy_frame(true_frame(48, 80), 1)
    pictures = [averaging(1).denoise(turn(frame, *switches)) for switches in ORIENTATIONS[:count]]
    back = [
        picture.swapaxes(0, 1) if transpose else picture
        for picture, (_, _, transpose) in zip(pictures, ORIENTATIONS, strict=False)
    ]
    back = [
        picture[:: -1 if mirror_y else 1, :: -1 if mirror_x else 1]
        for picture, (mirror_x, mirror_y, _) in zip(back, ORIENTATIONS, strict=False)
    ]
    np.testing.assert_allclose(averaging(count).denoise(frame), np.mean(back, axis=0), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("count, switches", [(4, (True, True, False)), (4, (True, False, True)), (8, (False, True, True))])
def test_a_turned_frame_gives_the_turned_picture(count, switches):
    """The network alone does not: it is its mean over orientations that does."""
    frame = noisy_frame(true_frame(48, 80), 1)
    turned = turn(frame, *switches)
    expected = move(averaging(count).denoise(frame), *switches)
    np.testing.assert_allclose(averaging(count).denoise(turned), expected, rtol=1e-3, atol=1e-6)
    alone = np.abs(averaging(1).denoise(turned) - move(averaging(1).denoise(frame), *switches))
    assert alone.mean() > 0.01 * expected.mean()


def test_a_network_that_commutes_with_turning_is_not_changed_by_the_mean(monkeypatch):
    frame, pictures = noisy_frame(true_frame(48, 80), 1), []
    for count in (1, 8):
        pointwise = averaging(count)
        monkeypatch.setattr(pointwise.engine, "run", lambda encoded, on_progress=None: encoded[..., :3] ** 2)
        pictures.append(pointwise.denoise(frame))
    np.testing.assert_allclose(pictures[1], pictures[0], rtol=1e-4, atol=1e-6)


def test_progress_rises_to_one_over_all_orientations(frame):
    shares = []
    averaging(4).denoise(frame, shares.append)
    assert shares == sorted(shares) and len(shares) >= 4 and shares[-1] == pytest.approx(1.0) and shares[0] <= 0.25


def test_running_out_of_memory_halves_the_tiles_and_then_says_so(frame, monkeypatch):
    whole = denoiser(4096).denoise(frame)
    limited = denoiser(512)
    run = limited.engine.run

    def small_only(encoded, on_progress=None):
        if encoded.shape[0] > 140:
            raise MemoryError("too large")
        return run(encoded)

    monkeypatch.setattr(limited.engine, "run", small_only)
    monkeypatch.setattr("n2n_render.ladder.memory.SMALLEST_TILE_PX", 32)
    np.testing.assert_allclose(limited.denoise(frame), whole, rtol=1e-4, atol=1e-6)
    monkeypatch.setattr(limited.engine, "run", lambda encoded, on_progress: (_ for _ in ()).throw(MemoryError("no")))
    with pytest.raises(N2NError, match="not enough memory"):
        limited.denoise(frame)


def test_a_file_keeps_its_other_channels(frame, tmp_path):
    write_frame(tmp_path / "in.exr", frame)
    denoise_files(denoiser(), [[tmp_path / "in.exr"]], [tmp_path / "out.exr"], PictureOptions(keep_noisy=True))
    before, after = ExrImage.open(tmp_path / "in.exr"), ExrImage.open(tmp_path / "out.exr")
    for name, channel in before.parts[0][1].items():
        if name not in ("ViewLayer.Combined.R", "ViewLayer.Combined.G", "ViewLayer.Combined.B"):
            assert after.parts[0][1][name].pixels.tobytes() == channel.pixels.tobytes()
    noisy = after.pixels([f"ViewLayer.Noisy.{channel}" for channel in "RGB"])
    np.testing.assert_array_equal(noisy, frame.color)
    np.testing.assert_allclose(after.frame().color, denoiser().denoise(read_frame(tmp_path / "in.exr", CONFIG.features)))


@pytest.mark.slow
def test_the_noisy_picture_that_is_kept_is_what_was_denoised(frame, tmp_path):
    """The mean of a pair; and Cycles' Noisy Image where it denoised the frame itself, not its denoised Combined."""
    other = noisy_frame(true_frame(150, 210), 2)
    for name, image in (("a", frame), ("b", other)):
        write_frame(tmp_path / f"{name}.exr", image)
    denoised_by_cycles = ExrImage.open(tmp_path / "a.exr")
    denoised_by_cycles.add_pass(
        "ViewLayer",
        "Noisy Image",
        {letter: np.ascontiguousarray(frame.color[..., index] * 3) for index, letter in enumerate("RGB")},
    )
    denoised_by_cycles.write(tmp_path / "c.exr")
    groups = [[tmp_path / "a.exr", tmp_path / "b.exr"], [tmp_path / "c.exr"]]
    denoise_files(denoiser(), groups, [tmp_path / "1.exr", tmp_path / "2.exr"], PictureOptions(keep_noisy=True))
    for path, expected in ((tmp_path / "1.exr", (frame.color + other.color) / 2), (tmp_path / "2.exr", frame.color * 3)):
        noisy = ExrImage.open(path).pixels([f"ViewLayer.Noisy.{channel}" for channel in "RGB"])
        np.testing.assert_allclose(noisy, expected, rtol=1e-6)


@pytest.mark.slow
def test_strength_goes_from_the_noisy_to_the_denoised_picture(frame, tmp_path):
    write_frame(tmp_path / "in.exr", frame)
    pictures = {}
    for strength in (0.0, 0.5, 1.0):
        denoise_files(denoiser(), [[tmp_path / "in.exr"]], [tmp_path / "out.exr"], PictureOptions(strength=strength))
        pictures[strength] = read_frame(tmp_path / "out.exr").color
    np.testing.assert_array_equal(pictures[0.0], frame.color)
    np.testing.assert_allclose(pictures[0.5], (pictures[0.0] + pictures[1.0]) / 2, rtol=1e-4, atol=1e-5)


def test_pairs_are_averaged_before_denoising(tmp_path):
    truth = true_frame(40, 40)
    frames = [noisy_frame(truth, seed) for seed in (1, 2)]
    for index, frame in enumerate(frames):
        write_frame(tmp_path / f"{index}.exr", frame)
    denoise_files(denoiser(), [[tmp_path / "0.exr", tmp_path / "1.exr"]], [tmp_path / "out.exr"])
    mean = noisy_frame(truth, 1)
    mean.color[:] = (frames[0].color + frames[1].color) / 2
    np.testing.assert_allclose(read_frame(tmp_path / "out.exr").color, denoiser().denoise(mean), rtol=1e-4, atol=1e-6)


def test_the_same_noise_twice_and_other_sizes_are_no_pair(tmp_path):
    for name, size in (("a", 40), ("same", 40), ("other", 44)):
        write_frame(tmp_path / f"{name}.exr", noisy_frame(true_frame(40, size), 1))
    with pytest.raises(N2NError, match="same noise"):
        raise_failures(denoise_files(denoiser(), [[tmp_path / "a.exr", tmp_path / "same.exr"]], [tmp_path / "out.exr"]), 1)
    with pytest.raises(N2NError, match="44×40"):
        raise_failures(denoise_files(denoiser(), [[tmp_path / "a.exr", tmp_path / "other.exr"]], [tmp_path / "out.exr"]), 1)
    with pytest.raises(N2NError, match="2 file"):
        match_pairs([tmp_path / "a.exr"], [[tmp_path / "a.exr", tmp_path / "other.exr"]])
    assert not (tmp_path / "out.exr").exists()


def test_pairs_of_other_frames_and_overwritten_inputs_are_refused(tmp_path):
    first, second = tmp_path / "a_0001.exr", tmp_path / "b_0002.exr"
    with pytest.raises(N2NError, match="another frame"):
        match_pairs([first], [[second]])
    with pytest.raises(N2NError, match="another frame"):
        match_pairs([tmp_path / "v000_f0001_s0001_0008spp.exr"], [[tmp_path / "v000_f0002_s0002_0008spp.exr"]], named=True)
    assert match_pairs([first], [[tmp_path / "b_0001.exr"]]) == [[first, tmp_path / "b_0001.exr"]]
    with pytest.raises(N2NError, match="another view"):
        match_pairs([tmp_path / "v000_f0001_s0001_0008spp.exr"], [[tmp_path / "v001_f0001_s0002_0008spp.exr"]])
    with pytest.raises(N2NError, match="noisy original"):
        check_overwrites([[first, second]], [tmp_path / "sub" / ".." / "b_0002.exr"])


def test_a_file_without_passes_is_refused_with_the_remedy(tmp_path):
    pixels = {f"ViewLayer.Combined.{channel}": np.ones((8, 8), np.float32) for channel in "RGBA"}
    OpenEXR.File({}, pixels).write(str(tmp_path / "a.exr"))
    with pytest.raises(N2NError, match="Denoising Albedo") as error:
        raise_failures(denoise_files(denoiser(), [[tmp_path / "a.exr"]], [tmp_path / "out.exr"]), 1)
    assert "without the feature" in error.value.hint


def test_nan_pixels_do_not_spread(frame, tmp_path):
    frame.color[10:12, 10:12] = np.nan
    frame.albedo[50, 50] = np.inf
    write_frame(tmp_path / "in.exr", frame)
    denoise_files(denoiser(), [[tmp_path / "in.exr"]], [tmp_path / "out.exr"])
    assert np.isfinite(read_frame(tmp_path / "out.exr").color).all()
    assert np.isfinite(ExrImage.open(tmp_path / "out.exr").pixels(["ViewLayer.Combined.R"])).all()


def test_inputs_and_outputs_are_matched_by_name(tmp_path):
    for name in ("frame_0001.exr", "frame_0002.exr", "frame_10000.exr", "other.exr", ".frame_0003.exr.partial"):
        (tmp_path / name).touch()
    files = find_inputs([str(tmp_path / "frame_####.exr")])
    assert [path.name for path in files] == ["frame_0001.exr", "frame_0002.exr", "frame_10000.exr"]
    assert len(find_inputs([str(tmp_path)])) == 4
    assert plan_outputs(files, "out")[0].as_posix() == "out/frame_0001.exr"
    assert plan_outputs(files[:1], "clean.exr")[0].as_posix() == "clean.exr"
    for wrong in ([str(tmp_path / "missing.exr")], [str(tmp_path / "shot_##.exr")]):
        with pytest.raises(N2NError, match="no such file"):
            find_inputs(wrong)
    with pytest.raises(N2NError, match="one file"):
        plan_outputs(files, "clean.exr")
