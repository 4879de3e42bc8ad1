"""What would re-estimating BatchNorm's statistics once more, after the last step, do to a finished run?

    python tests/benchmarks/batchnorm.py RUN

PSNR on T and relMSE of one seed of the run's held-out views, with the statistics that it was trained with, and with those that
the training set gives for the final weights. The run is not changed.
"""

import contextlib
import copy
import shutil
import sys
import tempfile
from pathlib import Path

from n2n_render.learn.norms import reestimate_norms
from n2n_render.learn.validation import validate
from n2n_render.progress import Silent
from n2n_render.train import ResumeOptions
from n2n_render.train.earlier import Earlier
from n2n_render.train.training import Run

BATCHES = (32, 256)


def main(name: str):
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as held:
        copied = Path(shutil.copytree(name, Path(folder) / "run"))
        earlier = Earlier.open(copied)
        run = Run.open(earlier.options(ResumeOptions(str(copied))), Silent(), held, earlier)
        loop = run.loop
        networks = {"as trained": loop.average}
        for count in BATCHES:
            networks[f"re-estimated over {count} batches"] = again = copy.deepcopy(loop.average)
            reestimate_norms(again, loop.model, loop.sampler, loop.device, "float32", count)
        for title, network in networks.items():
            values = validate(network, loop.model, run.judge.pairs, loop.device, "float32")[0]
            print(f"{name}, step {loop.steps}, {title}: " + ", ".join(f"{key} {value:.4g}" for key, value in values.items()))
        loop.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
