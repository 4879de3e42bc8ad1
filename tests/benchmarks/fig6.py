"""The order of losses and input curves of Noise2Noise (2018), Fig 6, on a dataset with references on several views.

    python tests/benchmarks/fig6.py DATASET

Trains one network per variant with the same seed, crops and steps, and evaluates f(A) on the held-out views with two
reference halves. PSNR on T(v), as in the paper; the firefly clamp is off, so that only the losses differ.
"""

import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click

# name → (encoding of the input, loss, target, head), in the paper's order of quality
VARIANTS = {
    "L_HDR(T(x), y)": ("tonemap", "relative_l2", "noisy", "direct"),
    "L_HDR(x, y)": ("linear", "relative_l2", "noisy", "direct"),
    "L2(T(x), y)": ("tonemap", "l2", "noisy", "direct"),
    "L2(x, y)": ("linear", "l2", "noisy", "direct"),
    "L2(T(x), T(y))": ("tonemap", "l2_tonemapped", "noisy", "direct"),
    "L_HDR(T(x), clean)": ("tonemap", "relative_l2", "reference", "direct"),
    "our default: log encoding, gated head": ("log", "relative_l2", "noisy", "gated"),
}


def run(job):
    """(name, data, steps, …) → (name, scores of the held-out views' mean, seconds)."""
    import json

    from n2n_render.train import TrainOptions, train

    name, data, steps, learning_rate, crop_px, seed, norm = job
    encoding, loss, target, head = VARIANTS[name]
    with tempfile.TemporaryDirectory() as folder:
        options = TrainOptions(
            data=(data,),
            out=f"{folder}/run",
            hdr=True,
            features=("albedo", "normal"),
            encoding=encoding,
            loss=loss,
            target=target,
            head=head,
            steps=steps,
            learning_rate=learning_rate,
            crop_px=crop_px,
            threads=1,
            firefly_clamp=0,
            validations=4,
            seed=seed,
            validation_fraction=0.1,
            norm=norm,
        )
        last = json.loads((train(options).folder / "metrics.jsonl").read_text().splitlines()[-1])
    return name, last["psnr_db"], last["relmse"], last["seconds"]


def noisy_input(data):
    """Mean PSNR and relMSE of one seed of the held-out views."""
    import numpy as np

    from n2n_render.frame.metrics import psnr, relmse
    from n2n_render.io.dataset import find_pairs, split_pairs
    from n2n_render.learn.arrays import cache_pair

    scores = []
    for pair in split_pairs(find_pairs(Path(data)), 0.1)[1]:
        cached = cache_pair(pair, ("albedo", "normal"))
        images = {
            "image": np.array(cached.images[0, ..., :3], np.float32),
            "reference_a": np.array(cached.reference[0]),
            "reference_b": np.array(cached.reference[1]),
        }
        scores.append((psnr(**images), relmse(**images)))
    return np.mean(scores, axis=0)


@click.command()
@click.argument("data")
@click.option("--steps", default=250)
@click.option("--learning-rate", default=1e-3)
@click.option("--crop", default=64)
@click.option("--seed", default=1)
@click.option("--norm", type=click.Choice(["none", "batch"]), default="none", help="none: as in the paper.")
@click.option("--clean/--no-clean", default=True, help="Noise-to-clean too; needs references on training views.")
@click.option("--first", default=len(VARIANTS), help="Only so many variants, from the top of the list.")
@click.option("--processes", default=2, help="Variants trained at a time, one thread each.")
def main(data, steps, learning_rate, crop, seed, norm, clean, first, processes):
    names = [name for name in list(VARIANTS)[:first] if clean or VARIANTS[name][2] == "noisy"]
    jobs = [(name, data, steps, learning_rate, crop, seed, norm) for name in names]
    print(f"{data}: {steps} steps, crops of {crop}, learning rate {learning_rate:g}, seed {seed}, norm {norm}", flush=True)
    psnr, relmse = noisy_input(data)
    print("| variant | PSNR on T [dB] | relMSE | seconds |\n|---|---|---|---|")
    print(f"| noisy input | {psnr:.2f} | {relmse:.4f} | |", flush=True)
    with ProcessPoolExecutor(processes) as pool:
        for name, psnr, relmse, seconds in pool.map(run, jobs):
            print(f"| {name} | {psnr:.2f} | {relmse:.4f} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
