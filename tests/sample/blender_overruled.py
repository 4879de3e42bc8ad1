"""Runs inside Blender: renders with the worker's own code, then animates a setting behind its back.

The last argument is JSON: {"scene": path, "worker": its folder, "path": of the setting, "value", "answer": a file
for what it said}.
"""

import json
import sys


def main(scene, worker, path, value, answer):
    sys.path.insert(0, worker)
    from protocol import SceneError
    from scene import Stage

    stage = Stage({"scene": scene, "scene_name": "still", "device": "cpu"}, print)
    request = {"view": "v000", "frame": 1, "seed": 1, "spp": 2, "first_sample": 2, "sequence": 4, "cycles_seed": 7}
    stage.prepare(request)
    stage.render(None)
    stage.scene.driver_add(path).driver.expression = str(float(value))
    said = ""
    try:
        stage.prepare(request)
        stage.render(None)
    except SceneError as error:
        said = f"{error.what}\n{error.hint}"
    with open(answer, "w") as file:
        file.write(said)


main(**json.loads(sys.argv[-1]))
