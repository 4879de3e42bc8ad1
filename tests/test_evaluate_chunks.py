"""Shares of an evaluation, put together, are what it finds undivided."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import noisy_frame, true_frame
from nightly_fixtures import nightly

from n2n_render.cli.commands import main
from n2n_render.errors import N2NError
from n2n_render.evaluate import EvaluateOptions, evaluate
from n2n_render.evaluate.fragments import FOLDER
from n2n_render.io.dataset import FrameName, write_manifest
from n2n_render.io.exr import write_frame

SIZE = (24, 32)


def write_shot(folder, frames, spp=8, seeds=2, references=True):
    """An animation where nothing moves, with a Vector pass; of frame 4 there are no references."""
    folder.mkdir()
    still = np.zeros((*SIZE, 4), np.float32)
    for number in frames:
        truth = true_frame(*SIZE, seed=number)
        for seed in range(1, seeds + 1):
            frame = noisy_frame(truth, 100 * number + seed, 8 / spp).with_channels(vector=still)
            write_frame(folder / FrameName("v000", number, "s", seed, spp).filename, frame)
        for half in (1, 2) if references and number != 4 else ():
            frame = noisy_frame(truth, 7000 + 100 * number + half, 1 / 16)
            write_frame(folder / FrameName("v000", number, "r", half, 2048).filename, frame)
    write_manifest(folder, {"format": 1, "scene": {"file": "a.blend"}, "spp": spp, "seeds": seeds})
    return str(folder)


@pytest.fixture(scope="module")
def shot(tmp_path_factory):
    """Folders of a dataset, of more samples, and of finished frames."""
    place = tmp_path_factory.mktemp("shot")
    write_shot(place / "more", range(1, 7), spp=16, seeds=1, references=False)
    (place / "finished").mkdir()
    for number in (1, 2, 3, 5, 6):
        write_frame(place / "finished" / f"v000_f{number:04d}.exr", noisy_frame(true_frame(*SIZE, seed=number), number, 0.3))
    return {"data": write_shot(place / "data", range(1, 7)), "more": str(place / "more"), "frames": str(place / "finished")}


@pytest.fixture
def options(shot, tmp_path):
    """options(**changes) → of an evaluation with everything: a model, the ladder, finished frames."""

    def make(**changes):
        given = {"models": ("oidn-small",), "out": str(tmp_path / "out"), "device": "cpu"}
        return EvaluateOptions(**{**given, **{name: (folder,) for name, folder in shot.items()}, **changes})

    return make


@pytest.fixture(scope="module")
def compared(shot, tmp_path_factory):
    """The folder of one chunk of one."""
    out = tmp_path_factory.mktemp("compared")
    folders = {name: (folder,) for name, folder in shot.items()}
    evaluate(EvaluateOptions(models=("oidn-small",), out=str(out), device="cpu", chunk=(1, 1), **folders))
    return out


@pytest.fixture
def out(compared, tmp_path):
    """A copy of it, where `options` looks."""
    return Path(shutil.copytree(compared, tmp_path / "out"))


def pictures(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


@pytest.mark.slow
@pytest.mark.parametrize("count", [3, *nightly(7)])
def test_chunks_put_together_are_the_undivided_result_bit_for_bit(options, tmp_path, count):
    whole = evaluate(options(out=str(tmp_path / "whole"), json=str(tmp_path / "whole.json")))
    assert len(whole.changes) == 3 and all(whole.changes) and len(whole.oidn_psnr_db) == 2  # 8 and 16 samples
    for number in reversed(range(1, count + 1)):  # in any order
        done = evaluate(options(chunk=(number, count)))
        assert done.count == 5 and not done.unwritten
    merged = evaluate(options(merge=True, json=str(tmp_path / "merged.json")))
    assert (tmp_path / "merged.json").read_bytes() == (tmp_path / "whole.json").read_bytes()
    same = {"pictures": None, "report": None}
    assert {**vars(merged), **same} == {**vars(whole), **same}
    assert merged.report.path.read_bytes() == whole.report.path.read_bytes() and merged.report.whole == 5
    assert pictures(tmp_path / "out") == pictures(tmp_path / "whole") and len(pictures(tmp_path / "out")) == 5
    before = {path.name: path.read_bytes() for path in (tmp_path / "out" / FOLDER).iterdir()}
    evaluate(options(chunk=(1, count)))  # again: nothing changes
    assert {path.name: path.read_bytes() for path in (tmp_path / "out" / FOLDER).iterdir()} == before


@pytest.mark.slow
def test_the_command_line_shows_the_same_tables(make_dataset, tmp_path):
    command = ["evaluate", "--data", str(make_dataset(references=(0, 1, 3), size=SIZE)), "--no-oidn"]

    def run(*arguments, code=0):
        done = CliRunner().invoke(main, [*command, *map(str, arguments)])
        assert done.exit_code == code, done.output
        return done.stdout

    whole = run("--out", tmp_path / "out")
    run("--out", tmp_path / "out", "--merge", code=1)
    for number in (1, 2):
        said = run("--out", tmp_path / "out", "--chunk", f"{number}/2")
        assert f"chunk {number}/2: {number} of 3 view(s)" in said and str(tmp_path / "out" / FOLDER) in said
    assert run("--out", tmp_path / "out", "--merge") == whole
    assert "together" in CliRunner().invoke(main, [*command, "--chunk", "1/2", "--json", "a.json"]).output
    assert "together" in CliRunner().invoke(main, [*command, "--chunk", "1/2", "--merge"]).output
    assert "noise" in CliRunner().invoke(main, ["evaluate", "--noise", "gaussian", "--chunk", "1/2"]).output
    assert "noise" in CliRunner().invoke(main, ["evaluate", "--noise", "gaussian", "--merge"]).output
    assert CliRunner().invoke(main, [*command, "--chunk", "3/2"]).exit_code == 1


@pytest.mark.slow
def test_what_is_missing_is_named(options, out):
    for number in (2, 3, 6):
        (out / FOLDER / f"data_v000_f{number:04d}.json").unlink()
    with pytest.raises(N2NError, match=r"3 of 5 view\(s\)") as caught:
        evaluate(options(merge=True))
    assert all(f"data/v000_f{number:04d} is missing" in caught.value.what for number in (2, 3, 6))
    assert "f0001" not in caught.value.what and "--chunk" in caught.value.hint


@pytest.mark.parametrize(
    "changes, says",
    [({"average": 2}, "average"), ({"models": ()}, "models"), ({"more": ()}, "more"), ({"frames": ()}, "frames")],
)
def test_shares_with_other_settings_are_refused(options, out, changes, says):
    with pytest.raises(N2NError, match=f"other settings .{says}"):
        evaluate(options(merge=True, **changes))


@pytest.mark.slow
def test_a_model_that_was_replaced_is_another_setting(options, shot, tmp_path):
    for name in ("oidn-small", "oidn-small-noisy-aux"):
        command = ["export", name, "--format", "tza", "-o", str(tmp_path / f"{name}.tza"), "--precision", "half"]
        done = CliRunner().invoke(main, [*command, "--check", str(next(Path(shot["data"]).glob("*_s*.exr")))])
        assert done.exit_code == 0, done.output
    model = tmp_path / "oidn-small.tza"
    evaluate(options(models=(str(model),), chunk=(1, 1)))
    evaluate(options(models=(str(model),), merge=True))
    shutil.copy(tmp_path / "oidn-small-noisy-aux.tza", model)
    with pytest.raises(N2NError, match="other settings .models"):
        evaluate(options(models=(str(model),), merge=True))


def test_a_frame_that_was_rendered_again_is_evaluated_again(options, out, shot):
    """Its view, and the one after it, whose change from it is told."""
    evaluate(options(merge=True))
    path = Path(shot["frames"]) / "v000_f0002.exr"
    facts = path.stat()
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))
    try:
        with pytest.raises(N2NError, match=r"2 of 5 view\(s\).*f0002 was made of files that have changed.*f0003"):
            evaluate(options(merge=True))
    finally:
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def test_damaged_shares_and_missing_pictures_are_told(options, out):
    (out / "data_v000_f0003.png").unlink()
    assert ["f0003.png" in error.what for error in evaluate(options(merge=True)).unwritten] == [True]
    files = sorted((out / FOLDER).iterdir())
    content = json.loads(files[2].read_text())
    files[0].write_bytes(files[0].read_bytes()[:100])
    files[1].write_text("[]")
    files[2].write_text(json.dumps({**content, "scores": 3}))
    with pytest.raises(N2NError, match=r"3 of 5 view\(s\)"):
        evaluate(options(merge=True))


def test_what_could_not_be_told_stays_untold(options, out):
    """NaN is null in the file, and NaN again in the result."""
    file = next((out / FOLDER).iterdir())
    content = json.loads(file.read_text())
    content["scores"]["ours"]["psnr_db"] = None
    file.write_text(json.dumps(content))
    merged = evaluate(options(merge=True))
    assert sum(np.isnan(view.scores["ours"]["psnr_db"]) for view in merged.views) == 1
    assert np.isfinite(merged.mean["ours"]["psnr_db"])
