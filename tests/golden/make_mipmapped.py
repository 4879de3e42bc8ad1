"""Makes mipmapped.exr: a tiled file with all its mip levels, which the OpenEXR package can read and not write.

`pip install OpenImageIO && python tests/golden/make_mipmapped.py` (OpenImageIO 3.2.2, 2026-11-25).
"""

from pathlib import Path

import numpy as np
import OpenImageIO as oiio

NAMES = ["ViewLayer.Combined.R", "ViewLayer.Combined.G", "ViewLayer.Combined.B", "ViewLayer.Combined.A"]


def pixels():
    rows, columns = np.mgrid[:32, :48].astype(np.float32)
    return np.stack([rows / 32, columns / 48, (rows + columns) / 80, np.ones_like(rows)], axis=-1)


def main():
    spec = oiio.ImageSpec(48, 32, 4, "half")
    spec.channelnames = NAMES
    image = oiio.ImageBuf(spec)
    image.set_pixels(oiio.ROI(), pixels())
    options = oiio.ImageSpec()
    options.attribute("maketx:channelnames", ",".join(NAMES))
    options.tile_width = options.tile_height = 16
    done = oiio.ImageBufAlgo.make_texture(oiio.MakeTxTexture, image, str(Path(__file__).parent / "mipmapped.exr"), options)
    if not done:
        raise SystemExit(oiio.geterror())


if __name__ == "__main__":
    main()
