"""Arnold. Its user guide (AOVs, Arnold Denoiser), its developer guide (built-in AOVs), and SItoA's issue 53.

Not taken: `motionvector` (the guides say "screen space" and neither unit nor direction).
"""

from .dialect import ALPHA, DEPTH, RGB, XYZ, Dialect, Source, Space, at

ARNOLD = Dialect(
    name="Arnold",
    channels={
        "color": Source(at(("RGBA", ""), *RGB)),
        "alpha": Source(at(("RGBA", ""), *ALPHA)),
        "albedo": Source(at(("denoise_albedo", "diffuse_albedo", "albedo"), *RGB)),
        "normal": Source(at("N", *XYZ, *RGB)),
        "depth": Source((*at("Z", *DEPTH), *at("", ("Z",)))),
        "variance": Source(at("variance", *RGB)),
    },
    marks=("denoise_albedo", "diffuse_albedo", "RGBA", "motionvector", "N_noice", "Z_noice", "denoise_albedo_noice"),
    headers={"arnold/*": "", "software": "arnold"},
    normals=Space.WORLD,
)
