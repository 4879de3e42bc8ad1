"""The probe, with the real commands, and what the command line says."""

import json
import subprocess
import sys

import pytest

from n2n_render.errors import N2NError
from n2n_render.farm import FarmOptions, farm
from n2n_render.farm.probe import run


@pytest.mark.slow
def test_a_command_is_timed_with_its_memory():
    found = run(["engines"])
    assert found.result["engines"] and found.seconds > 0 and found.memory_mib > 20


@pytest.mark.slow
def test_a_command_that_cannot_run_is_a_sentence_with_what_to_do():
    with pytest.raises(N2NError, match="the probe failed: .*no such file") as error:
        run(["sample", "--scene", "nothing.blend", "--spp", "1", "--dry-run"])
    assert "--no-probe" in error.value.hint


@pytest.mark.blender
@pytest.mark.slow
@pytest.mark.nightly
def test_a_shot_is_measured_before_it_is_planned(scenes, tmp_path, reporter, silent):
    from blender_fixtures import BLENDER

    pytest.importorskip("pyoidn")
    options = FarmOptions(
        str(scenes.moving),
        tuple(range(1, 41)),
        4,
        str(tmp_path / "job"),
        engine="slurm",
        size=(48, 32),
        scene_name="Other",
        init="oidn-small",
        render_device="cpu",
        device="cpu",
        workers=4,
        blender=BLENDER,
    )
    done = farm(options, reporter)
    assert 1 <= done.chunk["sample"] <= 13 and 1 <= done.chunk["paint"] <= 13  # of 40 frames for 4 workers
    assert done.seconds["sample"] > 0 and done.seconds["paint"] > 0
    assert any("48×32" in note and "three small frames" in note for note in silent.notes)
    assert any("10 passes" in note for note in silent.notes)
    script = (tmp_path / "job" / "sample.sbatch").read_text()
    assert "--time=" in script and "--mem=" in script
    assert not (tmp_path / "job" / "renders").exists()  # the probe wrote elsewhere


@pytest.mark.slow
def test_the_command_line_tells_what_it_wrote(farm_shot):
    words = [
        "farm",
        str(farm_shot.scene),
        "--engine",
        "openjd",
        "--frames",
        "1-5",
        "--spp",
        "4",
        "-o",
        str(farm_shot.job),
        "--no-probe",
    ]
    command = [sys.executable, "-m", "n2n_render", "--progress", "json", *words, "--reference-spp", "16", "--temporal", "2"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stderr.splitlines()[-1])
    assert told["event"] == "result" and told["engine"] == "openjd" and told["folder"] == str(farm_shot.job)
    assert told["tasks"] == {"sample": 5, "train": 1, "paint": 5, "collect": 1, "evaluate": 1}
    assert told["chunk"] == {"sample": 1, "paint": 1} and told["seconds"]["sample"] is None
    assert str(farm_shot.job / "template.json") in told["files"] and told["submit"][-1] == str(farm_shot.job)
