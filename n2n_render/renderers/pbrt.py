"""pbrt-v4's `gbuffer` film: src/pbrt/film.cpp. Normals and positions are in camera space unless the scene says otherwise.

There are no passes of light.
"""

from .dialect import ALPHA, RGB, XYZ, Dialect, Source, Space, at

PBRT = Dialect(
    name="pbrt",
    channels={
        "color": Source(at("", *RGB)),
        "alpha": Source(at("", *ALPHA)),
        "albedo": Source(at("Albedo", *RGB)),
        "normal": Source(at(("Ns", "N"), *XYZ)),
        "depth": Source(at("P", ("Z",))),
        "variance": Source(at("Variance", *RGB)),
    },
    marks=("Ns", "RelativeVariance"),
    headers={"software": "pbrt"},
    normals=Space.CAMERA,
)
