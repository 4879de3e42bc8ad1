"""What the rendered files hold: independent noise, plain features, and the picture that the artist authored."""

import json

import numpy as np
import pytest

from n2n_render.errors import N2NError
from n2n_render.frame.sums import adds_up
from n2n_render.io.dataset import FrameName, find_pairs, read_manifest
from n2n_render.io.exr import ExrImage, read_frame
from n2n_render.io.light import Role
from n2n_render.sample.plan import RenderJob

pytestmark = pytest.mark.blender

FEATURES = ("albedo", "normal", "depth")
SIZE = (64, 36)  # as authored in blender_scenes.py: half of 128×72


def read(folder, view="v000", frame=1, kind="s", seed=1, spp=4):
    return read_frame(folder / FrameName(view, frame, kind, seed, spp).filename, FEATURES)


def same(one, other):
    return all(np.array_equal(one[name], other[name]) for name in ("color", *FEATURES))


@pytest.fixture(scope="module")
def stack(noisy):
    """Grey pictures: (16 seeds, pixels) and (two reference halves, pixels), without the pixels that never vary."""
    pair = find_pairs(noisy)[0]
    noisy_ones, references = (
        np.stack([read_frame(path).color.mean(-1, dtype=np.float64).ravel() for path in paths])
        for paths in (pair.noisy, pair.references)
    )
    varies = noisy_ones.std(0) > 1e-5
    assert varies.mean() > 0.4
    return noisy_ones[:, varies], references[:, varies]


def test_seeds_are_independent(stack):
    """Residuals of n independent seeds about their mean correlate by -1/(n-1), each pair, within sampling error."""
    noisy_ones, _ = stack
    count, pixels = noisy_ones.shape
    correlation = np.corrcoef(noisy_ones - noisy_ones.mean(0))
    off_diagonal = correlation[~np.eye(count, dtype=bool)]
    assert np.abs(off_diagonal + 1 / (count - 1)).max() < 6 / np.sqrt(pixels)
    assert abs(off_diagonal.mean() + 1 / (count - 1)) < 0.01


def test_the_mean_of_many_seeds_is_closer_to_the_reference(stack):
    """Sixteen seeds have about a sixteenth of one seed's squared error, measured with two reference halves."""
    noisy_ones, (half, other) = stack

    def error(picture):
        return np.mean((picture - half) * (picture - other))

    gain = np.mean([error(picture) for picture in noisy_ones]) / error(noisy_ones.mean(0))
    assert 8 < gain < 24


def test_seeds_share_no_error(stack):
    """Two means of eight seeds have no common deviation from two reference halves: the noise is free of bias."""
    noisy_ones, (half, other) = stack
    shared = np.mean((noisy_ones[::2].mean(0) - half) * (noisy_ones[1::2].mean(0) - other))
    assert abs(shared) < 0.015 * noisy_ones.var(0, ddof=1).mean()


def test_the_layers_own_sample_count_is_ignored(noisy):
    """The scene's layer asks for 2 samples; the run asked for 4."""
    image = ExrImage.open(noisy / "v000_f0001_s0001_0004spp.exr")
    assert [value for key, value in image.parts[0][0].items() if key.endswith(".samples")][0] in ("4", "8")
    assert json.loads(image.parts[0][0]["Note"])["spp"] == 4


def test_reference_halves_are_independent(stack):
    """The halves differ by noise of their own sample count: at least a fifth and at most twice of what 64 of 4 spp have."""
    noisy_ones, (half, other) = stack
    variance = np.mean((half - other) ** 2) / 2
    expected = noisy_ones.var(0, ddof=1).mean() * 4 / 64
    assert 0.2 * expected < variance < 2 * expected


def test_the_same_seed_gives_the_same_pixels(noisy, scenes, run_sample, tmp_path):
    """A file that is rendered again, in another folder, is the same in all features."""
    run_sample(scenes.moving, 4, tmp_path / "again", scene_name="Other")
    for seed in (1, 2):
        assert same(read(noisy, seed=seed), read(tmp_path / "again", seed=seed))
    assert not np.array_equal(read(noisy, seed=1).color, read(noisy, seed=2).color)


def test_features_of_plain_geometry(noisy):
    """Ranges of Frame, before any sanitising: normals are unit inside of faces, zero on the background."""
    path = noisy / FrameName("v000", 1, "s", 1, 4).filename
    image = ExrImage.open(path)
    layer = image.layer(None)
    albedo, normal, depth = (image.pixels(image.find(layer, name)) for name in FEATURES)
    length = np.linalg.norm(normal, axis=-1)
    hit = np.isfinite(read_frame(path, FEATURES).depth[..., 0])
    assert 0.3 < hit.mean() < 0.9
    assert np.isfinite(albedo).all() and albedo.min() >= 0 and albedo.max() <= 1
    assert length.max() <= 1 + 1e-3
    assert np.mean(length[hit] > 0.98) > 0.85  # the others lie on edges
    assert (length[~hit] == 0).all()
    assert np.isposinf(read_frame(path, FEATURES).depth[~hit]).all()
    assert depth[hit & (length > 0.98)].min() > 3 and depth[hit].max() < 12


def test_features_tell_the_faces_apart(noisy):
    """The red block and the grey ground show in albedo; upward faces lean to the camera's up."""
    frame = read(noisy)
    block, ground = frame.albedo[18, 32], frame.albedo[33, 32]
    np.testing.assert_allclose(block, (0.8, 0.2, 0.1), atol=0.05)  # the shader's reflection adds some
    np.testing.assert_allclose(ground, (0.5, 0.5, 0.5), atol=0.05)
    assert not np.allclose(frame.normal[18, 32], frame.normal[33, 32], atol=0.1)


def test_a_default_run(scenes, run_sample, tmp_path, monkeypatch):
    """Scene and spp are enough: authored camera, half of the resolution, frame, two seeds, datasets/<scene>."""
    monkeypatch.chdir(tmp_path)
    before = scenes.moving.read_bytes()
    done, recorder = run_sample(scenes.moving, 2)
    files = {path.name for path in (tmp_path / "datasets" / "moving").iterdir()}
    assert files == {FrameName("v000", 3, "s", seed, 2).filename for seed in (1, 2)} | {"manifest.json"}
    manifest = read_manifest(done.folder)
    assert manifest == done.manifest
    assert (manifest["frames"], manifest["size"], manifest["seeds"], manifest["spp"]) == ([3], list(SIZE), 2, 2)
    assert (manifest["scene"]["scene_name"], manifest["scene"]["view_layer"]) == ("Main", "Main.Layer")
    np.testing.assert_allclose(manifest["views"]["v000"], scenes.facts["moving_camera"], atol=1e-5)
    frame = read(done.folder, frame=3, spp=2)
    assert (frame.width, frame.height) == SIZE
    assert scenes.moving.read_bytes() == before
    assert recorder.total == recorder.done == 4 and len(recorder.files) == 2 and not recorder.warnings


@pytest.fixture(scope="module")
def animation(scenes, run_sample, tmp_path_factory):
    """Frames 1, 5 and 10 of the moving scene, with everything as authored."""
    folder = tmp_path_factory.mktemp("animation") / "moving"
    run_sample(scenes.moving, 4, folder, frames=(1, 5, 10))
    return folder


@pytest.fixture(scope="module")
def plain(scenes, animation, plain_render, tmp_path_factory):
    """The same frames of a plain Blender; "single": one part a file; "sharp" and "still": without an artist's switch."""
    folder = tmp_path_factory.mktemp("plain")

    def wanted(name, frame, **options):
        job = RenderJob(FrameName("v000", frame, "s", 1, 4))
        return {
            "path": str(folder / f"{name}.exr"),
            "frame": frame,
            "seed": job.cycles_seed,
            "spp": 4,
            "skip": job.samples.start,
            "size": SIZE,
            **options,
        }

    plain_render(
        scenes.moving,
        [
            *[wanted(f"frame{frame}", frame) for frame in (1, 5, 10)],
            wanted("single", 5, interleave=True),
            wanted("still", 5, motion_blur=False),
            wanted("sharp", 5, motion_blur=True, depth_of_field=False),
        ],
    )
    return {path.stem: path for path in folder.iterdir()}


@pytest.mark.parametrize("frame", [1, 5, 10])
def test_pictures_equal_those_of_a_plain_blender(animation, plain, frame):
    """Motion blur, depth of field and the camera of the timeline's marker are as authored; compositing is off."""
    assert same(read(animation, frame=frame), read_frame(plain[f"frame{frame}"], FEATURES))


@pytest.mark.parametrize("name", ["still", "sharp"])
def test_motion_blur_and_depth_of_field_show(animation, plain, name):
    """Without one of them the picture would be another one, so the test above can see them."""
    difference = np.abs(read(animation, frame=5).albedo - read_frame(plain[name], FEATURES).albedo)
    assert difference.max() > 0.05


def test_animated_things_move(animation):
    """The blue cube goes from left to right, in albedo and in depth."""
    columns = []
    for frame in (1, 5):
        picture = read(animation, frame=frame)
        blue = picture.albedo[..., 2] - picture.albedo[..., 0] > 0.4
        columns.append(np.nonzero(blue)[1].mean())
    assert columns[0] < SIZE[0] / 2 - 5 and columns[1] > SIZE[0] / 2 + 5
    one, five = (read(animation, frame=frame).depth for frame in (1, 5))
    both = np.isfinite(one) & np.isfinite(five)
    assert np.abs(one[both] - five[both]).max() > 0.3


def test_frames_do_not_share_their_noise(animation):
    """The two seeds of one frame and the seeds of two frames are six different numbers in the files' notes."""
    notes = [json.loads(header_note(path)) for path in sorted(animation.glob("*.exr"))]
    assert len({note["cycles_seed"] for note in notes}) == len(notes) == 6
    assert {note["first_sample"] for note in notes} == {4}


def header_note(path):
    return next(header["Note"] for header, _ in ExrImage.open(path).parts if "Note" in header)


def test_noise_settings_are_recorded(animation):
    """What ties noise to content is off although it was authored; what an artist chose for looks is as authored."""
    settings = read_manifest(animation)["settings"]
    assert settings["use_adaptive_sampling"] is False and settings["use_denoising"] is False
    assert settings["use_motion_blur"] is True


def test_only_the_needed_passes_of_one_layer_are_in_a_file(animation):
    """No composite, no second view layer, no denoised picture."""
    image = ExrImage.open(next(animation.glob("*.exr")))
    assert image.layers == ["Main.Layer"]
    passes = {name.rpartition(".")[0] for _, channels in image.parts for name in channels}
    names = ("Combined", "Denoising Albedo", "Denoising Normal", "Denoising Depth", "Vector")
    assert passes == {f"Main.Layer.{name}" for name in names}


def test_every_pass_of_light_is_rendered_on_request(scenes, run_sample, tmp_path):
    """They add up to the picture; a folder holds renders of one choice."""
    run_sample(scenes.moving, 1, tmp_path / "all", frames=(1,), passes="all")
    image = ExrImage.open(next((tmp_path / "all").glob("*.exr")))
    light = image.light("Main.Layer")
    assert {"Diffuse Direct", "Glossy Indirect", "Emission", "Ambient Occlusion"} <= {one.name for one in light}
    images = image.light_pixels("Main.Layer", light)
    parts = [images[one.channel] for one in light if one.role is Role.LIGHT]
    assert adds_up(parts, image.frame("Main.Layer").color).mean() > 0.99
    with pytest.raises(N2NError, match="passes: there all, now scene"):
        run_sample(scenes.moving, 1, tmp_path / "all", frames=(1,), passes="scene")


def test_one_part_and_many_parts_read_alike(plain):
    """Blender 4's files and Blender 5's files give the same Frame."""
    assert len(ExrImage.open(plain["single"]).parts) == 1
    assert same(read_frame(plain["single"], FEATURES), read_frame(plain["frame5"], FEATURES))
