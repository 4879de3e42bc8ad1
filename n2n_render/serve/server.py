"""Requests as JSON lines on stdin → denoised files; answers as JSON lines on stdout. The Blender extension's other half.

A process of its own, so that neither a crash nor too little memory here reaches the program that asks, and warm, so that
models are loaded once. Nothing but numpy, OpenEXR and one engine is needed, with Open Image Denoise's runtime no PyTorch;
`adapt` alone needs PyTorch.

A line is an object with `id` (a text or a number; every answer bears it) and `do`; request.py has every field and its rule,
and what breaks one is refused before any work:

- `describe`, `folders`: list of folders → `done` with `version`, `python`, `engines` ({name: {device kind: name}}) and
  `models` (as `n2n-render models` lists them; `title`: scene, day and gain, for a list that people read). `training` true:
  also with `training`, what PyTorch would train on (`version`, `device`: its kind, `name`: in words), null without PyTorch.
- `check`, `inputs`: EXR files, `model` (also `auto`) → `done` when all are there with every pass that the model needs, with
  `models`, one for each file.
- `denoise`, `input`: an EXR of any renderer; `output`: where the same file goes with its pictures replaced, or null;
  `pictures`: a folder, or null, for `<n>.denoised.exr` and `<n>.rendered.exr`, RGBA, of the nth view layer; `model` (`auto`:
  the built-in one that fits the file), and as in `n2n-render denoise`: `device`, `engine`, `prefilter`, `strength`,
  `strengths` ({name: number}, of what masks name), `passes`, `keep_noisy`, `average`, `layers` (null: all) → any number of
  `progress` (`share` from 0 to 1) and `warning` (`message`), then `done` with `layers` ({name: n}), `model`, `names` (what
  was read, and by whose names), `engine`, `seconds`.
- `frames`, `inputs`: files, folders or patterns, `output`: a folder, and as in `n2n-render denoise`: `model`, `pairs`,
  `temporal` (null: as the model was trained), `device`, `engine`, `prefilter`, `strength`, `strengths`, `passes`,
  `keep_noisy` → `progress` (`share` of all, `text`), `warning`, then `done` with `outputs`, `models` and `expected_psnr_db`
  (null: nothing is known), one for each file, and `engine`. What could not be done of several is an `error` at the end; the
  others are there.
- `sample`, `scene`: a .blend file; `out`: a folder; `spp`, and as in `n2n-render sample`: `views`, `scene_name`, `passes`,
  `blender`, `device` → `progress`, `warning`, then `done` with `folder`, which `learn_from` of `adapt` takes. All seeds are
  independent.
- `adapt`, `inputs`, `output`: a folder, and as in `n2n-render adapt`: `pairs`, `learn_from`, `temporal`, `minutes` or
  `steps`, `init`, `device`, `strength`, `strengths`, `keep_noisy`, `passes`; `archive`: a .tza file that the shot's best
  network is written to, or null → `progress` (`stage`: `reading`, `learning` or `painting`; `share` of the stage, `text`),
  `warning`, and `preview` when it begins to learn and whenever the held-out tiles were asked: `noisy`, `before` and
  `after`, RGBA pictures of the same pixels, in the render's own scale, always under the same names; they stay until the
  folder is adapted into again, unless the request fails. Then `done` with `frames` (`output`, `expected_psnr_db`, `error`:
  a PNG, or null), `model`, `archive`, and `learned`: null where no frame held noise, else `gain_db` (on the start, on
  held-out tiles; 0 where training made nothing better), `steps`, `seconds`, and `stopped`: why it ended early, or null.
  Asked again after an end or a cancellation, it uses the weights and frames that were finished, and what was read: until it
  has learned, that lies in `.adapt-cache` in the folder, some 100 MB for each frame of 1920×1080.
- `vectors`, `source`, `into`: files that get the Vector pass of the source, which Cycles leaves empty in blurred frames.
- `pictures`, `input`: a denoised file, `rendered`: the same frame as it was rendered, `folder`: for `<n>.denoised.exr`,
  `<n>.rendered.exr`, and, where the layer has an Error pass, `<n>.error.exr` (grey) → `done` with `layers` ({name: n}) and
  `errors`, the layers that have one.
- `masks`, `input`: an EXR → `done` with `layers`: of each view layer what `strengths` may name, {`object`: names, `material`:
  names, `passes`: names, which are written `mask:NAME`}, sorted; other kinds, as `asset`, where the file has them.
- `cancel`: the requests of that `id` that came before end with `cancelled`. `quit`, or the end of stdin: the process ends.

Requests are answered in the order in which they came. What goes wrong is an `error` with `what` and `hint`; of a line that is
no request its `id` is null. The process lives on.
"""

import json
import logging
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from ..errors import LOGGER, N2NError, sentence_of
from ..progress import stopped_by
from .file_work import masks, pictures, vectors
from .job import Answer, Cancelled, Job
from .request import (
    LONGEST_LINE,
    Adapt,
    BadRequest,
    Cancel,
    Check,
    Denoise,
    Describe,
    Frames,
    Masks,
    Pictures,
    Quit,
    Sample,
    Vectors,
    parse_request,
)
from .shot_work import adapt, frames, give_back_memory, sample
from .work import DenoiseWork, check, describe

GRACE_S = 5.0  # that a running request has to stop in when nobody listens any more
CHUNK = 2**16


class _Doubts(logging.Handler):
    def __init__(self, job: Job):
        super().__init__(logging.WARNING)
        self._job = job

    def emit(self, record: logging.LogRecord) -> None:
        self._job.warn(record.getMessage())


Work = Callable[[Any, Job], dict[str, Any]]  # raises what became of it; returns the values of `done`


def _alone(work: Work, denoise: DenoiseWork) -> Work:
    """Work that opens models of its own: the one that is kept for the next `denoise` goes, for large ones fill a GPU."""

    def run(request: Any, job: Job) -> dict[str, Any]:
        denoise.forget()
        return work(request, job)

    return run


class Server:
    """Answers requests one after the other; `answer` is called with one dict for each line.

    `take` and `close` may be called from another thread than `run`.
    """

    def __init__(self, answer: Answer):
        self.answer = answer
        self._jobs: queue.Queue[Job | None] = queue.Queue()
        self._open: list[Job] = []  # waiting or at work, in order
        denoise = DenoiseWork()
        self._work: dict[type, Work] = {
            Describe: describe,
            Check: check,
            Denoise: denoise,
            Frames: _alone(frames, denoise),
            Adapt: _alone(adapt, denoise),
            Sample: sample,
            Vectors: vectors,
            Pictures: pictures,
            Masks: masks,
        }

    def take(self, line: bytes) -> bool:
        """Puts the request of a line with those that wait; False when it asks for the end. Whatever the line is, it returns."""
        try:
            identity, request = parse_request(line)
        except Exception as error:
            told = error if isinstance(error, BadRequest) else BadRequest(f"a request cannot be read ({error!r})", "Send less.")
            self.answer({"id": told.identity, "event": "error", "what": told.what, "hint": told.hint})
            return True
        if isinstance(request, Cancel):
            for job in list(self._open):
                job.is_cancelled |= job.identity == identity
        elif not isinstance(request, Quit):
            job = Job(identity, request, self.answer)
            self._open.append(job)
            self._jobs.put(job)
        return not isinstance(request, Quit)

    def close(self) -> None:
        """Nothing that waits or runs is wanted any more."""
        for job in list(self._open):
            job.is_cancelled = True
        self._jobs.put(None)

    def run(self) -> None:
        """Until `close`."""
        while (job := self._jobs.get()) is not None:
            self.handle(job)
            self._open.remove(job)

    def handle(self, job: Job) -> None:
        """What goes wrong becomes an answer."""
        doubts = _Doubts(job)
        LOGGER.addHandler(doubts)
        try:
            job.check()
            with stopped_by(job.check):
                done = self._work[type(job.request)](job.request, job)
            job.tell("done", **done)
        except Cancelled:
            job.tell("cancelled")
        except Exception as error:
            told = sentence_of(error)
            if told is None:  # a mistake of ours must reach the user as a sentence, too
                traceback.print_exc()
                told = N2NError(
                    f"unexpected {type(error).__name__}: {error}", "Please report this, with the lines that the worker printed."
                )
            job.tell("error", what=told.what, hint=told.hint)
        finally:
            LOGGER.removeHandler(doubts)
            if isinstance(job.request, Frames | Adapt):
                give_back_memory()


def _lines(descriptor: int) -> Iterator[bytes | None]:
    """Lines as they come; None: one that is longer than LONGEST_LINE, of which no more than that is held."""
    rest, skipping = bytearray(), False
    while chunk := os.read(descriptor, CHUNK):
        *ends, start = chunk.split(b"\n")
        for end in ends:
            rest += end
            yield None if skipping or len(rest) > LONGEST_LINE else bytes(rest)
            rest, skipping = bytearray(), False
        rest += start
        if len(rest) > LONGEST_LINE:
            rest, skipping = bytearray(), True
    if rest or skipping:
        yield None if skipping else bytes(rest)


def _read_requests(descriptor: int, server: Server) -> None:
    """In a thread of its own, so that a cancellation is seen while the work goes on. Whatever happens, the process ends when
    no more requests can come.
    """
    try:
        for line in _lines(descriptor):
            if line is None:
                server.answer(
                    {
                        "id": None,
                        "event": "error",
                        "what": f"a request is longer than {LONGEST_LINE // 2**20} MiB",
                        "hint": "Send shorter ones, one JSON object a line.",
                    }
                )
            elif not server.take(line):
                break
    except OSError:  # a terminal that is gone, say: no more requests can come
        traceback.print_exc()
    finally:
        server.close()
        time.sleep(GRACE_S)
        os._exit(0)  # a request that does not stop must not outlive the program that asked


def main() -> None:
    """Serves until stdin ends. Only answers go to stdout; whatever libraries print there goes to stderr."""
    if sys.stdin is None or sys.stdout is None:  # closed from the start: nobody asks, or nobody listens
        return
    if sys.stderr is None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    lock = threading.Lock()

    def answer(values: dict[str, Any]) -> None:
        with lock:
            try:
                answers.write(json.dumps(values) + "\n")
            except OSError:  # nobody listens any more
                server.close()

    server = Server(answer)
    threading.Thread(target=_read_requests, args=(0, server), daemon=True).start()
    try:
        server.run()
    except KeyboardInterrupt:
        pass
    os._exit(0)  # without waiting for the reading thread
