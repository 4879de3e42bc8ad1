"""A renderer whose EXR files n2n-render reads without being told how."""

from n2n_render.renderers.dialect import ALPHA, DEPTH, RGB, XYZ, Dialect, PassRule, Role, Source, Space, at

TOYTRACER = Dialect(
    name="ToyTracer",
    channels={
        "color": Source(at("toy.radiance", *RGB)),
        "alpha": Source(at("toy.radiance", *ALPHA)),
        "albedo": Source(at("toy.diffuse", *RGB)),
        "normal": Source(at("toy.n", *XYZ)),
        "depth": Source(at("toy.distance", *DEPTH), undo=lambda millimetres: millimetres / 1000),
        "roughness": Source(at("toy.rough", *DEPTH)),
    },
    light=(PassRule(Role.GROUP, ("toy.light.*",)),),
    marks=("toy.radiance",),  # no other renderer has a pass of this name
    headers={"software": "toytracer"},
    normals=Space.CAMERA,
)
