"""What adapt does with frames and regions without noise, with pixels that carry no information, with layers and views."""

import json

import numpy as np
import OpenEXR
import pytest
from adapt_fixtures import COMBINED, ERROR, SIZE, adapt, adapted, assert_refused, report
from conftest import noisy_frame, true_frame

from n2n_render.io.exr import ExrImage, read_frame, write_frame

FRAMES = (1, 2, 3)


def write_sequence(folder, change=lambda frame, number, seed: None):
    """a_0001.exr … b_0003.exr: three frames, two seeds each; change(frame, number, seed) in place."""
    for number in FRAMES:
        for seed, name in enumerate("ab"):
            frame = noisy_frame(true_frame(*SIZE, number), 10 * number + seed)
            change(frame, number, seed)
            write_frame(folder / f"{name}_000{number}.exr", frame)
    return folder / "a_####.exr", folder / "b_####.exr"


def picture(path):
    return ExrImage.open(path).pixels(COMBINED)


def title(size=SIZE):
    card = np.full((*size, 3), 0.02, np.float32)
    card[20:40, 15:70] = (0.9, 0.8, 0.1)
    return card


STILL = {
    "black": lambda: np.zeros((*SIZE, 3), np.float32),
    "a title": title,
    "a sky": lambda: np.linspace(0.1, 2, SIZE[0], dtype=np.float32)[:, None, None].repeat(SIZE[1], 1).repeat(3, 2),
}


@pytest.mark.slow
@pytest.mark.parametrize("still", STILL.values(), ids=STILL)
def test_a_frame_without_noise_is_passed_through_and_the_others_are_adapted(tmp_path, start, still):
    """Before, the whole shot was refused: "hold the same noise"."""

    def change(frame, number, seed):
        if number == 2:
            frame.color = still()

    one, two = write_sequence(tmp_path, change)
    result = adapted(one, tmp_path / "out", start, "--pair", two)
    assert "1 of 3 frames hold no noise, like a_0002.exr" in result.output
    np.testing.assert_array_equal(picture(tmp_path / "out" / "a_0002.exr"), still())
    assert not ExrImage.open(tmp_path / "out" / "a_0002.exr").pixels([ERROR]).any()
    for name in ("a_0001.exr", "a_0003.exr"):
        assert not np.allclose(picture(tmp_path / "out" / name), picture(tmp_path / name))
    expected = {frame["file"]: frame["expected_psnr_db"] for frame in report(tmp_path / "out")["frames"]}
    assert expected["a_0002.exr"] is None and expected["a_0001.exr"] > 0


@pytest.mark.slow
def test_a_region_without_noise_stays_exactly_as_it_is(tmp_path, start):
    def change(frame, number, seed):
        frame.color[:, 48:] = title()[:, 48:]

    one, two = write_sequence(tmp_path, change)
    adapted(one, tmp_path / "out", start, "--pair", two)
    done = picture(tmp_path / "out" / "a_0001.exr")
    np.testing.assert_array_equal(done[:, 48:], title()[:, 48:])
    assert not np.allclose(done[:, :40], picture(tmp_path / "a_0001.exr")[:, :40])


@pytest.mark.slow
def test_a_shot_without_any_noise_is_passed_through(tmp_path, start):
    def change(frame, number, seed):
        frame.color = title()

    one, two = write_sequence(tmp_path, change)
    result = adapted(one, tmp_path / "out", start, "--pair", two)
    assert "none holds any noise" in result.output and not (tmp_path / "out" / "adapted.pt").exists()
    for number in FRAMES:
        np.testing.assert_array_equal(picture(tmp_path / "out" / f"a_000{number}.exr"), title())


@pytest.mark.parametrize("share", [0.5, 1.0], ids=["blended", "one pixel changed"])
def test_correlated_pairs_are_refused_before_the_training(tmp_path, start, share):
    one, two = write_sequence(tmp_path)
    for number in FRAMES:
        noisy, other = (read_frame(tmp_path / f"{name}_000{number}.exr", ("albedo",)) for name in "ab")
        other.color = share * noisy.color + (1 - share) * other.color
        other.color[3, 3] = 5.0
        write_frame(tmp_path / f"b_000{number}.exr", other)
    assert_refused(adapt(one, tmp_path / "out", start, "--pair", two), "hold the same noise (correlation")
    assert not list((tmp_path / "out").glob("*.exr"))


@pytest.mark.slow
@pytest.mark.parametrize("value", [1e30, 3e38, 1e9, 65504.0])
def test_a_firefly_of_any_size_changes_its_surroundings_only(tmp_path, start, value):
    """Before, a finite 1e30 in one seed made every pixel of the frame NaN, with an expected PSNR of 28.5 dB."""
    pictures = []
    for name, firefly in (("plain", None), ("bright", value)):
        folder = tmp_path / name
        folder.mkdir()

        def change(frame, number, seed, firefly=firefly):
            if firefly and number == 1 and seed == 0:
                frame.color[30, 40] = firefly

        one, two = write_sequence(folder, change)
        adapted(one, folder / "out", start, "--pair", two)
        pictures.append(picture(folder / "out" / "a_0001.exr"))
    assert np.isfinite(pictures[1]).all()
    assert all(0 < frame["expected_psnr_db"] < 100 for frame in report(folder / "out")["frames"])
    away = np.ones(SIZE, bool)
    away[10:50, 20:60] = False
    assert np.median(np.abs(pictures[1] - pictures[0])[away]) < 0.2 * np.median(pictures[0][away])


@pytest.mark.slow
def test_a_damaged_frame_is_left_out_and_named(tmp_path, start):
    one, two = write_sequence(tmp_path)
    damaged = tmp_path / "b_0002.exr"
    damaged.write_bytes(damaged.read_bytes()[:-300])
    result = adapt(one, tmp_path / "out", start, "--pair", two)
    assert result.exit_code == 1 and "b_0002.exr" in result.output and "1 of 3 frames" in result.output
    assert sorted(path.name for path in (tmp_path / "out").glob("*.exr")) == ["a_0001.exr", "a_0003.exr"]


def write_views(path, seed):
    """A stereo render of two view layers, as Blender 5 writes it; the layer Bare lacks the albedo."""
    parts = []
    for number, (layer, view) in enumerate((layer, view) for layer in ("Main", "Bare") for view in ("left", "right")):
        frame = noisy_frame(true_frame(*SIZE, number), 10 * number + seed)
        for name, image in (("Combined", frame.color), ("Denoising Albedo", frame.albedo)):
            if name == "Combined" or layer == "Main":
                planes = {
                    f"{layer}.{name}.{letter}": np.ascontiguousarray(image[..., index]) for index, letter in enumerate("RGB")
                }
                header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, "view": view}
                parts.append(OpenEXR.Part(header, planes, f"{layer}.{name}-{view}"))
    OpenEXR.File(parts).write(str(path))
    return path


@pytest.mark.slow
def test_both_views_of_every_layer_are_adapted_and_what_is_left_is_named(tmp_path, start):
    one, two = write_views(tmp_path / "a.exr", 1), write_views(tmp_path / "b.exr", 2)
    result = adapted(one, tmp_path / "out", start, "--pair", two)
    assert "left noisy: Bare.left, Bare.right" in result.output
    before, after = ExrImage.open(one), ExrImage.open(tmp_path / "out" / "a.exr")
    changed = {layer: not np.array_equal(before.picture(layer), after.picture(layer)) for layer in before.layers}
    assert changed == {"Main.left": True, "Main.right": True, "Bare.left": False, "Bare.right": False}
    assert sorted(path.name for path in (tmp_path / "out").glob("*.error.png")) == [
        "a.Main.left.error.png",
        "a.Main.right.error.png",
    ]
    assert json.loads((tmp_path / "out" / "report.json").read_text())["frames"][0]["file"] == "a.exr"


@pytest.mark.slow
def test_where_the_chosen_frames_hold_no_noise_others_are_learned_from(tmp_path, start):
    """Before, the middle frame of three was black, the only one to train on, and all came out noisy, called finished."""

    def change(frame, number, seed):
        if number == 2:
            frame.color[:] = 0

    one, two = write_sequence(tmp_path, change)
    adapted(one, tmp_path / "out", start, "--pair", two, "--train-frames", "1")
    for name in ("a_0001.exr", "a_0003.exr"):
        mean = (picture(tmp_path / name) + picture(tmp_path / name.replace("a", "b"))) / 2
        assert np.abs(picture(tmp_path / "out" / name) - mean).mean() > 0.01


@pytest.mark.slow
def test_layers_with_slashes_in_their_names_have_error_maps(tmp_path, start):
    for seed, name in ((1, "a.exr"), (2, "b.exr")):
        channels = {}
        for layer in ("fg/a", "bg"):
            frame = noisy_frame(true_frame(*SIZE), seed)
            for kind, image in (("Combined", frame.color), ("Denoising Albedo", frame.albedo)):
                channels.update(
                    {f"{layer}.{kind}.{letter}": np.ascontiguousarray(image[..., index]) for index, letter in enumerate("RGB")}
                )
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        OpenEXR.File(header, channels).write(str(tmp_path / name))
    adapted(tmp_path / "a.exr", tmp_path / "out", start, "--pair", tmp_path / "b.exr")
    assert (tmp_path / "out" / "a.fg_a.error.png").exists()
