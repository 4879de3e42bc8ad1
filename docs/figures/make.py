"""Draws the figures of docs/how-it-works.md beside this file: `python docs/figures/make.py`.

Each has a background of its own, so that it can be read on light and on dark pages.
"""

from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).parent
INK, PALE, PAPER = "#22303c", "#5b6b78", "#fbfaf7"
DATA, WORK, LEARN = "#e3eef6", "#fff3d6", "#e2f2e2"  # arrays and files, what is done to them, what learns


class Drawing:
    """Boxes and arrows on paper, in pixels."""

    def __init__(self, width: int, height: int, title: str):
        self.width, self.height, self.title, self.parts = width, height, title, []

    def box(self, x: int, y: int, width: int, text: str, below: str = "", colour: str = WORK, height: int = 56) -> None:
        middle, top = x + width // 2, y + (24 if below else height // 2 + 5)
        self.parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" '
            f'fill="{colour}" stroke="{INK}" stroke-width="1.2"/>'
        )
        self.text(middle, top, text, size=15, weight="600")
        for line, words in enumerate(below.split("\n") if below else ()):
            self.text(middle, top + 18 + 15 * line, words, size=12, colour=PALE)

    def text(
        self, x: int, y: int, text: str, size: int = 13, weight: str = "400", colour: str = INK, at: str = "middle"
    ) -> None:
        self.parts.append(
            f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" fill="{colour}" '
            f'text-anchor="{at}">{escape(text)}</text>'
        )

    def arrow(self, *points: tuple[int, int], dashed: bool = False, heads: str = "end") -> None:
        way = " L ".join(f"{x} {y}" for x, y in points)
        style = ' stroke-dasharray="5 4"' if dashed else ""
        marks = ' marker-end="url(#head)"' + (' marker-start="url(#head)"' if heads == "both" else "")
        self.parts.append(
            f'<path d="M {way}" fill="none" stroke="{PALE if dashed else INK}" stroke-width="1.6"{style}{marks}/>'
        )

    def write(self, name: str) -> None:
        head = (
            '<marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            'orient="auto-start-reverse">'
            f'<path d="M 0 0 L 10 5 L 0 10 z" fill="{INK}"/></marker>'
        )
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}" '
            f'height="{self.height}" font-family="Helvetica, Arial, sans-serif" role="img">',
            f"<title>{escape(self.title)}</title><defs>{head}</defs>",
            f'<rect width="{self.width}" height="{self.height}" rx="12" fill="{PAPER}"/>',
            *self.parts,
            "</svg>",
        ]
        (HERE / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def road() -> None:
    """Renders to clean files, and the way through the training."""
    draw = Drawing(900, 330, "The road of a frame: rendered, read, paired, guided, through the ladder, judged, written")
    draw.text(24, 34, "The road of a frame", size=18, weight="700", at="start")
    y = 70
    draw.box(24, y, 120, "sample", "two renders,\nother noise", height=76)
    draw.box(172, y, 120, "EXR files", "any renderer", DATA, height=76)
    draw.box(320, y, 120, "read, pair", "names → channels,\nnoise compared", height=76)
    draw.box(468, y, 120, "guides", "albedo, normal,\nneighbours", height=76)
    draw.box(616, y, 120, "ladder", "figure 2", height=76)
    draw.box(764, y, 112, "judge", "where it is\nbetter", height=76)
    for left in (144, 292, 440, 588, 736):
        draw.arrow((left, y + 38), (left + 27, y + 38))
    draw.box(304, 226, 284, "loop", "pair, guides → weights for this shot; figure 3", LEARN, height=64)
    draw.arrow((380, y + 76), (380, 225))
    draw.arrow((528, y + 76), (528, 225))
    draw.arrow((588, 258), (676, 258), (676, y + 77))
    draw.text(684, 210, "weights", colour=PALE, at="start")
    draw.box(764, 226, 112, "EXR files", "all else kept", DATA, height=64)
    draw.arrow((820, y + 76), (820, 225))
    draw.text(24, 262, "No step of it needs a reference.", colour=PALE, at="start")
    draw.write("road.svg")


def ladder() -> None:
    """Down to the network's numbers and up again; what lies on one height undoes each other."""
    draw = Drawing(900, 470, "The ladder: expose, encode, cut, engine, blend, decode, un-expose")
    draw.text(24, 34, "The ladder", size=18, weight="700", at="start")
    steps = (
        (
            "expose",
            "× factor: log-average\nluminance to 0.18",
            "un-expose",
            "÷ the same factor",
            "radiance, [0, ∞)",
        ),
        ("encode", "a curve: bright light\nand dark light alike", "decode", "the curve's inverse", "encoded, about [0, 1]"),
        ("cut", "tiles that overlap by\nwhat the network sees", "blend", "overlaps fade into\neach other", "tiles"),
    )
    for row, (down, how, up, back, space) in enumerate(steps):
        y = 62 + 100 * row
        draw.box(60 + 70 * row, y, 190, down, how, height=72)
        draw.box(650 - 70 * row, y, 190, up, back, height=72)
        draw.arrow((255 + 70 * row, y + 36), (645 - 70 * row, y + 36), dashed=True, heads="both")
        draw.text(450, y + 27, space, colour=PALE)
    for row in range(2):
        y = 62 + 100 * row
        draw.arrow((155 + 70 * row + 35, y + 72), (155 + 70 * row + 35, y + 99))
        draw.arrow((745 - 70 * row - 35, y + 100), (745 - 70 * row - 35, y + 73))
    draw.box(345, 368, 210, "engine", "PyTorch, Open Image\nDenoise, OpenVINO", LEARN, height=72)
    draw.arrow((295, 334), (295, 404), (344, 404))
    draw.arrow((555, 404), (605, 404), (605, 335))
    draw.write("ladder.svg")


def loop() -> None:
    """One training loop; its parts are choices."""
    draw = Drawing(
        900, 400, "The loop: a sampler makes batches, a loss compares, a step is made, a judge keeps the best weights"
    )
    draw.text(24, 34, "The loop", size=18, weight="700", at="start")
    draw.box(40, 80, 170, "sampler", "crops of one render,\nthe other the target", height=76)
    draw.box(290, 80, 150, "network", "input → prediction", LEARN, height=76)
    draw.box(520, 80, 150, "loss", "prediction against\nnoisy target", height=76)
    draw.box(730, 80, 140, "step", "gradient, clipped;\nrunning mean", height=76)
    draw.arrow((210, 104), (289, 104))
    draw.text(250, 97, "input", size=12, colour=PALE)
    draw.arrow((440, 118), (519, 118))
    draw.arrow((670, 118), (729, 118))
    draw.arrow((800, 156), (800, 200), (365, 200), (365, 157))
    draw.text(582, 193, "new weights, until the time is over or nothing is gained", size=12, colour=PALE)
    draw.arrow((125, 80), (125, 56), (595, 56), (595, 79))
    draw.text(360, 50, "target", size=12, colour=PALE)
    draw.box(290, 270, 150, "judge", "what was held out:\nbetter or not?", height=76)
    draw.box(520, 270, 150, "best weights", "and nothing worse", DATA, height=76)
    draw.arrow((325, 156), (325, 269))
    draw.text(317, 240, "now and then", size=12, colour=PALE, at="end")
    draw.arrow((440, 308), (519, 308))
    draw.text(
        24, 376, "train, adapt, online, photographs and MRI are choices of sampler, loss and judge.", colour=PALE, at="start"
    )
    draw.write("loop.svg")


if __name__ == "__main__":
    road()
    ladder()
    loop()
