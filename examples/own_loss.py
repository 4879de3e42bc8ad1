"""A loss and a corruption of one's own, plugged into the training.

    python examples/own_loss.py datasets/shot runs/own --steps 2000

Everything else is `train`'s: pairs, validation, checkpoints, curves. learn/loop.py says what a sampler and a loss are given.
"""

import argparse

import numpy as np

from n2n_render.train import TrainOptions, train


class DeadPixels:
    """Inputs in which one pixel of a hundred is black; targets stay. The same batches for the same steps."""

    def __init__(self, sampler):
        self.sampler = sampler

    def make(self, step, stream=0):
        batch = self.sampler.make(step, stream)
        height, width = batch["noisy"].shape[2:]
        alive = np.random.default_rng([step, stream, 7]).random((len(batch["noisy"]), 1, height, width)) > 0.01
        return {**batch, "noisy": batch["noisy"] * alive.astype(np.float32)}


def relative_l1(prediction, batch):
    """Its minimum is the median of the noisy targets: calmer than the mean, and too dark where light is rare."""
    relative = (prediction - batch["target"]).abs() / (prediction.detach() + 0.01)
    return relative.mean(), {"brightness": prediction.mean()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", help="of `n2n-render sample`")
    parser.add_argument("run", help="run folder")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--levels", type=int, default=5, help="max-pools of the network")
    arguments = parser.parse_args()

    options = TrainOptions(
        data=(arguments.dataset,), out=arguments.run, hdr=True, steps=arguments.steps, levels=arguments.levels
    )
    done = train(options, loss=relative_l1, sampler=DeadPixels)
    print(f"{done.folder}: {done.steps} steps, relative error on held-out views {done.error:.4f}")


if __name__ == "__main__":
    main()
