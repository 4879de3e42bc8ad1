"""Submit to Farm: what is asked of n2n-render, what is said of its answer, and what a farm would not see."""

import json
import os
import sys
import time
from pathlib import Path

import bpy
import room
from room import sentence

ANSWER = {
    "event": "result",
    "engine": "slurm",
    "files": 3,
    "submit": ["sbatch", "/jobs/my shot/submit.sh"],
    "tasks": {"sample": 5, "train": 1, "paint": 5, "collect": 1},
    "seconds": {"sample": 300.0, "train": 600.0, "paint": 300.0, "collect": None},
    "answer": "a banner\nSubmitted batch job 12\n",
}


def _file(folder, frames=(1, 10, 1)):
    """A saved file."""
    scene = room.build((64, 36), spp=16)
    scene.frame_start, scene.frame_end, scene.frame_step = frames
    room.preferences().farm_engine = "SLURM"
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/shot.blend")
    return scene


def _speaker(folder, script: str):
    """An n2n-render that is a few lines of Python; `say` writes an event, `words` is its command line."""
    program = Path(folder) / "bin" / "n2n-render"
    program.parent.mkdir(exist_ok=True)
    say = "def say(**event):\n    print(json.dumps(event), file=sys.stderr, flush=True)\n"
    program.write_text(f"#!{sys.executable}\nimport json, sys, time\nwords = sys.argv[1:]\n{say}{script}")
    program.chmod(0o755)
    room.preferences().program = str(program)
    return program


def _answering(folder):
    """One that keeps its command line beside it, and answers."""
    answer = {**ANSWER, "folder": f"{folder}/job"}
    return _speaker(folder, f"json.dump(words, open({folder + '/words.json'!r}, 'w'))\nsay(**{answer!r})\n")


def _words(folder) -> list[str]:
    return json.loads(Path(folder, "words.json").read_text())


def _option(words, name) -> str:
    return words[words.index(name) + 1]


def the_command_is_what_the_scene_says(folder):
    """Half of the samples for each of two seeds; neighbours, as frames follow each other."""
    scene = _file(folder)
    program = _answering(folder)
    assert bpy.ops.n2n.submit_to_farm() == {"FINISHED"}
    words = _words(folder)
    assert words[:4] == ["--progress", "json", "farm", f"{folder}/shot.blend"] and words[-1] == "--submit"
    expected = {
        "--engine": "slurm",
        "--frames": "1-10",
        "--spp": "8",
        "--seeds": "2",
        "--scene-name": scene.name,
        "--view-layer": scene.view_layers[0].name,
        "--temporal": "8",
        "--minutes": "10.0",
        "--render-device": "cpu",
        "--workers": "10",
        "--program": str(program),
        "--init": "oidn-small",
        "-o": f"{folder}/farm/{scene.name}",
    }
    assert {name: _option(words, name) for name in expected} == expected
    unasked = {"--camera", "--size", "--passes", "--manager", "--gpus"}
    assert not unasked & set(words), "those are the file's own, or not asked for"
    counted = "5 sample, 1 train, 5 paint, 1 collect; about 20 min of one machine"
    assert scene.n2n_farm.said == f"12 tasks were submitted to Slurm ({counted}). It says: Submitted batch job 12"
    assert (scene.n2n_farm.job, scene.n2n_farm.line) == (f"{folder}/job", "")


def what_is_chosen_comes_before_what_is_usual(folder):  # nightly
    scene = _file(folder, (3, 30, 9))
    scene.cycles.use_adaptive_sampling, scene.cycles.samples = True, 4096
    scene.n2n.minutes, scene.n2n.all_passes, scene.n2n_farm.folder = 2.5, True, "//elsewhere/"
    chosen = room.preferences()
    chosen.farm_engine, chosen.farm_workers, chosen.farm_gpus = "FLAMENCO", 3, 2
    chosen.farm_program, chosen.farm_manager, chosen.farm_blender = "python -m n2n_render", "http://farm:8080", "/opt/blender"
    bpy.ops.wm.save_mainfile()
    _answering(folder)
    assert bpy.ops.n2n.write_farm_job() == {"FINISHED"}
    words = _words(folder)
    expected = {
        "--engine": "flamenco",
        "--frames": "3-30x9",
        "--spp": "64",
        "--minutes": "2.5",
        "--passes": "all",
        "--workers": "3",
        "--gpus": "2",
        "--program": "python -m n2n_render",
        "--blender": "/opt/blender",
        "--manager": "http://farm:8080",
        "-o": f"{folder}/elsewhere",
    }
    assert {name: _option(words, name) for name in expected} == expected
    assert "--temporal" not in words, "between these frames there are others"
    assert "--submit" not in words
    assert "--no-probe" in words, "that Blender is not here"


def what_was_only_written_has_a_line_that_submits_it(folder):  # nightly
    scene = _file(folder)
    _answering(folder)
    assert bpy.ops.n2n.write_farm_job() == {"FINISHED"}
    assert scene.n2n_farm.line == "sbatch '/jobs/my shot/submit.sh'"
    assert "12 tasks are written for Slurm, and not submitted" in scene.n2n_farm.said
    assert bpy.ops.n2n.submit_to_farm() == {"FINISHED"}
    assert scene.n2n_farm.line == ""


def a_file_that_is_not_saved_is_said(folder):  # nightly
    scene = room.build()
    program = _answering(folder)
    for operator in (bpy.ops.n2n.submit_to_farm, bpy.ops.n2n.write_farm_job):
        assert "has no name yet" in sentence(operator)
    scene.render.engine = "BLENDER_WORKBENCH"
    assert "Cycles" in sentence(bpy.ops.n2n.submit_to_farm)
    assert os.listdir(folder) == ["bin"] and program.exists(), "nothing was asked"


def without_a_program_nothing_is_done(folder):
    _file(folder)
    os.environ["PATH"] = os.environ["HOME"] = folder
    said = sentence(bpy.ops.n2n.submit_to_farm)
    assert "A farm's job needs n2n-render" in said and "not found" in said and "Better" not in said, said
    room.preferences().program = f"{folder}/none"
    assert f"{folder}/none" in sentence(bpy.ops.n2n.submit_to_farm)
    text = Path(folder, "text")
    text.write_text("no program")
    room.preferences().program = str(text)
    assert "cannot be started" in sentence(bpy.ops.n2n.submit_to_farm)


def what_goes_wrong_in_the_program_is_one_sentence(folder):
    scene = _file(folder)
    for script, expected in (
        ("say(event='error', kind='input', what='the disk is full', hint='Make room.')", ("the disk is full. Make room.",)),
        ("say(event='error', kind='usage', what=\"No such command 'farm'.\", hint='Try x.')", ("No such command", "Update")),
        ("raise SystemError('deep inside')", ("exit code 1", "deep inside")),
        ("print('talks, and says nothing')", ("exit code 0", "talks")),
    ):
        _speaker(folder, script)
        said = sentence(bpy.ops.n2n.submit_to_farm)
        assert all(words in said for words in expected), said
    assert (scene.n2n_farm.job, scene.n2n_farm.said) == ("", "")


def cancelling_ends_the_program_and_what_it_started(folder):
    """It is asked to end, as a farm asks: then it ends what it started."""
    _file(folder)
    _speaker(
        folder,
        "import signal, subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
        "def end(*_):\n    child.kill()\n    sys.exit(130)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "say(event='start', task='probe', total=2)\nsay(event='progress', task='probe', done=1, total=2, text='frame 1')\n"
        "time.sleep(600)\n",
    )
    steps = room.work(room.addon().farm.N2N_OT_submit_to_farm, submits=True)
    seen, until = [], time.monotonic() + 60
    while not seen or seen[-1] != (0.5, "probe: frame 1"):
        found = next(steps)
        seen += [found] if found else []
        assert time.monotonic() < until, seen
    assert len(room.descendants()) == 2
    steps.close()
    assert room.descendants() == set()


def what_a_farm_sees_otherwise_is_said(folder):  # nightly
    """Each of it in a sentence with a name; what is usual in none."""
    scene = _file(folder)
    jobs = room.addon().jobs
    _answering(folder)
    bpy.data.images.new("Checker", 8, 8)
    assert bpy.ops.n2n.write_farm_job() == {"FINISHED"}
    assert jobs.warnings == []
    picture = bpy.data.images.new("Wood", 8, 8)
    picture.filepath_raw, picture.file_format = f"{folder}/wood.png", "PNG"
    picture.save()
    gone = bpy.data.images.load(picture.filepath_raw)
    gone.name, gone.filepath_raw = "Gone", "//gone.png"
    scene.n2n.strength = 0.5
    scene.view_layers.new("Second")
    bpy.data.objects["Box"].modifiers.new("Cloth", "CLOTH")
    assert bpy.ops.n2n.write_farm_job() == {"FINISHED"}
    for words in (
        f"{folder}/wood.png: an absolute path",
        "Box: a simulation that is not baked",
        "//gone.png: not there",
        "Strength",
        "one view layer",
    ):
        assert [said for said in jobs.warnings if words in said], (words, jobs.warnings)
    assert len(jobs.warnings) == 5, jobs.warnings
    picture.filepath_raw = gone.filepath_raw = "//wood.png"
    bpy.data.objects["Box"].modifiers["Cloth"].show_render = False
    assert bpy.ops.n2n.write_farm_job() == {"FINISHED"}
    assert len(jobs.warnings) == 2, jobs.warnings


def a_picture_that_was_painted_and_not_saved_stops_it(folder):  # nightly
    _file(folder)
    _answering(folder)
    picture = bpy.data.images.new("Painted", 8, 8)
    picture.pixels[0] = 0.25
    picture.update()
    assert "Painted" in sentence(bpy.ops.n2n.submit_to_farm)
    assert not Path(folder, "words.json").exists()
    picture.pack()
    assert bpy.ops.n2n.submit_to_farm() == {"FINISHED"}


def warnings_of_the_program_are_passed_on(folder):  # nightly
    _file(folder)
    answer = {**ANSWER, "folder": f"{folder}/job"}
    _speaker(folder, f"say(event='warning', task='doubts', message='one is missing')\nsay(**{answer!r})\n")
    assert bpy.ops.n2n.submit_to_farm() == {"FINISHED"}
    assert "one is missing" in room.addon().jobs.warnings


def a_job_is_timed_written_and_handed_over(folder, program):  # nightly
    """By the n2n-render beside these tests, to a `sbatch` that takes everything. What each task is asked for is the scene's."""
    scene = _file(folder, (1, 3, 1))
    room.preferences().program = program
    taken = Path(folder, "bin", "sbatch")
    taken.parent.mkdir()
    taken.write_text(f'#!/bin/sh\necho "$@" >> "{folder}/taken"\necho 12\n')
    taken.chmod(0o755)
    os.environ["PATH"] = f"{taken.parent}:{os.environ['PATH']}"
    assert bpy.ops.n2n.submit_to_farm() == {"FINISHED"}
    job = Path(scene.n2n_farm.job)
    sample, train, paint = ((job / f"{step}.sbatch").read_text() for step in ("sample", "train", "paint"))
    assert f"{folder}/shot.blend" in sample and "--spp 8" in sample and "--frames 1-3" in sample
    assert all(f"{program} -m n2n_render" in script for script in (sample, train, paint))
    assert "--temporal 8" in train and "--minutes 10" in train and "--init oidn-small" in train and "--paint" in paint
    assert len(Path(folder, "taken").read_text().splitlines()) == 4, "sample, train, paint, collect"
    assert "submitted to Slurm" in scene.n2n_farm.said and "12" in scene.n2n_farm.said, scene.n2n_farm.said


def what_the_farm_does_not_take_is_one_sentence(folder, program):  # nightly
    """The job is written then, and can be handed over by hand."""
    _file(folder, (1, 2, 1))
    room.preferences().program, room.preferences().farm_blender = program, "/not/here"
    os.environ["PATH"] = folder
    said = sentence(bpy.ops.n2n.submit_to_farm)
    assert "sbatch" in said and "submit.sh" in said, said
    assert Path(folder, "farm", "Scene", "submit.sh").is_file()
