"""Processes that train together have equal weights: those of one process with a batch as large as all theirs."""

from pathlib import Path

import pytest
import torch
from team_fixtures import LIMIT_S, apart, start_two

from n2n_render.errors import N2NError
from n2n_render.learn.interrupt import stop_on_ctrl_c
from n2n_render.learn.samplers import Crops
from n2n_render.learn.team import ALONE, Team

ENVIRONMENT = {
    "RANK": "3",
    "WORLD_SIZE": "4",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2",
    "MASTER_ADDR": "localhost",
    "MASTER_PORT": "29500",
}


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """What two processes of team_member.py left: name → its content."""
    folder = tmp_path_factory.mktemp("team")
    process = start_two(Path(__file__).with_name("team_member.py"), folder)
    try:
        said, _ = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert "Warning" not in said, said
    return {path.stem: torch.load(path, weights_only=False) for path in folder.iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["steps", "seconds", "rounds"])
def test_all_members_have_the_same_weights_bit_for_bit(left, schedule):
    """However long a training is to be: they end at the same step, with the same optimiser and logged means."""
    first, second = left[f"{schedule}-0"], left[f"{schedule}-1"]
    assert first["steps"] == second["steps"] > 0 and first["means"] == second["means"]
    for kind in ("weights", "network"):
        assert all(torch.equal(first[kind][name], second[kind][name]) for name in first[kind])
    moments = first["optimizer"]["state"], second["optimizer"]["state"]
    assert all(torch.equal(moments[0][key]["exp_avg"], moments[1][key]["exp_avg"]) for key in moments[0])


def test_two_processes_do_what_one_does_with_twice_the_batch(left):
    """BatchNorm's phase of batch statistics, its re-estimation and the fixed ones after it included."""
    two, one = left["steps-0"], left["alone"]
    assert two["steps"] == one["steps"] == 12
    for kind in ("weights", "network"):
        assert apart(one[kind], two[kind]) < 1e-5
    assert two["means"] == pytest.approx(one["means"], rel=1e-5)


def test_the_judge_of_the_first_ends_the_training_of_all(left):
    assert left["rounds-0"]["steps"] == left["rounds-1"]["steps"] == 12


def test_members_agree(left):
    first, second = left["agreements-0"], left["agreements-1"]
    assert [told["agreed"] for told in (first, second)] == [0, 0]
    assert all(told["any"] and not told["none"] for told in (first, second))
    assert first["mean"] == second["mean"] == {"rank": 0.5, "one": 1.0}
    assert first["went"] <= second["came"]
    assert first["precision"] == second["precision"]


def test_torchrun_tells_a_process_its_place():
    assert Team.find(ENVIRONMENT) == Team(3, 4, 1, 2)
    assert Team.find({}) == ALONE and ALONE.is_first and ALONE.is_alone
    assert Team.find({"RANK": "1", "WORLD_SIZE": "2"}) == ALONE  # of another launcher


@pytest.mark.parametrize("changes", [{"RANK": "4"}, {"RANK": "x"}, {"LOCAL_RANK": "2"}, {"WORLD_SIZE": "0"}, {"RANK": "-1"}])
def test_a_place_that_cannot_be_is_refused(changes):
    with pytest.raises(N2NError, match="no place of a process"):
        Team.find({**ENVIRONMENT, **changes})


def test_alone_nothing_is_exchanged():
    with ALONE.gathered("cpu"), ALONE.first_ahead():
        assert ALONE.agree("x") == "x" and ALONE.any(True) and not ALONE.any(False) and ALONE.mean({"a": 2.0}) == {"a": 2.0}
    network = torch.nn.Linear(1, 1)
    assert ALONE.trained(network) is network
    assert ALONE.device("cuda:1") == "cuda:1" and ALONE.threads(None) is None and ALONE.threads(3) == 3


def test_each_member_takes_its_own_device_and_its_share_of_the_cores(monkeypatch):
    team = Team(1, 2, 1, 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert team.device("auto") == team.device("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert team.device("auto") == team.device("cuda") == "cuda:1"
    for name in ("cuda:0", "mps"):
        with pytest.raises(N2NError, match="cannot share"):
            team.device(name)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(N2NError, match="2 processes need a GPU each, and there are 1"):
        team.device("auto")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(12)), raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as torchrun sets it
    assert team.threads(None) == 6 and team.threads(2) == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert team.threads(None) is None


def test_members_make_the_parts_of_the_batch_that_one_process_makes():
    whole, parts = Crops(4, 16, 7), [Crops(2, 16, 7).of(rank) for rank in (0, 1)]
    drawn = [[rng.random() for rng in crops.generators(3, 0)] for crops in (whole, *parts)]
    assert drawn[0] == drawn[1] + drawn[2] and len(set(drawn[0])) == 4


def test_a_second_ctrl_c_does_not_tear_a_member_out_of_its_step():
    import signal

    before = signal.getsignal(signal.SIGINT)
    with stop_on_ctrl_c(second_stops=False) as stop_asked:
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
        assert stop_asked()
    assert signal.getsignal(signal.SIGINT) is before
