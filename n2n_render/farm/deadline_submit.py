"""Submits the jobs beside this file to Deadline; each waits for those before it. Needs `deadlinecommand` and Python alone."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

STEPS: list[tuple[str, list[str]]] = []  # (step, steps before it)


def main() -> int:
    """Returns the exit code."""
    folder = Path(__file__).resolve().parent
    installed = os.environ.get("DEADLINE_PATH", "")
    command = shutil.which("deadlinecommand", path=installed) if installed else None
    command = command or shutil.which("deadlinecommand")
    if command is None:
        sys.stderr.write("deadlinecommand is neither in DEADLINE_PATH nor on the PATH\n")
        return 1
    submitted: dict[str, str] = {}
    for name, before in STEPS:
        text = (folder / f"{name}.job").read_text(encoding="utf-8")
        if before:
            text += f"JobDependencies={','.join(submitted[step] for step in before)}\n"
        with tempfile.TemporaryDirectory() as temporary:
            info = Path(temporary) / f"{name}.job"
            info.write_text(text, encoding="utf-8")
            told = subprocess.run([command, str(info), str(folder / f"{name}.plugin")], capture_output=True, text=True)
        found = re.search(r"^JobID=(\S+)", told.stdout, re.M)
        if told.returncode or not found:
            sys.stderr.write(f"{name} was not submitted: {(told.stderr or told.stdout).strip()}\n")
            if submitted:
                sys.stderr.write(f"delete {', '.join(submitted.values())} before you submit again\n")
            return 1
        submitted[name] = found[1]
        sys.stdout.write(f"{name}: job {found[1]}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
