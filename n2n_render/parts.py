"""What a program calls for the parts of a picture: passes of light, what masks cover. `import n2n_render as n2n` gives it."""

import os
from collections.abc import Mapping
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from .errors import N2NError
from .frame.frame import Frame
from .frame.given import as_frame, as_path, size_of
from .loaded import Model, Running, model_for

FilePath = str | os.PathLike[str]


def denoise_light(
    image: Frame | NDArray[Any],
    light: Mapping[str, NDArray[Any]],
    albedo: NDArray[Any] | None = None,
    normal: NDArray[Any] | None = None,
    model: str | os.PathLike[str] | Model = "oidn",
    **running: Unpack[Running],
) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
    """A clean picture, and its light groups (or light passes), clean and adding up to it as the noisy ones did.

    Args:
        image: as of `denoise`, of renders.
        light: name → radiance (H, W, 3), as it is in the picture: what a file divides by a colour, times that colour. Of one
            kind: groups and light passes together would be twice the picture.
        albedo: as of `denoise`; normal and running, too.
        model: as of `denoise`, of renders.

    Returns:
        The picture (H, W, 3) float32, and each pass by its name. What the passes leave of the noisy picture, they leave of the
        clean one.

    Raises:
        N2NError: as of `denoise`, or a pass is of another size than the picture.

    >>> import numpy as np
    >>> import n2n_render as n2n
    >>> rng = np.random.default_rng(1)
    >>> key, fill = (level * rng.gamma(1.0, 1.0, (64, 64, 3)) for level in (0.5, 0.1))
    >>> picture, clean = n2n.denoise_light(key + fill, {"key": key, "fill": fill}, model="oidn-small", device="cpu")
    >>> bool(np.allclose(clean["key"] + clean["fill"], picture, rtol=1e-3))
    True
    """
    frame = as_frame(image, albedo=albedo, normal=normal)
    passes = {name: as_frame(pixels).color for name, pixels in light.items()}
    for name, pixels in passes.items():
        if pixels.shape != frame.color.shape:
            raise N2NError(
                f"the pass {name!r} is {size_of(pixels)}, but the picture is {size_of(frame.color)}",
                "Pass the passes of one render.",
            )
    return model_for(model, frame, running).denoise_light(frame, passes)


def coverage(path: FilePath, name: str, layer: str | None = None) -> NDArray[np.float32]:
    """How much of each pixel is an object, a material or an asset of the file's Cryptomatte, or what a pass says.

    Args:
        path: an EXR file.
        name: as in `n2n-render denoise --strength`: grass, grass*, material:grass, mask:PASS.
        layer: its view layer, `LAYER.VIEW` in stereo files; None: the first.

    Returns:
        (H, W, 1), 0 to 1. `strength = 1 - 0.7 * n2n.coverage("frame.exr", "grass")` leaves the grass 0.3.

    Raises:
        N2NError: the file is missing or damaged, holds nothing of that name, or several things.
    """
    from .denoise.masks import Masks
    from .io.exr import ExrImage

    image = ExrImage.open(as_path(path))
    shown = image.layer(layer)
    masks = Masks.of(image, shown)
    found = masks.find(name)
    if found is None:
        raise masks.unknown(name)
    return masks.coverage(found, image.window(shown))
