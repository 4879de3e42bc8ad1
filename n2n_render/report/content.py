"""What a page shows: pictures of a view, their error maps, and the numbers of all views."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..frame.arrays import Array
from ..io.images import ERROR_WHITE

FLIP, EXPECTED, TRUE = "flip", "expected", "true"
PSNR, EXPECTED_PSNR = "psnr_db", "expected_psnr_db"


@dataclass(frozen=True)
class Metric:
    """A column of numbers. key: its name in `Row.scores`. more: larger is better; None: neither."""

    key: str
    title: str
    digits: int
    more: bool | None


@dataclass(frozen=True)
class MapKind:
    """A kind of error map. white: the error that is shown white. says: what it is, for the legend."""

    key: str
    title: str
    white: float
    says: str


METRICS = (
    Metric(PSNR, "PSNR, dB", 2, True),
    Metric("ssim", "SSIM", 4, True),
    Metric("relmse", "relMSE", 5, False),
    Metric("smape", "SMAPE", 4, False),
    Metric("flip", "FLIP", 4, False),
    Metric("flip_view", "FLIP ({view})", 4, False),
    Metric(EXPECTED_PSNR, "expected, dB", 2, None),
)
MAPS = (
    MapKind(FLIP, "FLIP", 1.0, "FLIP: how much people see of the difference to the reference"),
    MapKind(EXPECTED, "Expected error", ERROR_WHITE, "RMS error on T that adapt expects, without any reference"),
    MapKind(TRUE, "True error", ERROR_WHITE, "RMS error on T against the references, mean of 9×9 pixels"),
)


@dataclass(frozen=True)
class ReportPicture:
    """One picture of a view.

    radiance: (H, W, 3), scene-linear, exposed so that middle grey is about 0.18. maps: key of `MAPS` → (H, W), ≥ 0.
    """

    name: str
    radiance: Array
    maps: Mapping[str, Array] = field(default_factory=dict)

    def cropped(self, y: int, x: int, size: int) -> "ReportPicture":
        """A square of it."""
        place = slice(y, y + size), slice(x, x + size)
        return replace(self, radiance=self.radiance[place], maps={key: error[place] for key, error in self.maps.items()})


@dataclass(frozen=True)
class ReportView:
    """The pictures of one view, all of one size.

    Attributes:
        gain: Brings their radiance to what the page's `View` takes.
        worst: (H, W): where it is largest a crop is taken from, if there is no room for the whole; None: from the middle.
        crop: (y, x, H, W): where in the whole picture these are from, and its size; None: they are whole.
    """

    name: str
    pictures: Sequence[ReportPicture]
    gain: float = 1.0
    worst: Array | None = None
    crop: tuple[int, int, int, int] | None = None


@dataclass(frozen=True)
class Row:
    """The numbers of a view: method → key of `METRICS` → value, NaN where it cannot be told. note: what to know of it."""

    name: str
    scores: Mapping[str, dict[str, float]]
    note: str = ""


@dataclass(frozen=True)
class Summary:
    """All that a page tells of all views.

    Attributes:
        facts: (what, value): lines under the title.
        rows: Of all views, also of those that are not shown.
        mean: As the scores of a row; {}: there is no such table.
        notes: Sentences for the foot of the page.
        opens: Name of the row that is shown first; None: the first with pictures.
        item: What a row is.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    rows: Sequence[Row]
    mean: Mapping[str, dict[str, float]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    opens: str | None = None
    item: str = "view"
