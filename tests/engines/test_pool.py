"""Several workers in one process: every piece once, and one end for all, whatever ends one of them."""

import signal
import subprocess
import sys
import threading
import time

import pytest

from n2n_render.engines.pool import work_off
from n2n_render.errors import N2NError
from n2n_render.progress import still_wanted, stopped_by

BOTH_AT_WORK = """
import signal, threading, time
from n2n_render.engines.pool import work_off
from n2n_render.progress import still_wanted

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have made us deaf to it
both = threading.Barrier(2)

def work(piece):
    if both.wait() == 0:
        print("at work", flush=True)
    while True:
        still_wanted()()
        time.sleep(0.01)

try:
    work_off(range(9), [work, work])
except KeyboardInterrupt:
    while threading.active_count() > 1:  # one that was just being started may not have been waited for
        time.sleep(0.01)
    print("ended", flush=True)
"""


@pytest.mark.parametrize("count", [1, 3])
def test_every_piece_is_done_once(count):
    done = []
    work_off(range(50), [done.append] * count)
    assert sorted(done) == list(range(50))


def test_the_error_of_one_ends_the_others_in_their_work():
    both, left = threading.Barrier(2), []

    def fails(piece):
        both.wait()
        raise N2NError("no memory")

    def goes_on(piece):
        both.wait()
        try:
            while True:
                still_wanted()()
                time.sleep(0.001)
        finally:
            left.append(piece)

    with pytest.raises(N2NError, match="no memory"):
        work_off(range(9), [goes_on, fails])
    assert len(left) == 1 and threading.active_count() == 1


def test_who_asked_for_the_work_can_end_it_in_every_worker():
    def unwanted():
        raise N2NError("not wanted")

    def work(piece):
        still_wanted()()
        pytest.fail("it was wanted")

    with stopped_by(unwanted), pytest.raises(N2NError, match="not wanted"):
        work_off(range(9), [work, work])


def test_ctrl_c_ends_all_workers():
    process = subprocess.Popen([sys.executable, "-c", BOTH_AT_WORK], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "at work\n"
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and said == "ended\n", said
