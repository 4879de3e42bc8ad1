"""Moved cameras: in the authored camera's space, with as much in sight, in rooms where that is hard."""

import numpy as np
import pytest
from nightly_fixtures import nightly

from n2n_render.io.dataset import FrameName
from n2n_render.io.exr import read_frame

pytestmark = [pytest.mark.blender, pytest.mark.slow]

VIEWS, SPP, SIZE = 9, 16, (32, 18)
ROOM = np.array([(-2, -3, 0), (2, 3, 2.5)])
INSIDE = (
    "Thin",
    "Fog",
    "Glass",
    "Instance",
    "Panorama",
    "Unlit",
    *nightly("Thick", "Dome", "ShownAsBoxes", "HiddenInTheViewport", "InsideOut", "Orthographic", "LastStep", "Macro"),
)
THROUGH_A_WALL = ("Clipped", "SeenThroughBacks", *nightly("ClippedThick", "WallForLightOnly"))
CLIP = {"Clipped": 1.2, "ClippedThick": 1.6}
OPEN = ("Exterior", "Product", "DarkNextDoor")


@pytest.fixture(scope="module")
def places(in_blender, tmp_path_factory):
    """The .blend with all scenes."""
    path = tmp_path_factory.mktemp("places") / "places.blend"
    in_blender("blender_views.py", str(path))
    return path


@pytest.fixture(scope="module")
def shown(places, run_sample, tmp_path_factory):
    """shown(scene) → (matrices, frames of the first seed, mean brightness of each view, recorder, estimate), made once."""
    made = {}

    def show(scene):
        if scene not in made:
            folder = tmp_path_factory.mktemp("views") / scene
            done, recorder = run_sample(places, SPP, folder, scene_name=scene, views=VIEWS, size=SIZE)
            names = [f"v{index:03d}" for index in range(VIEWS)]
            frames = [
                [
                    read_frame(folder / FrameName(name, 1, "s", seed, SPP).filename, ("albedo", "normal", "depth"))
                    for seed in (1, 2)
                ]
                for name in names
            ]
            matrices = [np.reshape(done.manifest["views"][name], (4, 4)) for name in names]
            bright = [np.sqrt(np.mean([frame.color.mean(-1) for frame in pair], 0)).mean() ** 2 for pair in frames]
            made[scene] = matrices, [pair[0] for pair in frames], np.array(bright), recorder, done
        return made[scene]

    return show


@pytest.mark.parametrize("scene", INSIDE + THROUGH_A_WALL + OPEN)
def test_no_view_is_black_blinding_or_only_rolled(shown, scene):
    """All are within some stops of the authored one, stand apart from each other, and their tries are recorded and told."""
    matrices, _, bright, recorder, done = shown(scene)
    assert (bright == 0).all() if scene == "Unlit" else (np.abs(np.log2(bright / bright[0])) < 3.7).all()
    assert not recorder.warnings
    tries = done.manifest["view_tries"]
    assert list(tries) == [f"v{index:03d}" for index in range(1, VIEWS)] and min(tries.values()) >= 1
    assert any(f"{sum(tries.values())} places were tried" in note for note in recorder.notes)
    corners = np.stack([matrix[:3, 3] for matrix in matrices])
    apart = np.linalg.norm(corners[:, None] - corners[None], axis=-1)[~np.eye(VIEWS, dtype=bool)]
    assert apart.min() > 0.004 * (0.002 if scene == "Macro" else 1)


@pytest.mark.parametrize("scene", INSIDE)
def test_cameras_in_a_room_stay_in_it(shown, scene):
    """Walls of planes, of boxes, of glass, inside out, in fog, as an instance, without a sky that rays could miss."""
    room = ROOM * (0.002 if scene == "Macro" else 1)
    for matrix in shown(scene)[0]:
        assert (matrix[:3, 3] > room[0]).all() and (matrix[:3, 3] < room[1]).all()


@pytest.mark.parametrize("scene", [*INSIDE, *THROUGH_A_WALL, "DarkNextDoor"])
def test_no_camera_sees_the_outside_of_a_closed_room(shown, scene):
    """The authored one does not (but through glass), so none does. The corners of a fisheye's picture show nothing."""
    frames = shown(scene)[1]
    inside = np.isfinite(frames[0].depth).mean()
    assert inside > 0.99 or scene in ("Glass", "Panorama")
    for frame in frames:
        assert np.isfinite(frame.depth).mean() > inside - 0.005 or scene == "Glass"
        assert frame.depth[np.isfinite(frame.depth)].max() < 12


@pytest.mark.parametrize("scene", ["Clipped", *nightly("ClippedThick")])
def test_a_picture_that_begins_behind_a_wall_begins_there_in_all_views(shown, scene):
    """The camera stands outside; its clipping plane does not."""
    for matrix in shown(scene)[0]:
        start = matrix[:3, 3] - matrix[:3, 2] * CLIP[scene]
        assert (start > ROOM[0]).all() and (start < ROOM[1]).all()


@pytest.mark.parametrize(("scene", "color"), [("Product", (0.9, 0.1, 0.1)), ("Thin", (0.8, 0.3, 0.1))])
def test_what_the_picture_is_about_stays_in_it(shown, scene, color):
    """A small thing before a long lens does not leave the picture."""
    for frame in shown(scene)[1]:
        assert (frame.albedo[..., 0] - frame.albedo[..., 2] > 0.3).sum() >= 3, color


def test_a_shallow_depth_of_field_stays_on_its_subject(shown):
    """Out of focus the table's colour would mix with the walls'; its own colour fills a part of nearly every picture."""
    table = np.array([np.mean(frame.albedo[..., 0] - frame.albedo[..., 2] > 0.5) for frame in shown("Macro")[1]])
    assert table[0] > 0.2 and np.quantile(table, 0.2) > 0.3 * table[0], table


def test_views_are_the_same_whatever_their_number(shown, places, run_sample, tmp_path):
    """Also where places are refused by renders and tried again; and a folder's views keep their places."""
    done = shown("DarkNextDoor")[-1]
    fewer, _ = run_sample(places, SPP, tmp_path / "fewer", scene_name="DarkNextDoor", views=4, size=SIZE)
    assert fewer.manifest["views"] == {name: done.manifest["views"][name] for name in ("v000", "v001", "v002", "v003")}
    more, recorder = run_sample(places, SPP, tmp_path / "fewer", scene_name="DarkNextDoor", views=5, size=SIZE)
    assert more.manifest["views"]["v004"] == done.manifest["views"]["v004"]
    assert (
        more.manifest["view_tries"]
        == {name: done.manifest["view_tries"][name] for name in fewer.manifest["view_tries"] | {"v004": 0}}
        and "1 moved view(s)" in recorder.notes[1]
    )
