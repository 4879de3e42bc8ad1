"""Unreal's path tracer as the Movie Render Queue writes it: `FinalImage<layer>.R`.

The denoiser's buffers (albedo, normal, and a "variance" that is a standard deviation) come out by materials of the user's,
under names of the user's: these are those of the enumeration EPathTracingBufferTextureId. There are no passes that add up.
"""

import numpy as np

from .dialect import ALPHA, RGB, XYZ, Dialect, Source, at

_PICTURE = "FinalImage"


def split_final(path: str) -> tuple[str, str]:
    """ "FinalImageBack" → ("Back", "FinalImage")."""
    return (path.removeprefix(_PICTURE), _PICTURE) if path.startswith(_PICTURE) else ("", path)


UNREAL = Dialect(
    name="Unreal",
    channels={
        "color": Source(at(_PICTURE, *RGB)),
        "alpha": Source(at(_PICTURE, *ALPHA)),
        "albedo": Source(at("Albedo", *RGB)),
        "normal": Source(at("Normal", *XYZ, *RGB)),
        "variance": Source(at("Variance", *RGB), undo=np.square),
    },
    marks=(_PICTURE,),
    headers={"unreal/*": ""},
    split=split_final,
)
