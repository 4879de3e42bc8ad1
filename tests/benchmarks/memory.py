"""Peak memory of `n2n-render denoise` on a large frame with albedo, normal and depth.

    python tests/benchmarks/memory.py CHECKPOINT --size 7680x4320

Makes a synthetic frame, denoises it in a child process and prints seconds and the child's peak resident memory.
"""

import resource
import subprocess
import sys
import tempfile
import time

import click


def write_large(path, width, height):
    import numpy as np

    from n2n_render.frame.frame import Frame
    from n2n_render.io.exr import write_frame

    rng = np.random.default_rng(1)
    color = rng.gamma(1.0, 1.0, (height, width, 3)).astype(np.float32)
    normal = np.zeros_like(color)
    normal[..., 2] = 1
    depth = np.full((height, width, 1), 3, np.float32)
    write_frame(path, Frame(color, albedo=np.minimum(color, 1), normal=normal, depth=depth))


@click.command()
@click.argument("model")
@click.option("--size", default="7680x4320")
@click.option("--tile", default=None)
def main(model, size, tile):
    with tempfile.TemporaryDirectory() as folder:
        maker = (
            f"import sys; sys.path.insert(0, {str(__file__).rpartition('/')[0]!r}); import memory; "
            f"memory.write_large({folder + '/in.exr'!r}, *{tuple(map(int, size.split('x')))})"
        )
        subprocess.run([sys.executable, "-c", maker], check=True)
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        started = time.time()
        subprocess.run(
            [
                sys.executable,
                "-m",
                "n2n_render",
                "denoise",
                f"{folder}/in.exr",
                "--model",
                model,
                "-o",
                f"{folder}/out.exr",
                *(["--tile", tile] if tile else []),
            ],
            check=True,
        )
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    note = "" if peak > before else " (at most: making the frame took as much)"
    print(f"{size}: {time.time() - started:.0f} s, peak {peak / 2**20:.2f} GiB{note}")


if __name__ == "__main__":
    main()
