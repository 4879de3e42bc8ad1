"""What would re-estimating BatchNorm's statistics once more, after the last step, do to a finished run?

    python tests/benchmarks/batchnorm.py RUN

PSNR on T and relMSE of one seed of the run's held-out views, with the statistics that it was trained with, and with those that
the training set gives for the final weights. The run is not changed.
"""

import copy
import shutil
import sys
import tempfile
from pathlib import Path

from fig6 import Quiet

from n2n_render.train.loop import Trainer, resumed_config
from n2n_render.train.validate import reestimate_norms, validate

BATCHES = (32, 256)


def main(run: str):
    with tempfile.TemporaryDirectory() as folder:
        copied = shutil.copytree(run, Path(folder) / "run")
        trainer = Trainer(resumed_config(str(copied)), Quiet(), str(copied))
        networks = {"as trained": trainer.descent.average}
        for count in BATCHES:
            networks[f"re-estimated over {count} batches"] = again = copy.deepcopy(trainer.descent.average)
            reestimate_norms(again, trainer.batches, trainer.device, "float32", count)
        for name, network in networks.items():
            found = validate(network, trainer.validation_pairs, trainer.device, "float32")[0]
            print(f"{run}, step {trainer.step}, {name}: " + ", ".join(f"{key} {value:.4g}" for key, value in found.items()))
        trainer.batches.close()
        trainer.journal.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
