"""Choosing scene, layer, camera and views; and what is said about scenes that cannot be rendered."""

import subprocess

import numpy as np
import pytest
from nightly_fixtures import nightly

from n2n_render.errors import N2NError
from n2n_render.io.dataset import parse_name
from n2n_render.io.exr import ExrImage, read_frame

pytestmark = pytest.mark.blender

TINY = (32, 18)


def pictures(folder):
    return [read_frame(path, ("albedo", "normal", "depth")) for path in sorted(folder.glob("*_s0001_*.exr"))]


def test_no_camera_is_one_sentence(scenes, sample_command, tmp_path):
    """Exit code 1, what is missing, what to do; no traceback, no folder."""
    done = subprocess.run(
        sample_command("--scene", scenes.nocamera, "--spp", 1), cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "scene 'Main' has no active camera" in done.stderr and "--camera" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "known"),
    [
        ({"camera": "Nobody"}, "Front, Side, Drone"),
        ({"view_layer": "Nobody"}, "Main.Layer, No Cubes"),
        ({"scene_name": "Nobody"}, "Corridor, Main, Other, Passive, Path"),
        ({"scene_name": "Other", "camera": "Front"}, "Lone"),
    ],
)
def test_unknown_names_are_answered_with_the_known_ones(scenes, run_sample, tmp_path, options, known):
    """The sentence names the wrong one, the hint all that exist."""
    with pytest.raises(N2NError) as caught:
        run_sample(scenes.moving, 1, tmp_path / "set", **options)
    assert list(options.values())[-1] in caught.value.what and known in caught.value.hint
    assert not (tmp_path / "set").exists()


def test_a_file_that_is_no_scene_is_refused(run_sample, tmp_path):
    """It is named, and what a scene file is."""
    (tmp_path / "notes.blend").write_text("not a scene")
    with pytest.raises(N2NError, match="cannot open .*notes.blend") as caught:
        run_sample(tmp_path / "notes.blend", 1, tmp_path / "set")
    assert ".blend" in caught.value.hint and "Traceback" not in str(caught.value)


def test_a_missing_scene_is_refused(run_sample, tmp_path):
    """Before Blender is started."""
    with pytest.raises(N2NError, match="nothing.blend: no such file"):
        run_sample(tmp_path / "nothing.blend", 1)


def test_views_of_several_frames_are_refused(scenes, run_sample, tmp_path):
    """Views are for stills."""
    with pytest.raises(N2NError, match="--views"):
        run_sample(scenes.moving, 1, tmp_path / "set", views=2, frames=(1, 2))


def test_another_scene_layer_and_camera_are_rendered(scenes, run_sample, tmp_path):
    """The layer without cubes has no blue, the side camera stands at the side, and the file names the layer."""
    done, _ = run_sample(scenes.moving, 2, tmp_path / "side", view_layer="No Cubes", camera="Side", size=TINY)
    assert ExrImage.open(next(done.folder.glob("*.exr"))).layers == ["No Cubes"]
    albedo = pictures(done.folder)[0].albedo
    assert (albedo[..., 2] - albedo[..., 0]).max() < 0.1
    assert (done.manifest["scene"]["camera"], done.manifest["scene"]["view_layer"]) == ("Side", "No Cubes")
    np.testing.assert_allclose(np.reshape(done.manifest["views"]["v000"], (4, 4))[:3, 3], (6, 0, 2), atol=1e-5)
    done, _ = run_sample(scenes.moving, 2, tmp_path / "front", camera="Side", size=TINY)
    albedo = pictures(done.folder)[0].albedo
    assert (albedo[..., 2] - albedo[..., 0]).max() > 0.2


@pytest.mark.parametrize("views", [2, *nightly(1)])
def test_the_camera_of_a_marker_is_the_authored_one_of_its_frame(scenes, run_sample, tmp_path, views):
    """The marker at frame 10 binds another camera than the scene was saved with: view 0 is that one, moved or not."""
    done, _ = run_sample(scenes.moving, 1, tmp_path / "set", frames=(10,), views=views, size=TINY)
    np.testing.assert_allclose(np.reshape(done.manifest["views"]["v000"], (4, 4))[:3, 3], (6, 0, 2), atol=1e-5)


def test_the_only_camera_is_taken_with_a_warning(scenes, run_sample, tmp_path):
    """A scene without an active camera but with one in it says so and renders."""
    done, recorder = run_sample(scenes.moving, 1, tmp_path / "set", scene_name="Passive", size=TINY)
    assert done.manifest["scene"]["camera"] == "Spare"
    assert "no active camera" in recorder.warnings[0] and "held still: cycles.seed" in recorder.warnings[1]
    assert "'Spare'" in recorder.warnings[0]


@pytest.mark.parametrize(("wanted", "expected"), [(25.0, (32, 18)), (100.0, (128, 72)), ((20, 10), (20, 10))])
def test_sizes_are_pixels_or_a_share_of_the_full_resolution(scenes, run_sample, tmp_path, wanted, expected):
    """The authored percentage counts only when no size is asked for."""
    done, _ = run_sample(scenes.moving, 1, tmp_path / "set", scene_name="Other", size=wanted)
    frame = pictures(done.folder)[0]
    assert (frame.width, frame.height) == tuple(done.size) == expected


@pytest.mark.parametrize("name", ["a b ü", "{blend_name}", "shot##", *nightly("take {x}", "50%")])
def test_folders_may_have_any_name(scenes, run_sample, tmp_path, name):
    """Blender has its own ideas of braces and hashes in paths; a folder's name is taken as it is."""
    done, _ = run_sample(scenes.moving, 1, tmp_path / name, scene_name="Other", size=TINY)
    assert sorted(path.name for path in (tmp_path / name).iterdir() if parse_name(path.name)) == [
        "v000_f0001_s0001_0001spp.exr",
        "v000_f0001_s0002_0001spp.exr",
    ]
    assert [path.name for path in tmp_path.iterdir()] == [name] and done.jobs == 2


@pytest.fixture(scope="module")
def many_views(scenes, run_sample, tmp_path_factory):
    """Five views of the demo room: (estimate, recorder)."""
    return run_sample(scenes.demo, 2, tmp_path_factory.mktemp("views") / "set", views=5, size=TINY)


def test_view_0_is_the_authored_camera_and_the_others_stand_elsewhere(scenes, many_views):
    """All views are distinct in place, and none needed a warning."""
    done, recorder = many_views
    views = {name: np.reshape(matrix, (4, 4)) for name, matrix in done.manifest["views"].items()}
    assert list(views) == [f"v{index:03d}" for index in range(5)] and not recorder.warnings
    np.testing.assert_allclose(views["v000"].ravel(), scenes.facts["demo_camera"], atol=1e-5)
    places = [matrix[:3, 3] for matrix in views.values()]
    assert min(np.linalg.norm(a - b) for i, a in enumerate(places) for b in places[:i]) > 0.05


def test_views_keep_the_horizon(many_views):
    """Each camera's matrix is a rotation, and its right-hand side stays level like the authored one's."""
    for matrix in many_views[0].manifest["views"].values():
        rotation = np.reshape(matrix, (4, 4))[:3, :3]
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-4)
        assert np.linalg.det(rotation) > 0 and rotation[2, 1] > 0.5


def test_views_are_the_same_in_each_run(scenes, run_sample, many_views, tmp_path):
    """View k does not depend on how many views there are."""
    done, _ = run_sample(scenes.demo, 2, tmp_path / "set", views=3, size=TINY)
    assert done.manifest["views"] == {name: many_views[0].manifest["views"][name] for name in ("v000", "v001", "v002")}
    for name in ("v001_f0001_s0001_0002spp.exr", "v002_f0001_s0002_0002spp.exr"):
        one, other = (read_frame(folder / name) for folder in (done.folder, many_views[0].folder))
        assert np.array_equal(one.color, other.color)


def test_moved_cameras_see_the_room_from_free_space(many_views):
    """In a closed room every ray hits; nothing is right before the lens, and the picture is not one flat wall."""
    frames = pictures(many_views[0].folder)
    assert len(frames) == 5
    for frame in frames:
        assert np.isfinite(frame.depth).mean() > 0.98
        assert np.quantile(frame.depth, 0.01) > 0.1 and np.quantile(frame.depth, 0.99) < 15
        assert frame.albedo.std(axis=(0, 1)).max() > 0.05 and np.unique(frame.normal.round(1).reshape(-1, 3), axis=0).size > 30
        assert frame.color.mean() > 0.01


def test_moved_cameras_stay_within_walls(scenes, run_sample, tmp_path):
    """In a narrow corridor no camera goes through a wall, and none is just rolled in place."""
    done, recorder = run_sample(scenes.moving, 1, tmp_path / "set", scene_name="Corridor", views=8, size=(16, 9))
    width, length, height = scenes.facts["corridor"]
    places = np.stack([np.reshape(matrix, (4, 4))[:3, 3] for matrix in done.manifest["views"].values()])
    low, high = (-width / 2, -length / 2, 0), (width / 2, length / 2, height)
    assert (places > low).all() and (places < high).all()
    assert len(np.unique(places.round(3), axis=0)) == 8 and not recorder.warnings


def test_moved_pictures_differ(many_views):
    """Each view is another picture."""
    albedos = [frame.albedo for frame in pictures(many_views[0].folder)]
    assert min(np.abs(a - b).mean() for i, a in enumerate(albedos) for b in albedos[:i]) > 0.02
