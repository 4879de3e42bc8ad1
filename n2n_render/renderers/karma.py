"""Karma, which `husk` writes. Houdini's documentation (`idenoise` and the denoising filter take names of planes).

Files of Houdini 20.5 name no program, but list their planes in an attribute `order`: "C { R G B A } N { X Y Z }"; the plane C
lies in them as R, G, B, A.

Passes of light: Karma Standard Render Vars of Houdini 18.0 to 21.0 (names and light path expressions) and LPE Tag (`C_<tag>`).
Light that lamps send ends on L in these expressions, what objects emit on O, so that none is there twice. Not taken:
unshadowed passes and shadows, which are no parts of the picture, and render vars of the user's own.
"""

from .dialect import ALPHA, DEPTH, RGB, XYZ, Dialect, PassRule, Role, Source, at, halved, undivided

_NO_LIGHT = ("*unshadowed*", "*shadow", "*_denoised")

KARMA = Dialect(
    name="Karma",
    channels={
        "color": Source(at(("C", ""), *RGB)),
        "alpha": Source(at(("C", ""), *ALPHA)),
        "albedo": Source(at("albedo", *RGB)),
        "normal": Source(at(("N", "normal"), *XYZ, *RGB)),
        "depth": Source((*at("Z", *DEPTH), *at("", ("Z",)))),
    },
    light=(
        PassRule(Role.GROUP, ("C_*",), but=_NO_LIGHT),
        *halved(("combineddiffuse",), ("directdiffuse", "diffuse"), ("indirectdiffuse",), _NO_LIGHT),
        *halved(
            ("combinedglossyreflection",),
            ("directglossyreflection", "glossyreflection"),
            ("indirectglossyreflection",),
            _NO_LIGHT,
        ),
        *halved(("combinedvolume",), ("directvolume", "volume"), ("indirectvolume",), _NO_LIGHT),
        *halved(("combinedemission",), ("directemission", "emission"), ("indirectemission",), _NO_LIGHT),
        *undivided(("glossytransmission",), _NO_LIGHT),
        *undivided(("sss",), _NO_LIGHT),
        *undivided(("visiblelights",), _NO_LIGHT),
        PassRule(Role.OTHER, ("coat", "coat_*"), but=_NO_LIGHT),  # it is in the reflections too
    ),
    marks=("C", "combineddiffuse", "combinedglossyreflection", "directglossyreflection", "glossytransmission"),
    headers={"software": "karma|husk|houdini", "husk*": "", "karma*": "", "order": r"^C \{ R G B"},
)
