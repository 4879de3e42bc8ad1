"""A job → a job of Flamenco 3: its job type, a JavaScript file that is the same for all jobs, and the settings of this one."""

import http.client
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from ..errors import N2NError
from ..io.atomic import first_line
from ..io.ranges import frames_text
from .engine import Engine, Written
from .job import Job, Step
from .options import FarmOptions

JOB_TYPE, TYPE_FILE, JOB_FILE = "n2n-render", "n2n_render.js", "flamenco_job.json"
MANAGER = "http://localhost:8080"
PLATFORMS = {"linux": "linux", "darwin": "darwin", "win32": "windows"}  # as Go names them
TASK_TYPES = {"sample": "blender"}  # all others are "misc"
ANSWER_S = 30
ADDRESS = f"Pass its address with --manager, like {MANAGER}. The job is written."


def translate(job: Job, options: FarmOptions) -> Written:
    """`JOB/n2n_render.js` goes to the Manager once, `JOB/flamenco_job.json` is what is posted to it."""
    submitted = {
        "name": job.name,
        "type": JOB_TYPE,
        "priority": 50,
        "submitter_platform": PLATFORMS.get(sys.platform, sys.platform),
        "settings": {
            "scene": str(job.scene),
            "frames": frames_text(job.frames),
            "folder": str(job.folder),
            "steps": json.dumps([_step(step) for step in job.steps], ensure_ascii=False),
        },
    }
    files = {
        TYPE_FILE: (Path(__file__).parent / TYPE_FILE).read_text(encoding="utf-8"),
        JOB_FILE: json.dumps(submitted, indent=2, ensure_ascii=False) + "\n",
    }
    address = _address(options, "jobs")
    command = ("curl", "--fail-with-body", "-H", "Content-Type: application/json", "--data-binary", f"@{job.folder / JOB_FILE}")
    notes = (
        f"{TYPE_FILE} has to be in the folder `scripts` of Flamenco's Manager, once",
        "Flamenco has no retries, memory or GPUs of a task: they are settings of its Manager and tags of its Workers",
    )
    return Written(files, (*command, address), notes)


def _step(step: Step) -> dict[str, Any]:
    exe, *arguments = step.command
    shares = [[step.sharing.option, text] for text in step.sharing.texts] if step.sharing else [[]]
    return {
        "name": step.name,
        "type": TASK_TYPES.get(step.name, "misc"),
        "after": step.after,
        "exe": exe,
        "args": arguments,
        "shares": shares,
    }


def submit(job: Job, options: FarmOptions, written: Written) -> str:
    """Posts the job; returns its name in the Manager. Raises N2NError where the Manager or its job type is not there."""
    manager = options.manager or MANAGER
    try:
        _ask(_address(options, f"jobs/type/{JOB_TYPE}"))
        answer = _ask(_address(options, "jobs"), written.files[JOB_FILE].encode())
    except urllib.error.HTTPError as error:
        if error.code == 404:
            raise N2NError(
                f"Flamenco's Manager at {manager} has no job type {JOB_TYPE}",
                f"Put {job.folder / TYPE_FILE} into the folder `scripts` beside the Manager's program, and run this again.",
            ) from None
        raise N2NError(
            f"Flamenco's Manager at {manager} did not take the job: {_said(error)}",
            "The job is written: run this again when its Manager takes it.",
        ) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or first_line(error)
        raise N2NError(f"no Manager of Flamenco answers at {manager} ({reason})", ADDRESS) from None
    except ValueError:  # what answers speaks no JSON, or this is no address
        raise N2NError(f"what answers at {manager} is no Manager of Flamenco", ADDRESS) from None
    if not answer.get("id"):
        raise N2NError(
            f"Flamenco's Manager at {manager} did not say that it took the job",
            "Look for the job in its web interface before you run this again.",
        )
    return f"job {answer['id']}"


def _said(error: urllib.error.HTTPError) -> str:
    """What a Manager, or a web server before it, answered: its message, else what the code means."""
    try:
        return str(json.loads(error.read())["message"])
    except (OSError, http.client.HTTPException, ValueError, TypeError, KeyError):
        return f"{error.code} {error.reason}"


def _address(options: FarmOptions, place: str) -> str:
    return f"{(options.manager or MANAGER).rstrip('/')}/api/v3/{place}"


def _ask(address: str, content: bytes | None = None) -> dict[str, Any]:
    request = urllib.request.Request(address, content, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
        found = json.load(answer)
    return found if isinstance(found, dict) else {}


FLAMENCO = Engine("Flamenco", translate, submit=submit)
