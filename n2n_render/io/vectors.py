"""Motion vectors of one render → the files of others of the same frame: Cycles leaves them empty where it renders blur."""

from pathlib import Path

import numpy as np

from ..errors import N2NError
from ..frame.channels import VECTOR
from ..renderers.cycles import VECTORS
from .exr import ExrImage


def put_vectors(source: Path, into: Path) -> None:
    """Puts the Vector pass of every view layer of `source` into the same layer of `into`, where it may be already.

    Raises N2NError where there is none, and where the two differ in size.
    """
    image, given = ExrImage.open(into), ExrImage.open(source)
    found = {layer: places for layer in given.layers if (places := given.find(layer, VECTOR))}
    if not found:
        raise N2NError(
            f"{source}: has no Vector pass",
            "Turn on View Layer > Passes > Data > Vector, and Motion Blur off, and render again.",
        )
    shared = [layer for layer in image.layers if layer in found]
    if not shared:
        raise N2NError(f"{source} and {into} have no view layer in common", "Pass renders of one frame.")
    for layer in shared:
        if image.window(layer) != given.window(layer):
            raise N2NError(f"{source} and {into} differ in size", "Pass renders of one frame, with the same border.")
        planes = np.moveaxis(given.pixels(found[layer]), -1, 0)
        image.add_pass(layer, VECTORS, {name[-1]: plane for (_, name), plane in zip(found[layer], planes, strict=True)})
    image.write(into)
