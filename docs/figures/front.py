"""One frame of an evaluation → docs/images/front.jpg: two places where the gain is large, each method beside the others.

    n2n-render sample --scene bedroom_path.blend --frames 1-24 --spp 8 --size 384x216 --reference-spp 256 \
        --reference-frames 12,13 --out data/bedroom_path
    n2n-render sample --scene bedroom_path.blend --frames 12,13 --spp 16 --seeds 1 --size 384x216 --out data/one16
    n2n-render adapt data/bedroom_path --temporal 8 --steps 160 --train-frames 12 --threads 1 -o clean
    n2n-render evaluate --data data/bedroom_path --frames clean --more data/one16 --json evaluation.json
    python docs/figures/front.py data/bedroom_path clean data/one16 evaluation.json

The scene is bedroom_path, see datasets/bedroom_path/recipe.py. Shown through T after the reference's exposure.
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import n2n_render as n2n
from n2n_render.engines.oidn import denoise_best
from n2n_render.evaluate.pictures import worst_places
from n2n_render.evaluate.views import read_references
from n2n_render.frame.display import TONE_MAP
from n2n_render.frame.metrics import flip
from n2n_render.io.dataset import find_pairs

VIEW = "v000_f0012"
CROP_PX, TIMES, CAPTION_PX = 88, 4, 44
OURS, RIVAL = "clean", "OIDN, one render of 16"


def main(data: str, clean: str, more: str, numbers: str) -> None:
    pair = next(pair for pair in find_pairs(Path(data)) if pair.name.endswith(VIEW))
    references = read_references(pair)
    one = n2n.read(next(Path(more).glob(f"{VIEW}_s*.exr")))
    images = {
        "noisy, 16 samples": one.color,
        "Open Image Denoise": denoise_best(one),
        "n2n-render": n2n.read(Path(clean) / f"{VIEW}.exr", finished=True).color,
        "reference, 512 samples": references.mean / references.factor,
    }
    images = {name: image * references.factor for name, image in images.items()}
    scores = next(view["scores"] for view in json.loads(Path(numbers).read_text())["views"] if view["name"].endswith(VIEW))
    told = dict.fromkeys(images, "") | {
        "Open Image Denoise": f"{scores[RIVAL]['psnr_db']:.2f} dB",
        "n2n-render": f"{scores[OURS]['psnr_db']:.2f} dB",
    }
    rival, ours = (flip(image=images[name], reference=references.mean)[1] for name in list(images)[1:3])
    places = worst_places([np.maximum(rival - ours, 0)], CROP_PX)
    side = CROP_PX * TIMES
    picture = Image.new("RGB", (side * len(images), CAPTION_PX + side * len(places)), "black")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(22)
    for column, (name, image) in enumerate(images.items()):
        draw.text((column * side + 10, 10), f"{name}   {told[name]}".rstrip(), fill="white", font=font)
        shown = Image.fromarray(TONE_MAP.pixels(image))
        for row, (y, x) in enumerate(places):
            crop = shown.crop((x, y, x + CROP_PX, y + CROP_PX)).resize((side, side), Image.Resampling.NEAREST)
            picture.paste(crop, (column * side, CAPTION_PX + row * side))
    picture.save(Path(__file__).parents[1] / "images" / "front.jpg", quality=90)


main(*sys.argv[1:])
