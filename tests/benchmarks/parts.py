"""What do parts of one render say of a step from one network to another, as they are and decorrelated, and what is true?

python tests/benchmarks/parts.py DATASET --model clean/adapted.pt --model oidn-small

DATASET: of `sample`, two renders a view, with references. For each model: the change of the squared error on T of pictures of
one render, against the start (`oidn-large`), as the other render tells it and as the references do. What should be equal is
not quite: the other render's fireflies are limited. Independent renders (`sample --independent`) show how much that is.
"""

from pathlib import Path

import click
import numpy as np

from n2n_render.denoise import load_denoiser
from n2n_render.engines.options import EngineOptions
from n2n_render.evaluate.views import find_views, read_references
from n2n_render.frame.frame import mean_frame
from n2n_render.frame.transfer import RADIANCE_MAX, encode_tonemap, exposure
from n2n_render.guides.judging import open_judging
from n2n_render.guides.prefilter import Prefilter
from n2n_render.io.renders import read_group
from n2n_render.judge.decorrelate import correlation, decorrelate
from n2n_render.judge.evidence import limit_fireflies, residual_on_display, step_on_display
from n2n_render.network.registry import open_model

FEATURES = "albedo", "normal"
CPU = EngineOptions("cpu")


def told_change(begin, end, colors, estimate):
    """Of the squared error, by the other render."""
    change = 0.0
    for index, other in ((0, 1), (1, 0)):
        step = step_on_display(begin[index], end[index])
        target = limit_fireflies(colors[other], colors[index])
        residual = residual_on_display(begin[index], target, estimate)
        change += float(np.mean(step**2 - 2 * step * residual)) / 2
    return change


def true_error(pictures, references):
    one, two = (encode_tonemap(np.maximum(half, 0), np) for half in references)
    shown = [encode_tonemap(picture, np) for picture in pictures]
    return float(np.mean([np.mean((picture - one) * (picture - two)) for picture in shown]))


@click.command()
@click.argument("dataset", type=click.Path(exists=True, path_type=Path))
@click.option("--model", "models", multiple=True, default=["oidn-small"])
def main(dataset, models):
    start = load_denoiser("oidn-large", CPU, prefilter=False)
    networks = {name: load_denoiser(name, CPU, prefilter=False) for name in models}
    clean = Prefilter.open(open_model("oidn-large").model, CPU)
    ladder, _ = open_judging(FEATURES, clean, CPU, print)
    sums = {}
    for view in find_views([dataset]):
        frames = read_group(view.noisy, None, FEATURES)
        mean = clean(mean_frame(frames))
        factor, references = np.float32(exposure(mean.color)), read_references(view)
        halves = [half / references.factor * factor for half in references.halves]
        rendered = [np.minimum(frame.color * factor, RADIANCE_MAX) for frame in frames]
        pictures = [ladder.denoise(mean.with_channels(color=color / factor)) * factor for color in rendered]
        print(f"{view.name}: correlation {float(correlation(rendered, pictures).mean()):+.3f} in the mean of the picture")

        def paint(denoiser, colors, mean=mean, factor=factor):
            return [denoiser.denoise_clean(mean.with_channels(color=color / factor)) * factor for color in colors]

        estimate = start.denoise_clean(mean) * factor
        for kind, colors in (("as rendered", rendered), ("decorrelated", decorrelate(rendered, pictures))):
            begin = paint(start, colors)
            before = true_error(begin, halves)
            for name, network in networks.items():
                end = paint(network, colors)
                found = before, true_error(end, halves) - before, told_change(begin, end, colors, estimate)
                sums[name, kind] = np.add(sums.get((name, kind), 0), found)
    for (name, kind), (before, true, told) in sums.items():
        print(f"{name}, {kind}: true change {true / before:+.1%}, the other render says {told / before:+.1%}")


if __name__ == "__main__":
    main()
