"""Adapting against more samples at equal time: does training pay, and from how many seconds of rendering a frame on?

python tests/benchmarks/equal_time.py scene.blend --size 960x540 --out FOLDER                                  # a still
python tests/benchmarks/equal_time.py scene.blend --size 960x540 --frames 1-24 --judge 12,13 --temporal 8 --out FOLDER
python tests/benchmarks/equal_time.py scene.blend --size 960x540 --frames 1-24 --temporal 8 --untrained --out FOLDER

Ours: every frame rendered by two seeds, `adapt` trained on all of them, pictures of all of them; --untrained: `denoise
--temporal --fast` of one render of as many samples, without any training. The rival: Open Image Denoise
at its best on one render a frame, with as many more samples as fit into the seconds that ours took. References cost nobody
anything. The rival's frames are rendered and timed where they are judged only; the start of Blender is nobody's time; the
Vector pass of scenes with motion blur is everybody's. FOLDER must be new: renders that are there already cannot be timed.
"""

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path

import click
import numpy as np

from n2n_render.adapt import AdaptOptions, adapt
from n2n_render.denoise import DenoiseOptions, denoise
from n2n_render.engines.oidn import denoise_best
from n2n_render.evaluate.rival import find_more
from n2n_render.evaluate.samples_worth import equal_samples, oidn_ladder
from n2n_render.evaluate.scores import compare_view
from n2n_render.evaluate.views import find_finished, find_views
from n2n_render.io.dataset import parse_name
from n2n_render.io.exr import read_frame
from n2n_render.io.ranges import parse_frames
from n2n_render.progress import Silent
from n2n_render.sample import SampleOptions, plan, sample


@dataclass
class Clock(Silent):
    """A reporter that knows the seconds from a stage's first unit of work to its end."""

    seconds: float = 0.0
    started: float = field(default_factory=time.perf_counter)

    @contextlib.contextmanager
    def __call__(self, title):
        yield self
        self.seconds += time.perf_counter() - self.started

    def start(self, total, count=0):
        self.started = time.perf_counter()


@dataclass(frozen=True)
class Rival:
    """Open Image Denoise on one render a frame: seconds a frame at several samples a pixel, and of denoising one."""

    render_seconds: dict[int, float]
    denoise_seconds: float

    @property
    def per_sample(self) -> float:
        """Seconds: the slope between the fewest and the most samples."""
        fewest, most = min(self.render_seconds), max(self.render_seconds)
        slope = (self.render_seconds[most] - self.render_seconds[fewest]) / max(most - fewest, 1)
        return slope if slope > 0 else self.render_seconds[most] / most

    def samples_in(self, seconds: float) -> int:
        """Samples a pixel of a frame that is rendered and denoised in so many seconds."""
        fewest = min(self.render_seconds)
        left = seconds - self.denoise_seconds - self.render_seconds[fewest]
        return max(1, int(fewest + left / self.per_sample))


def break_even(spp: int, extra_seconds: float, equal_spp: float) -> float:
    """Seconds of rendering a frame of `spp` samples above which `extra_seconds` of adapting cost less than the samples from
    there to `equal_spp`.
    """
    return spp * extra_seconds / (equal_spp - spp)


class Trial:
    """One scene: what both do with it, and how long it takes them. judged: numbers of the frames with references."""

    def __init__(self, scene, out, size, frames, judged):
        self.scene, self.out, self.size, self.frames, self.judged = scene, out, size, frames, judged

    def render(self, name: str, spp: int, seeds: int, frames, **more) -> float:
        """Seconds of rendering, of all frames together."""
        clock = Clock()
        sample(
            SampleOptions(self.scene, spp, out=str(self.out / name), seeds=seeds, size=self.size, frames=frames, **more), clock
        )
        return clock.seconds

    def adapt(self, **options) -> float:
        """Seconds of everything that `adapt` does."""
        started = time.perf_counter()
        adapt(AdaptOptions((str(self.out / "pairs"),), str(self.out / "adapted"), **options))
        return time.perf_counter() - started

    def denoise(self, temporal: int) -> float:
        """Seconds of `denoise --temporal --fast`; its files get the names that `adapt` gives."""
        started, pairs = time.perf_counter(), self.out / "pairs"
        files = sorted(path for path in pairs.glob("*.exr") if parse_name(path.name).kind == "s")
        options = DenoiseOptions(tuple(map(str, files)), str(self.out / "adapted"), "oidn-large", temporal=temporal, fast=True)
        denoise(options)
        seconds = time.perf_counter() - started
        for path in (self.out / "adapted").glob("*.exr"):
            path.rename(path.with_name(f"{parse_name(path.name).picture}.exr"))
        return seconds

    def psnr(self) -> float:
        """Of the adapted pictures; the mean over the judged frames."""
        views = find_views([self.out / "pairs"])
        files = find_finished([self.out / "adapted"], views)[str(self.out / "adapted")]
        scores = [compare_view(view, {}, False, finished={"ours": files[view]}).scores["ours"]["psnr_db"] for view in views]
        return float(np.mean(scores))

    def rung(self, spp: int, rival: Rival) -> float:
        """PSNR of Open Image Denoise on one render of `spp`; its seconds go into `rival`."""
        name = f"one_render_{spp}"
        rival.render_seconds[spp] = self.render(name, spp, 1, self.judged) / max(1, len(self.judged or ()))
        views = find_views([self.out / "pairs"])
        return oidn_ladder(views, find_more([self.out / name], views))[spp]

    def denoise_seconds(self, name: str) -> float:
        path = next((self.out / name).glob("*.exr"))
        started = time.perf_counter()
        denoise_best(read_frame(path, ("albedo", "normal")))
        return time.perf_counter() - started


@click.command()
@click.argument("scene")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A new folder.")
@click.option("--size", default="960x540")
@click.option("--spp", default=8, help="Of each of the two seeds.")
@click.option("--frames", help="1-24: a shot.  [default: a still, the frame that the scene was saved at]")
@click.option("--judge", help="Frames of the shot that get references.  [default: the middle two]")
@click.option("--reference-spp", default=256)
@click.option("--temporal", default=0)
@click.option("--untrained", is_flag=True, help="With --temporal: no training, and one render a frame.")
@click.option("--steps", type=int, help="Of training.  [default: --minutes]")
@click.option("--minutes", type=float, help="[default: adapt's]")
@click.option("--most-spp", default=1024, help="The rival gets no more, whatever the time.")
def main(scene, out, size, spp, frames, judge, reference_spp, temporal, untrained, steps, minutes, most_spp):
    if out.exists():
        raise click.UsageError(f"{out} exists: renders that are there already cannot be timed")
    numbers = tuple(parse_frames(frames)) if frames else None
    middle = len(numbers) // 2 if numbers else 0
    judged = tuple(parse_frames(judge)) if judge else numbers and numbers[max(0, middle - 1) : middle + 1]
    trial, count, total = Trial(scene, out, plan.parse_size(size), numbers, judged), len(numbers or (0,)), 2 * spp
    each, seeds, how = (total, 1, f"temporal, {total}") if untrained else (spp, 2, f"adapted, {spp} + {spp}")
    rendering = trial.render("pairs", each, seeds, numbers) / count
    if untrained:
        adapting = trial.denoise(temporal) / count
    else:
        adapting = trial.adapt(steps=steps, minutes=minutes, temporal=temporal) / count
    trial.render("pairs", each, 2, numbers if not untrained else judged, reference_spp=reference_spp, reference_frames=judged)
    ours = trial.psnr()
    print(f"{Path(scene).name}, {size}, {count} frame(s); a frame, PSNR on T: mean of {len(judged or (0,))} with references")
    print(f"{how} samples: {rendering:.1f} s of rendering + {adapting:.1f} s of denoising, {ours:.2f} dB")
    rival, ladder, at = Rival({}, 0.0), {}, total
    while at <= most_spp and (len(ladder) < 2 or max(ladder.values()) < ours):
        ladder[at] = trial.rung(at, rival)
        at *= 2
    rival = Rival(rival.render_seconds, trial.denoise_seconds(f"one_render_{total}"))
    for at, psnr_db in ladder.items():
        tell(rival, at, psnr_db, "")
    fits = min(rival.samples_in(rendering + adapting), most_spp)
    if fits not in ladder:
        ladder[fits] = trial.rung(fits, rival)
    reached = "equal time" if fits < most_spp else "less than equal time"
    tell(rival, fits, ladder[fits], f" ({reached}: ours {ours - ladder[fits]:+.2f} dB)")
    conclude(total, adapting - rival.denoise_seconds, ladder, ours)


def tell(rival: Rival, spp: int, psnr_db: float, more: str) -> None:
    seconds = f"{rival.render_seconds[spp]:.1f} s of rendering + {rival.denoise_seconds:.1f} s"
    print(f"OIDN, one render of {spp} samples: {seconds}, {psnr_db:.2f} dB{more}")


def conclude(spp: int, extra_seconds: float, ladder: dict[int, float], ours: float) -> None:
    """The break-even, as far as the ladder reaches."""
    equal = equal_samples(ladder, ours)
    if ours <= ladder[spp]:
        print("adapting never pays here: Open Image Denoise is as good on one render of as many samples")
    elif equal is None:
        seconds = break_even(spp, extra_seconds, max(ladder))
        print(f"OIDN needs more than {max(ladder)} samples: adapting pays above {seconds:.1f} s of rendering a frame, or below")
    else:
        seconds = break_even(spp, extra_seconds, equal)
        print(f"equals OIDN at {equal:.1f} samples: adapting pays above {seconds:.1f} s of rendering a frame of {spp} samples")


if __name__ == "__main__":
    main()
