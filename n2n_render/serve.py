"""Requests as JSON lines on stdin → denoised files; answers as JSON lines on stdout. The Blender extension's other half.

A process of its own, so that neither a crash nor too little memory here reaches the program that asks, and warm, so that
models are loaded once. Nothing but numpy, OpenEXR and one engine is needed: with Open Image Denoise's runtime no PyTorch.

A line is an object with `id` (any value; every answer bears it) and `do`:

- `describe`, `folders`: list of folders → `done` with `version`, `python`, `engines` ({name: {device kind: name}}) and
  `models` (as `n2n-render models` lists them).
- `denoise`, `input`: a multilayer EXR; `output`: where the same file goes with its pictures replaced, or null; `pictures`:
  a folder, or null, for `<n>.denoised.exr` and `<n>.rendered.exr`, RGBA, of the nth view layer; `model`, and as in
  `n2n-render denoise`: `device`, `engine`, `prefilter`, `strength`, `keep_noisy`, `layers` (null: all) → any number of
  `progress` (`share` from 0 to 1) and `warning` (`message`), then `done` with `layers` ({name: n}), `engine`, `seconds`.
- `check`, `inputs`: multilayer EXR files, `model` → `done` when all are there with every pass that the model needs.
- `cancel`: the request of that `id` ends with `cancelled`. `quit`, or the end of stdin: the process ends.

What goes wrong is an `error` with `what` and `hint`; the process lives on.
"""
import json
import os
import queue
import sys
import threading
import time
from pathlib import Path

from . import __version__
from .errors import N2NError

PROGRESS_S = 0.1  # between two lines of progress
GRACE_S = 5.0  # that a running request has to stop in when nobody listens any more


class Cancelled(Exception):
    """Raised inside the work that was cancelled."""


class Server:
    """Answers requests one after the other; `answer` is called with one dict for each line."""

    def __init__(self, answer):
        self.answer = answer
        self.cancelled = set()           # ids of requests
        self.closing = False
        self._denoisers = {}

    def handle(self, request: dict):
        """Never raises; what goes wrong becomes an answer."""
        identity = request.get("id")

        def tell(event, **values):
            self.answer({"id": identity, "event": event, **values})

        told = [0.0]

        def on_share(share):
            if self.closing or identity in self.cancelled:
                raise Cancelled
            if time.monotonic() > told[0] + PROGRESS_S:
                told[0] = time.monotonic()
                tell("progress", share=share)
        try:
            work = {"describe": self._describe, "check": self._check, "denoise": self._denoise}.get(request.get("do"))
            if work is None:
                raise N2NError(f"unknown request {request.get('do')!r}", "Known are describe, denoise, cancel and quit.")
            tell("done", **work(request, on_share, lambda message: tell("warning", message=message)))
        except Cancelled:
            tell("cancelled")
        except N2NError as error:
            tell("error", what=error.what, hint=error.hint)
        except Exception as error:  # a mistake of ours must reach the user as a sentence, too
            import traceback
            traceback.print_exc()
            tell("error", what=f"unexpected {type(error).__name__}: {error}",
                 hint="Please report this, with the lines that the worker printed.")

    def _describe(self, request, on_share, warn):
        from .engines.choice import list_engines
        from .network.models import list_models
        models = list_models([Path(folder) for folder in request.get("folders", ())])
        return {"version": __version__, "python": sys.executable,
                "engines": {name: devices for name, devices, _ in list_engines() if devices},
                "models": [vars(model) for model in models]}

    def _check(self, request, on_share, warn):
        from .frame.exr import ExrImage
        from .frame.passes import in_files
        from .network.models import open_model
        features = in_files(open_model(request["model"]).model.features)
        for index, path in enumerate(request["inputs"]):
            on_share(index / len(request["inputs"]))
            image = ExrImage(path, header_only=True)
            for layer in image.rendered_layers or [image.layer(None)]:
                image.check(layer, features)
        return {}

    def _denoise(self, request, on_share, warn):
        """Every view layer of one file."""
        from .denoise import mix
        from .frame.exr import ExrImage, write_picture
        clock = [time.perf_counter()]

        def lap():
            clock.append(time.perf_counter())
            return clock[-1] - clock[-2]
        denoiser = self._denoiser(request, warn)
        seconds = {"model": lap()}
        image = ExrImage(request["input"])
        layers = request.get("layers") or image.rendered_layers or [image.layer(None)]
        frames = [image.frame(layer, denoiser.features) for layer in layers]
        seconds.update(read=lap(), network=0.0, write=0.0)
        for index, (layer, frame) in enumerate(zip(layers, frames, strict=True)):
            on_share(index / len(layers))
            denoised = denoiser.denoise(frame, lambda share, start=index: on_share((start + share) / len(layers)))
            denoised = mix(frame, denoised, request.get("strength", 1.0))
            seconds["network"] += lap()
            rendered = image.picture(layer)
            image.replace_color(layer, denoised, frame.color if request.get("keep_noisy") else None)
            if request.get("pictures"):
                for kind, pixels in (("denoised", image.picture(layer)), ("rendered", rendered)):
                    write_picture(Path(request["pictures"]) / f"{index}.{kind}.exr", pixels)
            seconds["write"] += lap()
        if request.get("output"):
            image.write(request["output"])
            seconds["write"] += lap()
        return {"layers": {layer: index for index, layer in enumerate(layers)}, "engine": denoiser.engine.description,
                "seconds": seconds}

    def _denoiser(self, request, warn):
        """Kept for the next request, unless the file has changed since; only one: large models fill a GPU."""
        from .denoise import load_denoiser
        path = Path(request["model"])
        files = sorted(path.glob("*.pt")) if path.is_dir() else [path] if path.is_file() else []
        key = (request["model"], tuple(file.stat().st_mtime_ns for file in files), request.get("device", "auto"),
               request.get("engine", "auto"), request.get("prefilter"))
        self._warn = warn
        if key not in self._denoisers:
            self._denoisers.clear()
            self._denoisers[key] = load_denoiser(request["model"], key[2], engine=key[3], prefilter=key[4],
                                                 warn=lambda message: self._warn(message))
        return self._denoisers[key]


def _read_requests(stream, requests: queue.Queue, server: Server):
    """In a thread of its own, so that a cancellation is seen while the work goes on."""
    for line in stream:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ValueError("not an object")
        except ValueError as error:
            server.answer({"id": None, "event": "error", "what": f"a request is not JSON ({error})", "hint": ""})
            continue
        if request.get("do") == "quit":
            break
        if request.get("do") == "cancel":
            server.cancelled.add(request.get("id"))
        else:
            requests.put(request)
    server.closing = True
    requests.put(None)
    time.sleep(GRACE_S)
    os._exit(0)  # a request that does not stop must not outlive the program that asked


def main():
    """Serves until stdin ends. Only answers go to stdout; whatever libraries print there goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    lock = threading.Lock()

    def answer(values):
        with lock:
            answers.write(json.dumps(values) + "\n")
    requests, server = queue.Queue(), Server(answer)
    threading.Thread(target=_read_requests, args=(sys.stdin, requests, server), daemon=True).start()
    try:
        while (request := requests.get()) is not None:
            server.handle(request)
    except (KeyboardInterrupt, BrokenPipeError):
        pass
    os._exit(0)  # without waiting for the reading thread


if __name__ == "__main__":
    main()
