"""Strength by mask: what the user writes → a strength for every pixel, in the picture, its alpha and its passes alike."""

import logging

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import noisy_frame, true_frame
from layouts import planes
from masks import EDGE, GRASS, ROCK, SIZE, coverage_of, crypto, cycles, told

import n2n_render as n2n
from n2n_render.cli.commands import main
from n2n_render.denoise import DenoiseOptions, PictureOptions, denoise
from n2n_render.denoise.masks import Masks
from n2n_render.denoise.strength import StrengthMean, check_names, parse_strength
from n2n_render.engines.options import EngineOptions
from n2n_render.errors import N2NError
from n2n_render.io.exr import ExrImage, write_frame

QUICK = EngineOptions("cpu", "oidn")
MODEL = "oidn-small-noisy-aux"
LAYER = "ViewLayer"
STEREO = ("stereo", "stereo_one_part")


@pytest.mark.parametrize(
    "text, found",
    [
        ("0.5", (0.5, ())),
        ("1,grass=0.3", (1, (("grass", 0.3),))),
        ("grass=0.3", (1, (("grass", 0.3),))),
        (" 0.9 , grass = 0.3 , mask:haze=0", (0.9, (("grass", 0.3), ("mask:haze", 0)))),
        ("1,name, with, commas=0.5,b=1", (1, (("name, with, commas", 0.5), ("b", 1)))),
        ("1,build://a/b:c=.5", (1, (("build://a/b:c", 0.5),))),
    ],
)
def test_what_is_written_is_read(text, found):
    assert parse_strength(text) == found


@pytest.mark.parametrize(
    "text, says",
    [
        ("2", "'2'"),
        ("nan", "'nan'"),
        ("1,", "ends with a comma"),
        ("1,grass", "'grass' is no NAME=NUMBER"),
        ("grass", "'grass' is no number"),
        ("1,grass=", "'' is no number"),
        ("1,grass=1.5", "'1.5' is no number"),
        ("1,=0.5", "no NAME=NUMBER"),
        ("1,grass=0.5,=", "no NAME=NUMBER"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(text, says):
    with pytest.raises(N2NError, match="cannot read the strength") as caught:
        parse_strength(text)
    assert says in caught.value.what and "grass=0.3" in caught.value.hint


@pytest.mark.parametrize("strengths", [(("a", 1.5),), (("a", 0.5), ("a", 0.6)), ((" ", 0.5),), (("a",),), ("a",)])
def test_options_hold_names_once_with_numbers_from_0_to_1(strengths):
    with pytest.raises(N2NError):
        PictureOptions(strengths=strengths)


def strength_of(path, text, layer=LAYER, more=()):
    base, strengths = parse_strength(text)
    mean = StrengthMean(ExrImage.open(path), layer, PictureOptions(strength=base, strengths=strengths))
    for other in more:
        mean.add(ExrImage.open(other))
    return mean.finish()


def haze(value=0.5):
    """An AOV: `value` in the upper half, and what is no share in a corner."""
    pixels = np.zeros((*SIZE, 1), np.float32)
    pixels[: SIZE[0] // 2] = value
    pixels[-1, -3:, 0] = np.nan, -4, 7
    return planes(f"{LAYER}.haze", pixels, "X")


def test_a_half_covered_pixel_gets_half(tmp_path):
    found = strength_of(cycles(tmp_path / "a.exr"), "0.8,grass=0.2")
    assert found.shape == (*SIZE, 1) and found.dtype == np.float32
    assert found[:, :EDGE] == pytest.approx(0.2) and found[:, EDGE + 1 :] == pytest.approx(0.8)
    assert found[:, EDGE] == pytest.approx(0.5)


def test_without_names_there_is_no_map(tmp_path):
    assert strength_of(cycles(tmp_path / "a.exr"), "0.8") is None


def test_a_pass_is_a_mask(tmp_path):
    color = np.broadcast_to(np.float32([0.2, 0.4, 0.9]), (*SIZE, 3))
    path = cycles(tmp_path / "a.exr", haze(), planes(f"{LAYER}.paint", color))
    found = strength_of(path, "1,mask:haze=0.2")
    assert found[: SIZE[0] // 2] == pytest.approx(0.6) and found[SIZE[0] // 2 : -1] == pytest.approx(1)
    assert found[-1, -3:, 0] == pytest.approx([1, 1, 0.2])  # no number is 0, and more than 1 is 1
    assert strength_of(path, "1,mask:paint=0") == pytest.approx(0.5)


def test_several_masks_share_a_pixel(tmp_path):
    """Grass and haze over it: by their shares where both are less than 1, scaled down where they are more."""
    path = cycles(tmp_path / "a.exr", haze(0.25))
    found = strength_of(path, "1,grass=0,mask:haze=0.4")
    assert found[0, EDGE + 1] == pytest.approx(0.75 + 0.25 * 0.4)
    assert found[0, EDGE] == pytest.approx(0.25 * 1 + 0.25 * 0.4)
    assert found[0, 0] == pytest.approx(0.2 * 0.4)  # 1 and 0.25 are 0.8 and 0.2 of it


def test_a_name_counts_before_patterns_and_the_last_pattern_counts(tmp_path):
    path = cycles(tmp_path / "a.exr")
    for text in ("1,grass=0.3,*=0.6", "1,*=0.6,grass=0.3", "1,*=0.1,???s?=0.3,r*=0.6,?r*=0.3"):
        found = strength_of(path, text)
        assert found[:, 0] == pytest.approx(0.3) and found[:, -1] == pytest.approx(0.6), text
    assert strength_of(path, "1,gr[a]ss=0.3,?=0.5,grass=1") == pytest.approx(1)  # brackets are no patterns


def two_lists(path, **options):
    """The materials are the other way round."""
    name = f"{LAYER}.CryptoMaterial"
    return cycles(path, crypto(name, names=(ROCK, GRASS)), header=told(name, "7654321"), **options)


def test_a_name_in_two_lists_wants_to_be_told_apart(tmp_path):
    path = two_lists(tmp_path / "a.exr")
    for text in ("grass=0", "g*=0"):
        with pytest.raises(N2NError, match="as object and as material") as caught:
            strength_of(path, text)
        assert f"object:{text[:-2]} or material:{text[:-2]}" in caught.value.hint
    crew = cycles(tmp_path / "crew.exr", crypto("my_objects"), header=told("my_objects", "7654321"))
    with pytest.raises(N2NError) as caught:
        strength_of(crew, "grass=0")
    assert "ViewLayer.CryptoObject:grass or my_objects:grass" in caught.value.hint
    assert strength_of(path, "object:grass=0")[0, [0, -1], 0] == pytest.approx([0, 1])
    assert strength_of(path, "material:gras?=0")[0, [0, -1], 0] == pytest.approx([1, 0])
    assert strength_of(path, "ViewLayer.CryptoMaterial:grass=0")[0, [0, -1], 0] == pytest.approx([1, 0])


def check(*groups, **strengths):
    options = PictureOptions(strengths=tuple(strengths.items()))
    return check_names(groups, None, options)


def test_what_is_not_there_is_an_error_that_lists_what_is(tmp_path):
    path = cycles(tmp_path / "a.exr", haze(), manifest=(*(f"thing {index}" for index in range(20)), GRASS, ROCK))
    with pytest.raises(N2NError, match="a.exr: holds nothing that is called 'gras'") as caught:
        check([path], gras=0.5)
    assert caught.value.hint.startswith("It has: grass, ") and "more" in caught.value.hint and len(caught.value.hint) < 200
    for name, says in (
        ("mask:fog", "It has: mask:haze."),
        ("haze", "It has: mask:haze, "),
        ("asset:grass", "grass"),
        ("material:grass", "grass"),
        ("w*", "thing"),
    ):
        with pytest.raises(N2NError) as caught:
            check([path], **{name: 0.5})
        assert name in caught.value.what and says in caught.value.hint
    write_frame(tmp_path / "plain.exr", noisy_frame(true_frame(*SIZE), 1))
    with pytest.raises(N2NError, match="plain.exr") as caught:
        check([tmp_path / "plain.exr"], grass=0.5)
    assert "Cryptomatte" in caught.value.hint


def test_a_file_without_a_manifest_is_asked_by_hash(tmp_path):
    path = cycles(tmp_path / "a.exr", manifest=None)
    assert check([path], grass=0.25) == ["strength 0.25: object grass"]
    assert strength_of(path, "1,grass=0")[0, [0, -1], 0] == pytest.approx([0, 1])
    for name in ("water", "gras*"):
        with pytest.raises(N2NError, match="holds no"):
            check([path], **{name: 0.5})


def test_a_thing_may_come_into_the_picture_later(tmp_path, caplog):
    paths = [cycles(tmp_path / f"f_{number:04d}.exr", manifest=names) for number, names in ((1, (ROCK,)), (2, (GRASS, ROCK)))]
    assert check(*([path] for path in paths), grass=0.5) == ["strength 0.5: object grass"]
    with caplog.at_level(logging.WARNING, "n2n_render"):
        assert strength_of(paths[0], "1,grass=0.5") == pytest.approx(1)
    assert "'grass' is not in every frame" in caplog.text


def test_coverage_is_the_mean_of_the_seeds(tmp_path):
    """It is noisy, too."""
    a, b = cycles(tmp_path / "a.exr"), cycles(tmp_path / "b.exr", seed=2)
    image = ExrImage.open(b)
    for name, channel in image.parts[0][1].items():
        if "Crypto" in name:
            channel.pixels = np.roll(channel.pixels, 4, axis=1)
    image.write(tmp_path / "moved.exr")
    found = strength_of(a, "1,grass=0", more=[tmp_path / "moved.exr"])
    covered = (coverage_of(GRASS) + np.roll(coverage_of(GRASS), 4, axis=1)) / 2
    assert found == pytest.approx(1 - covered)


def test_a_file_with_a_border_counts_where_it_has_pixels(tmp_path):
    """In it everything is rock."""
    a, b = cycles(tmp_path / "a.exr"), cycles(tmp_path / "b.exr", crypto(f"{LAYER}.CryptoObject", names=(ROCK, ROCK)), seed=2)
    image = ExrImage.open(b)
    header, channels = image.parts[0]
    header["dataWindow"] = (np.array([4, 10], np.int32), np.array([4 + 19, 10 + 9], np.int32))
    for channel in channels.values():
        channel.pixels = np.ascontiguousarray(channel.pixels[10:20, 4:24])
    image.write(tmp_path / "border.exr")
    wanted = 1 - coverage_of(GRASS)
    wanted[10:20, 4:24] = (wanted[10:20, 4:24] + 1) / 2
    assert strength_of(a, "1,grass=0", more=[tmp_path / "border.exr"]) == pytest.approx(wanted)


def run(path, output, text="1", passes=(), pairs=()):
    base, strengths = parse_strength(text)
    picture = PictureOptions(strength=base, strengths=strengths, passes=passes)
    denoise(DenoiseOptions((str(path),), str(output), MODEL, pairs=pairs, picture=picture, engine=QUICK))
    return ExrImage.open(output)


def groups():
    """Two light groups that add up to the picture."""
    from masks import picture

    color = picture().color
    return [planes(f"{LAYER}.Combined_{name}", color * np.float32(share)) for name, share in (("key", 0.75), ("fill", 0.25))]


@pytest.mark.slow
def test_the_picture_and_its_passes_are_denoised_by_the_map_and_add_up(tmp_path):
    path = cycles(tmp_path / "a.exr", *groups())
    noisy, whole = ExrImage.open(path), run(path, tmp_path / "whole.exr", passes=("all",))
    found = run(path, tmp_path / "some.exr", "1,grass=0,rock=0.5", ("all",))
    share = (0 * coverage_of(GRASS) + 0.5 * coverage_of(ROCK)).astype(np.float32)
    for name in ("Combined", "Combined_key", "Combined_fill"):
        before, after, mixed = (image.pass_pixels(LAYER, name)[..., -3:] for image in (noisy, whole, found))
        assert np.abs(after - before).max() > 0.01
        assert mixed == pytest.approx(before + share * (after - before), abs=1e-5)
        assert np.array_equal(mixed[:, :EDGE], before[:, :EDGE])  # grass is left as it is
    total = sum(found.pass_pixels(LAYER, f"Combined_{name}") for name in ("key", "fill"))
    combined = found.pass_pixels(LAYER, "Combined")[..., -3:]
    assert np.abs(total - combined).max() <= 1e-3 * combined.max()


def bits(image):
    return {
        name: channel.pixels.tobytes()
        for _, channels in image.parts
        for name, channel in channels.items()
        if "Combined" not in name
    }


def test_cryptomatte_depth_and_all_data_stay_bit_for_bit(tmp_path):
    path = two_lists(tmp_path / "a.exr")
    other = two_lists(tmp_path / "b.exr", seed=2)
    for pairs in ((), (str(other),)):
        found = run(path, tmp_path / "out.exr", "1,object:grass=0.3", ("all",), pairs)
        before = bits(ExrImage.open(path))
        assert bits(found) == before and sum("Crypto" in name for name in before) == 16
        for header, _ in found.parts:
            assert {key: value for key, value in header.items() if key.startswith("cryptomatte/")} == {
                **told(f"{LAYER}.CryptoObject"),
                **told(f"{LAYER}.CryptoMaterial", "7654321"),
            }


def test_the_command_says_what_it_took_and_writes_nothing_where_a_name_is_wrong(tmp_path):
    path, output = cycles(tmp_path / "a.exr"), tmp_path / "out.exr"
    command = ["denoise", str(path), "-o", str(output), "--model", MODEL, "--engine", "oidn", "--device", "cpu", "--strength"]
    done = CliRunner().invoke(main, [*command, "1,gras=0.5"])
    assert done.exit_code == 1 and not output.exists()
    done = CliRunner().invoke(main, [*command, "1,grass=0.5,ro*=0.25"])
    assert done.exit_code == 0, done.output
    assert "strength 0.5: object grass" in done.output and "strength 0.25: object rock" in done.output


def test_programs_take_coverage_and_give_strengths(tmp_path):
    path = cycles(tmp_path / "a.exr")
    covered = n2n.coverage(path, "grass")
    assert np.array_equal(covered, coverage_of(GRASS))
    noisy = n2n.read(path)
    clean = n2n.denoise(noisy, model=MODEL, engine="oidn", device="cpu")
    found = n2n.denoise(noisy, model=MODEL, engine="oidn", device="cpu", strength=1 - covered)
    assert np.array_equal(found[:, :EDGE], noisy.color[:, :EDGE]) and np.array_equal(found[:, EDGE + 1 :], clean[:, EDGE + 1 :])
    with pytest.raises(N2NError, match="gras"):
        n2n.coverage(path, "gras")
    for wrong in (1.5, covered[..., 0], covered - 0.5, "1"):
        with pytest.raises(N2NError, match="the strength is"):
            n2n.denoise(noisy, model=MODEL, engine="oidn", device="cpu", strength=wrong)


def test_what_may_be_named_is_listed(tmp_path):
    path = two_lists(tmp_path / "a.exr", manifest=(ROCK, GRASS))
    assert Masks.of(ExrImage.open(path, header_only=True), LAYER).listed() == {
        "object": [GRASS, ROCK],
        "material": [GRASS, ROCK],
        "passes": [],
    }
    assert Masks.of(ExrImage.open(cycles(path, haze()), header_only=True), LAYER).listed()["passes"] == ["haze"]


@pytest.fixture(scope="module")
def rendered(in_blender, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered")
    in_blender("blender_masks.py", str(folder))
    return folder


@pytest.mark.blender
def test_what_blender_renders_is_told_apart_with_soft_edges(rendered):
    """On transparent film all that is there is a box and a ball: they cover what alpha says, to the last bit."""
    for name, layers in (("a", [LAYER]), *((stereo, [f"{LAYER}.left", f"{LAYER}.right"]) for stereo in STEREO)):
        image = ExrImage.open(rendered / f"{name}.exr")
        assert image.layers == layers
        eyes = []
        for layer in layers:
            masks = Masks.of(image, layer)
            box, ball, haze = (
                masks.coverage(masks.find(text), image.window(layer)) for text in ("box", "object:ball", "mask:haze")
            )
            assert np.array_equal(box + ball, image.picture(layer)[..., 3:])
            assert ((box > 0.1) & (box < 0.9)).any() and (box == 1).any()
            assert haze == pytest.approx(np.clip(0.25 * box + 2 * ball, 0, 1), abs=1e-6)  # as their shaders write
            eyes.append(box)
        assert len(eyes) == 1 or not np.array_equal(*eyes)


@pytest.mark.blender
def test_a_render_of_blender_is_denoised_where_it_is_wanted(rendered, tmp_path):
    """Of the mean of two seeds; all that is no light stays bit for bit, in both eyes, too."""
    text = "1,box=0,object:ball=0.5"
    for name, pairs in (("a", (str(rendered / "b.exr"),)), *((stereo, ()) for stereo in STEREO)):
        path = rendered / f"{name}.exr"
        whole, found = run(path, tmp_path / "whole.exr", pairs=pairs), run(path, tmp_path / f"{name}.exr", text, pairs=pairs)
        files = [ExrImage.open(one) for one in (path, *pairs)]
        assert bits(found) == bits(files[0]) and any("CryptoMaterial02" in one for one in bits(found))
        for layer in found.layers:
            noisy = np.mean([image.picture(layer) for image in files], axis=0)
            share = strength_of(path, text, layer, pairs)
            wanted = noisy + share * (whole.picture(layer) - noisy)
            assert found.picture(layer) == pytest.approx(wanted, abs=1e-5)


@pytest.mark.blender
def test_names_that_blender_shares_are_told_apart(rendered):
    with pytest.raises(N2NError, match="'ball' is there as object and as material"):
        check_names([[rendered / "a.exr"]], None, PictureOptions(strengths=(("ball", 0.5),)))
    assert check([rendered / "a.exr"], **{"material:paint": 0.5, "b?x": 0.5}) == [
        "strength 0.5: material paint",
        "strength 0.5: object box",
    ]
