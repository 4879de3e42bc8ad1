"""Evaluation results become pictures and table rows."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ..errors import N2NError
from ..frame.metrics import RELMSE_EPSILON
from ..frame.transfer import encode_tonemap
from ..io.atomic import write_beside
from .evaluate import METRICS, ViewResult, equal_samples

CAPTION_PX = 18
CROPS = 2  # magnified places in a comparison
MAGNIFIED = 4  # times
ERROR_WHITE = 0.1  # RMS error on T: 25 of 255, which everybody sees
HEADINGS = ("PSNR on T [dB] ↑", "SSIM ↑", "relMSE ↓", "SMAPE ↓", "FLIP ↓")


def table_rows(scores: dict[str, dict[str, float]]) -> list[list[str]]:
    """Method → metrics as cells."""
    formats = ("{:.2f}", "{:.4f}", "{:.4f}", "{:.4f}", "{:.4f}")
    return [
        [
            method,
            *[
                text.format(values[metric]) if np.isfinite(values[metric]) else "–"
                for text, metric in zip(formats, METRICS, strict=True)
            ],
        ]
        for method, values in scores.items()
    ]


def samples_lines(ladder: dict[int, float], mean: dict[str, dict[str, float]]) -> list[str]:
    """What Open Image Denoise makes of more samples, and how many of them each method is worth; [] without a ladder."""
    if not ladder:
        return []
    lines = ["OIDN at " + ", ".join(f"{spp} spp {ladder[spp]:.2f} dB" for spp in sorted(ladder))]
    for method in [name for name in mean if not name.startswith("noisy") and name != "OIDN"]:
        psnr_db = mean[method]["psnr_db"]
        spp = equal_samples(ladder, psnr_db)
        beyond = f"fewer than {min(ladder)}" if psnr_db < ladder[min(ladder)] else f"more than {max(ladder)}"
        lines.append(f"{method} equals OIDN at {f'{spp:.1f}' if spp else beyond} spp")
    return lines


def flicker_lines(changes: list[dict[str, float]]) -> list[str]:
    """How far the change between consecutive frames is from the reference's, as PSNR on T along the motion; [] without any."""
    changes = [change for change in changes if change]
    if not changes:
        return []
    means = {method: np.mean([change[method] for change in changes]) for method in changes[0]}
    shown = [
        f"{method} {-10 * np.log10(error):.2f} dB" if error > 0 else f"{method} less than the references' noise"
        for method, error in means.items()
    ]
    return [f"change between {len(changes)} pair(s) of consecutive frames, PSNR on T: {', '.join(shown)}"]


def write_fly_through(points, path: Path):
    """The curve of `online`: PSNR on T over the frames, noisy and denoised, expected and (where references are) true."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    for name, label, style in (
        ("true", "denoised", "C0-"),
        ("expected", "denoised, expected", "C0:"),
        ("noisy_true", "noisy, mean of two seeds", "C1-"),
        ("noisy_expected", "noisy, expected", "C1:"),
    ):
        known = [(point.frame, getattr(point, name)) for point in points if getattr(point, name) is not None]
        if known:
            axis.plot(*zip(*known, strict=True), style, marker=".", label=label)
    axis.set_xlabel("frame")
    axis.set_ylabel("PSNR on T(v) [dB]")
    axis.grid(alpha=0.3)
    axis.legend()
    write_beside(path, lambda temporary: figure.savefig(temporary, format="png", dpi=100))


def comparison(result: ViewResult):
    """A picture: all images side by side with captions, below them their FLIP error maps (dark: no error), then magnified
    the places where the denoised ones are worst; every column is one image.
    """
    image_module, draw_module = _pillow()
    names = [name for name in result.images if name != "noisy, one seed"]
    height, width = result.images[names[0]].shape[:2]
    size = max(1, min(width // (CROPS * MAGNIFIED), height))
    denoised = [name for name in result.errors if not name.startswith("noisy, ")]
    places = worst_places([result.errors[name] for name in denoised], size)
    picture = image_module.new("RGB", (width * len(names), 2 * height + CAPTION_PX + size * MAGNIFIED), "black")
    draw = draw_module.Draw(picture)
    for column, name in enumerate(names):
        left = column * width
        shown = image_module.fromarray(display(result.images[name]))
        picture.paste(shown, (left, CAPTION_PX))
        caption = name
        if name in result.errors:
            caption += f"   {result.scores[name]['psnr_db']:.2f} dB"
            heat = image_module.fromarray(heat_map(result.errors[name]))
            picture.paste(heat, (left, CAPTION_PX + height))
        draw.text((left + 4, 3), caption, fill="white")
        for index, (y, x) in enumerate(places):
            crop = shown.crop((x, y, x + size, y + size)).resize((size * MAGNIFIED,) * 2, image_module.Resampling.NEAREST)
            picture.paste(crop, (left + index * size * MAGNIFIED, CAPTION_PX + 2 * height))
            draw.rectangle((left + x, CAPTION_PX + y, left + x + size - 1, CAPTION_PX + y + size - 1), outline="white")
    return picture


def worst_places(errors: list[np.ndarray], size: int) -> list[tuple[int, int]]:
    """Top left corners (y, x) of the CROPS windows of `size` pixels, apart from each other, where the mean of the error maps
    (H, W) is largest.
    """
    if not errors:
        return []
    sums = np.pad(np.mean(errors, axis=0, dtype=np.float64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    windows = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    places = []
    while len(places) < CROPS and np.isfinite(windows).any():
        y, x = (int(index) for index in np.unravel_index(np.nanargmax(windows), windows.shape))
        places.append((y, x))
        windows[max(0, y - size + 1) : y + size, max(0, x - size + 1) : x + size] = np.nan
    return places


def write_comparison(result: ViewResult, folder: Path) -> Path:
    path = Path(folder) / f"{result.name.replace('/', '_')}.png"
    picture = comparison(result)
    write_beside(path, lambda temporary: picture.save(temporary, format="png"))
    return path


def write_strip(path: Path, images: list[np.ndarray]):
    """Exposed radiance images of one size (H, W, 3), side by side as a PNG, tone-mapped."""
    picture = _pillow()[0].fromarray(np.concatenate([display(image) for image in images], axis=1))
    write_beside(path, lambda temporary: picture.save(temporary, format="png"))


def write_error_map(frame_path: Path, picture):
    """An `adapt` Picture's expected error beside its frame, as <name>.error.png: white is ERROR_WHITE or more on T."""
    heat = heat_map(np.clip(picture.error_display / ERROR_WHITE, 0, 1))
    image = _pillow()[0].fromarray(heat)
    write_beside(frame_path.with_suffix(".error.png"), lambda temporary: image.save(temporary, format="png"))


def check_pillow():
    """Raises N2NError unless pictures can be written: asked before any expensive step."""
    _pillow()


def check_matplotlib():
    """Raises N2NError unless curves can be drawn: asked before any expensive step."""
    if find_spec("matplotlib") is None:
        raise N2NError("curves need Matplotlib, which is not installed", 'Run pip install "n2n-render[report]".')


def write_json(results: list[ViewResult], mean: dict, path: str, changes=(), ladder: dict[int, float] | None = None):
    """Everything that `evaluate` prints. oidn_psnr_db: samples per pixel → PSNR on T of Open Image Denoise at its best."""
    content = {
        "views": [{"name": result.name, "held_out": result.held_out, "scores": result.scores} for result in results],
        "mean": mean,
        "change_mse": list(changes),
        "oidn_psnr_db": ladder or {},
        "tone_map": "(v/(1+v))^(1/2.2)",
        "relmse_epsilon": RELMSE_EPSILON,
    }
    write_beside(path, lambda temporary: Path(temporary).write_text(json.dumps(_told(content), indent=1) + "\n"))


def _told(value):
    """For JSON, which has no NaN: null where a number could not be told, for the error is lost in the references' noise."""
    if isinstance(value, dict):
        return {name: _told(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_told(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def display(radiance: np.ndarray) -> np.ndarray:
    """Exposed radiance → 8-bit T(v)."""
    return (encode_tonemap(np.maximum(radiance, 0), np) * 255 + 0.5).astype(np.uint8)


def heat_map(error: np.ndarray) -> np.ndarray:
    """[0, 1] → black, violet, orange, white; three straight ramps."""
    ramps = np.stack([np.clip(error * 3, 0, 1), np.clip(error * 3 - 1, 0, 1), np.clip(error * 3 - 2, 0, 1)], axis=-1)
    ramps[..., 2] = np.maximum(ramps[..., 2], np.clip(0.5 - np.abs(error * 3 - 0.6), 0, 0.5))
    return (ramps * 255 + 0.5).astype(np.uint8)


def _pillow():
    try:
        from PIL import Image, ImageDraw
    except ImportError:
        raise N2NError("pictures need Pillow, which is not installed", 'Run pip install "n2n-render[report]".') from None
    return Image, ImageDraw
