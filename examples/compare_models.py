"""Compares models on one noisy frame that has a reference: numbers, seconds and a picture.

    python examples/compare_models.py noisy.exr reference.exr --models oidn-small oidn --output comparison.png

It reads top to bottom like a notebook; the lines with %% are its cells in editors that know them.
"""

# %% What is compared
import argparse
import time
from typing import Any

import matplotlib
import numpy as np

import n2n_render as n2n

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402 - after the choice of what draws

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("noisy")
parser.add_argument("reference", help="the same view with many samples")
parser.add_argument("--models", nargs="+", default=["oidn-small", "oidn"])
parser.add_argument("--output", default="comparison.png")
arguments = parser.parse_args()

noisy, reference = n2n.read(arguments.noisy), n2n.read(arguments.reference, finished=True)
print(f"{noisy!r} against {reference!r}")

# %% The pictures
pictures = {"noisy": noisy.color}
for name in arguments.models:
    model = n2n.load_model(name)
    started = time.perf_counter()
    pictures[name] = model(noisy)
    print(f"{name}: {time.perf_counter() - started:.2f} s on {model.runs_on}")

# %% The numbers
scores = {name: n2n.psnr(picture, reference) for name, picture in pictures.items()}
for name, score in sorted(scores.items(), key=lambda entry: -entry[1]):
    print(f"{name:>20} {score:6.2f} dB")


# %% What they look like, and where they are wrong
def shown(radiance: Any) -> Any:
    """T(v) = (v / (1 + v))^(1/2.2), the curve of all figures here: [0, ∞) → [0, 1)."""
    return (radiance / (1 + radiance)) ** (1 / 2.2)


figure, rows = pyplot.subplots(2, len(pictures) + 1, figsize=(4 * len(pictures) + 4, 6), squeeze=False, layout="constrained")
for column, (name, picture) in enumerate([*pictures.items(), ("reference", reference.color)]):
    rows[0][column].imshow(shown(picture))
    rows[0][column].set_title(f"{name}  {scores[name]:.2f} dB" if name in scores else name)
    rows[1][column].imshow(np.abs(shown(picture) - shown(reference.color)).mean(-1), cmap="magma", vmin=0, vmax=0.2)
for axis in rows.flat:
    axis.axis("off")
figure.savefig(arguments.output)
print(f"picture: {arguments.output}")
