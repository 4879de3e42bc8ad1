"""Karma, which `husk` writes. Houdini's documentation (`idenoise` and the denoising filter take names of planes).

Files of Houdini 20.5 name no program, but list their planes in an attribute `order`: "C { R G B A } N { X Y Z }"; the plane C
lies in them as R, G, B, A.
"""

from .dialect import ALPHA, DEPTH, RGB, XYZ, Dialect, Source, at

KARMA = Dialect(
    name="Karma",
    channels={
        "color": Source(at(("C", ""), *RGB)),
        "alpha": Source(at(("C", ""), *ALPHA)),
        "albedo": Source(at("albedo", *RGB)),
        "normal": Source(at(("N", "normal"), *XYZ, *RGB)),
        "depth": Source((*at("Z", *DEPTH), *at("", ("Z",)))),
    },
    marks=("C",),
    headers={"software": "karma|husk|houdini", "husk*": "", "karma*": "", "order": r"^C \{ R G B"},
)
