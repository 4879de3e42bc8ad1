"""Two runs at once: one folder belongs to one of them, what the other reads stays, and what a killed one left is removed."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import reliability_fixtures
from adapt_fixtures import adapt, adapted, assert_refused
from conftest import noisy_frame, true_frame
from nightly_fixtures import nightly

from n2n_render.errors import N2NError
from n2n_render.io.atomic import HOST, LOCK, Busy, locked_folder, remove_abandoned, write_text
from n2n_render.io.dataset import find_pairs
from n2n_render.io.exr import write_frame
from n2n_render.learn.arrays import cache_pair, used_caches
from n2n_render.online import OnlineOptions, online
from n2n_render.train import ResumeOptions, TrainOptions, resume, train

TINY = {**reliability_fixtures.TINY, "validations": 1, "steps": 2}


def holder(code: str) -> subprocess.Popen:
    """Another process that runs `code`, says so, and waits."""
    code = f"import sys, pathlib, contextlib\n{code}\nprint('ready', flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.fixture
def hold(request):
    """hold(folder): another process works there until it is killed."""

    def start(folder):
        process = holder(
            f"from n2n_render.io.atomic import locked_folder as lock\n"
            f"held = lock(pathlib.Path({str(folder)!r})); held.__enter__()"
        )
        request.addfinalizer(process.wait)
        request.addfinalizer(process.kill)
        return process

    return start


@pytest.mark.slow
def test_a_second_adaptation_is_refused_and_touches_nothing(shot, start, tmp_path, hold):
    out = tmp_path / "out"
    (out / ".adapt-cache").mkdir(parents=True)
    (out / ".adapt-cache" / "of the first.npy").touch()
    process = hold(out)
    assert_refused(adapt(shot, out, start), "another run is writing here")
    assert (out / ".adapt-cache" / "of the first.npy").exists()
    process.kill()
    process.wait()
    adapted(shot, out, start)  # the lock died with its process
    assert not (out / ".adapt-cache").exists()


@pytest.mark.slow
def test_a_run_is_resumed_once_at_a_time(make_dataset, tmp_path, hold):
    run = train(TrainOptions(data=(str(make_dataset(views=2)),), out=str(tmp_path / "run"), **TINY)).folder
    before = (run / "last.pt").read_bytes()
    process = hold(run)
    with pytest.raises(Busy, match="another run"):
        resume(ResumeOptions(str(run), steps=4))
    assert (run / "last.pt").read_bytes() == before
    process.kill()
    process.wait()
    resume(ResumeOptions(str(run), steps=4))
    assert (run / "last.pt").read_bytes() != before


def test_a_second_fly_through_is_refused(tmp_path, hold):
    """Before anything of the first is touched."""
    out = tmp_path / "out"
    (out / ".cache").mkdir(parents=True)
    (out / ".cache" / "of the first.npy").touch()
    hold(out)
    with pytest.raises(Busy, match="another run"):
        online(OnlineOptions("none.blend", 1, (1, 2), str(out)))
    assert (out / ".cache" / "of the first.npy").exists()


def test_a_dataset_with_a_broken_link_is_a_sentence(make_dataset, tmp_path):
    data = make_dataset(views=2)
    path = next(data.glob("v001*"))
    path.unlink()
    path.symlink_to(tmp_path / "gone.exr")
    with pytest.raises(N2NError, match=path.name):
        train(TrainOptions(data=(str(data),), out=str(tmp_path / "run"), **TINY))


@pytest.mark.slow
@pytest.mark.parametrize("out", [True, *nightly(False)])
def test_trainings_that_begin_together_get_a_folder_each(make_dataset, tmp_path, monkeypatch, out):
    """Given the same --out or none."""
    monkeypatch.chdir(tmp_path)
    config = TrainOptions(data=(str(make_dataset(views=2)),), out=str(tmp_path / "run") if out else None, **TINY)
    folders = []
    threads = [threading.Thread(target=lambda: folders.append(train(config).folder)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(folders)) == 4
    for folder in folders:
        assert {"best.pt", "last.pt", "config.json", "metrics.jsonl"} <= set(os.listdir(folder))
        assert not [name for name in os.listdir(folder) if "lock" in name]


@pytest.mark.slow
def test_a_cache_is_not_removed_under_its_reader(make_dataset):
    """Frames are rendered again while another training uses the old ones: its arrays stay until it has ended."""
    folder = make_dataset(views=2)
    pairs = find_pairs(folder)
    with used_caches(pairs):
        old = [cache_pair(pair, ("albedo",)) for pair in pairs]
        write_frame(pairs[0].noisy[0], noisy_frame(true_frame(48, 64), 99))
        process = holder(
            f"from n2n_render.io.dataset import find_pairs\nfrom n2n_render.learn.arrays import *\n"
            f"pairs = find_pairs(pathlib.Path({str(folder)!r}))\nuse = used_caches(pairs); use.__enter__()\n"
            "new = [cache_pair(pair, ('albedo',)) for pair in pairs]"
        )
        assert len(list((folder / ".cache").glob("*.npy"))) == 3
        assert all(np.isfinite(cached.images).all() for cached in old)
    process.kill()
    process.wait()
    with used_caches(find_pairs(folder)):  # what fits no file any more, and what the killed one held, is gone
        assert len(list((folder / ".cache").glob("*.npy"))) == 2
        assert len(list((folder / ".cache").glob(".*.reader"))) == 1
    assert not list((folder / ".cache").glob(".*.reader"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: os.truncate(path, 200),
        lambda path: path.write_bytes(b"\x93NUMPY" + bytes(80)),
    ],
)
def test_a_damaged_cache_is_made_anew_and_one_that_goes_away_is_a_sentence(make_dataset, damage):
    pair = find_pairs(make_dataset(views=1))[0]
    cached = cache_pair(pair, ("albedo",))
    expected = np.array(cached.images)
    damage(cached.images_file.path)
    with (
        pytest.raises(N2NError, match="went away")
        if not cached.images_file.path.exists() or cached.images_file.path.stat().st_size < expected.nbytes
        else pytest.raises(AssertionError)
    ):
        np.testing.assert_array_equal(cached.images, expected)
    assert np.array_equal(cache_pair(pair, ("albedo",)).images, expected)


def test_negative_frames_keep_their_cache(make_dataset):
    folder = make_dataset(views=2)
    for path in folder.glob("v001_*"):
        path.rename(folder / path.name.replace("v001_f0001", "v000_f-0001"))
    pairs = find_pairs(folder)
    assert [pair.frame for pair in pairs] == [-1, 1]
    for _ in range(2):
        with used_caches(pairs):
            made = [cache_pair(pair, ()) for pair in pairs]
            assert all(cached.images_file.path.exists() for cached in made)


def test_what_a_killed_process_left_is_removed(tmp_path):
    """In a locked folder all of it, elsewhere what has the name of the file that is written; never another machine's."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = [f".{name}.{HOST}-{dead.pid}-1.partial" for name in ("a[1].exr", "a1.exr")]
    others = [f".a[1].exr.{HOST}-{os.getpid()}-1.partial", f".a[1].exr.another-{dead.pid}-1.partial", ".a[1].exr.partial", "d"]
    for name in (*left, *others):
        (tmp_path / name).touch()
    write_text(tmp_path / "a[1].exr", "whole")
    assert set(os.listdir(tmp_path)) == {"a[1].exr", left[1], *others}
    remove_abandoned(tmp_path)
    assert set(os.listdir(tmp_path)) == {"a[1].exr", *others}


@pytest.mark.slow
@pytest.mark.parametrize("resumed", [True, False])
def test_a_killed_training_leaves_only_whole_files(make_dataset, tmp_path, resumed):
    """Once it is resumed, or another one begins that would have had its name."""
    config = TrainOptions(data=(str(make_dataset(views=2)),), out=str(tmp_path / "run"), **TINY)
    run = train(config).folder
    whole = {path for path in run.rglob("*") if path.is_file() and "events" not in path.parts}
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for name in (".last.pt", "previews/.step_0000001.png"):
        (run / f"{name}.{HOST}-{dead.pid}-1.partial").touch()
    (run / LOCK).touch()
    if resumed:
        resume(ResumeOptions(str(run)))
    else:
        assert train(config).folder.name == "run-2"
    assert {path for path in run.rglob("*") if path.is_file() and "events" not in path.parts} == whole


@pytest.mark.slow
def test_a_folder_with_nothing_whole_in_it_is_used(make_dataset, tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / "run").mkdir()
    for name in (LOCK, f".config.json.{HOST}-{dead.pid}-1.partial"):
        (tmp_path / "run" / name).touch()
    run = train(TrainOptions(data=(str(make_dataset(views=2)),), out=str(tmp_path / "run"), **TINY)).folder
    assert run.name == "run" and not [name for name in os.listdir(run) if name.startswith(".")]


@pytest.mark.slow
def test_a_killed_adaptation_leaves_nothing_for_ever(shot, start, tmp_path):
    """Killed while it trains; the next run takes its cache over, ends like any other and leaves nothing behind."""
    out = tmp_path / "out"
    arguments = [
        "adapt",
        shot,
        "-o",
        out,
        "--init",
        start,
        "--crop",
        48,
        "--device",
        "cpu",
        "--engine",
        "torch",
        "--minutes",
        5,
    ]
    process = subprocess.Popen([sys.executable, "-m", "n2n_render", *map(str, arguments)], stderr=subprocess.DEVNULL)
    deadline = time.time() + 120
    while not (out / "preview.png").exists() and len(list(out.glob(".adapt-cache/*.npy"))) < 6 and time.time() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (out / f".adapted.pt.{HOST}-{process.pid}-1.partial").touch()
    adapted(shot, out, start)
    assert not [name for name in os.listdir(out) if name.startswith(".")]


def test_a_place_that_cannot_be_locked_is_told_of(tmp_path, monkeypatch, caplog):
    """Some network disks have no locks: the work goes on, with a warning."""
    import fcntl

    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked_folder(Path(tmp_path)):
        assert "cannot be locked" in caplog.text
