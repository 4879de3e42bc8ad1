"""A job → batch scripts of SLURM, an array for each step that is divided, and a script that submits them in their order."""

import shlex

from .engine import Engine, Written
from .job import Job, Step
from .options import FarmOptions

SUBMIT = "submit.sh"


def translate(job: Job, options: FarmOptions) -> Written:
    """`bash JOB/submit.sh` submits; what is passed to it, as --partition=render, goes to every sbatch."""
    files = {f"{step.name}.sbatch": _script(step, job.retries) for step in job.steps}
    files[SUBMIT] = _submit(job)
    return Written(files, ("bash", str(job.folder / SUBMIT)))


def _script(step: Step, retries: int) -> str:
    options = {"job-name": f"n2n-{step.name}", "nodes": 1, "ntasks": 1, "mem": f"{step.needs.memory_mib}M"}
    options |= {"gres": f"gpu:{step.needs.gpus}"} if step.needs.gpus else {}
    options |= {"time": step.needs.minutes} if step.needs.minutes else {}
    options |= {"array": f"1-{step.tasks}"} if step.sharing else {}
    head = ["#!/bin/bash", *(f"#SBATCH --{name}={value}" for name, value in options.items()), "#SBATCH --requeue", ""]
    command, shares = shlex.join(step.command), []
    if step.sharing:
        shares = ["shares=(", *(f"    {shlex.quote(text)}" for text in step.sharing.texts), ")"]
        command += f' {shlex.quote(step.sharing.option)} "${{shares[SLURM_ARRAY_TASK_ID - 1]}}"'
    loop = [
        "# Tried again after a failure: the command goes on where it stopped. Not if called wrongly (2), or told to end.",
        f"for attempt in {{0..{retries}}}; do",
        f"    {command} && exit",
        "    code=$?",
        '    echo "attempt $attempt ended with code $code" >&2',
        "    [[ $code == 2 || $code == 130 ]] && break",
        "done",
        'exit "$code"',
        "",
    ]
    return "\n".join([*head, *shares, *loop])


def _submit(job: Job) -> str:
    """Each step waits for those before it; a step whose predecessor failed is taken out of the queue."""
    head = [
        "#!/bin/bash",
        "set -euo pipefail",
        'cd -- "$(dirname -- "${BASH_SOURCE[0]}")"',
        "mkdir -p logs",
        "here=${PWD//%/%%}  # sbatch takes a single % for one of its own fields",
        "",
    ]
    lines = []
    for step in job.steps:
        log = f"{step.name}-%A_%a.log" if step.sharing else f"{step.name}-%j.log"
        after = "".join(f":${{{name}%%;*}}" for name in step.after)
        words = ["sbatch --parsable", f'--output="$here/logs/{log}"']
        words += [f'--dependency="afterok{after}" --kill-on-invalid-dep=yes'] if after else []
        lines += [f'{step.name}=$({" ".join(words)} "$@" {step.name}.sbatch)', f'echo "{step.name}: job ${{{step.name}%%;*}}"']
    return "\n".join([*head, *lines, ""])


SLURM = Engine("SLURM", translate, program="sbatch")
