"""The points of a fly-through → its curve as a PNG."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from ..errors import N2NError
from ..io.atomic import write_beside
from .points import Point

LINES = (  # field of a point, label, style of Matplotlib
    ("true", "denoised", "C0-"),
    ("expected", "denoised, expected", "C0:"),
    ("noisy_true", "noisy, mean of two seeds", "C1-"),
    ("noisy_expected", "noisy, expected", "C1:"),
)


def check_matplotlib() -> None:
    """Raises N2NError unless curves can be drawn: asked before any expensive step."""
    if find_spec("matplotlib") is None:
        raise N2NError("curves need Matplotlib, which is not installed", 'Run pip install "n2n-render[report]".')


def write_fly_through(points: Sequence[Point], path: Path) -> None:
    """PSNR on T over the frames, noisy and denoised, expected and (where references are) true."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    for name, label, style in LINES:
        drawn = [(point.frame, getattr(point, name)) for point in points if getattr(point, name) is not None]
        if drawn:
            axis.plot(*zip(*drawn, strict=True), style, marker=".", label=label)
    axis.set_xlabel("frame")
    axis.set_ylabel("PSNR on T(v) [dB]")
    axis.grid(alpha=0.3)
    axis.legend()
    write_beside(path, lambda temporary: figure.savefig(temporary, format="png", dpi=100))
