"""The plan: steps, their commands, and what a task needs."""

import dataclasses
import shlex

import pytest

from n2n_render.cli.commands import main
from n2n_render.errors import N2NError
from n2n_render.farm import FarmOptions
from n2n_render.farm.job import plan, trainer
from n2n_render.farm.measured import Measured, Times, frames_a_task

MEASURED = Measured(Times(10, 30), Times(5, 2), (3840, 2160), {"sample": 9000})
ALL = {
    "size": (48, 32),
    "seeds": 3,
    "scene_name": "Scene",
    "view_layer": "View Layer",
    "reference_spp": 16,
    "reference_frames": (1, 2, 4),
    "temporal": 2,
    "shots": ((1, 4), (5, 7)),
    "minutes": 3.0,
    "fast": True,
    "passes": ("light-groups", "Emission"),
    "render_device": "optix",
    "gpus": 2,
    "blender": "/opt/blender 4/blender",
}


def steps_of(options, measured=MEASURED):
    return {step.name: step for step in plan(options, measured).steps}


def test_the_steps_follow_each_other(farm_shot):
    steps = steps_of(farm_shot.options())
    assert [(step.name, step.after, step.tasks) for step in steps.values()] == [
        ("sample", (), 3),
        ("train", ("sample",), 1),
        ("paint", ("train",), 2),
        ("collect", ("paint",), 1),
    ]
    assert [words[-2:] for words in steps["sample"].commands] == [("--only", "1-3"), ("--only", "4-6"), ("--only", "7")]
    assert [words[-2:] for words in steps["paint"].commands] == [("--frames", "1-4"), ("--frames", "5-7")]


def test_references_are_evaluated_in_parts_and_put_together(farm_shot):
    steps = steps_of(farm_shot.options(reference_spp=16, reference_frames=(1, 2, 3)))
    assert [words[-2:] for words in steps["evaluate"].commands] == [("--chunk", "1/2"), ("--chunk", "2/2")]
    assert steps["scores"].after == ("evaluate",) and steps["scores"].command[-1] == "--merge"
    assert "scores" not in steps_of(farm_shot.options(reference_spp=16))  # one frame is one task


def test_passes_are_rendered_and_painted(farm_shot):
    """Light groups are rendered by themselves. Before the training it is seen that they are there."""
    steps = steps_of(farm_shot.options(passes=("light-groups", "Emission")))
    for name, value in (("sample", "all"), ("train", "light-groups,Emission"), ("paint", "light-groups,Emission")):
        words = steps[name].command
        assert words[words.index("--passes") + 1] == value
    assert "--passes" not in steps_of(farm_shot.options(passes=("light-groups",)))["sample"].command


@pytest.mark.parametrize("options", [{}, ALL, {"steps": 5, "init": "nothing", "frames": (-5, -4, 1, 7)}])
def test_the_command_line_understands_every_command(farm_shot, farm_commands, options):
    for words in farm_commands(farm_shot.options(**options)):
        with main.commands[words[0]].make_context(words[0], words[1:]) as context:
            assert context.params


def test_several_gpus_train_together_and_paint_side_by_side(farm_shot):
    steps = steps_of(farm_shot.options(gpus=2, program="n2n-render"))
    assert (
        shlex.join(steps["train"].command).startswith("torchrun --standalone --nproc-per-node 2 -m n2n_render adapt ")
        and "--train-only" in steps["train"].command
    )
    assert steps["paint"].command[steps["paint"].command.index("--device") + 1] == "cuda:0,cuda:1"
    named = steps_of(farm_shot.options(gpus=2, device="cuda"))
    assert [named[name].command[named[name].command.index("--device") + 1] for name in ("train", "paint")] == [
        "cuda",
        "cuda:0,cuda:1",
    ]
    assert [steps[name].needs.gpus for name in ("sample", "train", "paint", "collect")] == [0, 2, 2, 0]
    assert steps_of(farm_shot.options(gpus=2, render_device="optix"))["sample"].needs.gpus == 2


def test_a_python_that_workers_name_starts_the_processes_of_a_training():
    assert trainer(("/opt/n2n/bin/python", "-m", "n2n_render"), 4)[:3] == ("/opt/n2n/bin/python", "-m", "torch.distributed.run")
    assert trainer(("n2n-render",), 1) == ("n2n-render",)


def test_paths_of_models_and_programs_are_absolute(farm_shot, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.pt").touch()

    def word(option, **options):
        words = [word for step in steps_of(farm_shot.options(**options)).values() for word in step.command]
        return words[words.index(option) + 1]

    assert word("--init", init="mine.pt") == str(tmp_path / "mine.pt")
    assert word("--init", init="runs/mine") == str(tmp_path / "runs" / "mine")
    assert word("--init", init="oidn") == "oidn" and word("--init", init="nothing") == "nothing"
    assert word("--blender", blender="blender") == "blender"
    assert word("--blender", blender="./blender") == str(tmp_path / "blender")


def test_memory_is_measured_or_said(farm_shot):
    measured = steps_of(farm_shot.options())
    assert measured["sample"].needs.memory_mib > 9000  # the probe's peak, and what larger frames take besides
    assert (
        measured["paint"].needs.memory_mib > steps_of(farm_shot.options(size=(960, 540)), Measured())["paint"].needs.memory_mib
    )
    said = steps_of(farm_shot.options(memory_gib=3.0))
    assert {said[name].needs.memory_mib for name in ("sample", "train", "paint")} == {3072}


def test_seconds_are_start_and_frames(farm_shot):
    steps = steps_of(farm_shot.options())
    assert steps["sample"].seconds == 3 * 10 + 7 * 30
    assert steps["paint"].seconds == 2 * 5 + 7 * 2
    assert steps["train"].seconds == 20 * 60 and steps_of(farm_shot.options(steps=5))["train"].seconds is None
    assert steps_of(farm_shot.options(), Measured())["sample"].seconds is None


def test_a_task_has_the_time_for_its_references(farm_shot):
    """Frames of 30 seconds at 2 × 4 samples; a reference of 2 × 512 takes 128 times that."""
    of = {"reference_spp": 512, "reference_frames": (1, 2)}
    longest = 10 + 3 * 30 + 2 * 128 * 30
    steps = steps_of(farm_shot.options(**of))
    assert steps["sample"].needs.minutes * 60 >= 2 * longest > 60 * steps_of(farm_shot.options())["sample"].needs.minutes
    assert steps["sample"].seconds == 3 * 10 + 7 * 30 + 2 * 128 * 30
    assert steps_of(farm_shot.options(**of), Measured())["sample"].needs.minutes is None


@pytest.mark.parametrize(
    "times, frames, workers, chunk",
    [
        (Times(10, 30), 250, 10, 3),  # 10 of 100 seconds
        (Times(60, 1), 250, 10, 27),  # 540 would be needed; but ten tasks have to remain
        (Times(60, 100), 250, 10, 6),
        (Times(60, 500), 250, 10, 2),  # 20 minutes are the most
        (Times(300, 500), 250, 10, 1),  # two would be more than 20 minutes
        (Times(60, 5000), 250, 10, 1),
        (Times(1, 60), 250, 10, 1),
        (Times(60, 1), 3, 10, 1),
        (Times(60, 1), 250, 1, 250),
        (Times(5, 0), 250, 10, 27),
        (None, 250, 10, 6),
        (None, 7, 10, 1),
    ],
)
def test_frames_of_a_task(times, frames, workers, chunk):
    assert frames_a_task(times, frames, workers) == chunk
    assert -(-frames // chunk) >= min(frames, workers)


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"seeds": 1}, "takes two"),
        ({"minutes": 1.0, "steps": 1}, "both say when to stop"),
        ({"reference_frames": (1,)}, "reference_spp"),
        ({"reference_frames": (3,), "reference_spp": 8}, "not among the frames"),
        ({"engine": "slurm", "manager": "http://x"}, "flamenco"),
        ({"engine": "lsf"}, "one of openjd"),
        ({"shots": ((1, 2),)}, "temporal"),
        ({"shots": ((1, 1),), "temporal": 1}, "nothing of frame 2"),
        ({"frames": (1, 3, 5), "temporal": 1}, "none of frames has the one before"),
        ({"gpus": 2, "device": "cuda:1"}, "each of 2 GPUs"),
    ],
)
def test_what_does_not_fit_is_refused(wrong, words):
    usual = {"scene": "x.blend", "frames": (1, 2), "spp": 8, "output": "job"}
    assert FarmOptions(**usual)
    with pytest.raises(N2NError, match=words):
        FarmOptions(**{**usual, **wrong})


def test_a_missing_scene_and_names_that_no_file_holds_are_sentences(farm_shot):
    with pytest.raises(N2NError, match="no such file"):
        farm_shot.farm(scene="nothing.blend")
    with pytest.raises(N2NError, match="characters"):
        farm_shot.farm(output="two\nlines")
    with pytest.raises(N2NError, match="cannot read the program .*no closing quotation"):
        plan(dataclasses.replace(farm_shot.options(), program="/opt/it's/n2n-render"), Measured())
    with pytest.raises(N2NError, match="program is empty"):
        plan(dataclasses.replace(farm_shot.options(), program=" "), Measured())
    assert not farm_shot.job.exists()


def test_gpus_are_not_asked_for_beside_a_cpu(farm_shot):
    with pytest.raises(N2NError, match="device is a CPU"):
        farm_shot.options(gpus=1, device="cpu")
