"""What is there, and one file at a time: `describe`, `check` and `denoise`, done.

What is needed for each is imported when it is first asked for.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import N2NError
from ..progress import ignore
from ..version import __version__
from .job import Job
from .places import check_pictures, check_places
from .request import Check, Denoise, Describe

if TYPE_CHECKING:
    from ..denoise import Denoiser
    from ..denoise.passes import Painted
    from ..frame.arrays import Array
    from ..io.exr import ExrImage

PicturePaths = list[tuple[Path, Path]]  # (denoised, rendered) of each layer


def describe(request: Describe, job: Job) -> dict[str, Any]:
    """Engines, models of renders, and what training would run on."""
    from ..engines.choice import list_engines
    from ..network.checkpoint import RENDERS
    from ..network.registry import list_models

    return {
        "version": __version__,
        "python": sys.executable,
        "engines": {name: devices for name, devices, _ in list_engines() if devices},
        "models": [
            vars(model) for model in list_models([Path(folder) for folder in request.folders]) if model.purpose == RENDERS
        ],
        "training": _training(job) if request.training else None,
    }


def _training(job: Job) -> dict[str, str] | None:
    """None where training cannot run here; why, unless PyTorch is simply not there, is a warning."""
    from ..engines.choice import NOT_INSTALLED, torch_problem

    if problem := torch_problem():
        if problem != NOT_INSTALLED:
            job.warn(f"PyTorch {problem}")
        return None
    from ..network.device import training_device

    try:
        return training_device()
    except N2NError as error:
        job.warn(f"{error.what}. {error.hint}")
        return None


def check(request: Check, job: Job) -> dict[str, Any]:
    """Raises N2NError where a file is missing, or lacks a pass that the model needs."""
    from ..denoise.choice import AUTO, model_that_fits
    from ..denoise.renders import layers_to_denoise
    from ..io.exr import ExrImage

    features: dict[str, tuple[str, ...]] = {}  # of each model
    if request.model != AUTO:  # also where there are no inputs
        features[request.model] = _features(request.model)
    models = []
    for index, path in enumerate(request.inputs):
        job.on_fraction(index / len(request.inputs))
        image = ExrImage.open(path, header_only=True)
        model = model_that_fits(image) if request.model == AUTO else request.model
        if model not in features:
            features[model] = _features(model)
        layers_to_denoise(image, None, features[model])
        models.append(model)
    return {"models": models}


def _features(model: str) -> tuple[str, ...]:
    from ..network.registry import open_model

    return open_model(model).model.features


class DenoiseWork:
    """Denoises one file a request. The model is kept for the next one; only one: large models fill a GPU."""

    def __init__(self) -> None:
        self._key: tuple[object, ...] = ()
        self._denoiser: Denoiser | None = None
        self._warn: Callable[[str], None] = ignore  # of the request in hand

    def __call__(self, request: Denoise, job: Job) -> dict[str, Any]:
        from ..denoise import PictureOptions
        from ..denoise.layers import denoise_layers
        from ..denoise.renders import LEFT_COMPOSITE, LayerRender, layers_to_denoise
        from ..denoise.strength import StrengthMean, check_names
        from ..denoise.wanted import check_passes, wanted_light
        from ..io.exr import ExrImage

        job.expect(LEFT_COMPOSITE)
        clock = _Clock()
        request = _with_model(request)
        clock.lap("read")
        check_places(request)
        options = PictureOptions(request.keep_noisy, request.strength, request.passes, request.strengths)
        check_names([[Path(request.input)]], None, options)
        check_passes([[Path(request.input)]], None, options.passes)
        denoiser = self._opened(request, job)
        clock.lap("model")
        image = ExrImage.open(request.input)
        layers = [layer for wanted in request.layers or [None] for layer in layers_to_denoise(image, wanted, denoiser.features)]
        light = {layer: wanted_light(image, layer, request.passes) for layer in layers}
        renders = [
            LayerRender(
                layer,
                image.frame(layer, denoiser.features, light=light[layer]),
                light=tuple(light[layer]),
                strength=StrengthMean(image, layer, options).finish(),
            )
            for layer in layers
        ]
        pictures = _Pictures.of(image, layers, _picture_paths(request, len(layers)))
        clock.lap("read")

        def paint(render: LayerRender, on_fraction: Callable[[float], None]) -> "Painted":
            clock.lap("write")
            painted = denoiser.paint(render.frame, render.light, on_fraction)
            clock.lap("network")
            return painted

        denoise_layers(
            image,
            renders,
            paint,
            denoiser.alpha,
            options,
            on_fraction=job.on_fraction,
            on_layer=lambda render: pictures.write(render.layer),
        )
        if request.output:
            image.write(request.output)
        clock.lap("write")
        return {
            "layers": {layer: index for index, layer in enumerate(layers)},
            "model": request.model,
            "names": image.taken(layers[0], denoiser.features),
            "engine": denoiser.engine.description,
            "seconds": clock.seconds,
        }

    def forget(self) -> None:
        """Gives the model's memory back, for work that opens its own."""
        self._denoiser = None

    def _opened(self, request: Denoise, job: Job) -> "Denoiser":
        """The one of the last request, unless another is asked for or the file has changed since."""
        from ..denoise import load_denoiser
        from ..engines.options import EngineOptions

        path = Path(request.model)
        files = sorted(path.glob("*.pt")) if path.is_dir() else [path] if path.is_file() else []
        options = EngineOptions(request.device, request.engine)
        changed = tuple(file.stat().st_mtime_ns for file in files)
        key = request.model, changed, options, request.prefilter, request.average
        self._warn = job.warn
        if self._denoiser is None or key != self._key:
            self._denoiser = None  # before the next one takes memory
            self._denoiser = load_denoiser(
                request.model, options, request.prefilter, request.average, lambda message: self._warn(message)
            )
            self._key = key
        return self._denoiser


def _with_model(request: Denoise) -> Denoise:
    """The request with the name of the model that fits, where any is asked for. Layers that are named must all be denoised:
    what all of them have decides.
    """
    from ..denoise.choice import AUTO, model_that_fits
    from ..io.exr import ExrImage
    from ..network.registry import choose

    if request.model != AUTO:
        return request
    image = ExrImage.open(request.input, header_only=True)
    if request.layers is None:
        return replace(request, model=model_that_fits(image))
    named = [image.available(layer) for wanted in request.layers for layer in image.layers_with(wanted)]
    return replace(request, model=choose(set.intersection(*map(set, named))))


class _Clock:
    """Seconds from lap to lap, by what they were spent on."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(("model", "read", "network", "write"), 0.0)
        self._last = time.perf_counter()

    def lap(self, spent_on: str) -> None:
        now = time.perf_counter()
        self.seconds[spent_on] += now - self._last
        self._last = now


class _Pictures:
    """Each layer as it was rendered and as it is now, as pictures of their own; nothing without paths."""

    def __init__(self, image: "ExrImage", paths: dict[str, tuple[Path, Path]], rendered: "dict[str, Array]"):
        """Layer → where its pictures go, and what it was."""
        self._image, self._paths, self._rendered = image, paths, rendered

    @classmethod
    def of(cls, image: "ExrImage", layers: list[str], paths: PicturePaths) -> "_Pictures":
        """Of the image as it is now."""
        places = dict(zip(layers, paths, strict=True)) if paths else {}
        return cls(image, places, {layer: image.picture(layer) for layer in places})

    def write(self, layer: str) -> None:
        from ..io.exr import write_picture

        if layer in self._paths:
            for path, pixels in zip(self._paths[layer], (self._image.picture(layer), self._rendered.pop(layer)), strict=True):
                write_picture(path, pixels)


def _picture_paths(request: Denoise, count: int) -> PicturePaths:
    """Of each layer, or nothing. Raises N2NError where one of them is read or written besides."""
    if not request.pictures:
        return []
    folder = Path(request.pictures)
    paths = [(folder / f"{index}.denoised.exr", folder / f"{index}.rendered.exr") for index in range(count)]
    taken = {"input": request.input, "model": request.model, "output": request.output}
    check_pictures("denoise", [path for pair in paths for path in pair], taken)
    return paths
