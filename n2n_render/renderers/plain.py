"""Nobody's names: R, G, B, or one pass of a usual name. Guides are taken where their names can mean nothing else."""

from .dialect import ALPHA, DEPTH, RGB, XYZ, Dialect, Source, at

_PICTURES = ("", "beauty", "Beauty", "RGBA", "rgba", "RGB", "rgb", "Image", "color")
PLAIN = Dialect(
    name="plain",
    channels={
        "color": Source(at(_PICTURES, *RGB)),
        "alpha": Source(at(_PICTURES, *ALPHA)),
        "albedo": Source(at(("albedo", "Albedo"), *RGB)),
        "normal": Source(at(("normal", "Normal", "normals", "Normals", "N"), *XYZ, *RGB)),
        "depth": Source((*at(("depth", "Depth", "Z"), *DEPTH), *at("", ("Z",)))),
    },
)
