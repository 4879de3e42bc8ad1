"""Passes of light of a layer: denoised by what denoises the picture, and adding up to it."""

import numpy as np
import pytest

from n2n_render.denoise.choice import tell_passes
from n2n_render.denoise.layers import put_layer
from n2n_render.denoise.options import PictureOptions
from n2n_render.denoise.passes import Painted, expected_error, paint_light, without_light
from n2n_render.denoise.renders import LayerRender
from n2n_render.errors import N2NError
from n2n_render.frame.filters import box_mean
from n2n_render.frame.frame import Frame
from n2n_render.frame.sums import adds_up
from n2n_render.io.exr import ExrImage
from n2n_render.io.exr_parts import write_image
from n2n_render.io.light import LightPass, Role

SIZE = (48, 64)


def one(name, role=Role.GROUP, **options):
    return LightPass(name, role, ((0, f"{name}.R"),) * 3, ((0, f"{name}.R"),) * 3, **options)


KEY, FILL = one("Combined_key"), one("Combined_fill")
COLOR = one("Diffuse Color", Role.OTHER)
DIRECT, GLOW = one("Diffuse Direct", Role.LIGHT, color=COLOR, smooth=True), one("Emission", Role.LIGHT)


def smooth(frame, on_fraction):
    """A denoiser: the mean around each pixel. It is linear, so what adds up goes on adding up."""
    return box_mean(frame.color, 5).astype(np.float32)


def rooted(frame, on_fraction):
    """One that is not: the sum of its pictures is not the picture of the sum."""
    return box_mean(np.sqrt(frame.color), 5).astype(np.float32) ** 2


def noisy(seed, level):
    return np.random.default_rng(seed).gamma(1.0, level, (*SIZE, 3)).astype(np.float32)


def layer_of(*passes, **images):
    """A frame whose picture is the sum of its passes."""
    light = {entry.channel: noisy(index + 1, 0.5 + index) for index, entry in enumerate(passes)}
    return Frame(np.sum(list(light.values()), axis=0), **light, **images)


def painted(frame, light, denoise=rooted, **options):
    return paint_light(frame, frame, light, denoise(frame, None), denoise, **options)


def test_light_groups_add_up_to_the_picture():
    frame = layer_of(KEY, FILL)
    picture = painted(frame, [KEY, FILL])
    parts = [picture.light[entry.channel] for entry in (KEY, FILL)]
    assert adds_up(parts, picture.color).all() and min(part.min() for part in parts) >= 0
    alone = rooted(frame, None)
    off = np.abs(sum(rooted(Frame(frame[entry.channel]), None) for entry in (KEY, FILL)) - alone)
    assert off.max() > 0.01  # one by one they would not


def test_the_picture_is_a_mean_of_itself_and_of_the_sums():
    frame = layer_of(KEY, FILL)
    summed = sum(rooted(Frame(frame[entry.channel]), None) for entry in (KEY, FILL))
    np.testing.assert_allclose(painted(frame, [KEY, FILL]).color, (rooted(frame, None) + 2 * summed) / 3, rtol=1e-5)


def test_one_group_of_all_lights_is_the_picture():
    """And one that is not stays what it was denoised as: what is left over is nobody's."""
    frame, colors = layer_of(KEY), noisy(4, 0.2)
    smoothed = one("Combined_smooth", color=COLOR, smooth=True)  # denoised otherwise than the picture
    frame = frame.with_channels(**{smoothed.channel: frame.color, COLOR.channel: colors})
    picture = painted(frame, [smoothed])
    assert adds_up([picture.light[smoothed.channel]], picture.color).all() and list(picture.whole) == [smoothed.channel]
    frame = layer_of(KEY, FILL)
    picture = painted(frame, [KEY])
    np.testing.assert_array_equal(picture.light[KEY.channel], rooted(Frame(frame[KEY.channel]), None))
    assert not picture.whole


def test_light_of_no_group_stays_what_is_left_over(caplog):
    """Where it is, groups and picture differ by it; where there is none in a whole square, they add up."""
    frame = layer_of(KEY, FILL)
    sky = noisy(9, 1.0)
    sky[:, :32] = 0
    frame = frame.with_channels(color=frame.color + sky)
    picture = painted(frame, [KEY, FILL])
    parts = [picture.light[entry.channel] for entry in (KEY, FILL)]
    assert (
        not caplog.messages and adds_up(parts, picture.color)[:, :32].all() and not adds_up(parts, picture.color)[:, 36:].any()
    )
    left = (picture.color - np.sum(parts, axis=0))[:, 40:]
    np.testing.assert_allclose(left.mean(), sky[:, 40:].mean(), rtol=0.3)


def test_passes_that_are_more_than_the_picture_are_told_of_and_left_alone(caplog):
    frame = layer_of(KEY, FILL)
    frame = frame.with_channels(color=frame.color / 2)
    picture = painted(frame, [KEY, FILL])
    assert len(caplog.messages) == 1 and "Combined_key, Combined_fill are together more" in caplog.text
    np.testing.assert_array_equal(picture.light[KEY.channel], rooted(Frame(frame[KEY.channel]), None))
    np.testing.assert_array_equal(picture.color, rooted(frame, None))


def test_one_group_that_is_more_than_the_picture_is_told_of_and_the_others_add_up(caplog):
    rim = one("Combined_rim")
    frame = layer_of(KEY, FILL)
    frame = frame.with_channels(**{rim.channel: 3 * frame.color})
    picture = painted(frame, [KEY, FILL, rim])
    assert len(caplog.messages) == 1 and "Combined_rim is more than the picture" in caplog.text
    assert adds_up([picture.light[entry.channel] for entry in (KEY, FILL)], picture.color).all()


def test_smooth_light_is_denoised_without_its_colour_and_the_product_adds_up():
    """A checkered surface under smooth light: its texture is not blurred with the noise."""
    checks = (np.indices(SIZE).sum(0) // 3 % 2 * 0.8 + 0.1)[..., None].repeat(3, -1).astype(np.float32)
    light = noisy(3, 1.0)
    frame = Frame(light * checks, **{DIRECT.channel: light * checks, COLOR.channel: checks, GLOW.channel: np.zeros_like(light)})
    picture = painted(frame, [DIRECT, GLOW], smooth)
    np.testing.assert_array_equal(picture.light[COLOR.channel], checks)
    assert adds_up([picture.light[DIRECT.channel], picture.light[GLOW.channel]], picture.color).all()
    texture = picture.light[DIRECT.channel] / checks
    assert texture.std() < (smooth(Frame(light * checks), None) / checks).std() / 2


def test_colours_are_cleaned_by_what_cleans_albedo():
    colors = noisy(4, 0.2)
    frame = Frame(colors, **{DIRECT.channel: colors * 2, COLOR.channel: colors})
    picture = painted(frame, [DIRECT], clean_color=lambda image: np.full_like(image, 0.25))
    assert (picture.light[COLOR.channel] == 0.25).all()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_pass_of_one_colour_is_not_touched(value):
    """As black light groups, and the Shadow Catcher of a scene that has none."""
    catcher = one("Shadow Catcher", Role.OTHER)
    frame = layer_of(KEY, FILL, **{catcher.channel: np.full((*SIZE, 3), value, np.float32)})
    asked = []
    picture = painted(frame, [KEY, catcher, FILL], lambda shown, told: asked.append(shown) or rooted(shown, told))
    assert len(asked) == 3 and (picture.light[catcher.channel] == value).all()


def test_a_pass_of_numbers_is_a_grey_picture():
    value = one("wetness", Role.AOV)
    numbers = noisy(5, 1.0)[..., :1]
    frame = layer_of(KEY, FILL, **{value.channel: numbers})
    light = painted(frame, [value]).light[value.channel]
    assert light.shape == (*SIZE, 1)
    np.testing.assert_allclose(light, rooted(Frame(numbers.repeat(3, -1)), None)[..., :1], rtol=1e-6)


def test_every_pass_is_told_of_and_nobodys_arrays_are_changed():
    def telling(shown, on_fraction):
        on_fraction(1.0)
        return smooth(shown, on_fraction)

    frame, told = layer_of(KEY, FILL), []
    before = {name: image.copy() for name, image in frame.items()}
    paint_light(frame, frame, [KEY, FILL], frame.color, telling, on_fraction=told.append)
    assert told == [0.5, 1.0]
    black = one("Volume Indirect", Role.LIGHT)
    told.clear()
    dark = frame.with_channels(**{black.channel: np.zeros((*SIZE, 3), np.float32)})
    paint_light(dark, dark, [KEY, black], frame.color, telling, on_fraction=told.append)
    assert told == [0.5, 1.0]  # also of one that needs no painting
    for name, image in before.items():
        np.testing.assert_array_equal(frame[name], image)


def test_clean_and_dark_parts_may_be_wrong_by_less():
    still, wild = np.ones((*SIZE, 3), np.float32), noisy(6, 1.0)
    assert not expected_error(still, still).any()
    error = expected_error(wild, smooth(Frame(wild), None))
    assert error.min() > 0 and not expected_error(wild, np.zeros_like(wild)).any()


def test_where_every_pass_comes_out_black_they_add_up_all_the_same():
    """And where none holds any noise, the picture is their sum."""

    def darkened(frame, on_fraction):
        image = smooth(frame, on_fraction)
        image[:20] = 0 if not np.array_equal(frame.color, whole.color) else image[:20]
        return image

    whole = layer_of(KEY, FILL)
    for entry in (KEY, FILL):
        whole[entry.channel][:, :30] = 1
    whole = whole.with_channels(color=whole[KEY.channel] + whole[FILL.channel])
    picture = painted(whole, [KEY, FILL], darkened)
    assert adds_up([picture.light[entry.channel] for entry in (KEY, FILL)], picture.color).all()
    assert picture.color[:14, 36:].min() > 0


def test_a_frame_without_its_passes():
    assert list(without_light(layer_of(KEY, FILL, albedo=noisy(7, 0.1)))) == ["color", "albedo"]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_what_is_written_adds_up_in_halves_too_and_to_the_last_bit_on_request(tmp_path, dtype, caplog):
    """Light that was divided is divided by the colour as the file has it."""
    rng, planes = np.random.default_rng(8), {}
    for name in ("Combined", "Diffuse Direct", "Diffuse Indirect", "Diffuse Color", "Emission"):
        planes |= {f"ViewLayer.{name}.{letter}": rng.gamma(1.0, 1.0, SIZE).astype(dtype) for letter in "RGB"}
    write_image(tmp_path / "a.exr", planes)
    image = ExrImage.open(tmp_path / "a.exr")
    light = image.light("ViewLayer")
    images = {name: pixels + np.float32(0.01) for name, pixels in image.light_pixels("ViewLayer", light).items()}
    total = np.sum([images[entry.channel] for entry in light], axis=0)
    render = LayerRender("ViewLayer", Frame(total, **images), light=tuple(light))
    made = Painted(total, images, [entry.channel for entry in light])
    for exact in (False, True):
        put_layer(image, render, made, lambda frame, still: None, PictureOptions(passes=("all",), exact_sums=exact))
        image.write(tmp_path / "b.exr")
        again = ExrImage.open(tmp_path / "b.exr")
        parts, picture = again.light_pixels("ViewLayer", light), again.shown_color("ViewLayer")
        assert adds_up([parts[entry.channel] for entry in light], picture).all()
    summed = np.sum([parts[entry.channel] for entry in light], axis=0, dtype=np.float64).astype(np.float32)
    np.testing.assert_allclose(picture, summed.astype(dtype), rtol=2e-7 if dtype == np.float32 else 0)
    assert not caplog.messages
    put_layer(
        image, render, Painted(total, images), lambda frame, still: None, PictureOptions(passes=("all",), exact_sums=True)
    )
    assert "not made exact" in caplog.text
    caplog.clear()
    black = LayerRender("ViewLayer", Frame(np.zeros_like(total)))
    put_layer(image, black, Painted(total), lambda frame, still: None, PictureOptions(passes=("all",), exact_sums=True))
    assert not caplog.messages


def test_which_passes_are_taken_is_told(tmp_path):
    """Without those that lack their colour: that is a doubt of its own."""
    names = ("Combined", "Diffuse Direct", "Diffuse Indirect", "Glossy Direct", "Glossy Color", "Emission")
    planes = {f"ViewLayer.{name}.{letter}": np.ones(SIZE, np.float32) for name in names for letter in "RGB"}
    write_image(tmp_path / "a.exr", planes)
    for passes in (("all",), ("light-passes",)):
        said = tell_passes(tmp_path / "a.exr", None, (), passes=passes)
        assert said == "passes of light: Emission, Glossy Direct"
    assert tell_passes(tmp_path / "a.exr", None, (), passes=("aovs",)) == "passes of light: none"
    assert tell_passes(tmp_path / "a.exr", None, ()) is None


def test_exact_sums_are_for_passes():
    with pytest.raises(N2NError, match="exact_sums"):
        PictureOptions(exact_sums=True)
