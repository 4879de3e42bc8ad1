"""serve: one JSON object for each line, and a process that survives what is asked of it."""

import json
import queue
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import noisy_frame, true_frame
from layouts import LAYOUTS, make_frame, one, planes, write_parts

from n2n_render.cli.commands import main
from n2n_render.frame.frame import Frame
from n2n_render.io.exr import ExrImage, write_frame

TIMEOUT_S = 60


class Served:
    """A process; `ask` sends a line and `answer` takes the next one."""

    def __init__(self, start):
        self.process = subprocess.Popen([sys.executable, *start], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)

    def ask(self, **request):
        self.send(json.dumps(request).encode())

    def send(self, line: bytes):
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def answer(self):
        return json.loads(self.lines.get(timeout=TIMEOUT_S))

    def last(self, identity):
        """The answer that ends the request, and all before it."""
        before = []
        while True:
            found = self.answer()
            assert found["id"] == identity
            if found["event"] in ("done", "error", "cancelled"):
                return found, before
            before.append(found)

    def end(self):
        self.process.stdin.close()
        return self.process.wait(timeout=TIMEOUT_S)


@pytest.fixture
def start_serving():
    started = []

    def start(*command):
        started.append(Served(command or ("-m", "n2n_render.serve")))
        return started[-1]

    yield start
    for served in started:
        served.process.kill()
        served.process.wait()


@pytest.fixture
def served(start_serving):
    return start_serving()


@pytest.fixture
def noisy(tmp_path):
    write_frame(tmp_path / "noisy.exr", noisy_frame(true_frame(72, 96), 1))
    return tmp_path / "noisy.exr"


def denoise(noisy, **more):
    return {"do": "denoise", "model": "oidn-small", "device": "cpu", "input": str(noisy), **more}


def test_describe_lists_engines_and_models(served, tmp_path):
    (tmp_path / "mine.tza").write_text("not a model")
    served.ask(id=1, do="describe", folders=[str(tmp_path)])
    found, _ = served.last(1)
    assert found["event"] == "done" and found["version"]
    assert "cpu" in {kind for devices in found["engines"].values() for kind in devices}
    models = {model["name"]: model for model in found["models"]}
    assert models["oidn-small"]["features"] and not models["oidn-small"]["problem"]
    assert models[str(tmp_path / "mine.tza")]["problem"]


def test_denoise_is_what_the_command_does(served, noisy, tmp_path):
    """Bit for bit, in the file and in the pictures."""
    served.ask(id="a", **denoise(noisy, output=str(tmp_path / "out.exr"), pictures=str(tmp_path), engine="oidn"))
    found, before = served.last("a")
    assert found["event"] == "done" and found["layers"] == {"ViewLayer": 0}
    shares = [event["share"] for event in before if event["event"] == "progress"]
    assert shares == sorted(shares) and 0 <= shares[0] and shares[-1] <= 1
    done = CliRunner().invoke(
        main,
        [
            "denoise",
            str(noisy),
            "--model",
            "oidn-small",
            "--device",
            "cpu",
            "--engine",
            "oidn",
            "-o",
            str(tmp_path / "cli.exr"),
        ],
    )
    assert done.exit_code == 0, done.output
    ours, theirs = ExrImage.open(tmp_path / "out.exr"), ExrImage.open(tmp_path / "cli.exr")
    assert ours.frame().color.tobytes() == theirs.frame().color.tobytes()
    assert ours.frame().color.tobytes() != ExrImage.open(noisy).frame().color.tobytes()
    pictures = {kind: picture(tmp_path / f"0.{kind}.exr") for kind in ("denoised", "rendered")}
    assert np.array_equal(pictures["denoised"][..., :3], theirs.frame().color)
    assert np.array_equal(pictures["rendered"][..., :3], ExrImage.open(noisy).frame().color)
    assert (pictures["denoised"][..., 3] == 1).all()


def picture(path):
    import OpenEXR

    return OpenEXR.File(str(path)).parts[0].channels["RGBA"].pixels


FITTING = {  # and what is said to be taken
    "Arnold": ("oidn", "Arnold's names: RGBA, denoise_albedo, N"),
    "plain RGB": ("oidn-color", "plain names: RGB"),
}


@pytest.mark.parametrize("torch_there", [True, False])
def test_any_renderers_file_is_checked_and_denoised_as_blenders(start_serving, tmp_path, torch_there):
    """With the model that fits, which is named; with and without PyTorch."""
    hidden = "import sys; sys.modules['torch'] = sys.modules['openvino'] = None\n"
    served = start_serving("-c", f"{'' if torch_there else hidden}from n2n_render.serve.server import main; main()")
    for name, (fits, names) in FITTING.items():
        layout = LAYOUTS[name]
        frame = layout.frame()
        theirs, blenders = layout.write(tmp_path / "theirs.exr", frame), tmp_path / "blenders.exr"
        kept = {key: frame[key] for key in ("color", *layout.has, *(["alpha"] if layout.has else []))}
        write_frame(blenders, Frame(**kept))
        for model in ("auto", fits):
            served.ask(id=1, do="check", model=model, inputs=[str(theirs), str(blenders)])
            found, _ = served.last(1)
            assert found["event"] == "done" and found["models"] == [fits, fits], found
        made = {}
        for path in (theirs, blenders):
            out = tmp_path / f"{path.stem}_out.exr"
            served.ask(id=2, **{**denoise(path, output=str(out), pictures=str(tmp_path), engine="oidn"), "model": "auto"})
            found, _ = served.last(2)
            assert found["event"] == "done" and found["model"] == fits, found
            assert found["names"] == names if path == theirs else found["names"].startswith("Cycles' names: Combined")
            made[path.stem] = [ExrImage.open(out).picture("" if path == theirs else "ViewLayer")[..., :3]]
            made[path.stem] += [picture(tmp_path / f"0.{kind}.exr")[..., :3] for kind in ("denoised", "rendered")]
        stored = np.float16 if layout.half else np.float32
        for ours, blenders_own in zip(made["theirs"], made["blenders"], strict=True):
            assert np.array_equal(ours.astype(stored), blenders_own.astype(stored))
        assert not np.array_equal(made["theirs"][1], made["theirs"][2])
        served.ask(id=3, do="check", model="oidn-small", inputs=[str(theirs)])
        found, _ = served.last(3)
        assert found["event"] == ("done" if "albedo" in layout.has else "error"), found


def test_the_model_of_named_layers_fits_all_of_them(served, tmp_path):
    """While of all layers the one that has most decides, and the others stay noisy, as in the command."""
    frame = make_frame()
    guides = [planes("A.Denoising Albedo", frame.albedo), planes("A.Denoising Normal", frame.normal, "XYZ")]
    pictures = [planes(f"{layer}.Combined", frame.color) for layer in "AB"]
    path = write_parts(tmp_path / "a.exr", one(*pictures, *guides))
    for layers, fits, done in ((None, "oidn", ["A"]), (["A"], "oidn", ["A"]), (["A", "B"], "oidn-color", ["A", "B"])):
        served.ask(id=1, **{**denoise(path, layers=layers), "model": "auto"})
        found, _ = served.last(1)
        assert found["event"] == "done" and found["model"] == fits and list(found["layers"]) == done, found


@pytest.mark.slow
def test_strength_goes_from_noisy_to_denoised(served, noisy, tmp_path):
    found = {}
    for strength in (0.0, 0.5, 1.0):
        served.ask(id=strength, **denoise(noisy, output=str(tmp_path / "out.exr"), strength=strength))
        assert served.last(strength)[0]["event"] == "done"
        found[strength] = ExrImage.open(tmp_path / "out.exr").frame().color
    assert np.array_equal(found[0.0], ExrImage.open(noisy).frame().color)
    assert np.allclose(found[0.5], (found[0.0] + found[1.0]) / 2, atol=1e-5)
    assert not np.allclose(found[0.0], found[1.0], atol=0.01)


def test_check_says_which_file_lacks_a_pass(served, noisy, tmp_path):
    served.ask(id=1, do="check", model="oidn-small", inputs=[str(noisy)] * 2)
    assert served.last(1)[0]["event"] == "done"
    bare = noisy_frame(true_frame(72, 96), 1)
    bare.albedo = None
    write_frame(tmp_path / "bare.exr", bare)
    for identity, (name, expected) in enumerate((("bare.exr", "albedo"), ("none.exr", "no such file"))):
        served.ask(id=identity, do="check", model="oidn-small", inputs=[str(noisy), str(tmp_path / name)])
        found, _ = served.last(identity)
        assert found["event"] == "error" and name in found["what"] and expected in found["what"] + found["hint"].lower()


@pytest.mark.slow
def test_a_request_can_be_cancelled_before_and_while_it_runs(served, noisy, tmp_path):
    write_frame(tmp_path / "large.exr", noisy_frame(true_frame(720, 1280), 1))
    served.ask(id="runs", **denoise(tmp_path / "large.exr", output=str(tmp_path / "runs.exr")))
    served.ask(id="waits", **denoise(tmp_path / "large.exr", output=str(tmp_path / "waits.exr")))
    served.ask(id="waits", do="cancel")
    assert served.answer()["event"] == "progress"
    served.ask(id="runs", do="cancel")
    assert served.last("runs")[0]["event"] == "cancelled"
    assert served.last("waits")[0]["event"] == "cancelled"
    served.ask(id="next", **denoise(noisy, output=str(tmp_path / "next.exr")))
    assert served.last("next")[0]["event"] == "done"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["large.exr", "next.exr", "noisy.exr"]


@pytest.mark.slow
def test_what_cannot_be_done_is_an_error_and_the_process_lives_on(served, noisy, tmp_path):
    (tmp_path / "text.tza").write_text("not a model")
    (tmp_path / "text.exr").write_text("not an image")
    for identity, (request, expected) in enumerate(
        (
            ({"do": "dance"}, "dance"),
            (denoise(tmp_path / "none.exr"), "none.exr"),
            (denoise(tmp_path / "text.exr"), "text.exr"),
            (denoise(noisy, model=str(tmp_path / "text.tza")), "text.tza"),
            (denoise(noisy, model=str(tmp_path / "none.tza")), "none.tza"),
            (denoise(noisy, device="toaster"), "toaster"),
            (denoise(noisy, layers=["Nowhere"]), "Nowhere"),
            (denoise(noisy, output=str(noisy / "folder.exr")), "noisy.exr"),
            ({"do": "denoise"}, "model"),
        )
    ):
        served.ask(id=identity, **request)
        found, _ = served.last(identity)
        assert found["event"] == "error" and expected in found["what"], found
    for line in (b"{", b"[]", b""):
        served.send(line)
        found = served.answer()
        assert (found["id"], found["event"]) == (None, "error") and "JSON" in found["what"]
    served.ask(id="last", do="check", model="oidn-small", inputs=[str(noisy)])
    assert served.last("last")[0]["event"] == "done"


@pytest.mark.slow
@pytest.mark.parametrize("how", ["end of stdin", "quit", "end of stdin at work"])
def test_it_ends_with_who_asks(served, tmp_path, how):
    served.ask(id=1, do="check", model="oidn-small", inputs=[])
    served.last(1)
    if how == "end of stdin at work":
        write_frame(tmp_path / "large.exr", noisy_frame(true_frame(720, 1280), 1))
        served.ask(id=2, **denoise(tmp_path / "large.exr"))
        served.answer()
    started = time.monotonic()
    if how == "quit":
        served.ask(do="quit")
        code = served.process.wait(timeout=TIMEOUT_S)
    else:
        code = served.end()
    assert code == 0 and time.monotonic() - started < 10


def test_pytorch_is_not_needed(start_serving, noisy, tmp_path):
    served = start_serving(
        "-c",
        "import sys; sys.modules['torch'] = sys.modules['openvino'] = None\nfrom n2n_render.serve.server import main; main()",
    )
    served.ask(id=1, do="describe", folders=[])
    assert served.last(1)[0]["event"] == "done"
    served.ask(id=2, **denoise(noisy, output=str(tmp_path / "out.exr")))
    found, _ = served.last(2)
    assert found["event"] == "done" and "OIDN" in found["engine"], found
    assert np.isfinite(ExrImage.open(tmp_path / "out.exr").frame().color).all()


@pytest.mark.slow
def test_only_answers_go_to_stdout(served, noisy):
    """Whatever a library prints there would break the protocol."""
    served.ask(id=1, do="describe", folders=[])
    served.ask(id=2, **denoise(noisy))
    assert served.last(1)[0]["event"] == served.last(2)[0]["event"] == "done"
    served.end()
    assert served.lines.empty()


HOSTILE_LINES = {
    "unhashable id": b'{"do": "cancel", "id": [1]}',
    "object as id": b'{"do": "describe", "id": {"a": 1}}',
    "true as id": b'{"do": "describe", "id": true}',
    "infinite id": b'{"do": "describe", "id": 1e999}',
    "not UTF-8": b'{"do": "describe", "id": "\xff\xfe"}',
    "another encoding": '{"do": "describe", "id": 1}'.encode("utf-16"),
    "deep list": b"[" * 200_000,
    "deep object": b'{"id":' * 200_000,
    "deep in a field": b'{"id": 1, "do": "describe", "folders": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "NaN": b'{"do": "denoise", "id": 1, "model": "oidn", "input": "a", "strength": NaN}',
    "infinity": b'{"do": "describe", "id": 1, "folders": [-Infinity]}',
    "a field twice": b'{"id": 1, "do": "describe", "do": "quit"}',
    "huge number": b'{"id": ' + b"9" * 5000 + b', "do": "describe"}',
    "no object": b'"quit"',
    "null": b"null",
    "zeros": b"\0\0\0",
    "do is a list": b'{"id": 1, "do": ["quit"]}',
    "cancel of nothing": b'{"do": "cancel"}',
}


def test_no_line_ends_the_process_or_its_hearing(served):
    for name, line in HOSTILE_LINES.items():
        served.send(line)
        found = served.answer()
        assert found["event"] == "error" and found["what"] and found["hint"], name
        assert len(found["what"]) < 300, name
    served.send(b"x" * (2**24 + 5))
    found = served.answer()
    assert (found["id"], found["event"]) == (None, "error") and "16 MiB" in found["what"]
    served.ask(id="still", do="check", model="oidn-small", inputs=[])
    assert served.last("still")[0]["event"] == "done"
    assert served.end() == 0


@pytest.mark.parametrize("line", [*HOSTILE_LINES.values(), b"x" * 2**25], ids=[*HOSTILE_LINES, "huge"])
def test_the_process_ends_with_stdin_after_any_line(served, line):
    served.process.stdin.write(line)  # not even a line's end
    assert served.end() == 0


def wrong(**fields):
    return {"do": "denoise", "model": "oidn", "input": "a.exr", **fields}


@pytest.mark.parametrize(
    "request_, says",
    [
        (wrong(strength=-5), "strength"),
        (wrong(strength=1.01), "strength"),
        (wrong(strength="abc"), "strength"),
        (wrong(strength=True), "strength"),
        (wrong(strength=None), "strength"),
        (wrong(strength=[0.5]), "strength"),
        (wrong(prefilter="yes"), "prefilter"),
        (wrong(keep_noisy=1), "keep_noisy"),
        (wrong(layers="ViewLayer"), "layers"),
        (wrong(layers=[1]), "layers"),
        (wrong(layers=[]), "layers"),
        (wrong(layers=["A", "A"]), "layers"),
        (wrong(device=0), "device"),
        (wrong(engine="steam"), "engine"),
        (wrong(engine={}), "engine"),
        (wrong(input=""), "input"),
        (wrong(input="a\0b"), "input"),
        (wrong(input=["a"]), "input"),
        (wrong(output=7), "output"),
        (wrong(output=" "), "output"),
        (wrong(pictures=False), "pictures"),
        (wrong(model=None), "model"),
        (wrong(tile=64, dance=1), "dance"),
        ({"do": "denoise", "model": "oidn"}, "input"),
        ({"do": "check", "model": "oidn"}, "inputs"),
        ({"do": "check", "model": "oidn", "inputs": "a.exr"}, "inputs"),
        ({"do": "describe", "folders": "here"}, "folders"),
        ({"do": "describe", "folders": [None]}, "folders"),
        ({"do": "describe", "inputs": []}, "inputs"),
        ({"do": "cancel", "reason": "tired"}, "reason"),
        ({"do": "quit", "now": True}, "now"),
        ({"do": None}, "null"),
        ({}, "null"),
    ],
)
def test_a_request_that_is_not_whole_is_refused_by_name(request_, says):
    from n2n_render.serve.request import BadRequest, parse_request

    with pytest.raises(BadRequest) as caught:
        parse_request(json.dumps({"id": "mine", **request_}).encode())
    assert says in caught.value.what and caught.value.hint and caught.value.identity == "mine"


def test_what_is_read_is_never_written_over(served, noisy, tmp_path):
    """By whatever name."""
    import os

    before = noisy.read_bytes()
    (tmp_path / "folder").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "link.exr").symlink_to(noisy)
    os.link(noisy, tmp_path / "hard.exr")
    picture = tmp_path / "pictures" / "0.denoised.exr"
    picture.parent.mkdir()
    picture.write_bytes(before)
    model = tmp_path / "model.tza"
    model.write_bytes(b"weights")
    names = [
        noisy,
        tmp_path / "folder" / ".." / "noisy.exr",
        tmp_path / "linked" / "noisy.exr",
        tmp_path / "link.exr",
        tmp_path / "hard.exr",
        os.path.relpath(noisy),
    ]
    requests = [denoise(noisy, output=str(name)) for name in names]
    requests += [
        denoise(tmp_path / "link.exr", output=str(noisy)),
        denoise(picture, pictures=str(picture.parent)),
        denoise(noisy, output=str(picture), pictures=str(picture.parent)),
        denoise(noisy, output=str(model), model=str(model)),
        denoise(noisy, output=str(tmp_path / "folder")),
        denoise(noisy, output=str(tmp_path / "folder" / "best.pt"), model=str(tmp_path / "linked" / "folder")),
    ]
    for identity, request in enumerate(requests):
        served.ask(id=identity, **request)
        found, _ = served.last(identity)
        assert found["event"] == "error" and found["hint"], request
    assert noisy.read_bytes() == picture.read_bytes() == before and model.read_bytes() == b"weights"
    assert (tmp_path / "link.exr").is_symlink() and os.stat(noisy).st_nlink == 2


def test_a_cancelled_id_can_be_used_again(served, noisy, tmp_path):
    """Also when nothing of that id was there to cancel, and in the same breath."""
    served.ask(id=1, do="cancel")
    served.ask(id=1, do="check", model="oidn-small", inputs=[str(noisy)])
    assert served.last(1)[0]["event"] == "done"
    served.ask(id="busy", **denoise(noisy, output=str(tmp_path / "busy.exr")))
    for do in ("check", "cancel", "check"):
        served.ask(id=1, do=do, **({} if do == "cancel" else {"model": "oidn-small", "inputs": [str(noisy)]}))
    assert served.last("busy")[0]["event"] == "done"
    assert [served.last(1)[0]["event"] for _ in range(2)] == ["cancelled", "done"]


def test_doubts_of_the_library_are_warnings_of_the_request_in_hand():
    from n2n_render.errors import doubt
    from n2n_render.serve.request import Describe
    from n2n_render.serve.server import Job, Server

    answers = []
    server = Server(answers.append)
    doubtful = {"version": "0"}

    def describe(request, job):
        doubt("the file looks odd")
        doubt("the file looks odd")
        return doubtful

    server._work[Describe] = describe
    for identity in (1, 2):
        server.handle(Job(identity, Describe(), server.answer))
    doubt("nobody asked")
    assert [(found["id"], found["event"]) for found in answers] == [(1, "warning"), (1, "done"), (2, "warning"), (2, "done")]
    assert answers[0]["message"] == "the file looks odd"


def test_it_ends_when_nobody_listens(noisy):
    process = subprocess.Popen([sys.executable, "-m", "n2n_render.serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.close()
    try:
        request = {"id": 1, "do": "check", "model": "oidn-small", "inputs": [str(noisy)]}
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        assert process.wait(timeout=TIMEOUT_S) == 0
    finally:
        process.kill()
