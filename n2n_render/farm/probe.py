"""Times one frame of a shot on this machine, by our own commands in processes of their own: as a task of the farm starts."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import N2NError
from ..frame.frame import Frame
from ..io.exr import write_frame
from ..progress import Progress
from .measured import Measured, Times
from .options import FarmOptions
from .words import given, passes_words, scene_words

SMALL, LARGE = (64, 64), (960, 540)  # (width, height) of frames of noise: one says how long starting takes, one how long a pass
COPIES = 8  # of the large one, so that reading and writing it counts little
PASSES, FAST_PASSES = 10, 4  # networks of a frame of `adapt`
LIGHT = {"light-groups": 8, "light-passes": 10, "aovs": 2, "all": 20}  # so many more for passes of light: a usual number
NO_PROBE = "Pass --no-probe, and if you know better --sample-chunk and --paint-chunk; or plan on a machine like the workers."


def probe(options: FarmOptions, progress: Progress) -> Measured:
    """Starts Blender once and the network of --init twice.

    Raises:
        N2NError: what the workers are to run does not run here.
    """
    with tempfile.TemporaryDirectory(prefix="n2n-render-farm-") as folder:
        progress.note("timing a frame of `sample` here …")
        sampled = run([*_sample_words(options), "--out", str(Path(folder) / "renders")])
        width, height = sampled.result["size"]
        progress.note("timing the network here …")
        small, large = (_denoise(options, Path(folder), size, copies) for size, copies in ((SMALL, 1), (LARGE, COPIES)))
    one_pass = max(0.0, large.seconds - small.seconds) / COPIES * (width * height) / (LARGE[0] * LARGE[1])
    passes = (FAST_PASSES if options.fast else PASSES) + sum(LIGHT.get(name, 1) for name in options.passes)
    found = Measured(
        Times(sampled.seconds, sampled.result["seconds"]),
        Times(small.seconds, passes * one_pass),
        (width, height),
        {"sample": sampled.memory_mib, "paint": small.memory_mib},
    )
    tell(found, passes, options.temporal, progress)
    return found


def tell(found: Measured, passes: int, temporal: int, progress: Progress) -> None:
    """What was measured, and what was supposed."""
    assert found.sample and found.paint and found.size
    sample, paint, (width, height) = found.sample, found.paint, found.size
    progress.note(
        f"sample, measured here at {width}×{height}: a task starts in {sample.startup_s:.1f} s (Python, Blender, the scene and "
        f"three small frames), a frame takes {sample.frame_s:.1f} s (extrapolated from a quarter of its width and height)"
    )
    progress.note(
        f"paint, measured here: a task starts in {paint.startup_s:.1f} s, a frame takes {paint.frame_s:.1f} s "
        f"({passes} passes, extrapolated from noise at {LARGE[0]}×{LARGE[1]}"
        f"{'; taking neighbours in is left out' if temporal else ''})"
    )


@dataclass(frozen=True)
class Run:
    """A finished process: its result event, wall time, and the peak memory of it and the processes that it started."""

    result: dict[str, Any]
    seconds: float
    memory_mib: int


def run(words: list[str]) -> Run:
    """A command of ours, by this Python. Raises N2NError with what it says."""
    command = [sys.executable, "-m", "n2n_render", "--progress", "json", *words]
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            last = _last_event(process.stderr.read())
            memory = _wait(process)
        except BaseException:
            process.terminate()  # it ends its own Blender
            raise
    if last.get("event") != "result":
        raise N2NError(
            f"the probe failed: {last.get('what', f'{words[0]} ended with code {process.returncode}')}",
            f"{last.get('hint', '')} {NO_PROBE}".strip(),
        )
    return Run(last, time.monotonic() - started, memory)


def _wait(process: "subprocess.Popen[str]") -> int:
    """Until it has ended; its peak memory in MiB, 0 where the system does not say."""
    if not hasattr(os, "wait4"):
        process.wait()
        return 0
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return int(usage.ru_maxrss) >> (20 if sys.platform == "darwin" else 10)


def _last_event(text: str) -> dict[str, Any]:
    for line in reversed(text.splitlines()):
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict) and event.get("event") in ("result", "error"):
                return event
    return {}


def _sample_words(options: FarmOptions) -> list[str]:
    middle = options.frames[len(options.frames) // 2]
    return [
        *("sample", "--scene", options.scene, "--spp", str(options.spp), "--seeds", str(options.seeds)),
        *("--frames", str(middle), "--device", options.render_device, "--dry-run"),
        *scene_words(options),
        *given({"--blender": options.blender}),
        *passes_words(options),
    ]


def _denoise(options: FarmOptions, folder: Path, size: tuple[int, int], copies: int) -> Run:
    path = folder / f"{size[0]}.exr"
    _write_noise(path, size)
    device = options.device.partition(",")[0]
    model = "oidn-large" if options.init == "nothing" else options.init
    words = ["denoise", str(path), "--model", model, "-o", str(folder / f"{size[0]}_clean.exr")]
    return run([*words, "--device", device, "--average", str(copies), "--no-prefilter"])


def _write_noise(path: Path, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    shape = size[1], size[0]
    color = rng.gamma(1.0, 1.0, (*shape, 3)).astype(np.float32)
    normal = np.zeros_like(color)
    normal[..., 2] = 1
    write_frame(path, Frame(color, albedo=np.minimum(color, 1), normal=normal, depth=np.full((*shape, 1), 3, np.float32)))
