"""The Open Job Description bundle, checked, summed up and run by the specification's own command."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from n2n_render.farm import FarmOptions, farm
from n2n_render.io.exr import is_readable
from n2n_render.io.ranges import parse_frames

pytest.importorskip("openjd.cli")
OPENJD = Path(sys.executable).parent / "openjd"


@pytest.fixture
def bundle(farm_shot, run_words):
    """bundle(**options) → (what was farmed, the template, openjd(command, *words) on it with the job's values)."""

    def write(**options):
        done = farm_shot.farm(**options)
        template, values = farm_shot.job / "template.json", farm_shot.job / "parameters.json"

        def openjd(command, *words):
            return run_words(OPENJD, command, template, "-p", f"file://{values}", *words)

        run_words(OPENJD, "check", template)
        return done, json.loads(template.read_text()), openjd

    return write


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"frames": (1, 3, 5, 9)}, {"gpus": 2, "render_device": "optix"}, {"frames": (4,)}])
def test_it_has_the_tasks_that_were_planned(bundle, options):
    done, _, openjd = bundle(reference_spp=16, reference_frames=options.get("frames", (1, 2))[:2], **options)
    told = json.loads(openjd("summary", "--output", "json"))
    frames = len(options.get("frames", range(7)))  # of a step with chunks the summary counts what is in them
    assert {step["name"]: step["total_tasks"] for step in told["steps"]} == {**done.tasks, **dict.fromkeys(done.chunk, frames)}


@pytest.mark.slow
def test_every_task_runs_once_with_its_own_words(farm_shot, bundle, farm_commands):
    options = {"reference_spp": 16, "reference_frames": (1, 2)}
    done, _, openjd = bundle(**options)
    openjd("run", "--step", list(done.tasks)[-1], "--run-dependencies")
    told, planned = farm_shot.told(), farm_commands(farm_shot.options(**options))
    assert told[6:] == planned[6:] and told[3] == planned[3]  # train; collect, evaluate twice, scores
    for tasks in (slice(0, 3), slice(4, 6)):  # sample and paint: openjd makes the chunks of a run equally long
        assert [call[:-1] for call in told[tasks]] == [call[:-1] for call in planned[tasks]]
        assert sorted(frame for call in told[tasks] for frame in parse_frames(call[-1])) == list(range(1, 8))


@pytest.mark.slow
def test_frames_with_gaps_come_as_our_commands_read_them(farm_shot, bundle):
    _, _, openjd = bundle(frames=(-4, -2, 0, 2, 7, 8, 9), sample_chunk=4)
    openjd("run", "--step", "sample")
    shares = [parse_frames(call[-1]) for call in farm_shot.told()]
    assert shares == [[-4, -2, 0, 2], [7, 8, 9]]
    assert parse_frames(farm_shot.told()[0][farm_shot.told()[0].index("--frames") + 1]) == [-4, -2, 0, 2, 7, 8, 9]


@pytest.mark.slow
def test_frames_and_chunks_can_be_changed_when_it_is_submitted(farm_shot, bundle):
    _, _, openjd = bundle()
    openjd("run", "--step", "sample", "-p", "Frames=1-4", "-p", "SampleChunk=2")
    assert [call[-1] for call in farm_shot.told()] == ["1-2", "3-4"]


@pytest.mark.slow
def test_what_a_task_needs(bundle):
    _, template, _ = bundle(gpus=1, memory_gib=3.0, minutes=5.0)
    steps = {step["name"]: step for step in template["steps"]}
    amounts = {amount["name"]: amount["min"] for amount in steps["train"]["hostRequirements"]["amounts"]}
    assert amounts == {"amount.worker.memory": 3072, "amount.worker.gpu": 1}
    action = steps["train"]["script"]["actions"]["onRun"]
    assert action["timeout"] > 300 and action["args"][1:3] == ["--progress", "openjd"]  # after the program
    assert len(steps["sample"]["hostRequirements"]["amounts"]) == 1


@pytest.mark.slow
def test_the_values_are_there_for_a_bundle_and_for_this_machine(farm_shot, bundle):
    done, template, _ = bundle(retries=5)
    local = json.loads((farm_shot.job / "parameters.json").read_text())
    listed = json.loads((farm_shot.job / "parameter_values.json").read_text())["parameterValues"]
    assert {one["name"]: one["value"] for one in listed} == {**local, "deadline:maxRetriesPerTask": 5}
    assert {one["name"] for one in template["parameterDefinitions"]} == set(local)
    assert done.submit[:3] == ("deadline", "bundle", "submit") and done.submit[-1] == str(farm_shot.job)


KILLER = """
import pathlib, subprocess, sys, time
here, renders = pathlib.Path(__file__).parent, pathlib.Path(sys.argv[1])
process = subprocess.Popen([sys.executable, "-m", "n2n_render", *sys.argv[2:]])
killed = here / "killed"
if "sample" in sys.argv and not killed.exists():
    while process.poll() is None and not list(renders.glob("*_s*.exr")):
        time.sleep(0.01)
    process.kill()
    killed.touch()
sys.exit(process.wait() != 0)
"""


@pytest.mark.blender
@pytest.mark.slow
@pytest.mark.nightly
def test_a_shot_goes_the_whole_way_though_a_task_is_killed(scenes, tmp_path, run_words):
    """Three frames, by the real program: sampled in two tasks, of which the first is killed in its work; started again,
    learned, painted in two tasks, collected, evaluated.
    """
    from blender_fixtures import BLENDER

    job, program = tmp_path / "a job", tmp_path / "killer.py"
    program.write_text(KILLER)
    farm(
        FarmOptions(
            str(scenes.moving),
            (1, 2, 3),
            4,
            str(job),
            size=(48, 32),
            scene_name="Other",
            reference_spp=16,
            reference_frames=(1, 2),
            steps=3,
            init="oidn-small",
            render_device="cpu",
            device="cpu",
            workers=2,
            sample_chunk=2,
            paint_chunk=2,
            program=shlex.join([sys.executable, str(program), str(job / "renders")]),
            blender=BLENDER,
            probe=False,
        )
    )
    words = [OPENJD, "run", job / "template.json", "-p", f"file://{job}/parameters.json", "--step"]
    killed = subprocess.run([*words, "sample"], capture_output=True, text=True)
    assert killed.returncode and (tmp_path / "killed").exists()
    kept = {path: path.stat().st_mtime_ns for path in (job / "renders").glob("*_s*.exr")}
    told = run_words(*words, "scores", "--run-dependencies")
    assert kept and all(path.stat().st_mtime_ns == time for path, time in kept.items())  # nothing is rendered twice
    assert len(list((job / "renders").glob("*_s*.exr"))) == 6
    assert len(json.loads((job / "clean" / "report.json").read_text())["frames"]) == 3
    assert all(is_readable(path) for path in (job / "clean").glob("*.exr"))
    assert len(list((job / "evaluation").glob("*.png"))) == 2
    assert "openjd_progress: 100" in told
