"""serve: `adapt`, which learns a shot while whoever asked looks on, or no longer wants it."""

import numpy as np
import OpenEXR
import pytest
from conftest import noisy_frame, true_frame
from serve_fixtures import denoise, left_over, picture, shares, write_moving

from n2n_render.io.exr import ExrImage, read_frame, write_frame
from n2n_render.network.checkpoint import read_checkpoint

SIZE = (72, 96)
FOREVER = 10**9  # steps


@pytest.fixture
def pair(tmp_path):
    """Two renders of a still, with what Blender writes into their headers."""
    for seed, name in ((1, "first"), (2, "second")):
        path = tmp_path / f"{name}.exr"
        write_frame(path, noisy_frame(true_frame(*SIZE), seed))
        file = OpenEXR.File(str(path))
        header = {**file.parts[0].header, "File": r"C:\shots\attic.blend"}
        OpenEXR.File(header, dict(OpenEXR.File(str(path), separate_channels=True).parts[0].channels)).write(str(path))
    return tmp_path / "first.exr", tmp_path / "second.exr"


@pytest.fixture
def shot(tmp_path):
    """(inputs, pairs): three frames that move, rendered twice."""
    return [str(write_moving(tmp_path / "noisy", 1))], [str(write_moving(tmp_path / "second", 2))]


def adapt(inputs, pairs, output, **more):
    quick = {"init": "oidn-small", "device": "cpu", "steps": 2}
    return {"do": "adapt", "inputs": inputs, "pairs": pairs, "output": str(output), **quick, **more}


def wait_for(served, event, **facts):
    """Reads until there is such an answer; returns all of them."""
    seen = [served.answer()]
    while seen[-1]["event"] != event or not facts.items() <= seen[-1].items():
        assert seen[-1]["event"] not in ("done", "error", "cancelled"), seen[-1]
        seen.append(served.answer())
    return seen


@pytest.mark.slow
def test_a_still_is_learned_painted_and_told_of(served, pair, tmp_path):
    first, second = pair
    out, archive = tmp_path / "shot", tmp_path / "models" / "attic.tza"
    served.ask(id=1, **adapt([str(first)], [str(second)], out, steps=8, archive=str(archive)))
    done, before = served.last(1)
    assert done["event"] == "done", done
    stages = list(dict.fromkeys(one["stage"] for one in before if one["event"] == "progress"))
    assert stages == ["reading", "learning", "painting"]
    for stage in stages:
        told = shares(before, stage=stage)
        assert told == sorted(told) and 0 <= told[0] and told[-1] <= 1
    (frame,) = done["frames"]
    assert frame["output"] == str(out / "first.exr") and 5 < frame["expected_psnr_db"] < 80
    assert frame["error"] == str(out / "first.error.png") and done["model"] == str(out / "adapted.pt")
    learned = done["learned"]
    assert set(learned) == {"gain_db", "steps", "seconds", "stopped"} and learned["gain_db"] >= 0 and learned["stopped"] is None
    assert (learned["gain_db"] > 0) == (read_checkpoint(out / "adapted.pt").provenance.blend_weight > 0)
    served.ask(id=2, do="describe", folders=[str(archive.parent), str(out)])
    titles = {model["name"]: model["title"] for model in served.last(2)[0]["models"]}
    assert titles[str(archive)] == titles[str(out / "adapted.pt")] and titles[str(archive)].startswith("attic, 20")
    served.ask(id=3, **denoise(first, model=str(archive), output=str(tmp_path / "again.exr")))
    assert done["archive"] == str(archive) and served.last(3)[0]["event"] == "done"
    again = {"do": "frames", "inputs": [str(first)], "pairs": [str(second)], "output": str(tmp_path / "again")}
    served.ask(id=4, **again, model=done["model"], device="cpu")
    assert served.last(4)[0]["expected_psnr_db"] == [pytest.approx(frame["expected_psnr_db"], abs=0.1)]
    assert not left_over(tmp_path)


@pytest.mark.slow
@pytest.mark.nightly
def test_previews_are_the_same_pixels_in_the_renders_own_scale(served, pair, tmp_path):
    served.ask(id=1, **adapt([str(pair[0])], [str(pair[1])], tmp_path / "shot"))
    done, before = served.last(1)
    told = [one for one in before if one["event"] == "preview"]
    assert len(told) == 2 and told[0] == told[1]  # at the beginning, after the only check: under the same names
    pictures = {kind: picture(told[0][kind]) for kind in ("noisy", "before", "after")}
    assert all(one.shape == (*SIZE, 4) and (one[..., 3] == 1).all() for one in pictures.values()) and done["event"] == "done"
    np.testing.assert_allclose(pictures["noisy"][..., :3], read_frame(pair[0]).color, rtol=2e-3, atol=1e-3)
    truth = true_frame(*SIZE).color
    errors = {kind: ((one[..., :3] - truth) ** 2).mean() for kind, one in pictures.items()}
    assert max(errors["before"], errors["after"]) < 0.5 * errors["noisy"]
    assert not np.array_equal(pictures["before"], pictures["after"])


@pytest.mark.slow
@pytest.mark.nightly
def test_the_frame_that_is_worst_at_the_start_is_shown_as_rendered(served, tmp_path):
    """Also where its neighbours are taken in."""
    inputs, pairs = write_moving(tmp_path / "noisy", 1), write_moving(tmp_path / "second", 2)
    for folder, seed in ((inputs, 1), (pairs, 2)):
        frame = read_frame(folder / "f_0002.exr", ("albedo", "normal", "depth", "vector"))
        frame.color = noisy_frame(frame, 50 + seed, 3.0).color
        write_frame(folder / "f_0002.exr", frame)
    served.ask(id=1, **adapt([str(inputs)], [str(pairs)], tmp_path / "shot", temporal=1))
    done, before = served.last(1)
    assert done["event"] == "done" and [frame["error"] is not None for frame in done["frames"]] == [True] * 3, done
    told = [one for one in before if one["event"] == "preview"]
    noisy_file = picture(told[0]["noisy"])[..., :3]
    np.testing.assert_allclose(noisy_file, read_frame(inputs / "f_0002.exr").color, rtol=2e-3, atol=1e-3)


@pytest.mark.slow
@pytest.mark.nightly
def test_cancelled_while_it_learns_the_folder_can_be_used_again(served, shot, tmp_path):
    out = tmp_path / "shot"
    served.ask(id=1, **adapt(*shot, out, steps=FOREVER))
    wait_for(served, "preview")
    served.ask(id=1, do="cancel")
    assert served.last(1)[0]["event"] == "cancelled"
    assert not left_over(out) and not (out / ".adapt-preview").exists() and not list(out.glob("*.pt"))
    served.ask(id=2, **adapt(*shot, out))
    done, _ = served.last(2)
    assert done["event"] == "done" and len(done["frames"]) == 3 and done["learned"]["steps"] <= 2
    assert not left_over(out) and not (out / ".adapt-cache").exists()


@pytest.mark.slow
@pytest.mark.nightly
def test_cancelled_while_it_paints_it_goes_on_with_what_it_has_learned(served, shot, tmp_path):
    out = tmp_path / "shot"
    served.ask(id=1, **adapt(*shot, out))
    wait_for(served, "progress", stage="painting")
    served.ask(id=1, do="cancel")
    assert served.last(1)[0]["event"] == "cancelled"
    learned = (out / "adapted.pt").read_bytes()
    assert not left_over(out)
    served.ask(id=2, **adapt(*shot, out))
    done, before = served.last(2)
    assert done["event"] == "done" and len(done["frames"]) == 3 and (out / "adapted.pt").read_bytes() == learned
    assert {one["stage"] for one in before if one["event"] == "progress"} == {"painting"}
    assert all(ExrImage.open(frame["output"]).pass_pixels("ViewLayer", "Error") is not None for frame in done["frames"])


@pytest.mark.slow
def test_cancelled_while_it_reads_it_ends_within_the_frame(served, tmp_path):
    for seed, name in ((1, "first"), (2, "second")):
        write_frame(tmp_path / f"{name}.exr", noisy_frame(true_frame(540, 960), seed))
    out = tmp_path / "shot"
    served.ask(id=1, **adapt([str(tmp_path / "first.exr")], [str(tmp_path / "second.exr")], out, init="oidn-large"))
    wait_for(served, "progress", stage="reading")
    served.ask(id=1, do="cancel")
    found, before = served.last(1)
    assert found["event"] == "cancelled" and not [one for one in before if one.get("stage") == "learning"]
    assert not left_over(out) and not list(out.glob(".adapt-cache/*.npy"))


@pytest.mark.slow
def test_where_there_is_no_noise_nothing_is_learned_or_archived(served, tmp_path):
    for name in ("first", "second"):
        write_frame(tmp_path / f"{name}.exr", true_frame(*SIZE))
    files = [str(tmp_path / "first.exr")], [str(tmp_path / "second.exr")]
    served.ask(id=1, **adapt(*files, tmp_path / "shot", archive=str(tmp_path / "a.tza")))
    done, _ = served.last(1)
    assert done["event"] == "done" and done["learned"] is done["model"] is done["archive"] is None, done
    (frame,) = done["frames"]
    assert frame["output"] == str(tmp_path / "shot" / "first.exr") and frame["expected_psnr_db"] is None
    assert not (tmp_path / "a.tza").exists()


@pytest.mark.slow
def test_what_cannot_be_is_refused_before_any_work(served, pair, tmp_path):
    files = [str(pair[0])], [str(pair[1])]
    model = tmp_path / "start.tza"
    model.write_bytes(b"weights")
    (tmp_path / "folder.tza").mkdir()
    refused = {
        "steps and minutes": adapt(*files, tmp_path / "shot", minutes=1.0),
        "no .tza": adapt(*files, tmp_path / "shot", archive=str(tmp_path / "a.pt")),
        "is a folder": adapt(*files, tmp_path / "shot", archive=str(tmp_path / "folder.tza")),
        "would be lost": adapt(*files, tmp_path / "shot", archive=str(model), init=str(model)),
        "another topology": adapt(*files, tmp_path / "shot", archive=str(tmp_path / "a.tza"), init="nothing"),
        "name of a file": adapt(*files, tmp_path / "shot.exr"),
        "rendered twice": adapt(files[0], [], tmp_path / "shot"),
        "toaster": adapt(*files, tmp_path / "shot", device="toaster"),
    }
    for identity, (says, request) in enumerate(refused.items()):
        served.ask(id=identity, **request)
        found, before = served.last(identity)
        assert found["event"] == "error" and says in found["what"] and found["hint"] and not before, found
    assert not (tmp_path / "shot").exists() and model.read_bytes() == b"weights"
