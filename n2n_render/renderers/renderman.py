"""RenderMan's denoising channels. Gaffer's pull requests 6300 and 6730; `DisplayChannel` lines of RIB files.

`Ci` may be written as R, G, B, with `a` as A. `mse` is the mean squared error of Ci: the variance of the picture. Not taken:
`forward` and `backward` (nothing sure was found about their unit and direction).
"""

from .dialect import ALPHA, DEPTH, RGB, XYZ, Dialect, Source, at

RENDERMAN = Dialect(
    name="RenderMan",
    channels={
        "color": Source(at(("Ci", ""), *RGB)),
        "alpha": Source((*at("Ci", *ALPHA), *at("a", *ALPHA, *DEPTH), *at("", *ALPHA))),
        "albedo": Source(at("albedo", *RGB)),
        "normal": Source(at("normal", *XYZ, *RGB)),
        "depth": Source((*at("zfiltered", *DEPTH), *at("", ("zfiltered",)))),
        "variance": Source(at(("mse", "Ci_mse"), *RGB)),
    },
    marks=("Ci", "mse", "albedo_var", "albedo_mse", "normal_var", "normal_mse", "zfiltered"),
    headers={"software": "renderman|prman", "renderman/*": "", "prman/*": ""},
)
