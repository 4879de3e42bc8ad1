"""How near are Open Image Denoise's networks in torch to its own library? Mean relative difference on real frames.

    python tests/benchmarks/parity.py FRAME.exr…

Models for clean auxiliaries get albedo and normal that the library has cleaned, on both sides.
"""

import click
import numpy as np

QUALITY = {"oidn-small": 4, "oidn": 5, "oidn-large": 6}  # OIDN's fast, balanced, high


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="FRAME.exr…")
def main(paths):
    from n2n_render.denoise import Denoiser
    from n2n_render.engines.options import EngineOptions
    from n2n_render.engines.runtime import Runtime
    from n2n_render.frame.frame import Frame
    from n2n_render.io.exr import read_frame
    from n2n_render.network.oidn_weights import ARCHIVES, oidn_checkpoint

    cpu = Runtime.open("cpu")
    noisy = [read_frame(path, ("albedo", "normal")) for path in paths]
    clean = [
        Frame(frame.color, **{name: cpu.filter({name: frame[name]}, quality=6) for name in ("albedo", "normal")})
        for frame in noisy
    ]
    print("| model | mean | largest |\n|---|---|---|")
    for entry in (entry for entry in ARCHIVES if entry.usage):
        ours = Denoiser.open(oidn_checkpoint(entry.name), EngineOptions("cpu", "torch"), prefilter=False)
        subject, found = entry.usage.subject, []
        for frame in clean if entry.usage.clean_guides else noisy:
            images = {name: frame[name] for name in (subject, *entry.usage.features)}
            switches = {"hdr": True, "cleanAux": entry.usage.clean_guides} if subject == "color" else {}
            theirs = cpu.filter(images, quality=QUALITY[entry.size], **switches)
            mine = ours.denoise(frame if subject == "color" else Frame(images[subject]))
            found.append(np.abs(mine - theirs).mean() / np.abs(theirs).mean())
        print(f"| {entry.name} | {np.mean(found):.1e} | {np.max(found):.1e} |", flush=True)


if __name__ == "__main__":
    main()
