"""What each of two processes does for test_team.py, which compares what they leave in a folder."""

import sys
import time
from pathlib import Path

import numpy as np
import torch

from n2n_render.learn.loop import Loop
from n2n_render.learn.protocols import Verdict
from n2n_render.learn.samplers import Crops, stack_crops
from n2n_render.learn.schedule import Schedule
from n2n_render.learn.team import ALONE, Team
from n2n_render.network.specification import PaperNetwork, Specification

MODEL = Specification(network=PaperNetwork(levels=2, encoder_width=6, decoder_width=8, head_widths=(6, 6)))


class Grey:
    """Crops without a picture, each by a generator of its own, and some of them brighter: members see different ones."""

    def __init__(self, crops):
        self.crops = crops

    def make(self, step, stream=0):
        return stack_crops([self._crop(rng) for rng in self.crops.generators(step, stream)])

    def _crop(self, rng):
        size = self.crops.size_px
        noisy, target = (rng.random() * 3 * rng.gamma(4.0, 0.25, (2, size, size, 3))).astype(np.float32)
        return {"noisy": noisy, "target": target, "guides": np.zeros((size, size, 0), np.float32)}


def squared(prediction, batch):
    return ((prediction - batch["target"]) ** 2).mean(), {"brightness": prediction.mean()}


class Newest:
    def look(self, network, step):
        return Verdict(True, {"step": float(step)}, is_enough=step >= 12)


def trained(team, batch, **schedule):
    """12 steps, 6 of them with the statistics of batches."""
    crops = Crops(batch, 16, 1).of(team.rank)
    usual = {"learning_rate": 1e-3, "warmup_steps": 0, "looks": 2, "norm_batch_fraction": 0.5, "steps": 12}
    loop = Loop.open(MODEL, None, Grey(crops), squared, Schedule(**{**usual, **schedule}), "cpu", "float32", team=team)
    loop.run(Newest())
    return {"weights": loop.weights(), **loop.descent.state(), "means": loop.take_means(), "steps": loop.steps}


def agreements(team):
    """What the members say of each other."""
    with team.first_ahead():
        came = time.time()
        time.sleep(0.3)
        went = time.time()
    return {
        "rank": team.rank,
        "agreed": team.agree({"of": team.rank, "arrays": [np.full(3, team.rank)]})["of"],
        "any": team.any(team.rank == 1),
        "none": team.any(False),
        "mean": team.mean({"rank": float(team.rank), "one": 1.0}),
        "came": came,
        "went": went,
        "precision": Loop.open(MODEL, None, Grey(Crops(1, 16, 1)), squared, Schedule(1e-3), "cpu", "auto", team=team).precision,
    }


SCHEDULES = {"steps": {}, "seconds": {"steps": None, "seconds": 2.0}, "rounds": {"round_steps": 4, "steps": 1000}}


def main(out):
    team = Team.find()
    for name, changes in SCHEDULES.items():
        with team.gathered("cpu"):  # again and again, in the same processes
            torch.save(trained(team, 2, **changes), out / f"{name}-{team.rank}.pt")
    with team.gathered("cpu"):
        torch.save(agreements(team), out / f"agreements-{team.rank}.pt")
    if team.is_first:
        torch.save(trained(ALONE, 4), out / "alone.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
