"""Bursts as a camera makes them, from skimage's photographs: shot and read noise, a mosaic, JPEG; and what spoils them."""

import io

import numpy as np
from scipy import ndimage
from skimage import data, transform

PEAK = {"uint8": 255, "uint16": 65535}
PICTURES = ("astronaut", "coffee", "chelsea", "camera", "dark", "flat", "tiny", "moon")


def photograph(name):
    """(H, W, C) float64 in [0, 1], as light."""
    if name == "flat":
        return np.full((300, 400, 3), (0.3, 0.25, 0.2))
    if name == "dark":
        return photograph("coffee") * 0.06 + 0.01
    if name == "tiny":
        return photograph("astronaut")[60:124, 180:244]
    picture = getattr(data, name)() / 255.0
    return (picture if picture.ndim == 3 else picture[..., None]) ** 2.2


def moved(light, down, right=0.0):
    return ndimage.shift(light, (down, right, 0), order=3, mode="reflect").clip(0, 1)


def turned(light, degrees):
    return transform.rotate(light, degrees, order=3, mode="reflect").clip(0, 1)


def zoomed(light, factor):
    middle = (np.array(light.shape[1::-1]) - 1) / 2
    about = transform.AffineTransform(scale=factor, translation=middle * (1 - factor))
    return transform.warp(light, about, order=3, mode="reflect").clip(0, 1)


def with_object(light, size=0.12, contrast=0.6):
    """Something of another brightness stands in the picture."""
    height, width = light.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    inside = np.hypot(rows - 0.55 * height, columns - 0.4 * width) < size * min(height, width)
    light = light.copy()
    light[inside] = light[inside] * (1 - contrast) + contrast * (0.8 if light[inside].mean() < 0.4 else 0.05)
    return light


def shot(light, rng, photons=2000.0, read=0.003, kind="uint8", mosaic=False, quality=None):
    """One exposure: `photons` at full scale, `read` noise of full scale; developed with a gamma of 2.2 but for 16 bits."""
    noisy = rng.poisson(light * photons) / photons + rng.normal(0, read, light.shape)
    if mosaic and light.shape[-1] == 3:
        noisy = demosaiced(noisy)
    if kind == "float32":
        return noisy.astype(np.float32)
    developed = noisy.clip(0, 1) if kind == "uint16" else noisy.clip(0, 1) ** (1 / 2.2)
    pixels = np.rint(developed * PEAK[kind]).astype(kind)
    return compressed(pixels, quality) if quality else pixels


def demosaiced(rgb):
    """What a Bayer sensor keeps of it (RGGB), interpolated linearly: its noise is correlated."""
    kernel = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 4
    planes = []
    for channel in range(3):
        mask = np.zeros(rgb.shape[:2])
        for row, column in {0: [(0, 0)], 1: [(0, 1), (1, 0)], 2: [(1, 1)]}[channel]:
            mask[row::2, column::2] = 1
        weight = ndimage.convolve(mask, kernel, mode="mirror")
        planes.append(ndimage.convolve(rgb[..., channel] * mask, kernel, mode="mirror") / weight)
    return np.stack(planes, -1)


def compressed(pixels, quality):
    from PIL import Image

    stored = io.BytesIO()
    Image.fromarray(pixels if pixels.shape[-1] == 3 else pixels[..., 0]).save(stored, "JPEG", quality=quality)
    read = np.asarray(Image.open(stored))
    return read.reshape(*read.shape[:2], -1)


CAMERAS = {
    "8 bits": {},
    "16 bits": {"kind": "uint16"},
    "raw": {"kind": "float32", "photons": 500},
    "very noisy": {"photons": 30, "read": 0.03},
    "all but clean": {"photons": 3e5, "read": 0.0002},
    "16 bits, all but clean": {"photons": 3e5, "read": 0.0002, "kind": "uint16"},
    "mosaic": {"mosaic": True, "photons": 500},
    "JPEG": {"mosaic": True, "photons": 500, "quality": 90},
    "JPEG, all but clean": {"mosaic": True, "photons": 3e5, "read": 0.0002, "quality": 90},
    "JPEG, noisy": {"mosaic": True, "photons": 80, "read": 0.01, "quality": 80},
}
SPOILS = {
    "shifted 0.5 px": lambda light: moved(light, 0.3, -0.4),
    "shifted 1 px": lambda light: moved(light, 0, 1),
    "shifted 3 px": lambda light: moved(light, -3, 0.5),
    "turned 0.3°": lambda light: turned(light, 0.3),
    "zoomed 0.5 %": lambda light: zoomed(light, 1.005),
    "object": with_object,
    "flicker 2 %": lambda light: light * 0.98**2.2,
    "flicker 2 % of light": lambda light: light * 0.98,
}
