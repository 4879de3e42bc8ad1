"""Whether the network ever waits for crops: time to make a batch against time to train on it, in one process.

python tests/benchmarks/loading.py DATASET
"""

import time

import click


@click.command()
@click.argument("data")
@click.option("--batch", default=4)
@click.option("--crop", default=128)
@click.option("--batches", default=50)
def main(data, batch, crop, batches):
    from n2n_render.frame.channels import FEATURES
    from n2n_render.io.dataset import find_pairs
    from n2n_render.learn.arrays import cache_pair
    from n2n_render.learn.samplers import Crops, PairSampler

    started = time.time()
    pairs = [cache_pair(pair, FEATURES) for pair in find_pairs(data)]
    decoded = time.time() - started
    source = PairSampler(pairs, FEATURES, Crops(batch, crop, seed=1))
    source.make(0)
    started = time.time()
    for step in range(batches):
        source.make(step)
    making = (time.time() - started) / batches
    print(
        f"{len(pairs)} pairs opened in {decoded:.2f} s; a batch of {batch} crops of {crop}² takes {making * 1000:.1f} ms on "
        f"one thread: {batch / making:.0f} crops/s"
    )


if __name__ == "__main__":
    main()
