"""V-Ray, and Corona by the same makers. V-Ray's documentation; the wiki of Corona.

Not taken: `ZDepth` (as a rule it is scaled to 0…1 between two distances that the file does not hold), `velocity` (scaled by a
speed that the file does not hold), `noiseLevel` (one number for three colours), Corona's `Sqr…` (sums of squares).
"""

from .dialect import ALPHA, RGB, XYZ, Dialect, Source, at

_PLAIN = ("", "RGBA", "rgba")
VRAY = Dialect(
    name="V-Ray",
    channels={
        "color": Source(at(_PLAIN, *RGB)),  # effectsResult is the finished picture
        "alpha": Source(at(_PLAIN, *ALPHA)),
        "normal": Source(at(("bump_normals", "bumpNormals", "normals"), *XYZ, *RGB)),
    },
    marks=("effectsResult", "bump_normals", "bumpNormals", "noiseLevel"),
    headers={"vrayInfo/*": "", "software": "v-ray"},
)
CORONA = Dialect(
    name="Corona",
    channels={
        "color": Source(at((*_PLAIN, "Beauty", "BEAUTY"), *RGB)),
        "alpha": Source(at((*_PLAIN, "Beauty", "BEAUTY"), *ALPHA)),
        "albedo": Source(at("VisibleDiffuse", *RGB)),
        "normal": Source(at("VisibleNormals", *XYZ, *RGB)),
    },
    marks=("VisibleDiffuse", "VisibleNormals"),
    headers={"software": "corona"},
)
