"""A job → an Open Job Description bundle: a template of the specification 2023-09, and the values of its parameters.

The specification's extension TASK_CHUNKING divides the frames. Nothing passes through a shell: commands are lists of words.
"""

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from ..io.ranges import frames_text
from .engine import Engine, Written
from .job import Job, Sharing, Step
from .options import FarmOptions

TEMPLATE, BUNDLE_VALUES, LOCAL_VALUES = "template.json", "parameter_values.json", "parameters.json"
LONGEST_NAME = 128
FAMILIES = {"linux": "linux", "darwin": "macos", "win32": "windows"}
UNTIL_KILLED_S = 60  # after a cancellation, in which a training writes what it has


def translate(job: Job, options: FarmOptions) -> Written:
    """`deadline bundle submit FOLDER` and `openjd run FOLDER/template.json -p file://FOLDER/parameters.json` read it."""
    parameters = _Parameters(job)
    steps = [_step(step, parameters) for step in job.steps]
    template = {
        "specificationVersion": "jobtemplate-2023-09",
        "extensions": ["TASK_CHUNKING"],
        "name": job.name.replace("{{", "(").replace("}}", ")")[:LONGEST_NAME],
        "parameterDefinitions": parameters.definitions,
        "steps": steps,
    }
    values = parameters.values
    listed = [{"name": name, "value": value} for name, value in values.items()]
    files = {
        TEMPLATE: template,
        BUNDLE_VALUES: {"parameterValues": [*listed, {"name": "deadline:maxRetriesPerTask", "value": job.retries}]},
        LOCAL_VALUES: values,
    }
    texts = {name: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for name, content in files.items()}
    here = (
        "openjd",
        "run",
        str(job.folder / TEMPLATE),
        "-p",
        f"file://{job.folder / LOCAL_VALUES}",
        "--step",
        job.steps[-1].name,
    )
    notes = (f"without a farm it runs here: {shlex.join([*here, '--run-dependencies'])}",)
    return Written(texts, ("deadline", "bundle", "submit", "--yes", str(job.folder)), notes)


def range_text(numbers: tuple[int, ...]) -> str:
    """Frames as the specification writes them: with a colon before the step."""
    return frames_text(numbers).replace("x", ":")


class _Parameters:
    """Of the job: what a user may change when submitting, and every text that the template language would take for its own."""

    def __init__(self, job: Job):
        self._job = job
        self._texts: dict[str, str] = {}
        self.values: dict[str, Any] = {
            "Scene": str(job.scene),
            "Folder": str(job.folder),
            "Frames": range_text(job.frames),
            **{
                f"{step.name.title()}Chunk": step.sharing.chunk
                for step in job.steps
                if step.sharing and not step.sharing.suffix
            },
        }

    @property
    def definitions(self) -> list[dict[str, Any]]:
        path = {"type": "PATH", "dataFlow": "NONE"}  # mounted on every worker; nothing is uploaded
        known = {
            "Scene": {**path, "objectType": "FILE", "description": "The scene; it is never changed."},
            "Folder": {**path, "objectType": "DIRECTORY", "description": "Renders, clean frames and this job."},
            "Frames": {"type": "STRING", "description": "Like 1-100 or 1-100:5."},
        }
        return [
            {"name": name, **known.get(name, {"type": "INT", "minValue": 1} if isinstance(value, int) else {"type": "STRING"})}
            for name, value in self.values.items()
        ]

    def words(self, command: tuple[str, ...]) -> list[str]:
        """A command line, as the template writes it."""
        all_frames = ("--frames", frames_text(self._job.frames))
        pairs = zip(("", *command), command, strict=False)  # each word with the one before
        return ["{{Param.Frames}}" if pair == all_frames else self._word(pair[1]) for pair in pairs]

    def _word(self, word: str) -> str:
        for name in ("Scene", "Folder"):
            path = self.values[name]
            rest = word.removeprefix(path)
            if word.startswith(path) and "{{" not in rest and (not rest or rest[0] == os.sep):
                return f"{{{{Param.{name}}}}}" + Path(rest).as_posix() * bool(rest)
        if "{{" not in word:
            return word
        name = next((name for name, text in self._texts.items() if text == word), f"Text{len(self._texts) + 1}")
        self._texts[name] = self.values[name] = word
        return f"{{{{Param.{name}}}}}"


def _step(step: Step, parameters: _Parameters) -> dict[str, Any]:
    command, *arguments = parameters.words(step.command)
    if step.sharing:
        arguments += [step.sharing.option, "{{Task.Param.Share}}" + step.sharing.suffix]
    action: dict[str, Any] = {"command": command, "args": arguments}
    if step.needs.minutes:
        action["timeout"] = 60 * step.needs.minutes
    action["cancelation"] = {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": UNTIL_KILLED_S}
    amounts = [{"name": "amount.worker.memory", "min": step.needs.memory_mib}]
    if step.needs.gpus:
        amounts.append({"name": "amount.worker.gpu", "min": step.needs.gpus})
    family = [{"name": "attr.worker.os.family", "anyOf": [FAMILIES[sys.platform]]}] if sys.platform in FAMILIES else []
    return {
        "name": step.name,
        **({"dependencies": [{"dependsOn": name} for name in step.after]} if step.after else {}),
        **({"parameterSpace": {"taskParameterDefinitions": [_share(step.name, step.sharing)]}} if step.sharing else {}),
        "hostRequirements": {"amounts": amounts, **({"attributes": family} if family else {})},
        "script": {"actions": {"onRun": action}},
    }


def _share(step: str, sharing: Sharing) -> dict[str, Any]:
    """The task's parameter: some of the job's frames, or the number of a part."""
    if sharing.suffix:
        return {"name": "Share", "type": "INT", "range": range_text(sharing.numbers)}
    chunks = {
        "defaultTaskCount": f"{{{{Param.{step.title()}Chunk}}}}",
        "rangeConstraint": "CONTIGUOUS" if sharing.is_run else "NONCONTIGUOUS",
    }
    return {"name": "Share", "type": "CHUNK[INT]", "range": "{{Param.Frames}}", "chunks": chunks}


OPENJD = Engine("Open Job Description", translate, progress="openjd")
