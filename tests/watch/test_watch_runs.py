"""A watched folder beyond one renderer and one process: ranges, passes, shares, what is refused, the command, trouble."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from blender_fixtures import BLENDER
from click.testing import CliRunner
from conftest import noisy_frame, true_frame
from watch_fixtures import ENGINE, SIZE, assert_as_denoised, file_of, options, put

from n2n_render.cli.commands import main
from n2n_render.denoise import DenoiseOptions, denoise
from n2n_render.errors import N2NError
from n2n_render.frame.frame import Frame
from n2n_render.io.exr import is_readable, write_frame
from n2n_render.progress import stopped_by
from n2n_render.watch import WatchOptions, watch
from n2n_render.watch import watching as module


@pytest.mark.slow
def test_frames_beyond_the_range_are_neighbours_alone(watch_shot, watch_renders, tmp_path):
    put(watch_shot, watch_renders, 1, 2, 3, 4, 5, 6)
    watch(options(watch_renders, frames=(3, 4), temporal=1))
    assert_as_denoised(watch_renders, (3, 4), tmp_path, temporal=1, frames=(3, 4))


def test_passes_in_files_of_their_own_are_waited_for(watch_renders, tmp_path):
    from n2n_render.io.sources import SourceOptions

    albedo = tmp_path / "albedo"
    albedo.mkdir()
    truth = true_frame(*SIZE)
    for number in (1, 2):
        write_frame(watch_renders / file_of(number), Frame(color=noisy_frame(truth, number).color))
        write_frame(albedo / f"albedo_{number:04}.exr", Frame(color=truth.albedo))
    sources = SourceOptions(albedo=(str(albedo),))
    watch(options(watch_renders, model="oidn-small-albedo", frames=(1, 2), sources=sources))
    assert_as_denoised(watch_renders, (1, 2), tmp_path, "oidn-small-albedo", sources=sources)


@pytest.mark.slow
def test_processes_share_the_frames(watch_shot, watch_renders, tmp_path):
    put(watch_shot, watch_renders, *range(1, 13))
    given = options(watch_renders, frames=tuple(range(1, 13)), shared=True)
    done = []
    workers = [threading.Thread(target=lambda: done.append(watch(given))) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    written = [path.name for one in done for path in one.outputs]
    assert sorted(written) == [file_of(number) for number in range(1, 13)]
    assert_as_denoised(watch_renders, range(1, 13), tmp_path)


@pytest.mark.slow
def test_one_that_is_replaced_while_it_is_denoised_is_not_kept_by_its_time(watch_shot, watch_renders, tmp_path, monkeypatch):
    """A worker among others knows what its own outputs are made of, though they are newer than the render that came since."""
    put(watch_shot, watch_renders, 1, 2)
    real = module._Watching._do

    def replaced_meanwhile(self, *chosen):
        done = real(self, *chosen)
        if not replaced:
            replaced.append(True)
            put(watch_shot, watch_renders, 2, seed="b")
            later = (
                max(path.stat().st_mtime_ns for path in [*watch_renders.iterdir(), *(tmp_path / "clean").glob("*.exr")]) + 10**9
            )
            for path in (tmp_path / "clean").glob("*.exr"):
                os.utime(path, ns=(later, later))
        return done

    replaced = []
    monkeypatch.setattr(module._Watching, "_do", replaced_meanwhile)
    done = watch(options(watch_renders, frames=(1, 2), shared=True))
    assert (done.again, done.kept) == (1, 0)
    assert_as_denoised(watch_renders, (1, 2), tmp_path)


@pytest.mark.slow
def test_what_another_process_could_denoise_has_not_failed(watch_shot, watch_renders, tmp_path, watch_said):
    told, reporter = watch_said
    clean, other = tmp_path / "clean", tmp_path / "other"
    put(watch_shot, watch_renders, 1)
    write_frame(watch_renders / file_of(2), Frame(color=true_frame(*SIZE).color))  # no guides
    denoise(DenoiseOptions((str(watch_shot / "a" / file_of(2)),), str(other / file_of(2)), "oidn-small", engine=ENGINE))

    def mend():
        while not any("tried again" in text for text in told.warnings):
            time.sleep(0.02)
        later = time.time_ns() + 3600 * 10**9
        os.utime(other / file_of(2), ns=(later, later))
        os.replace(other / file_of(2), clean / file_of(2))
        put(watch_shot, watch_renders, 2)
        while not any("rendered again" in note for note in told.notes):
            time.sleep(0.02)
        put(watch_shot, watch_renders, 3)

    mending = threading.Thread(target=mend)
    mending.start()
    done = watch(options(watch_renders, frames=(1, 2, 3), shared=True), reporter)
    mending.join()
    assert ([path.name for path in done.outputs], done.kept) == ([file_of(1), file_of(3)], 1)


@pytest.mark.parametrize(
    "output, pairs, says",
    [
        ("renders", (), "is watched"),
        ("renders/clean", (), "is watched"),
        ("other/deep/clean", ("other",), "is watched"),
        ("clean.png", (), "name of a file"),
        ("clean", ("missing",), "missing: no such folder"),
    ],
)
def test_folders_that_cannot_be_are_refused(watch_renders, tmp_path, monkeypatch, output, pairs, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    with pytest.raises(N2NError, match=says):
        watch(WatchOptions("renders", output, pairs=pairs))
    with pytest.raises(N2NError, match="no such folder"):
        watch(WatchOptions("nowhere", "clean"))
    with pytest.raises(N2NError, match="none has the one before"):
        watch(WatchOptions("renders", "clean", frames=(1, 3), temporal=1))


@pytest.mark.slow
def test_sigterm_leaves_what_is_finished_and_nothing_else(watch_shot, watch_renders, tmp_path):
    put(watch_shot, watch_renders, *range(1, 6))
    command = [sys.executable, "-m", "n2n_render", "watch", str(watch_renders), "-o", str(tmp_path / "clean")]
    command += ["--model", "oidn-small", "--device", "cpu", "--engine", "oidn", "--settle", "0.1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not list((tmp_path / "clean").glob("f_*.exr")):
        time.sleep(0.05)
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "interrupted" in err and "Traceback" not in err, err
    left = sorted((tmp_path / "clean").iterdir())
    assert left and all(path.suffix == ".exr" and is_readable(path) for path in left), left


@pytest.mark.slow
def test_the_command_tells_what_it_did(watch_shot, watch_renders, tmp_path):
    put(watch_shot, watch_renders, 1, 2)
    command = ["watch", watch_renders, "-o", tmp_path / "clean", "--model", "oidn-small", "--engine", "oidn", "--device", "cpu"]
    done = CliRunner().invoke(main, [*map(str, command), "--settle", "0.1", "--frames", "1-2", "--keep-noisy"])
    assert done.exit_code == 0 and f"wrote 2 frame(s) to {tmp_path / 'clean'}" in done.output, done.output
    done = CliRunner().invoke(main, [*map(str, command), "--settle", "0.1", "--frames", "1-2"])
    assert "wrote 0 frame(s)" in done.output and "2 were there already" in done.output


RENDER = """
import bpy
scene = bpy.data.scenes[0]
scene.render.engine, scene.cycles.samples, scene.cycles.device = "CYCLES", 2, "CPU"
scene.cycles.use_denoising = False
scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 48, 32, 100
scene.view_layers[0].cycles.denoising_store_passes = True
settings = scene.render.image_settings
if hasattr(settings, "media_type"):
    settings.media_type = "MULTI_LAYER_IMAGE"
settings.file_format = "OPEN_EXR_MULTILAYER"
scene.frame_start, scene.frame_end = 1, 3
scene.render.filepath = FOLDER + "/blender_"
bpy.ops.render.render(animation=True)
"""


@pytest.mark.blender
@pytest.mark.slow
def test_blender_renders_into_the_folder_while_it_is_watched(tmp_path):
    (tmp_path / "renders").mkdir()
    script = tmp_path / "render.py"
    script.write_text(RENDER.replace("FOLDER", repr(str(tmp_path / "renders"))))
    command = [BLENDER, "--background", "--python-exit-code", "1", "--python"] if BLENDER else [sys.executable]
    renderer = subprocess.Popen([*command, str(script)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def check_renderer():
        assert not renderer.poll(), renderer.stdout.read()

    with stopped_by(check_renderer):
        done = watch(WatchOptions(str(tmp_path / "renders"), str(tmp_path / "clean"), frames=(1, 2, 3)))
    assert renderer.wait(timeout=60) == 0
    assert [path.name for path in done.outputs] == [f"blender_{number:04}.exr" for number in (1, 2, 3)]
    assert all(is_readable(path) for path in done.outputs)


@pytest.mark.slow
def test_a_render_whose_partner_never_came_is_not_left_out_silently(watch_shot, watch_renders, tmp_path):
    other = tmp_path / "other seed"
    other.mkdir()
    put(watch_shot, watch_renders, 1, 2, 3)
    put(watch_shot, other, 1, 3, seed="b")
    with pytest.raises(N2NError, match="1 of 3 frames could not be denoised: .*f_0002.exr: came alone"):
        watch(options(watch_renders, pairs=(str(other),), until_idle=0.01))
    assert sorted(path.name for path in (tmp_path / "clean").iterdir()) == [file_of(1), file_of(3)]


@pytest.mark.slow
def test_a_folder_that_is_away_for_a_while_is_said_and_nothing_is_forgotten(watch_shot, watch_renders, tmp_path, caplog):
    put(watch_shot, watch_renders, 1, 2)
    away = tmp_path / "away"

    def later():
        while not (tmp_path / "clean" / file_of(2)).exists():
            time.sleep(0.02)
        watch_renders.rename(away)
        while "is not there any more" not in caplog.text:
            time.sleep(0.02)
        put(watch_shot, away, 3)
        away.rename(watch_renders)

    coming = threading.Thread(target=later)
    coming.start()
    done = watch(options(watch_renders, frames=(1, 2, 3)))
    coming.join()
    assert len(done.outputs) == 3 and done.again == 0
    assert caplog.text.count("is not there any more") == 1
