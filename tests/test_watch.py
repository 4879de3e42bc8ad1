"""A folder that a renderer writes into: each frame once, when it is complete, as `denoise` would have done it."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from blender_fixtures import BLENDER
from click.testing import CliRunner
from conftest import Silent, noisy_frame, true_frame

from n2n_render.cli.commands import main
from n2n_render.denoise import DenoiseOptions, denoise
from n2n_render.engines.options import EngineOptions
from n2n_render.errors import N2NError
from n2n_render.frame.frame import Frame, crop
from n2n_render.guides.neighbors import Neighbors
from n2n_render.io.exr import is_readable, write_frame
from n2n_render.progress import stopped_by
from n2n_render.watch import WatchOptions, footage, watch
from n2n_render.watch import watching as module

SIZE, STEP = (24, 40), 2
ENGINE = EngineOptions("cpu", "oidn")
# Writes files as renderers do: `sys.argv[1:]` is one `MODE=SECONDS=FROM=TO` each, one after the other.
WRITER = """
import os, sys, time
print("ready", flush=True)
for text in sys.argv[1:]:
    mode, pause, source, target = text.split("=")
    data = open(source, "rb").read()
    if mode == "rename":
        open(target + ".tmp", "wb").write(data)
        time.sleep(float(pause))
        os.replace(target + ".tmp", target)
    else:
        half = len(data) // 2
        with open(target, "wb") as file:
            file.write(data[:half])
            file.flush()
            time.sleep(float(pause))
            if mode == "halves":
                file.write(data[half:])
"""


@pytest.fixture(scope="module")
def shot(tmp_path_factory):
    """Twelve frames of a camera that goes to the right, with motion vectors; in a and in b with other noise."""
    folder = tmp_path_factory.mktemp("shot")
    whole = true_frame(SIZE[0], SIZE[1] + STEP * 13, seed=4)
    vector = np.broadcast_to(np.float32([STEP, 0, STEP, 0]), (*SIZE, 4))
    for name in ("a", "b"):
        (folder / name).mkdir()
        for number in range(1, 13):
            truth = crop(whole, np.s_[:, STEP * number : STEP * number + SIZE[1]])
            frame = noisy_frame(Frame(**dict(truth.items())), 20 * number + (name == "b"), 0.7).with_channels(vector=vector)
            write_frame(folder / name / f"f_{number:04}.exr", frame)
    return folder


@pytest.fixture
def renders(tmp_path, monkeypatch):
    """An empty folder to be watched, often."""
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.02)
    (tmp_path / "renders").mkdir()
    return tmp_path / "renders"


def options(renders, **changes):
    given = {"model": "oidn-small", "settle": 0.1, "engine": ENGINE, "output": str(renders.parent / "clean"), **changes}
    return WatchOptions(str(renders), **given)


@contextlib.contextmanager
def writing(shot, renders, steps, seed="a"):
    """steps: (mode, seconds, number of a frame), done by a process of its own."""
    texts = [f"{mode}={pause}={shot / seed / file_of(n)}={renders / file_of(n)}" for mode, pause, n in steps]
    writer = subprocess.Popen([sys.executable, "-c", WRITER, *texts], stdout=subprocess.PIPE, text=True)
    assert writer.stdout.readline() == "ready\n"
    try:
        yield
    finally:
        assert writer.wait(timeout=60) == 0


def file_of(number):
    return f"f_{number:04}.exr"


def put(shot, renders, *numbers, seed="a"):
    for number in numbers:
        data = (shot / seed / file_of(number)).read_bytes()
        (renders / f".{file_of(number)}").write_bytes(data)
        os.replace(renders / f".{file_of(number)}", renders / file_of(number))


def assert_as_denoised(renders, numbers, tmp_path, model="oidn-small", **changes):
    """The outputs are, byte for byte, those of `denoise` on the finished folder."""
    expected = tmp_path / "expected"
    denoise(DenoiseOptions((str(renders),), str(expected), model, engine=ENGINE, **changes))
    names = sorted(path.name for path in (renders.parent / "clean").iterdir())
    assert names == [file_of(number) for number in numbers]
    for name in names:
        assert (renders.parent / "clean" / name).read_bytes() == (expected / name).read_bytes(), name


@pytest.fixture
def said():
    """(what is said, a reporter that keeps it)."""
    told = Silent()
    return told, lambda title: contextlib.nullcontext(told)


def test_a_frame_is_taken_when_it_is_complete(shot, renders, tmp_path):
    """In place in two halves, renamed, one after the other; nothing but whole pictures ever lies in the output."""
    seen, stop = set(), threading.Event()

    def look():
        while not stop.wait(0.005):
            seen.update(path for path in (tmp_path / "clean").glob("*.exr") if not is_readable(path))

    looking = threading.Thread(target=look)
    looking.start()
    steps = [("halves", 0.05, 1), ("rename", 0.1, 2), ("halves", 0.4, 3), ("rename", 0, 4)]  # one pause is longer than settling
    with writing(shot, renders, steps):
        done = watch(options(renders, frames=(1, 2, 3, 4)))
    stop.set()
    looking.join()
    assert {path.name for path in done.outputs} == {file_of(number) for number in (1, 2, 3, 4)} and not seen
    assert (done.kept, done.again) == (0, 0)
    assert_as_denoised(renders, (1, 2, 3, 4), tmp_path)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("order", [(1, 2, 3, 4, 5, 6), (4, 1, 6, 3, 2, 5)], ids=["in order", "as a farm has it"])
def test_neighbours_are_taken_in_as_by_denoise_bit_for_bit(shot, renders, tmp_path, order, known):
    with writing(shot, renders, [("rename", 0.15, number) for number in order]):
        end = {"frames": (1, 2, 3, 4, 5, 6)} if known else {"until_idle": 0.03}
        watch(options(renders, temporal=2, **end))
    assert_as_denoised(renders, range(1, 7), tmp_path, temporal=2)


def test_a_frame_waits_for_those_after_it_and_for_no_others(shot, renders, tmp_path):
    """In order each frame is read once, and no more than a window is held, however many come."""
    events, held, reads = [], [], []
    real_read, real_beside = Neighbors._read, Neighbors.beside

    def read(self, paths, layer):
        reads.append(paths[0].name)
        return real_read(self, paths, layer)

    def beside(self, index, *others):
        found = real_beside(self, index, *others)
        events.append((self.groups[index][0].name, sorted(path.name for path in renders.glob("*.exr"))))
        held.append(len(self._denoised))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Neighbors, "_read", read)
        patch.setattr(Neighbors, "beside", beside)
        with writing(shot, renders, [("rename", 0.2, number) for number in range(1, 13)]):
            watch(options(renders, temporal=1, frames=tuple(range(1, 13))))
    assert [name for name, _ in events] == [file_of(number) for number in range(1, 13)]
    assert all(file_of(min(12, number + 1)) in there for number, (_, there) in enumerate(events, 1))
    assert len(events[0][1]) < 12  # it did not wait for the end
    assert reads == [file_of(number) for number in range(1, 13)] and max(held) <= 3
    assert_as_denoised(renders, range(1, 13), tmp_path, temporal=1)


def test_what_never_came_is_done_without_and_said(shot, renders, tmp_path, said):
    told, reporter = said
    put(shot, renders, 1, 2, 3, 5, 6)
    with pytest.raises(N2NError, match="frame 4 did not come"):
        watch(options(renders, temporal=1, frames=(1, 2, 3, 4, 5, 6), until_idle=0.01), reporter)
    assert sum("without frame 4" in text for text in told.warnings) == 2  # frames 3 and 5
    assert_as_denoised(renders, (1, 2, 3, 5, 6), tmp_path, temporal=1)
    put(shot, renders, 4)  # and when it comes at last
    done = watch(options(renders, temporal=1, frames=(1, 2, 3, 4, 5, 6)), reporter)
    assert [path.name for path in done.outputs] == [file_of(number) for number in (3, 4, 5)] and done.kept == 3
    assert_as_denoised(renders, (1, 2, 3, 4, 5, 6), tmp_path / "all", temporal=1)


def test_a_broken_file_is_told_of_once_and_taken_when_it_changes(shot, renders, tmp_path, caplog):
    put(shot, renders, 1, 3)
    (renders / file_of(2)).write_bytes((shot / "a" / file_of(2)).read_bytes()[:3000])

    def mend():
        while not caplog.records:
            time.sleep(0.02)
        time.sleep(0.3)
        put(shot, renders, 2)

    mending = threading.Thread(target=mend)
    mending.start()
    done = watch(options(renders, frames=(1, 2, 3), temporal=1))
    mending.join()
    assert sum(file_of(2) in record.getMessage() for record in caplog.records if "left until" in record.getMessage()) == 1
    assert len(done.outputs) == 3
    assert_as_denoised(renders, (1, 2, 3), tmp_path, temporal=1)  # its neighbours were done again with it


def test_one_that_stays_broken_ends_with_its_name(shot, renders, tmp_path):
    put(shot, renders, 1, 3)
    (renders / file_of(2)).write_bytes(b"no image")
    with pytest.raises(N2NError, match=r"1 of 3 frames could not be denoised: .*f_0002.exr"):
        watch(options(renders, until_idle=0.01))
    assert sorted(path.name for path in (tmp_path / "clean").iterdir()) == [file_of(1), file_of(3)]


def test_a_frame_that_cannot_be_denoised_does_not_stop_it(shot, renders, tmp_path, said):
    told, reporter = said
    put(shot, renders, 1, 3)
    write_frame(renders / file_of(2), Frame(color=true_frame(*SIZE).color))  # no guides
    with pytest.raises(N2NError, match="1 of 3 frames could not be denoised"):
        watch(options(renders, frames=(1, 2, 3)), reporter)
    assert sorted(path.name for path in (tmp_path / "clean").iterdir()) == [file_of(1), file_of(3)]
    assert any("tried again" in text for text in told.warnings)


def test_a_picture_that_the_disk_did_not_take_is_tried_again_though_no_file_changes(shot, renders, tmp_path, monkeypatch):
    """A folder in its way stands for a full disk."""
    monkeypatch.setattr(footage, "RETRY_S", 0.1)
    put(shot, renders, 1)
    blocked = tmp_path / "clean" / file_of(1)
    blocked.mkdir(parents=True)

    def later():
        time.sleep(1)
        blocked.rmdir()
        while not blocked.is_file():
            time.sleep(0.02)
        put(shot, renders, 2)

    coming = threading.Thread(target=later)
    coming.start()
    assert len(watch(options(renders, frames=(1, 2))).outputs) == 2
    coming.join()


@pytest.mark.parametrize("temporal", [0, 1])
def test_a_frame_that_is_rendered_again_is_denoised_again(shot, renders, tmp_path, said, temporal):
    told, reporter = said
    put(shot, renders, 1, 2, 3, 4)

    def again():
        while not (tmp_path / "clean" / file_of(3)).exists():
            time.sleep(0.02)
        put(shot, renders, 2, seed="b")
        while not any("rendered again" in note for note in told.notes):
            time.sleep(0.02)
        put(shot, renders, 5)

    rendering = threading.Thread(target=again)
    rendering.start()
    done = watch(options(renders, frames=(1, 2, 3, 4, 5), temporal=temporal), reporter)
    rendering.join()
    assert [note for note in told.notes if "again" in note] == [
        f"{renders / file_of(2)}: was rendered again, and is denoised again"
    ]
    assert done.again == 3 if temporal else done.again == 1  # with neighbours: what it was taken in by, too
    assert_as_denoised(renders, range(1, 6), tmp_path, temporal=temporal)


def test_what_is_there_stays_and_what_is_older_than_its_render_does_not(shot, renders, tmp_path):
    put(shot, renders, 1, 2, 3)
    watch(options(renders, frames=(1, 2, 3)))
    times = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "clean").iterdir()}
    done = watch(options(renders, frames=(1, 2, 3)))
    assert (done.outputs, done.kept) == ((), 3)
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "clean").iterdir()} == times
    put(shot, renders, 2, seed="b")
    done = watch(options(renders, frames=(1, 2, 3)))
    assert ([path.name for path in done.outputs], done.kept) == ([file_of(2)], 2)


def test_of_many_files_that_are_there_the_first_are_denoised_before_all_are_read(shot, renders, tmp_path, monkeypatch):
    from n2n_render.watch import arrivals

    done_before, real = [], arrivals._can_be_read

    def can_be_read(path):
        done_before.append(len(list((tmp_path / "clean").iterdir())))
        return real(path)

    monkeypatch.setattr(arrivals, "CHECK_S", 0.0)  # one between two looks
    monkeypatch.setattr(arrivals, "_can_be_read", can_be_read)
    put(shot, renders, *range(1, 13))
    watch(options(renders, temporal=1, until_idle=0.001))
    assert len(done_before) == 12 and 0 < done_before[-1] < 12
    assert_as_denoised(renders, range(1, 13), tmp_path, temporal=1)


@pytest.mark.parametrize("known", [True, False])
def test_renders_that_are_cleared_away_change_nothing(shot, renders, tmp_path, known):
    expected = tmp_path / "expected"
    inputs = tuple(str(shot / "a" / file_of(number)) for number in (1, 2, 3, 4))
    denoise(DenoiseOptions(inputs, str(expected), "oidn-small", engine=ENGINE, temporal=1))
    put(shot, renders, 1, 2, 3)

    def clear():
        while not (tmp_path / "clean" / file_of(2)).exists():
            time.sleep(0.01)
        (renders / file_of(1)).unlink()
        time.sleep(0.2)
        put(shot, renders, 4)

    clearing = threading.Thread(target=clear)
    clearing.start()
    watch(options(renders, temporal=1, **({"frames": (1, 2, 3, 4)} if known else {"until_idle": 0.03})))
    clearing.join()
    for number in (1, 2, 3, 4):
        assert (tmp_path / "clean" / file_of(number)).read_bytes() == (expected / file_of(number)).read_bytes()


def test_pairs_come_to_a_folder_of_their_own(shot, renders, tmp_path):
    other = tmp_path / "other seed"
    other.mkdir()
    put(shot, renders, 1, 2, 3)
    put(shot, other, 1, seed="b")

    there = []

    def later():
        while not (tmp_path / "clean" / file_of(1)).exists():
            time.sleep(0.02)
        time.sleep(0.3)
        there.extend(path.name for path in (tmp_path / "clean").glob("*.exr"))
        put(shot, other, 2, 3, seed="b")

    coming = threading.Thread(target=later)
    coming.start()
    watch(options(renders, pairs=(str(other),), frames=(1, 2, 3)))
    coming.join()
    assert there == [file_of(1)]  # the others waited for theirs
    assert_as_denoised(renders, (1, 2, 3), tmp_path, pairs=(str(other),))


def test_every_sequence_of_a_folder_is_waited_for(shot, renders):
    for name, numbers in (("f", (1, 2, 3)), ("g", (1, 2))):
        for number in numbers:
            shutil.copy(shot / "a" / f"f_{number:04}.exr", renders / f"{name}_{number:04}.exr")
    with pytest.raises(N2NError, match="3"):
        watch(options(renders, frames=(1, 2, 3), until_idle=0.02))
    shutil.copy(shot / "a" / "f_0003.exr", renders / "g_0003.exr")
    watch(options(renders, frames=(1, 2, 3), until_idle=5.0))
    assert len(list((renders.parent / "clean").glob("*.exr"))) == 6


def test_frames_beyond_the_range_are_neighbours_alone(shot, renders, tmp_path):
    put(shot, renders, 1, 2, 3, 4, 5, 6)
    watch(options(renders, frames=(3, 4), temporal=1))
    assert_as_denoised(renders, (3, 4), tmp_path, temporal=1, frames=(3, 4))


def test_passes_in_files_of_their_own_are_waited_for(renders, tmp_path):
    from n2n_render.io.sources import SourceOptions

    albedo = tmp_path / "albedo"
    albedo.mkdir()
    truth = true_frame(*SIZE)
    for number in (1, 2):
        write_frame(renders / file_of(number), Frame(color=noisy_frame(truth, number).color))
        write_frame(albedo / f"albedo_{number:04}.exr", Frame(color=truth.albedo))
    sources = SourceOptions(albedo=(str(albedo),))
    watch(options(renders, model="oidn-small-albedo", frames=(1, 2), sources=sources))
    assert_as_denoised(renders, (1, 2), tmp_path, "oidn-small-albedo", sources=sources)


def test_processes_share_the_frames(shot, renders, tmp_path):
    put(shot, renders, *range(1, 13))
    given = options(renders, frames=tuple(range(1, 13)), shared=True)
    done = []
    workers = [threading.Thread(target=lambda: done.append(watch(given))) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    written = [path.name for one in done for path in one.outputs]
    assert sorted(written) == [file_of(number) for number in range(1, 13)]
    assert_as_denoised(renders, range(1, 13), tmp_path)


def test_one_that_is_replaced_while_it_is_denoised_is_not_kept_by_its_time(shot, renders, tmp_path, monkeypatch):
    """A worker among others knows what its own outputs are made of, though they are newer than the render that came since."""
    put(shot, renders, 1, 2)
    real = module._Watching._do

    def replaced_meanwhile(self, *chosen):
        done = real(self, *chosen)
        if not replaced:
            replaced.append(True)
            put(shot, renders, 2, seed="b")
            later = max(path.stat().st_mtime_ns for path in [*renders.iterdir(), *(tmp_path / "clean").glob("*.exr")]) + 10**9
            for path in (tmp_path / "clean").glob("*.exr"):
                os.utime(path, ns=(later, later))
        return done

    replaced = []
    monkeypatch.setattr(module._Watching, "_do", replaced_meanwhile)
    done = watch(options(renders, frames=(1, 2), shared=True))
    assert (done.again, done.kept) == (1, 0)
    assert_as_denoised(renders, (1, 2), tmp_path)


def test_what_another_process_could_denoise_has_not_failed(shot, renders, tmp_path, said):
    told, reporter = said
    clean, other = tmp_path / "clean", tmp_path / "other"
    put(shot, renders, 1)
    write_frame(renders / file_of(2), Frame(color=true_frame(*SIZE).color))  # no guides
    denoise(DenoiseOptions((str(shot / "a" / file_of(2)),), str(other / file_of(2)), "oidn-small", engine=ENGINE))

    def mend():
        while not any("tried again" in text for text in told.warnings):
            time.sleep(0.02)
        later = time.time_ns() + 3600 * 10**9
        os.utime(other / file_of(2), ns=(later, later))
        os.replace(other / file_of(2), clean / file_of(2))
        put(shot, renders, 2)
        while not any("rendered again" in note for note in told.notes):
            time.sleep(0.02)
        put(shot, renders, 3)

    mending = threading.Thread(target=mend)
    mending.start()
    done = watch(options(renders, frames=(1, 2, 3), shared=True), reporter)
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
def test_folders_that_cannot_be_are_refused(renders, tmp_path, monkeypatch, output, pairs, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    with pytest.raises(N2NError, match=says):
        watch(WatchOptions("renders", output, pairs=pairs))
    with pytest.raises(N2NError, match="no such folder"):
        watch(WatchOptions("nowhere", "clean"))
    with pytest.raises(N2NError, match="none has the one before"):
        watch(WatchOptions("renders", "clean", frames=(1, 3), temporal=1))


def test_sigterm_leaves_what_is_finished_and_nothing_else(shot, renders, tmp_path):
    put(shot, renders, *range(1, 6))
    command = [sys.executable, "-m", "n2n_render", "watch", str(renders), "-o", str(tmp_path / "clean")]
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


def test_the_command_tells_what_it_did(shot, renders, tmp_path):
    put(shot, renders, 1, 2)
    command = ["watch", renders, "-o", tmp_path / "clean", "--model", "oidn-small", "--engine", "oidn", "--device", "cpu"]
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


def test_a_render_whose_partner_never_came_is_not_left_out_silently(shot, renders, tmp_path):
    other = tmp_path / "other seed"
    other.mkdir()
    put(shot, renders, 1, 2, 3)
    put(shot, other, 1, 3, seed="b")
    with pytest.raises(N2NError, match="1 of 3 frames could not be denoised: .*f_0002.exr: came alone"):
        watch(options(renders, pairs=(str(other),), until_idle=0.01))
    assert sorted(path.name for path in (tmp_path / "clean").iterdir()) == [file_of(1), file_of(3)]


def test_a_folder_that_is_away_for_a_while_is_said_and_nothing_is_forgotten(shot, renders, tmp_path, caplog):
    put(shot, renders, 1, 2)
    away = tmp_path / "away"

    def later():
        while not (tmp_path / "clean" / file_of(2)).exists():
            time.sleep(0.02)
        renders.rename(away)
        while "is not there any more" not in caplog.text:
            time.sleep(0.02)
        put(shot, away, 3)
        away.rename(renders)

    coming = threading.Thread(target=later)
    coming.start()
    done = watch(options(renders, frames=(1, 2, 3)))
    coming.join()
    assert len(done.outputs) == 3 and done.again == 0
    assert caplog.text.count("is not there any more") == 1
