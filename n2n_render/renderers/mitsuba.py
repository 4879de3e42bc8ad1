"""Mitsuba 3's `aov` integrator: src/integrators/aov.cpp; tried with 3.9.

Names of AOVs are the user's: these are the ones of its documentation and of its own types. A distance is whatever has the
letter T. The picture of the inner integrator is there again under that one's name, which is left as it is. There is no motion,
and no pass of light.
"""

from .dialect import ALPHA, ANY_PASS, RGB, XYZ, Dialect, Source, Space, at

MITSUBA = Dialect(
    name="Mitsuba",
    channels={
        "color": Source(at("", *RGB)),
        "alpha": Source(at("", *ALPHA)),
        "albedo": Source(at(("albedo", "alb", "al"), *RGB)),
        "normal": Source(at(("sh_normal", "nn", "normal", "normals", "shading_normal", "n", "N", "geo_normal"), *XYZ)),
        "depth": Source(at(("depth", "dd", "dd.y", ANY_PASS), ("T",))),
    },
    marks=("sh_normal", "geo_normal"),
    headers={"generatedBy": "mitsuba"},
    normals=Space.WORLD,
)
