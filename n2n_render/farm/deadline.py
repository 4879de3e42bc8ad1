"""A job → files of Deadline 10: one of its jobs, of the plugin CommandLine, for each step; and a script that submits them."""

import json
import re
import sys
from pathlib import Path
from typing import TypeGuard

from ..io.ranges import frames_text
from .engine import Engine, Written
from .job import Job, Sharing, Step
from .options import FarmOptions

SUBMIT, SCRIPT = "submit.py", "deadline_submit.py"
OUTPUTS = {"sample": "renders", "evaluate": "evaluation", "scores": "evaluation"}
PLAIN = re.compile(r"[\w./:=,+-]+", re.ASCII)


def translate(job: Job, options: FarmOptions) -> Written:
    """`python JOB/submit.py` submits, wherever `deadlinecommand` is."""
    files = {}
    for step in job.steps:
        files[f"{step.name}.job"] = _lines(_job_info(job, step))
        files[f"{step.name}.plugin"] = _lines(_plugin_info(step))
    table = json.dumps([[step.name, step.after] for step in job.steps])
    script = (Path(__file__).parent / SCRIPT).read_text(encoding="utf-8")
    files[SUBMIT] = script.replace("STEPS: list[tuple[str, list[str]]] = []", f"STEPS: list[tuple[str, list[str]]] = {table}")
    notes = ("Deadline has no memory of a task: give the jobs a group or a limit of machines that have it, see docs/farm.md",)
    return Written(files, ("python" if sys.platform == "win32" else "python3", str(job.folder / SUBMIT)), notes)


def _job_info(job: Job, step: Step) -> dict[str, object]:
    frames, chunk = (
        (frames_text(step.sharing.numbers), step.sharing.chunk) if _by_frames(step.sharing) else (f"1-{step.tasks}", 1)
    )
    return {
        "Plugin": "CommandLine",
        "Name": f"{job.name}: {step.name}",
        "BatchName": job.name,
        "Frames": frames,
        "ChunkSize": chunk,
        "OverrideTaskFailureDetection": "True",
        "FailureDetectionTaskErrors": job.retries + 1,
        **({"TaskTimeoutMinutes": step.needs.minutes, "OnTaskTimeout": "Error"} if step.needs.minutes else {}),
        "OutputDirectory0": job.folder / OUTPUTS.get(step.name, "clean"),
    }


def _by_frames(sharing: Sharing | None) -> TypeGuard[Sharing]:
    """Deadline tells a task its first and last frame; where frames between them are left out, tasks are numbered parts."""
    return sharing is not None and not sharing.suffix and sharing.is_run


def _plugin_info(step: Step) -> dict[str, object]:
    executable, *arguments = step.command
    words = [quoted(word) for word in arguments]
    if _by_frames(step.sharing):
        words += [step.sharing.option, "<STARTFRAME>-<ENDFRAME>"]
    elif step.sharing:
        words += ["--chunk", f"<STARTFRAME>/{step.tasks}"]
    return {
        "Executable": executable,
        "Arguments": " ".join(words),
        "Shell": "default",
        "ShellExecute": "False",
        "SingleFramesOnly": "False",
    }


def quoted(word: str) -> str:
    """Between double quotes, as the command lines of Windows and of Mono's processes are both read; nothing is expanded."""
    if PLAIN.fullmatch(word):
        return word
    inside = re.sub(r'(\\*)"', r'\1\1\\"', word)
    inside = re.sub(r"(\\+)$", r"\1\1", inside)
    return f'"{inside}"'


def _lines(values: dict[str, object]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())


DEADLINE = Engine("Deadline", translate, program="deadlinecommand")
