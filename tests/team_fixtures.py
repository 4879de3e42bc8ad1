"""Real processes, as torchrun starts them: two of them, connected by gloo."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
LIMIT_S = 240  # a run that hangs is a failure


def start_two(*command, **options):
    """`torchrun --nproc-per-node 2 COMMAND`, running; what it says goes to its stdout."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen([*TORCHRUN, *map(str, command)], env=environment, **streams, **options)


@pytest.fixture
def run_two():
    """run_two(*command) → (exit code, all that was said)."""

    def run(*command):
        process = start_two(*command)
        try:
            said, _ = process.communicate(timeout=LIMIT_S)
        finally:
            process.kill()
        return process.returncode, said

    return run
