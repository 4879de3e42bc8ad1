"""Each command that writes, where nothing more can be written: one sentence, nothing half-written, and a true exit code.

Two kinds of full disk. A limit on the size of files (RLIMIT_FSIZE: any system, but also the temporary folder is full), and a
tiny disk of our own (tmpfs in a mount namespace, where the system allows it): there only the output is full.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from nightly_fixtures import nightly
from reliability_fixtures import TINY

from n2n_render.engines.oidn import check_installed
from n2n_render.errors import N2NError
from n2n_render.io.exr import read_frame
from n2n_render.network.checkpoint import read_checkpoint
from n2n_render.train import TrainOptions, train

resource = pytest.importorskip("resource")
ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
TRAIN = [
    "--hdr",
    "--features",
    "albedo",
    "--crop",
    "16",
    "--batch",
    "2",
    "--levels",
    "2",
    "--widths",
    "8,8",
    "--device",
    "cpu",
    "--precision",
    "float32",
]
ADAPT = ["--steps", 2, "--batch", 2, "--crop", 48, "--device", "cpu", "--engine", "torch", "--average", 1]


def run(arguments, limit=None, cwd=None):
    """The command in a process of its own, whose files may not grow beyond `limit` bytes."""

    def prepare():
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.run(
        [sys.executable, "-m", "n2n_render", *map(str, arguments)],
        preexec_fn=prepare,
        cwd=cwd,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
    )


def can_mount() -> bool:
    return (
        bool(shutil.which("unshare"))
        and subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True).returncode == 0
    )


def run_on_disk(arguments, disk: Path, kilobytes: int):
    """The command in a world where `disk`, with what is in it, is a disk of its own with so many kilobytes free."""
    disk.mkdir(exist_ok=True)
    script = (
        'cp -a "$0" "$0.before" && mount -t tmpfs -o size=100m tmpfs "$0" && cp -a "$0.before/." "$0" && '
        f'used=$(df -k --output=used "$0" | tail -1) && mount -o remount,size=$((used + {kilobytes}))k "$0" && '
        '"$@"; code=$?; rm -rf "$0.before"; cp -a "$0" "$0.after"; exit $code'
    )
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, disk, sys.executable, "-m", "n2n_render", *map(str, arguments)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    after = disk.with_name(f"{disk.name}.after")
    shutil.rmtree(disk)
    after.rename(disk)
    return done


def assert_honest(done, folder: Path, needed=()):
    """No traceback, no crash; what is there is whole; the exit code is 0 only if all that is needed is there."""
    told = done.stdout + done.stderr
    assert done.returncode in (0, 1), (done.returncode, told)
    assert "Traceback" not in told, told[told.index("Traceback") :][-700:]
    assert "Exception ignored" not in told and "core dumped" not in told, told
    assert (done.returncode == 1) == ("error:" in told), told
    files = [path for path in folder.rglob("*") if path.is_file() and "events" not in path.parts] if folder.exists() else []
    for path in files:
        assert "partial" not in path.name and "candidate" not in path.name, (path, told)
        assert_whole(path)
    missing = [name for name in needed if not (folder / name).is_file()]
    assert (done.returncode == 0) == (not missing), (missing, told)


def assert_whole(path: Path):
    if path.suffix == ".pt" and path.name != "script.pt":
        read_checkpoint(path)
    elif path.suffix == ".json":
        json.loads(path.read_text())
    elif path.suffix == ".jsonl":
        assert path.read_text() == "".join(json.dumps(json.loads(line)) + "\n" for line in path.read_text().splitlines())
    elif path.suffix == ".exr":
        read_frame(path, ())
    elif path.suffix == ".png":
        pytest.importorskip("PIL.Image").open(path).load()


@pytest.fixture
def trained(make_dataset, tmp_path):
    """A run of two steps, to be resumed or exported."""
    return train(TrainOptions(data=(str(make_dataset(views=2)),), out=str(tmp_path / "run"), steps=2, **TINY)).folder


LIMITS = [60_000, *nightly(0, 2_000, 1_000_000)]


@pytest.mark.slow
@pytest.mark.parametrize("limit", LIMITS)
def test_train(make_dataset, tmp_path, limit):
    data = make_dataset(views=2)
    train(TrainOptions(data=(str(data),), out=str(tmp_path / "first"), steps=1, **TINY))  # the cache is there
    done = run(["train", "--data", data, "--out", tmp_path / "run", "--steps", 3, *TRAIN], limit)
    assert_honest(done, tmp_path / "run", ["best.pt", "last.pt", "config.json"])


@pytest.mark.slow
@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.nightly
def test_resume(trained, limit):
    before = (trained / "last.pt").read_bytes()
    done = run(["train", "--resume", trained, "--steps", 6], limit)
    now = (trained / "last.pt").read_bytes()
    assert now == before or read_checkpoint(trained / "last.pt").provenance.step == 6
    assert_honest(done, trained, ["last.pt" if now != before else "a newer last.pt"])


@pytest.mark.slow
@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize(
    "kind, name", [("onnx", "a.onnx"), ("tza", "a.tza"), pytest.param("torchscript", "script.pt", marks=pytest.mark.nightly)]
)
def test_export(trained, tmp_path, kind, name, limit):
    if kind == "onnx":
        pytest.importorskip("onnxruntime")
    model = trained
    if kind == "tza":
        check_oidn()
        model = "oidn-small"
    frame = next((tmp_path / "data").glob("*_s*.exr"))
    (tmp_path / "out").mkdir()
    done = run(["export", model, "--format", kind, "-o", tmp_path / "out" / name, "--check", frame], limit)
    assert_honest(done, tmp_path / "out", [name, f"{name}.json"])


def check_oidn():
    try:
        check_installed()
    except N2NError as error:
        pytest.skip(error.what)


@pytest.mark.slow
@pytest.mark.parametrize("limit", LIMITS)
def test_adapt(shot, start, tmp_path, limit):
    done = run(["adapt", shot, "-o", tmp_path / "out", "--init", start, *ADAPT], limit)
    assert_honest(done, tmp_path / "out", ["adapted.pt", "report.json", *(f"v00{view}_f0001.exr" for view in range(3))])


@pytest.mark.slow
@pytest.mark.parametrize("limit", LIMITS)
def test_denoise_and_evaluate(make_dataset, trained, tmp_path, limit):
    data = make_dataset("seen", views=2, references=(0,))
    frames = sorted(data.glob("*_s0001_*.exr"))
    done = run(["denoise", *frames, "--model", trained, "-o", tmp_path / "out", "--engine", "torch", "--device", "cpu"], limit)
    assert_honest(done, tmp_path / "out", [path.name for path in frames])
    pytest.importorskip("flip_evaluator")
    done = run(
        [
            "evaluate",
            "--no-oidn",
            "--model",
            trained,
            "--data",
            data,
            "--out",
            tmp_path / "pictures",
            "--json",
            tmp_path / "pictures" / "all.json",
            "--engine",
            "torch",
            "--device",
            "cpu",
        ],
        limit,
    )
    assert_honest(done, tmp_path / "pictures", ["seen_v000_f0001.png", "all.json", "report.html"])


@pytest.mark.slow
@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.nightly
def test_photographs(tmp_path, limit):
    """Each command on images that no renderer made."""
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("skimage")
    (tmp_path / "photos").mkdir()
    names = ["0.png", "1.png", "2.png"]
    for name in names:
        pixels = np.random.default_rng(int(name[0])).integers(0, 256, (40, 48, 3)).astype(np.uint8)
        image.fromarray(pixels).save(tmp_path / "photos" / name)
    done = run(["prepare", tmp_path / "photos", "-o", tmp_path / "set"], limit)
    assert_honest(done, tmp_path / "set", ["manifest.json", "picture_00001.npy", "picture_00003.npy"])
    assert done.returncode == 0 or not (tmp_path / "set").exists()
    small = ["--crop", 16, "--levels", 2, "--widths", "8,8", "--device", "cpu", "--precision", "float32"]
    learn = ["train", "--noise", "gaussian", "--data", tmp_path / "photos", *small, "--steps", 2, "--out"]
    assert_honest(run([*learn, tmp_path / "run"], limit), tmp_path / "run", ["best.pt", "last.pt", "config.json"])
    assert run([*learn, tmp_path / "model"]).returncode == 0
    use = ["--model", tmp_path / "model", "--engine", "torch"]
    done = run(["denoise", tmp_path / "photos", *use, "-o", tmp_path / "out"], limit)
    assert_honest(done, tmp_path / "out", names)
    judge = [
        "evaluate",
        "--noise",
        "gaussian",
        "--data",
        tmp_path / "photos",
        *use,
        "--no-classical",
        "--out",
        tmp_path / "shown",
    ]
    done = run([*judge, "--json", tmp_path / "shown" / "all.json"], limit)
    assert_honest(done, tmp_path / "shown", [*(f"photos_{name}" for name in names), "all.json"])


needs_disk = pytest.mark.skipif(not can_mount(), reason="no file system may be mounted here")


@pytest.mark.slow
@needs_disk
@pytest.mark.parametrize("kilobytes", [32, *nightly(0, 64)])
def test_what_a_training_learned_is_never_lost(trained, kilobytes):
    """The run folder's disk is full: the checkpoints are kept in the temporary folder, and said to be there."""
    done = run_on_disk(["train", "--resume", trained, "--steps", 6], trained, kilobytes)
    assert_honest(done, trained, ["last.pt"] if "kept as" not in done.stderr else ["it is elsewhere"])
    found = read_checkpoint(trained / "last.pt")
    if done.returncode:
        found = read_checkpoint(kept_in(done.stderr, "last.pt"))
    assert found.provenance.step == 6


def kept_in(told: str, name: str) -> Path:
    return next(Path(word.strip(";:,.")) for word in told.split() if word.strip(";:,.").endswith(f"/{name}") and "kept" in word)


@pytest.mark.slow
@needs_disk
@pytest.mark.nightly
def test_adapted_weights_are_never_lost(shot, tmp_path):
    """There is room for the cache and the frames, but not for the model: it is kept elsewhere, the frames are painted, and once
    it is moved into place there is nothing more to do.
    """
    check_oidn()
    out = tmp_path / "out"
    arguments = ["adapt", shot, "-o", out, "--init", "oidn-small", *ADAPT, "--learning-rate", 1e-3]
    done = run_on_disk(arguments, out, 900)
    assert_honest(done, out, ["adapted.pt"])
    assert {path.name for path in out.glob("*.exr")} == {f"v00{view}_f0001.exr" for view in range(3)}, done.stderr
    kept = kept_in(done.stderr, "adapted.pt")
    read_checkpoint(kept)
    shutil.move(kept, out / "adapted.pt")
    painted = {path.name: path.stat().st_mtime_ns for path in out.glob("*.exr")}
    done = run(arguments)
    assert done.returncode == 0 and "training on" not in done.stderr, done.stderr
    assert painted == {path.name: path.stat().st_mtime_ns for path in out.glob("*.exr")}


@pytest.mark.slow
@needs_disk
@pytest.mark.nightly
def test_pictures_are_not_worth_a_training(make_dataset, tmp_path):
    """Previews, curves and TensorBoard have no room: one warning each, and the training ends well."""
    data = make_dataset(views=2)
    arguments = ["train", "--data", data, "--out", tmp_path / "disk" / "run", "--steps", 3, *TRAIN]
    size = sum(
        path.stat().st_size
        for path in train(TrainOptions(data=(str(data),), out=str(tmp_path / "first"), steps=3, **TINY)).folder.glob("*.pt")
    )
    done = run_on_disk(arguments, tmp_path / "disk", size // 1024 + 2 * 28)
    assert_honest(done, tmp_path / "disk" / "run", ["best.pt", "last.pt"])
    assert done.stderr.count("training.png cannot be written") <= 1
