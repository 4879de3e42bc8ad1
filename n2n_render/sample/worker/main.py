"""Requests (JSON lines on stdin) become renders and events (marked JSON lines on stdout).

Requests: `open` (first) and then any number of `render`; or `build-demo`. Each is answered by exactly one `scene`,
`rendered`, `built` or `error` event; `warning` events may come before it. End of input ends the worker, so that a killed
parent leaves nothing running. Works under `python main.py` (bpy wheel) and `blender -b --python main.py`.
"""
import json
import os
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # inside Blender nothing of ours is installed
from protocol import SceneError, emit, warn  # noqa: E402


def answer(request, stage):
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


def main():
    stage = None
    try:
        for line in iter(sys.stdin.readline, ""):
            try:
                stage = answer(json.loads(line), stage)
            except SceneError as error:
                emit("error", what=error.what, hint=error.hint, traceback="")
            except Exception as error:
                emit("error", what=f"Blender: {error}".strip(), hint="", traceback=traceback.format_exc())
    except KeyboardInterrupt:
        return  # the parent has heard the same Ctrl-C and speaks for both


if __name__ == "__main__":
    main()
