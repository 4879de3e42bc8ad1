"""A question that a broken package could end the process with → its answer, from a process of its own.

`python child.py KIND ARGUMENT…` writes one marked line of JSON, whatever else the packages print.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

MARK = "@n2n-doctor "
IMPORT_S = 90.0  # a cold disk reads PyTorch in half a minute


def ask(kind: str, *arguments: str, limit_s: float = IMPORT_S) -> dict[str, Any]:
    """What the child answers; {"problem": why there is no answer} where it crashes or takes longer than `limit_s`."""
    command = [sys.executable, str(Path(__file__)), kind, *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=limit_s, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return {"problem": f"gives no answer within {limit_s:g} s"}
    except OSError as error:
        return {"problem": f"no process can be started ({error.strerror or error})"}
    for line in reversed(done.stdout.splitlines()):
        if line.startswith(MARK):
            answer: dict[str, Any] = json.loads(line[len(MARK) :])
            return answer
    said = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "")
    how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
    return {"problem": f"ends the process ({how}){f': {said.strip()}' if said else ''}"}


def main() -> None:
    sys.path[0] = str(Path(__file__).resolve().parents[2])  # where n2n_render is, also in a checkout that is not installed
    from n2n_render.doctor import questions

    try:
        answer = questions.QUESTIONS[sys.argv[1]](*sys.argv[2:])
    except Exception as error:
        answer = {"problem": questions.told(error)}
    sys.stdout.write(f"\n{MARK}{json.dumps(answer)}\n")
    sys.stdout.flush()
    os._exit(0)  # what a package does when it is torn down is no matter here


if __name__ == "__main__":
    main()
