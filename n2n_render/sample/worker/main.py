"""Requests (JSON lines on stdin) become renders and events (marked JSON lines on stdout).

Requests: `open` (first) and then any number of `render`; or `build-demo`. Each is answered by exactly one `scene`,
`rendered`, `built` or `error` event; `warning` events may come before it. End of input ends the worker at once, also in the
middle of a render, so that a killed parent leaves nothing running. Works under `python main.py` (bpy wheel) and
`blender -b --python main.py`.
"""

import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # inside Blender nothing of ours is installed
from protocol import SceneError, emit, warn  # noqa: E402


def answer(request: dict[str, Any], stage: Any) -> Any:
    """Carries out one request; returns the stage that later requests use."""
    if request["do"] == "open":
        import scene  # imports bpy: here, so that a broken bpy is reported like any other error

        stage = scene.Stage(request, warn)
        emit("scene", **stage.describe())
    elif request["do"] == "render":
        started = time.time()
        matrix = stage.prepare(request)
        stage.render(request["path"])
        emit("rendered", path=request["path"], matrix=matrix, seconds=time.time() - started)
    elif request["do"] == "build-demo":
        import demo_scene

        emit("built", path=demo_scene.build(request["path"]))
    else:
        raise ValueError(f"unknown request {request['do']!r}")
    return stage


def listen(requests: Any) -> None:
    """Runs beside the renders (Cycles does not hold Python's lock): the parent's end is noticed within seconds."""
    for line in iter(sys.stdin.readline, ""):
        requests.put(line)
    os._exit(0)  # whatever is being rendered, nobody waits for it


def main() -> None:
    _die_with_the_parent()
    stage: Any = None
    requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=listen, args=[requests], daemon=True).start()
    try:
        while True:
            try:
                stage = answer(json.loads(requests.get()), stage)
            except SceneError as error:
                emit("error", what=error.what, hint=error.hint, traceback="")
            except Exception as error:
                emit("error", what=f"Blender: {error}".strip(), hint="", traceback=traceback.format_exc())
    except (KeyboardInterrupt, BrokenPipeError):
        os._exit(1)  # the parent has heard the same Ctrl-C and speaks for both, or nobody listens any more


def _die_with_the_parent() -> None:
    """Linux ends us with the process that started us, even while Blender holds Python's lock (loading, simulating)."""
    if sys.platform == "linux":
        import ctypes

        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


if __name__ == "__main__":
    main()
