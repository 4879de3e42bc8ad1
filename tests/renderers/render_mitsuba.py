"""Renders Mitsuba's Cornell box with the `aov` integrator, a file a seed: python render_mitsuba.py FOLDER FILTER SIZE SPP SEED…

Run as a process of its own. The `scalar_rgb` variant needs no LLVM and no GPU.
"""

import sys
from pathlib import Path

import mitsuba as mi


def main(folder: str, pixel_filter: str, size: str, spp: str, *seeds: str) -> None:
    mi.set_variant("scalar_rgb")
    scene = mi.cornell_box()
    scene["sensor"]["film"].update(width=int(size), height=int(size), rfilter={"type": pixel_filter})
    scene["integrator"] = {"type": "aov", "aovs": "albedo:albedo,nn:sh_normal,dd:depth", "image": scene["integrator"]}
    scene = mi.load_dict(scene)
    for seed in seeds:
        mi.render(scene, spp=int(spp), seed=int(seed))
        scene.sensors()[0].film().write(str(Path(folder) / f"box_s{seed}.exr"))


if __name__ == "__main__":
    main(*sys.argv[1:])
