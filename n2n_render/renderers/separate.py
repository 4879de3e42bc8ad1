"""Renderers that as a rule write a file a pass, which `--albedo FILE --normal FILE …` bring together.

Redshift: its documentation. LuxCore: slg/film/filmoutput.cpp. MoonRay: its documentation (render outputs, motion vectors).
"""

from .dialect import ALPHA, DEPTH, RGB, XYZ, Dialect, Motion, Source, Unit, at

REDSHIFT = Dialect(
    name="Redshift",
    channels={
        "color": Source(at(("", "Beauty"), *RGB)),
        "alpha": Source(at(("", "Beauty"), *ALPHA)),
        "depth": Source((*at("Z", *DEPTH), *at("", ("Z",)))),
    },
    headers={"software": "redshift", "redshift*": ""},
)
LUXCORE = Dialect(
    name="LuxCore",
    channels={
        "color": Source(at(("RGB_IMAGEPIPELINE", "RGBA_IMAGEPIPELINE", "RGB", "RGBA", ""), *RGB)),
        "alpha": Source(at(("RGBA_IMAGEPIPELINE", "RGBA", "ALPHA", ""), *ALPHA)),
        "albedo": Source(at("ALBEDO", *RGB)),
        "normal": Source(at(("AVG_SHADING_NORMAL", "SHADING_NORMAL"), *XYZ, *RGB)),
        "depth": Source(at("DEPTH", *DEPTH)),
    },
    marks=("ALBEDO", "AVG_SHADING_NORMAL"),
    headers={"software": "luxcore"},
)
MOONRAY = Dialect(
    name="MoonRay",
    channels={
        "color": Source(at(("", "beauty"), *RGB)),
        "alpha": Source(at(("", "beauty"), *ALPHA)),
        "albedo": Source(at("albedo", *RGB)),
        "normal": Source(at("normal", *XYZ, *RGB)),
        "depth": Source(at("depth", *DEPTH)),
        "vector": Source(at("motionvec", ("R", "G"), ("X", "Y"))),
    },
    marks=("motionvec",),
    headers={"software": "moonray"},
    motion=Motion(Unit.SCREEN, forward=True, premultiplied=True),
)
