"""serve: `frames`, the command `denoise` for many files."""

import pytest
from click.testing import CliRunner
from conftest import noisy_frame, true_frame
from serve_fixtures import left_over, shares, write_moving

from n2n_render.cli.commands import main
from n2n_render.io.exr import ExrImage, write_frame
from n2n_render.io.renders import are_parts


@pytest.fixture
def moving(tmp_path):
    return write_moving(tmp_path / "noisy", 1)


def frames(inputs, output, **more):
    quick = {"model": "oidn-small", "device": "cpu", "engine": "oidn"}
    return {"do": "frames", "inputs": [str(inputs)], "output": str(output), **quick, **more}


def color(path):
    return ExrImage.open(path).frame().color.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("temporal", [None, 1])
def test_frames_is_what_the_command_does(served, moving, tmp_path, temporal):
    """Bit for bit."""
    served.ask(id=1, **frames(moving, tmp_path / "out", temporal=temporal, strength=0.5))
    done, before = served.last(1)
    names = ["f_0001.exr", "f_0002.exr", "f_0003.exr"]
    assert done["event"] == "done" and done["outputs"] == [str(tmp_path / "out" / name) for name in names], done
    assert done["models"] == ["oidn-small"] * 3 and "OIDN" in done["engine"] and done["expected_psnr_db"] == [None] * 3
    told = shares(before)
    assert told == sorted(told) and told[0] == 0 and told[-1] <= 1
    command = ["denoise", moving, "--model", "oidn-small", "--device", "cpu", "--engine", "oidn", "--strength", "0.5"]
    if temporal is not None:
        command += ["--temporal", temporal]
    result = CliRunner().invoke(main, [*map(str, [*command, "-o", tmp_path / "cli"])])
    assert result.exit_code == 0, result.output
    assert all(color(tmp_path / "out" / name) == color(tmp_path / "cli" / name) for name in names)


@pytest.mark.slow
def test_pairs_are_averaged_and_the_noisy_picture_is_kept_if_asked(served, moving, tmp_path):
    second = write_moving(tmp_path / "second", 2)
    served.ask(id=1, **frames(moving, tmp_path / "one"))
    served.ask(id=2, **frames(moving, tmp_path / "both", pairs=[str(second)], keep_noisy=True))
    assert served.last(1)[0]["event"] == served.last(2)[0]["event"] == "done"
    assert color(tmp_path / "one" / "f_0001.exr") != color(tmp_path / "both" / "f_0001.exr")
    assert ExrImage.open(tmp_path / "both" / "f_0001.exr").pass_pixels("ViewLayer", "Noisy").shape == (64, 96, 3)


@pytest.mark.slow
def test_cancelled_it_leaves_what_is_finished_and_can_be_asked_again(served, tmp_path):
    folder = write_moving(tmp_path / "noisy", 1, size=(270, 480))
    served.ask(id=1, **frames(folder, tmp_path / "out", model="oidn-large", temporal=1))
    assert served.answer()["event"] == "progress"
    served.ask(id=1, do="cancel")
    assert served.last(1)[0]["event"] == "cancelled"
    assert not left_over(tmp_path) and not (tmp_path / "out" / "f_0003.exr").exists()
    served.ask(id=2, **frames(folder, tmp_path / "out"))
    assert served.last(2)[0]["event"] == "done"


@pytest.mark.slow
def test_a_frame_that_cannot_be_done_is_named_and_the_others_are_there(served, moving, tmp_path):
    (moving / "f_0002.exr").write_text("not an image")
    served.ask(id=1, **frames(moving, tmp_path / "out"))
    found, _ = served.last(1)
    assert found["event"] == "error" and "f_0002.exr" in found["what"], found
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["f_0001.exr", "f_0003.exr"]


@pytest.mark.slow
def test_what_is_read_is_never_written_over(served, moving, tmp_path):
    write_frame(tmp_path / "still.exr", noisy_frame(true_frame(48, 64), 1))
    before = [path.read_bytes() for path in sorted(moving.iterdir())]
    for identity, (request, says) in enumerate(
        (
            (frames(moving, moving), "noisy original would be lost"),
            (frames(tmp_path / "still.exr", tmp_path), "noisy original would be lost"),
            (frames(tmp_path / "still.exr", tmp_path / "out.exr"), "name of a file"),
            (frames(tmp_path / "none", tmp_path / "out"), "no such file"),
        )
    ):
        served.ask(id=identity, **request)
        found, _ = served.last(identity)
        assert found["event"] == "error" and says in found["what"], found
    assert [path.read_bytes() for path in sorted(moving.iterdir())] == before


@pytest.mark.blender
def test_views_are_sampled_to_be_learned_from(served, scenes, tmp_path):
    """All their seeds are independent: the authored view too can be trained on. With the passes that are asked for."""
    ask = {"do": "sample", "scene": str(scenes.moving), "out": str(tmp_path / "views"), "spp": 1, "views": 2, "device": "cpu"}
    served.ask(id=1, **ask, scene_name="Other", passes="all")
    done, before = served.last(1)
    assert done["event"] == "done" and done["folder"] == str(tmp_path / "views"), done
    told = shares(before)
    assert told and told == sorted(told) and told[-1] <= 1
    files = sorted((tmp_path / "views").glob("*.exr"))
    assert len(files) == 4 and not any(are_parts((first, second)) for first, second in (files[:2], files[2:]))
    held = {one.name for one in ExrImage.open(files[0], header_only=True).light("ViewLayer")}
    assert {"Emission", "Diffuse Direct"} <= held, held
    served.ask(id=2, **ask, scene_name="Nobody")
    assert "Nobody" in served.last(2)[0]["what"]
