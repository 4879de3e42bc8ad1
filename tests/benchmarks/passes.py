"""Ways to denoise passes of light so that they add up, on the views of datasets that have references.

n2n-render sample --scene x.blend --spp 8 --views 4 --independent --passes all --reference-spp 256 --reference-frames 0-3
python tests/benchmarks/passes.py datasets/x …

Every figure is a PSNR on T after the pass's own exposure, by the cross product of two reference halves, as the difference to
the same network on that pass alone; for the large network that is Open Image Denoise at its best on that pass.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from n2n_render.denoise import Denoiser
from n2n_render.denoise.denoiser import load_denoiser
from n2n_render.engines.options import EngineOptions
from n2n_render.evaluate.views import find_views
from n2n_render.frame.arrays import Array
from n2n_render.frame.filters import box_mean
from n2n_render.frame.frame import Frame, mean_frame
from n2n_render.frame.metrics import psnr
from n2n_render.frame.sums import share_out
from n2n_render.frame.transfer import LUMINANCE, encode_tonemap, exposure
from n2n_render.io.dataset import Pair
from n2n_render.io.exr import ExrImage
from n2n_render.io.light import LightPass, Role
from n2n_render.io.renders import read_group

MODELS = ("oidn-large", "oidn", "oidn-small")
SUMMED = (Role.GROUP, Role.LIGHT)
WEIGHTS = {  # of the picture, the sum of the groups, and of the light passes, in the picture that they are to add up to
    "picture": (1, 0, 0),
    "1:1:1": (1, 1, 1),
    "1:2:1": (1, 2, 1),
    "1:2:2": (1, 2, 2),
    "sums alone": (0, 1, 1),
}
POWERS = {  # of the noise's mean square, and of the light, in the expected error
    "all alike": (0.0, 0.0),
    "noise²": (1.0, 0.0),
    "light": (0.0, 1.0),
    "light²": (0.0, 2.0),
    "√noise · light": (0.25, 1.0),
    "noise · light": (0.5, 1.0),
    "noise² · light": (1.0, 1.0),
}
NOTHING_DB = 70  # of a pass alone: there is next to nothing in it
REGRESSION_PX, PACKED_CHROMA_PX = 17, 15


@dataclass(frozen=True)
class View:
    """One view: its mean, its references, its passes that hold light."""

    mean: Frame
    halves: list[Frame]
    light: list[LightPass]

    @classmethod
    def read(cls, pair: Pair) -> "View":
        image = ExrImage.open(pair.noisy[0])
        layer = image.layer(None)
        light = [one for one in image.light(layer) if one.role in SUMMED]
        mean = mean_frame(read_group(pair.noisy, layer, ("albedo", "normal"), light=light))
        halves = []
        for path in pair.references:
            half = ExrImage.open(path)
            halves.append(half.frame(layer, light=[one for one in half.light(layer) if one.role in SUMMED]))
        return cls(mean, halves, [one for one in light if mean[one.channel].any()])

    def psnr(self, image: Array, channel: str = "color") -> float:
        one, two = (half[channel] for half in self.halves)
        factor = np.float32(exposure((one + two) / 2))
        return float(psnr(image=image * factor, reference_a=one * factor, reference_b=two * factor))


@dataclass(frozen=True)
class Denoised:
    """A view's picture, and its passes one by one, by role: (pass, noisy, denoised), and denoised as light in the picture."""

    picture: Array
    clean: Frame
    parts: dict[Role, list[tuple[LightPass, Array, Array]]]
    alone: dict[str, Array]

    @classmethod
    def by(cls, denoiser: Denoiser, view: View) -> "Denoised":
        clean = denoiser.prefilter(view.mean)
        picture = denoiser.denoise_clean(clean)
        parts, alone = defaultdict(list), {}
        for one in view.light:
            noisy = view.mean[one.channel]
            alone[one.channel] = denoised = denoiser.denoise_clean(clean.with_channels(color=noisy))
            if one.color and one.smooth:
                color = view.mean[one.color.channel]
                divided = np.divide(noisy, color, out=np.zeros_like(noisy), where=color > 0)
                denoised = denoiser.denoise_clean(clean.with_channels(color=divided)) * denoiser.clean_color(color)
            parts[one.role].append((one, noisy, denoised))
        return cls(picture, clean, dict(parts), alone)

    def total(self, weights: tuple[float, float, float]) -> Array:
        pictures = [self.picture, *(sum(part for _, _, part in self.parts[role]) for role in SUMMED)]
        return np.average(pictures, axis=0, weights=weights).astype(np.float32)

    def shared(self, total: Array, powers: tuple[float, float]) -> Iterator[tuple[str, Array]]:
        for parts in self.parts.values():
            errors = []
            for _, noisy, part in parts:
                taken = np.maximum(box_mean((noisy - part) ** 2, 7), 0)
                errors.append((taken ** powers[0] * part ** powers[1] + 1e-12).astype(np.float32))
            shared = share_out([part for _, _, part in parts], errors, total)
            yield from zip((one.channel for one, _, _ in parts), shared, strict=True)


def scaled(parts: list[Array], total: Array) -> list[Array]:
    found = np.sum(parts, axis=0)
    return [part * np.divide(total, found, out=np.zeros_like(total), where=found > 0) for part in parts]


def regression(made: Denoised) -> Iterator[tuple[str, Array]]:
    """One linear operator for all passes: local regression on the denoised picture and the guides (He et al. 2010)."""
    shown = encode_tonemap(made.picture * np.float32(exposure(made.picture)), np)
    guide = np.concatenate([shown, made.clean["albedo"], made.clean["normal"]], -1).astype(np.float64)

    def mean(image: Array) -> Array:
        return box_mean(image, REGRESSION_PX)

    middle = mean(guide)
    products = mean(np.einsum("hwi,hwj->hwij", guide, guide).reshape(*guide.shape[:2], -1))
    covariance = (
        products.reshape(*guide.shape, -1) - np.einsum("hwi,hwj->hwij", middle, middle) + 1e-4 * np.eye(guide.shape[-1])
    )
    parts = made.parts[Role.GROUP]
    fitted = []
    for _, noisy, _ in parts:
        cross = mean(np.einsum("hwi,hwc->hwic", guide, noisy).reshape(*guide.shape[:2], -1)).reshape(*guide.shape, 3)
        slope = np.linalg.solve(covariance, cross - np.einsum("hwi,hwc->hwic", middle, mean(noisy)))
        offset = mean(mean(noisy) - np.einsum("hwi,hwic->hwc", middle, slope))
        slope = mean(slope.reshape(*guide.shape[:2], -1)).reshape(slope.shape)
        fitted.append(np.maximum(np.einsum("hwi,hwic->hwc", guide, slope) + offset, 0).astype(np.float32))
    return zip((one.channel for one, _, _ in parts), scaled(fitted, made.picture), strict=True)


def packed(denoiser: Denoiser, made: Denoised) -> Iterator[tuple[str, Array]]:
    """Three groups' luminance as one colour: a third of the passes through the network; their hues are those around."""
    parts, pictures = made.parts[Role.GROUP], []
    grey = [noisy @ np.float32(LUMINANCE) for _, noisy, _ in parts]
    for start in range(0, len(parts), 3):
        some = grey[start : start + 3]
        scales = [max(float(image.mean()), 1e-6) for image in some]
        three = [image / scale for image, scale in zip(some, scales, strict=True)]
        color = np.stack([*three, *three[:1] * (3 - len(three))], -1).astype(np.float32)
        clean = denoiser.denoise_clean(made.clean.with_channels(color=color))
        for index, scale in enumerate(scales):
            around = box_mean(parts[start + index][1], PACKED_CHROMA_PX)
            hue = around / np.maximum(around @ np.array(LUMINANCE), 1e-6)[..., None]
            pictures.append((clean[..., index : index + 1] * scale * hue).astype(np.float32))
    return zip((one.channel for one, _, _ in parts), scaled(pictures, made.picture), strict=True)


class Table:
    """method → pass → gains, of all views."""

    def __init__(self) -> None:
        self.gains: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def add(self, method: str, view: View, alone: dict[str, Array], found: Iterator[tuple[str, Array]]) -> None:
        for channel, image in found:
            before = view.psnr(alone[channel], channel)
            if before < NOTHING_DB:
                self.gains[method][channel].append(view.psnr(image, channel) - before)

    def show(self) -> None:
        for method, by_pass in self.gains.items():
            told = []
            for kind, is_group in {"groups": True, "light passes": False}.items():
                values = [gain for name, gains in by_pass.items() if ("Combined_" in name) is is_group for gain in gains]
                told.append(f"{kind} {np.mean(values):+.2f} (worst {min(values):+.2f})" if values else f"{kind} –")
            print(f"  {method:40} {', '.join(told)}")


def main(*folders: str) -> None:
    denoisers = {name: load_denoiser(name, EngineOptions(precision="float32")) for name in MODELS}
    for folder in folders:
        table, pictures = Table(), defaultdict(list)
        for pair in find_views([Path(folder)]):
            view = View.read(pair)
            made = {name: Denoised.by(denoiser, view) for name, denoiser in denoisers.items()}
            best = made[MODELS[0]]
            for name, weights in WEIGHTS.items():
                total = best.total(weights)
                pictures[name].append(view.psnr(total))
                table.add(f"to {name}, by √noise · light", view, best.alone, best.shared(total, POWERS["√noise · light"]))
            for name, powers in POWERS.items():
                table.add(f"to 1:2:2, by {name}", view, best.alone, best.shared(best.total((1, 2, 2)), powers))
            table.add("regression on the picture", view, best.alone, regression(best))
            table.add("three groups as one colour", view, best.alone, packed(denoisers[MODELS[0]], best))
            for name in MODELS[1:]:
                table.add(f"{name} alone", view, best.alone, iter(made[name].alone.items()))
                total = np.average([best.picture, *(made[name].total(one) for one in ((0, 1, 0), (0, 0, 1)))], 0, (1, 2, 2))
                shared = made[name].shared(total.astype(np.float32), POWERS["√noise · light"])
                table.add(f"{name}, to 1:2:2 with the large picture", view, best.alone, shared)
                pictures[f"{name} in the sums"].append(view.psnr(total))
        print(folder, "picture", {name: f"{np.mean(values):.2f}" for name, values in pictures.items()})
        table.show()


if __name__ == "__main__":
    main(*sys.argv[1:])
