"""`--passes`: what is asked for against what files hold, told before anything is computed; and what stays true of the rest."""

import numpy as np
import pytest
from click.testing import CliRunner
from layouts import planes

from n2n_render.cli.commands import main
from n2n_render.frame.sums import adds_up
from n2n_render.frame.windows import Window, place
from n2n_render.io.exr import ExrImage
from n2n_render.io.exr_parts import make_channel, write_image, write_parts

SIZE = (40, 48)
MODEL = "oidn-small-noisy-aux"


def light_file(path, groups=("key", "fill"), seed=0, layers=("ViewLayer",), more=()):
    """A file of Blender's names: in each layer a picture, its guides, light groups that add up to it, and AOVs."""
    rng, found = np.random.default_rng(seed), {}
    for number, layer in enumerate(layers):
        here = groups if number == 0 else ()
        light = {f"Combined_{name}": rng.gamma(1.0, 0.4, (*SIZE, 3)).astype(np.float32) for name in groups}
        light |= {name: rng.gamma(1.0, 0.4, (*SIZE, 3)).astype(np.float32) for name in more}
        found |= planes(f"{layer}.Combined", sum(light.values()), "RGB")
        found |= planes(f"{layer}.Denoising Albedo", np.full((*SIZE, 3), 0.5, np.float32), "RGB")
        found |= planes(f"{layer}.Denoising Normal", np.full((*SIZE, 3), 0.5, np.float32), "XYZ")
        for name, pixels in light.items():
            if name.removeprefix("Combined_") in here or name in more:
                found |= planes(f"{layer}.{name}", pixels, "RGB")
    write_image(path, found)
    return path


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def denoised(*words):
    return run("denoise", *words, "--model", MODEL, "--engine", "oidn", "--device", "cpu")


@pytest.mark.parametrize("command", ["denoise", "adapt"])
def test_a_name_that_no_frame_has_is_an_error_before_anything_is_done(tmp_path, command):
    files = [light_file(tmp_path / f"f_{number}.exr", seed=number) for number in (1, 2)]
    words = {"denoise": [*files], "adapt": [files[0], "--pair", files[1], "--steps", 2]}[command]
    done = run(command, *words, "--passes", "all,rim", "-o", tmp_path / "out")
    assert done.exit_code == 1 and "has no pass of light 'rim'" in done.stderr and "Combined_key" in done.stderr
    assert "training" not in done.stderr and "denoising with" not in done.stderr and not list(tmp_path.rglob("out/*.exr"))


def test_a_frame_that_lacks_a_name_does_not_keep_the_others_from_being_done(tmp_path):
    files = [light_file(tmp_path / "f_1.exr", ("fill",)), light_file(tmp_path / "f_2.exr", seed=2)]
    done = denoised(*files, "--passes", "key", "-o", tmp_path / "out")
    assert done.exit_code == 1 and "f_1.exr of 'ViewLayer': has no pass of light 'key'" in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["f_2.exr"]


def test_a_name_of_one_view_layer_and_a_kind_of_one_frame_are_said_of_the_others(tmp_path):
    two = light_file(tmp_path / "two.exr", layers=("Front", "Back"))
    done = denoised(two, "--passes", "key", "-o", tmp_path / "a.exr")
    assert done.exit_code == 0 and "'key' is not in every view layer" in done.stderr
    assert denoised(two, "--passes", "key", "--layer", "Back", "-o", tmp_path / "b.exr").exit_code == 1
    frames = [light_file(tmp_path / "f_1.exr"), light_file(tmp_path / "f_2.exr", (), 2, more=("glow",))]
    done = denoised(*frames, "--passes", "light-groups", "-o", tmp_path / "out")
    assert done.exit_code == 0 and "not every frame and view layer has light-groups" in done.stderr


@pytest.mark.parametrize("passes, is_said", [("all", True), ("light-passes", True), ("light-groups", False)])
def test_light_that_lacks_its_colour_is_left_which_is_said(tmp_path, passes, is_said):
    file = light_file(tmp_path / "f.exr", more=("Diffuse Direct", "Diffuse Indirect", "Emission"))
    done = denoised(file, "--passes", passes, "-o", tmp_path / "out.exr")
    said = "Diffuse Direct, Diffuse Indirect stay as they are, where there is no Diffuse Color"
    assert done.exit_code == 0 and (said in done.stderr) == is_said


def test_a_name_with_a_comma_is_one_name(tmp_path):
    file = light_file(tmp_path / "f.exr", ("a, b", "ä ☀"))
    done = denoised(file, "--passes", "a, b,ä ☀", "-o", tmp_path / "out.exr")
    assert done.exit_code == 0 and "passes of light: Combined_a, b, Combined_ä ☀" in " ".join(done.stderr.split())


def other_window(path, name, left, top, right, bottom):
    """The file again, in parts of their own, of which one has these pixels alone, with 0 beside the picture."""
    image, parts = ExrImage.open(path), []
    whole = image.window("ViewLayer")
    window = Window(left, top, right, bottom)
    header = image.parts[0][0]
    for channel, held in image.parts[0][1].items():
        pass_name, here = channel.rpartition(".")[0], window if f".{name}." in channel else whole
        corners = np.array([here.left, here.top], np.int32), np.array([here.right - 1, here.bottom - 1], np.int32)
        if not parts or parts[-1][0]["name"] != pass_name:
            display = (np.zeros(2, np.int32), np.array([SIZE[1] - 1, SIZE[0] - 1], np.int32))
            parts.append(({**header, "name": pass_name, "dataWindow": corners, "displayWindow": display}, {}))
        parts[-1][1][channel] = make_channel(channel, place(held.pixels, whole, here))
    write_parts(path, parts)
    return path


@pytest.mark.parametrize(
    "corners, is_said",
    [((8, 8, 40, 32), True), ((-8, -8, 56, 48), False), ((40, 30, 60, 50), True), ((60, 60, 70, 70), False)],
)
@pytest.mark.parametrize("passes", [("light-groups",), ("light-groups", "--exact-sums")])
def test_a_pass_may_have_another_data_window(tmp_path, corners, is_said, passes):
    """It stays in its place, and adds up where it has pixels; where it has none and light would be lost, that is said."""
    file = other_window(light_file(tmp_path / "f.exr"), "Combined_key", *corners)
    done = denoised(file, "--passes", *passes, "-o", tmp_path / "out.exr")
    assert done.exit_code == 0 and ("has fewer pixels than the picture" in done.stderr) == is_said
    before, after = ExrImage.open(file), ExrImage.open(tmp_path / "out.exr")
    assert [header["dataWindow"][0].tolist() for header, _ in after.parts] == [
        header["dataWindow"][0].tolist() for header, _ in before.parts
    ]
    both = after.window("ViewLayer").overlap(Window(*corners))
    key, fill = (after.stored_light("ViewLayer", one) for one in after.light("ViewLayer"))
    if both == after.window("ViewLayer"):
        assert adds_up([key, fill], after.shown_color("ViewLayer")).all()
    if both:
        assert (key != before.stored_light("ViewLayer", before.light("ViewLayer")[0])).any()


def test_a_colour_that_passes_which_stay_are_divided_by_stays(tmp_path):
    names = ("Diffuse Direct", "Diffuse Indirect", "Diffuse Color")
    file = light_file(tmp_path / "f.exr", (), more=names)
    assert denoised(file, "--passes", "Diffuse Direct", "-o", tmp_path / "one.exr").exit_code == 0
    assert denoised(file, "--passes", "light-passes", "-o", tmp_path / "both.exr").exit_code == 0
    shown = {one: ExrImage.open(tmp_path / f"{one}.exr") for one in ("f", "one", "both")}
    values = {one: [image.pass_pixels("ViewLayer", name) for name in names] for one, image in shown.items()}
    is_same = {one: [bool((a == b).all()) for a, b in zip(values["f"], values[one], strict=True)] for one in ("one", "both")}
    assert is_same == {"one": [False, True, True], "both": [False, False, False]}


@pytest.mark.parametrize(
    "channels, left", [("beauty=ViewLayer.Combined_key", "Combined_key"), ("albedo=ViewLayer.glow", "glow")]
)
def test_what_is_named_as_the_picture_or_a_guide_is_no_pass_of_light(tmp_path, channels, left):
    file = light_file(tmp_path / "f.exr", more=("glow",))
    done = denoised(file, "--channels", channels, "--passes", "all", "-o", tmp_path / "out.exr")
    taken = " ".join(done.stderr.split()).partition("passes of light: ")[2]
    assert done.exit_code == 0 and left not in taken and "Combined_fill" in taken
    before, after = (ExrImage.open(tmp_path / name).pass_pixels("ViewLayer", left) for name in ("f.exr", "out.exr"))
    assert (before == after).all() == channels.startswith("albedo")
