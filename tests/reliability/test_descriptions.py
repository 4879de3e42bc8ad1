"""Files that describe themselves, mutated field by field: one clear error or success, never anything else, and soon."""

import copy
import json
import math
import os
import random
import reprlib
import signal

import numpy as np
import pytest
import reliability_fixtures
import torch
from adapt_fixtures import adapted
from click.testing import CliRunner

from n2n_render.adapt.report import read_report
from n2n_render.cli.commands import main
from n2n_render.errors import N2NError
from n2n_render.export.formats import write_sidecar
from n2n_render.io.dataset import find_datasets, read_manifest
from n2n_render.network.archive import write_tza
from n2n_render.network.checkpoint import load_network, read_checkpoint
from n2n_render.network.registry import list_models, open_model
from n2n_render.online import OnlineOptions, online
from n2n_render.train import ResumeOptions, TrainOptions, resume, train
from n2n_render.train.pairs import describe_dataset

MUTATIONS = int(os.environ.get("N2N_MUTATIONS", 150))
SECONDS = 20  # for one file: only a hang takes longer
MISSING = object()


def deep(levels):
    found = []
    for _ in range(levels):
        found = [found]
    return found


PLAIN = [
    MISSING,
    None,
    True,
    False,
    -1,
    0,
    1,
    7,
    10**6,
    10**9,
    2**63,
    10**300,
    0.5,
    -1.5,
    1e30,
    "",
    "x",
    "log",
    "radiance",
    "oidn",
    "\ud800\n\x1b[2J",
    "y" * 100_000,
    [],
    {},
    [1, 2, 3],
    ["albedo", "albedo"],
    [None],
    {"a": {"b": [1]}},
    deep(50),
]
PICKLED = [
    *PLAIN,
    10**600,
    math.nan,
    -math.inf,
    b"bytes",
    (),
    (10**6,) * 15,
    deep(300),
    torch.zeros(3),
    torch.tensor(1.0),
    torch.zeros(2, 2, dtype=torch.int64),
    torch.zeros(1).expand(10**6, 10**6),
    torch.zeros(3, dtype=torch.complex64),
    torch.eye(3).to_sparse(),
]


def places(value, path=()):
    """Every place inside a nested value, as the keys that lead there."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    for key, item in inside:
        yield (*path, key)
        yield from places(item, (*path, key))


def replaced(value, path, new):
    """A copy with another value at one place, or without it."""
    if not path:
        return new
    kind, parts = type(value), dict(value) if isinstance(value, dict) else dict(enumerate(value))
    parts[path[0]] = replaced(parts.get(path[0]), path[1:], new)
    if parts[path[0]] is MISSING:
        del parts[path[0]]
    return kind(parts) if isinstance(value, dict) else kind(parts.values())


def mutated(content, seed, values):
    """`MUTATIONS` copies, each with one or two mutations: another value, nothing, or an unknown name."""
    rng, anywhere = random.Random(seed), [(), *places(content)]
    for _ in range(MUTATIONS):
        changed, what = content, []
        for _ in range(rng.choice((1, 1, 2))):
            path, new = rng.choice(anywhere), rng.choice(values)
            if rng.random() < 0.05:
                path = (*path, "wings")
            try:
                changed = replaced(changed, path, None if new is MISSING and not path else new)
                what.append((path, "a tensor" if isinstance(new, torch.Tensor) else reprlib.repr(new)))
            except (TypeError, AttributeError):  # no such place any more
                continue
        yield changed, what


def refuses_or_works(work, what):
    """Runs `work`; whether it refused. Anything but one error of ours in two lines, and a hang, fail."""

    def late(*_):
        raise AssertionError(f"hangs: {what}")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        work()
    except N2NError as error:
        assert error.what and "\n" not in error.what and len(error.what) < 1000, (what, error.what)
        str(error).encode("utf-8")
        return True
    except AssertionError:
        raise
    except BaseException as error:
        raise AssertionError(f"{what}: {error!r}") from error
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return False


TINY = {**reliability_fixtures.TINY, "validations": 1}


@pytest.fixture
def run(make_dataset, tmp_path):
    return train(TrainOptions(data=(str(make_dataset(views=2)),), out=str(tmp_path / "run"), steps=2, **TINY)).folder


@pytest.mark.slow
def test_checkpoints(run):
    """What every command makes of a checkpoint: its network, its origin, its line in `models`."""
    path = run / "last.pt"
    content = torch.load(path, weights_only=True)

    def use():
        checkpoint = open_model(str(path))
        checkpoint.provenance.describe().encode("utf-8")
        load_network(checkpoint)

    refused = 0
    for changed, what in mutated(content, 1, PICKLED):
        torch.save(changed, path)
        refused += refuses_or_works(use, what)
    assert refused > MUTATIONS / 4
    assert list_models([run])[-1].problem or list_models([run])[-1].name == str(path)


@pytest.mark.slow
def test_the_state_of_a_training(run):
    """`train --resume`: the settings, the optimiser, the datasets."""
    path = run / "last.pt"
    content = torch.load(path, weights_only=True)
    content["training"]["optimizer"]["state"] = dict(list(content["training"]["optimizer"]["state"].items()))

    def go_on():
        resume(ResumeOptions(str(run), steps=3))

    several = [
        (changed, what)
        for seed in (2, 3)
        for changed, what in mutated(content, seed, PICKLED)
        if any(path and path[0] in ("training", "provenance") for path, _ in what)
    ]
    for changed, what in several[: max(40, MUTATIONS // 4)]:
        torch.save(changed, path)
        refuses_or_works(go_on, what)


@pytest.mark.slow
def test_records_of_a_training(run):
    """metrics.jsonl: whatever it holds, the run goes on."""
    lines = [
        '{"step": 1}',
        "",
        "[]",
        "3",
        '{"step": "x", "loss": 1, "learning_rate": 1}',
        "[" * 100_000,
        '{"step": NaN}',
        '{"step": 1, "loss": null, "learning_rate": 1}',
        '{"step": ' + "9" * 10_000 + "}",
        "\ud800",
        '{"step": 2, "loss": 1,',
        '{"step": 1, "loss": 1, "learning_rate": 1, "pair_error": "x"}',
    ]
    for line in lines:
        (run / "metrics.jsonl").write_text(line + "\n", errors="surrogatepass")
        resume(ResumeOptions(str(run), steps=3))
        for record in (run / "metrics.jsonl").read_text().splitlines():
            assert isinstance(json.loads(record)["step"], int)


def write_json(path, content, rng):
    """Now and then as no JSON at all."""
    text = json.dumps(content)
    if rng.random() < 0.1:
        text = rng.choice(
            [
                "",
                "[" * 100_000,
                '{"a":' * 100_000,
                text[: len(text) // 2],
                text.replace("1", "NaN"),
                "9" * 10_000,
                text.replace("1", "1e999"),
            ]
        )
    path.write_bytes(b"\xff\xfe" + text.encode() if rng.random() < 0.03 else text.encode())


@pytest.mark.slow
def test_sidecars(tmp_path):
    checkpoint = open_model("oidn-small")
    path, beside = tmp_path / "a.tza", tmp_path / "a.tza.json"
    write_tza(path, {name.replace(".0.", "."): np.asarray(weight, np.float16) for name, weight in checkpoint.weights.items()})
    write_sidecar(path, checkpoint, "tza", "float16")
    content, rng = json.loads(beside.read_text()), random.Random(4)
    for changed, what in mutated(content, 4, PLAIN):
        write_json(beside, changed, rng)
        refuses_or_works(lambda: load_network(open_model(str(path))), what)


def test_manifests(make_dataset):
    folder = make_dataset(views=2)
    whole = {
        **read_manifest(folder),
        "views": {"v000": [1.0] * 16, "v001": [2.0] * 16},
        "size": [64, 48],
        "frames": [1],
        "settings": {"max_bounces": 12, "clamp": 10.0},
        "reference_spp": 64,
        "fps": 24.0,
    }
    path, rng = folder / "manifest.json", random.Random(5)

    def use():
        for found in find_datasets([folder.parent]):
            from n2n_render.sample import plan

            describe_dataset(found, [])
            plan.merged(read_manifest(found), copy.deepcopy(whole))
            plan.differences(read_manifest(found), copy.deepcopy(whole))

    for changed, what in mutated(whole, 5, PLAIN):
        write_json(path, changed, rng)
        refuses_or_works(use, what)


@pytest.mark.slow
def test_reports(shot, start, tmp_path):
    """`adapt` again: a report that cannot be trusted means that frames are made again."""
    out = tmp_path / "out"
    adapted(shot, out, start)
    path, rng = out / "report.json", random.Random(6)
    content = json.loads(path.read_text())
    for changed, what in mutated(content, 6, PLAIN):
        write_json(path, changed, rng)
        refuses_or_works(lambda: read_report(path), what)
    path.write_text('{"frames": [{"file": 3}]}')
    adapted(shot, out, start)
    assert len(json.loads(path.read_text())["frames"]) == 3


@pytest.mark.parametrize("report", ["", "[]", "{}", '{"config": 3}', "[" * 100_000, '{"config": {"spp": NaN}}'])
def test_reports_of_a_fly_through(tmp_path, report):
    """What another run denoised is not overwritten because its report cannot be read."""
    (tmp_path / "report.json").write_text(report)
    with pytest.raises(N2NError, match="report.json"):
        online(OnlineOptions("none.blend", 1, (1, 2), str(tmp_path)))
    assert (tmp_path / "report.json").read_text() == report


def test_things_that_are_no_files(tmp_path):
    """Folders, pipes, devices and links that lead nowhere, by the names of models; `models` lists them all and ends."""
    (tmp_path / "folder.pt").mkdir()
    (tmp_path / "folder.tza").mkdir()
    os.mkfifo(tmp_path / "pipe.pt")
    os.mkfifo(tmp_path / "pipe.tza")
    for name in ("zero.pt", "zero.tza"):
        (tmp_path / name).symlink_to("/dev/zero")
    (tmp_path / "nowhere.pt").symlink_to(tmp_path / "gone")
    (tmp_path / "loop.tza").symlink_to(tmp_path / "loop.tza")
    (tmp_path / "empty.pt").touch()
    (tmp_path / "good.pt").write_bytes(b"")
    torch.save({"format": 1}, tmp_path / "other.pt")
    (tmp_path / "two\nlines\x1b[2J.pt").touch()
    (tmp_path / os.fsdecode(b"no \xff text.tza")).touch()
    result = CliRunner().invoke(main, ["models", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert result.output.count("cannot be used") == len([path for path in tmp_path.iterdir() if path.suffix in (".pt", ".tza")])
    assert "\x1b" not in result.output
    for name in ("x" * 500, "x" * 500 + ".tza", "\0", "\0.tza", "", "/dev/null", "/dev/zero"):
        assert refuses_or_works(lambda name=name: open_model(name), name), name
    for name in [name for name in os.listdir(tmp_path) if name.isprintable()]:
        assert refuses_or_works(lambda name=name: open_model(str(tmp_path / name)), name), name


def test_weights_that_are_larger_than_their_file(tmp_path):
    """A network of terabytes is described, and refused before any memory is taken."""
    path = tmp_path / "a.pt"
    model = {"levels": 7, "encoder_width": 4096, "decoder_width": 4096}
    torch.save({"format": 1, "n2n_render": "0", "model": model, "weights": {}, "provenance": {}, "training": None}, path)
    with pytest.raises(N2NError, match="a.pt: the weights do not fit"):
        read_checkpoint(path)


@pytest.mark.slow
def test_damaged_bytes(run, tmp_path):
    """Bits flipped, bytes cut out, cut off, put in or zeroed anywhere in a checkpoint, an archive and their descriptions."""
    checkpoint = open_model("oidn-small")
    write_tza(
        tmp_path / "a.tza",
        {name.replace(".0.", "."): np.asarray(weight, np.float16) for name, weight in checkpoint.weights.items()},
    )
    write_sidecar(tmp_path / "a.tza", checkpoint, "tza", "float16")
    data, rng = next(path.parent for path in tmp_path.rglob("manifest.json")), random.Random(7)
    uses = {
        run / "last.pt": lambda: load_network(open_model(str(run / "last.pt"))),
        tmp_path / "a.tza": lambda: load_network(open_model(str(tmp_path / "a.tza"))),
        tmp_path / "a.tza.json": lambda: load_network(open_model(str(tmp_path / "a.tza"))),
        data / "manifest.json": lambda: describe_dataset(find_datasets([data])[0], []),
    }
    for path, use in uses.items():
        whole = path.read_bytes()
        for _ in range(MUTATIONS):
            damaged, edge = bytearray(whole), rng.random() < 0.7  # headers and tables are at the ends
            at = (
                rng.choice((rng.randrange(min(3000, len(whole))), -1 - rng.randrange(min(3000, len(whole)))))
                if edge
                else rng.randrange(len(whole))
            )
            at, count = at % len(whole), rng.choice((1, 4, 100))
            change = rng.choice(("flip", "cut out", "cut off", "put in", "zero", "ones"))
            if change == "flip":
                damaged[at] ^= 1 << rng.randrange(8)
            elif change == "cut off":
                del damaged[at:]
            else:
                damaged[at : at + (0 if change == "put in" else count)] = {
                    "cut out": b"",
                    "put in": rng.randbytes(count),
                    "zero": bytes(count),
                    "ones": b"\xff" * count,
                }[change]
            path.write_bytes(damaged)
            refuses_or_works(use, f"{path.name}: {change} {count} at {at}")
        path.write_bytes(whole)
