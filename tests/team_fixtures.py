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


def apart(one, other):
    """How far weights are from others of the same names: the length of the difference over theirs."""
    assert set(one) == set(other)
    pairs = [(one[name].double(), other[name].double()) for name in one]
    return float(sum(((a - b) ** 2).sum() for a, b in pairs) / sum((a**2).sum() for a, _ in pairs)) ** 0.5


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
