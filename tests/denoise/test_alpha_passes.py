"""Passes of light on transparent film: a shadow catcher, a holdout, thin hair; every pass, two light groups."""

from dataclasses import dataclass

import numpy as np
import OpenEXR
import pytest
from click.testing import CliRunner

from n2n_render.cli.commands import main
from n2n_render.frame.metrics import squared_error
from n2n_render.io.exr import ExrImage

LAYER, GROUPS, HOLDS = "ViewLayer", ("Combined_key", "Combined_fill light"), 1e-3
DATA = ("Depth", "Mist", "Position", "UV", "Normal", "Object Index", "Material Index", "Crypto", "Denoising")
SCENES = ("catcher", "holdout", "hair")


def run(folder, name, *more):
    out = folder / f"{name}_out.exr"
    arguments = [
        "denoise",
        folder / f"{name}_a.exr",
        *more,
        "--passes",
        "all",
        "--device",
        "cpu",
        "--engine",
        "oidn",
        "-o",
        out,
    ]
    result = CliRunner().invoke(main, [*map(str, arguments)])
    assert result.exit_code == 0, result.output + repr(result.exception)
    return ExrImage.open(out), result.output


def pixels(image, name):
    return image.pixels([f"{LAYER}.{name}.{letter}" for letter in "RGB"])


def light_passes(image):
    """What the light passes add up to. On transparent film Environment is none of them."""
    kinds = [
        (pixels(image, f"{kind} Direct") + pixels(image, f"{kind} Indirect")) * pixels(image, f"{kind} Color")
        for kind in ("Diffuse", "Glossy", "Transmission")
    ]
    return np.sum([*kinds, pixels(image, "Volume Direct"), pixels(image, "Volume Indirect"), pixels(image, "Emission")], axis=0)


def held(image, total):
    picture = pixels(image, "Combined")
    return (np.abs(total - picture) <= HOLDS * np.maximum(picture, 1e-3)).all(-1)


@pytest.fixture(scope="module")
def renders(in_blender, tmp_path_factory):
    folder = tmp_path_factory.mktemp("alpha")
    in_blender("blender_alpha_passes.py", str(folder))
    return folder


@pytest.fixture(scope="module", params=SCENES)
def denoised(request, renders):
    """The scene's name, its noisy file, the denoised one, and what was said."""
    return request.param, ExrImage.open(renders / f"{request.param}_a.exr"), *run(renders, request.param)


@pytest.mark.blender
@pytest.mark.nightly
def test_sums_hold_where_they_held(denoised):
    _, noisy, clean, said = denoised
    groups = [held(image, sum(pixels(image, name) for name in GROUPS)) for image in (noisy, clean)]
    light = [held(image, light_passes(image)) for image in (noisy, clean)]
    assert groups[1][groups[0]].mean() > 0.995
    assert light[0].mean() > 0.95 and light[1][light[0]].mean() > 0.88  # less on thin hair, whose colours are noisy
    assert "more than the picture" not in said


@pytest.mark.blender
@pytest.mark.nightly
def test_data_stays_bit_for_bit(denoised):
    _, noisy, clean, _ = denoised
    names = {name for _, channels in noisy.parts for name in channels}
    assert all(any(name.startswith(f"{LAYER}.{data}") for name in names) for data in DATA)
    for (_, before), (_, after) in zip(noisy.parts, clean.parts, strict=True):
        for name, channel in before.items():
            if name.startswith(tuple(f"{LAYER}.{data}" for data in DATA)):
                assert after[name].pixels.tobytes() == channel.pixels.tobytes(), name


@pytest.mark.blender
@pytest.mark.nightly
def test_nothing_is_negative_or_brighter_than_the_noise_was(denoised):
    _, noisy, clean, _ = denoised
    for one in noisy.light(LAYER):
        image = pixels(clean, one.name)
        assert image.min() >= 0 and np.isfinite(image).all(), one.name
        assert image.max() <= 1.02 * pixels(noisy, one.name).max(), one.name


@pytest.mark.blender
@pytest.mark.nightly
def test_what_is_black_in_all_passes_stays_black(denoised):
    _, noisy, clean, _ = denoised
    empty = (noisy.picture(LAYER)[..., 3] == 0) & (pixels(noisy, "Combined") == 0).all(-1)
    assert empty.mean() > 0.1
    for name in ("Combined", *GROUPS):
        assert not pixels(clean, name)[empty].any(), name


@dataclass(frozen=True)
class Judged:
    """A scene denoised from so many seeds, the seeds, and two references."""

    clean: ExrImage
    noisy: list[ExrImage]
    references: list[ExrImage]

    @classmethod
    def of(cls, renders, scene, seeds):
        clean, _ = run(renders, scene, *(("--pair", renders / f"{scene}_b.exr") if seeds == 2 else ()))
        files = [[ExrImage.open(renders / f"{scene}_{end}.exr") for end in ends] for ends in ("ab"[:seeds], ("r1", "r2"))]
        return cls(clean, *files)

    def errors(self, name):
        """Mean squared errors of a pass: of the seeds' mean, and denoised."""
        one, two = (pixels(image, name) for image in self.references)
        shown = np.mean([pixels(image, name) for image in self.noisy], axis=0), pixels(self.clean, name)
        return [float(squared_error(image=image, reference_a=one, reference_b=two).mean()) for image in shown]


@pytest.mark.blender
@pytest.mark.nightly
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("seeds", [1, 2])
def test_groups_are_nearer_to_the_truth(renders, scene, seeds):
    """Mean squared error against two halves of 256 spp."""
    judged = Judged.of(renders, scene, seeds)
    for name in GROUPS:
        noisy, clean = judged.errors(name)
        assert clean < 0.3 * noisy, name


@pytest.mark.blender
@pytest.mark.nightly
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("seeds", [1, 2])
def test_what_the_picture_does_not_show_is_denoised_too(renders, scene, seeds):
    """Where alpha is 0 and in pixels that several seeds show alike; mean squared errors as above."""
    judged = Judged.of(renders, scene, seeds)
    bounds = {"Ambient Occlusion": 0.4, "Shadow Catcher": 0.4, "Environment": 1.001, "Diffuse Color": 1.0}
    for name, bound in bounds.items():
        noisy, clean = judged.errors(name)
        assert clean <= bound * noisy, name
    occlusion, shadow = (pixels(judged.clean, name) for name in ("Ambient Occlusion", "Shadow Catcher"))
    assert occlusion.max() <= 1 and shadow.max() <= max(pixels(image, "Shadow Catcher").max() for image in judged.noisy)
    if scene != "catcher":
        assert (shadow == 1).all()


def test_a_layer_that_shows_nothing_but_a_caught_shadow_is_not_left_noisy(tmp_path):
    """Its picture is black, and stays so."""
    size, dice = (48, 64), np.random.default_rng(1)
    shadow = dice.random((*size, 1), np.float32).repeat(3, -1)
    images = {"Shadow Catcher": shadow, "Combined": 0 * shadow, "Denoising Albedo": shadow * 0, "Denoising Normal": shadow * 0}
    channels = {
        f"L.{name}.{letter}": np.ascontiguousarray(image[..., index])
        for name, image in images.items()
        for index, letter in enumerate("XYZ" if "Normal" in name else "RGB")
    }
    channels["L.Combined.A"] = np.ascontiguousarray(1 - shadow[..., 0])
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, channels).write(str(tmp_path / "shadow_a.exr"))
    clean, _ = run(tmp_path, "shadow")
    after = clean.pixels([f"L.Shadow Catcher.{letter}" for letter in "RGB"])
    assert after.std() < 0.5 * shadow.std() and not clean.pixels(["L.Combined.R", "L.Combined.G", "L.Combined.B"]).any()
