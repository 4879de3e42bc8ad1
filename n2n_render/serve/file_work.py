"""Files that are there, shown and completed: `pictures`, `masks` and `vectors`, done."""

from pathlib import Path
from typing import Any

from ..errors import N2NError
from .job import Job
from .places import check_folder, check_pictures, is_same_file
from .request import Masks, Pictures, Vectors


def pictures(request: Pictures, job: Job) -> dict[str, Any]:
    """Of each view layer that was rendered: denoised, as rendered, and the expected error, where the file has it."""
    import numpy as np

    from ..denoise.artist import ERROR_PASS
    from ..io.exr import ExrImage, write_picture

    check_folder("pictures: folder", request.folder)
    denoised, rendered = ExrImage.open(request.input), ExrImage.open(request.rendered)
    layers = denoised.rendered_layers
    missing = [layer for layer in layers if layer not in rendered.layers]
    if missing or not layers:
        what = f"view layer {missing[0]!r}" if missing else "picture"
        raise N2NError(f"{request.rendered if missing else request.input}: has no {what}", "Pass files of one frame.")
    errors = []
    for index, layer in enumerate(layers):
        job.on_fraction(index / len(layers))
        made = {"denoised": denoised.picture(layer), "rendered": rendered.picture(layer)}
        error = denoised.pass_pixels(layer, ERROR_PASS)
        if error is not None:
            errors.append(layer)
            made["error"] = np.concatenate([error[..., :1].repeat(3, -1), np.ones_like(error[..., :1])], axis=-1)
        paths = {kind: Path(request.folder) / f"{index}.{kind}.exr" for kind in made}
        check_pictures("pictures", paths.values(), {"input": request.input, "rendered file": request.rendered})
        for kind, path in paths.items():
            write_picture(path, made[kind])
    return {"layers": {layer: index for index, layer in enumerate(layers)}, "errors": errors}


def masks(request: Masks, job: Job) -> dict[str, Any]:
    """By the header alone."""
    from ..denoise.masks import Masks as Found
    from ..io.exr import ExrImage

    image = ExrImage.open(request.input, header_only=True)
    return {"layers": {layer: Found.of(image, layer).listed() for layer in image.rendered_layers}}


def vectors(request: Vectors, job: Job) -> dict[str, Any]:
    """Raises N2NError where one of the files cannot be completed; those before it are."""
    from ..io.vectors import put_vectors

    own = next((path for path in request.into if is_same_file(path, request.source)), None)
    if own:
        raise N2NError(f"vectors: {own} is the source itself", "Name other files.")
    for index, path in enumerate(request.into):
        job.on_fraction(index / len(request.into))
        put_vectors(Path(request.source), Path(path))
    return {}
