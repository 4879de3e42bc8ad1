"""The page in a browser, from a file and without a network: what is dragged, turned and chosen changes the right pixels."""

import os
import shutil

import numpy as np
import pytest

from n2n_render.frame.display import TONE_MAP, View, heat_map
from n2n_render.report import ReportPage, ReportPicture, ReportView, Row, Summary

pytestmark = pytest.mark.slow
PROGRAMS = ("chromium", "google-chrome", "chromium-browser", "google-chrome-stable", "chrome")
HEIGHT, WIDTH = 45, 60
NAMES = ["noisy, mean of 2", "ours", "reference"]
MIX = np.array([[0.7, 0.2, 0.1], [0.15, 0.75, 0.1], [0.05, 0.15, 0.8]], np.float32)
# Like AgX: colours mix, on a logarithmic curve, of radiance as rendered.
MIXED = View("mixed", lambda radiance: np.clip((np.log2(np.maximum(radiance @ MIX, 2**-12)) + 12) / 18, 0, 1) ** 1.4)
READING = "getImageData"  # the browser says that reading so often is slow: it is we who read
READ = """(pane) => {
  const canvas = document.querySelectorAll("#panes canvas")[pane];
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return {width: canvas.width, height: canvas.height, text: btoa(Array.from(data, (v) => String.fromCharCode(v)).join(""))};
}"""


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        said = f"no browser is installed, which shows the page: none of {', '.join(PROGRAMS)} is on PATH"
        pytest.fail(said) if os.environ.get("CI") == "true" else pytest.skip(said)
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


def pictures(seed=0):
    """Names → radiance; the range of a render, black and lamps among it."""
    rng = np.random.default_rng(seed)
    truth = np.exp2(rng.uniform(-9, 4, (HEIGHT, WIDTH, 3))).astype(np.float32)
    truth[:3], truth[3:5] = 0, [300.0, 2.0, 0.001]
    noisy = truth * rng.gamma(2, 0.5, truth.shape).astype(np.float32)
    return dict(zip(NAMES, (noisy, (truth * 1.1).astype(np.float32), truth), strict=True))


def error_map(seed=0):
    return np.random.default_rng(seed).uniform(0, 0.12, (HEIGHT, WIDTH)).astype(np.float32)


def write(path, view=TONE_MAP, gain=1.0, name="data/v000_f0001"):
    ours = {"flip": error_map(1), "expected": error_map(2), "true": error_map(3)}
    maps = {"noisy, mean of 2": {"flip": error_map(4)}, "ours": ours}
    scores = {"noisy, mean of 2": {"psnr_db": 20.0}, "ours": {"psnr_db": 31.5, "expected_psnr_db": 31.0}}
    names = [name, "data/v001_f0001", "data/v002_f0001"]
    with ReportPage(path, view) as page:
        for seed, one in enumerate(names[:2]):
            shown = [ReportPicture(key, image, maps.get(key, {})) for key, image in pictures(seed).items()]
            page.add(ReportView(one, shown, gain))
        rows = [
            Row(one, {**scores, "ours": {"psnr_db": 31.5 + seed, "expected_psnr_db": 31.0 + seed}})
            for seed, one in enumerate(names)
        ]
        page.finish(Summary("Evaluation", [("data", "data")], rows, scores))
    return path


class Page:
    """A page that is open, and what it did that it should not."""

    def __init__(self, browser, path, **options):
        self.troubles, self.requests = [], []
        self.context = browser.new_context(**{"viewport": {"width": 1000, "height": 800}, "offline": True, **options})
        self.page = self.context.new_page()
        self.page.on("console", lambda message: READING not in message.text and self.troubles.append(message.text))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("#stage[data-drawn]", timeout=60_000)
        self.settle()

    def settle(self):
        """Two frames of the screen later all is drawn."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def key(self, *keys):
        self.page.focus("#stage")
        for key in keys:
            self.page.keyboard.press(key)
        self.settle()

    def click(self, text):
        self.page.get_by_text(text, exact=True).click()
        self.settle()

    def expose(self, stops):
        self.page.eval_on_selector("#exposure", f"(it) => {{ it.value = {stops}; it.dispatchEvent(new Event('input')); }}")
        self.settle()

    def drag(self, start, end):
        box = self.page.locator("#stage").bounding_box()
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        self.page.mouse.move(*places[1], steps=3)
        self.page.mouse.up()
        self.settle()

    def canvas(self, pane=0):
        """(H, W, 3) uint8 of what is drawn."""
        import base64

        read = self.page.evaluate(READ, pane)
        data = np.frombuffer(base64.b64decode(read["text"]), np.uint8)
        return data.reshape(read["height"], read["width"], 4)[..., :3].astype(int)

    @property
    def data(self):
        """Of the stage: zoom, left, top, wipe."""
        told = self.page.eval_on_selector("#stage", "(it) => ({...it.dataset})")
        return {key: float(told[key]) for key in ("zoom", "left", "top", "wipe")}

    def shown(self, pane=0):
        """The picture's own pixels, at a zoom of whole pixels: the middle of each, and of those that are on the canvas."""
        data, canvas = self.data, self.canvas(pane)
        zoom = int(data["zoom"])
        rows = data["top"] + zoom * np.arange(HEIGHT) + zoom // 2
        columns = data["left"] + zoom * np.arange(WIDTH) + zoom // 2
        assert rows.min() >= 0 and rows.max() < len(canvas) and columns.min() >= 0 and columns.max() < canvas.shape[1]
        return canvas[np.ix_(rows.astype(int), columns.astype(int))]


@pytest.fixture
def open_page(browser, tmp_path):
    """open_page(view=…, gain=…) → a Page; afterwards it must have asked for nothing, and complained of nothing."""
    opened = []

    def make(options=None, **changes):
        path = write(tmp_path / "report.html", **changes)
        opened.append(Page(browser, path, **(options or {})))
        return opened[-1]

    yield make
    for page in opened:
        page.context.close()
        assert not page.troubles and [url.split(":")[0] for url in page.requests] == ["file"], (page.troubles, page.requests)


def assert_shows(pixels, wanted, levels=2):
    assert pixels.shape == wanted.shape and np.abs(pixels - wanted.astype(int)).max() <= levels


@pytest.mark.parametrize("view, gain", [(TONE_MAP, 1.0), (MIXED, 0.25)], ids=["T", "mixed"])
def test_the_picture_is_the_view_and_a_stop_is_twice_the_radiance(open_page, view, gain):
    page = open_page(view=view, gain=gain)
    page.click("8×")
    page.key(*[","] * 40)  # the wipe to the left: all is the right picture
    ours = pictures()["ours"]
    levels = 2 if view is TONE_MAP else 3  # between places of a lattice
    assert_shows(page.shown(), view.pixels(ours * gain), levels)
    for stops in (1, -3, 2.5):
        page.expose(stops)
        assert_shows(page.shown(), view.pixels(ours * gain * 2**stops), levels)
    page.key("e")
    assert_shows(page.shown(), view.pixels(ours * gain), levels)
    page.key("]", "]", "]", "]")
    assert page.page.inner_text("#stops") == "+1.00 stops"
    assert_shows(page.shown(), view.pixels(ours * gain * 2), levels)


def test_left_of_the_wipe_is_one_picture_and_right_of_it_another(open_page):
    page = open_page()
    page.click("8×")
    noisy, ours, reference = map(TONE_MAP.pixels, pictures().values())

    def check(left, right):
        data, shown = page.data, page.shown()
        canvas = page.canvas()
        edge = round(data["wipe"] * canvas.shape[1])
        column = int((edge - data["left"]) // 8)  # the wipe goes through these pixels
        assert 3 < column < WIDTH - 3
        assert_shows(shown[:, :column], left[:, :column])
        assert_shows(shown[:, column + 1 :], right[:, column + 1 :])

    check(noisy, ours)
    page.drag((0.5, 0.3), (0.7, 0.6))
    assert page.data["wipe"] == pytest.approx(0.7, abs=0.005)
    check(noisy, ours)
    page.page.select_option("#right", label="reference")
    page.settle()
    check(noisy, reference)
    page.key("s", ",", ",", ".", ",")
    assert page.data["wipe"] == pytest.approx(0.66, abs=0.005)
    check(reference, noisy)


def test_a_pixel_is_eight_by_eight_and_moves_with_the_pointer(open_page):
    page = open_page()
    page.key("0", "1", "+", "+", "+")
    page.key(*[","] * 40)
    data, canvas = page.data, page.canvas()
    assert data["zoom"] == 8
    wanted = TONE_MAP.pixels(pictures()["ours"])
    left, top = int(data["left"]), int(data["top"])
    whole = canvas[top : top + 8 * HEIGHT, left : left + 8 * WIDTH]
    assert_shows(whole, wanted.repeat(8, 0).repeat(8, 1)[: len(whole)])
    page.drag((0.5, 0.5), (0.6, 0.4))
    moved = page.data
    assert moved["left"] - left == pytest.approx(0.1 * canvas.shape[1], abs=2)
    assert moved["top"] - top == pytest.approx(-0.1 * canvas.shape[0], abs=2)
    box = page.page.locator("#stage").bounding_box()
    page.page.mouse.move(box["x"] + 600, box["y"] + 200)
    before = [(600 - moved["left"]) / 8, (200 - moved["top"]) / 8]
    page.page.mouse.wheel(0, -240)
    page.settle()
    zoomed = page.data
    assert zoomed["zoom"] == 16  # and what is under the pointer stays there
    after = [(600 - zoomed["left"]) / 16, (200 - zoomed["top"]) / 16]
    assert after == pytest.approx(before, abs=0.1)
    page.click("Fit")
    assert page.data["zoom"] == min(canvas.shape[1] / WIDTH, canvas.shape[0] / HEIGHT)


def test_all_panes_show_the_same_place(open_page):
    page = open_page()
    page.key("g", "1", "+", "+", "ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft")
    page.drag((0.25, 0.25), (0.3, 0.2))
    wanted = [TONE_MAP.pixels(image) for image in pictures().values()]
    canvases = [page.canvas(pane) for pane in range(3)]
    assert len({canvas.shape for canvas in canvases}) == 1
    zoom, left, top = (int(page.data[key]) for key in ("zoom", "left", "top"))
    assert zoom == 4 and (left, top) != (0, 0)
    for y, x in ((20, 30), (30, 30), (33, 45)):
        at = top + zoom * y + 2, left + zoom * x + 2
        for canvas, image in zip(canvases, wanted, strict=True):
            assert 0 <= at[0] < len(canvas) and 0 <= at[1] < canvas.shape[1]
            assert np.abs(canvas[at] - image[y, x].astype(int)).max() <= 2
    page.key("g")
    assert page.page.locator("#panes canvas").count() == 1


def test_tabs_show_error_maps_and_the_picture_where_there_is_none(open_page):
    page = open_page()
    page.click("8×")
    ours = {"FLIP": (1, 1.0), "Expected error": (2, 0.1), "True error": (3, 0.1)}
    page.key(*[","] * 40)
    for title, (seed, white) in ours.items():
        page.click(title)
        assert page.page.locator('[role=tab][aria-selected="true"]').inner_text() == title
        assert_shows(page.shown(), heat_map(np.clip(error_map(seed) / white, 0, 1)), 4)
        before = page.canvas()
        page.expose(2)  # is of no meaning for an error
        np.testing.assert_array_equal(page.canvas(), before)
        page.key("e")
    page.click("Expected error")
    page.page.select_option("#right", label="reference")
    page.settle()
    assert_shows(page.shown(), TONE_MAP.pixels(pictures()["reference"]))
    assert "reference" in page.page.inner_text(".caption.right") and "Expected" not in page.page.inner_text(".caption.right")
    page.key("t", "t")  # true error, and the picture again
    assert page.page.locator('[role=tab][aria-selected="true"]').inner_text() == "Picture"


def test_views_numbers_and_the_plot_are_there(open_page):
    page = open_page(name='<img src=x onerror="alert(1)">')
    assert page.page.inner_text("#numbers h2") == '<img src=x onerror="alert(1)">'
    assert page.page.locator("#numbers td.best").count() == 0  # of one method there is no best
    assert "31.50" in page.page.inner_text("#table") and "31.00" in page.page.inner_text("#table")
    assert page.page.inner_text("#means h2") == "Mean of 3 views"
    assert page.page.locator("#plot .dot").count() == 3 and "RMS 0.50 dB" in page.page.inner_text("#plot")
    page.key("1", "+", "+", "+", *[","] * 40)
    page.key("n")
    page.page.wait_for_selector('body[data-ready="data/v001_f0001"]')
    page.settle()
    assert_shows(page.shown(), TONE_MAP.pixels(pictures(1)["ours"]))  # at the same place
    page.key("n")
    page.page.wait_for_selector("#stage", state="hidden")
    assert "no room" in page.page.inner_text("#shown") and "33.50" in page.page.inner_text("#table")
    page.page.locator("#plot .dot").first.click()
    page.page.wait_for_selector("#stage", state="visible")
    assert page.page.input_value("#view") == "0"


@pytest.mark.parametrize("width, scale", [(600, 1), pytest.param(1400, 2, marks=pytest.mark.nightly)])
def test_it_fits_other_screens(open_page, width, scale):
    page = open_page({"viewport": {"width": width, "height": 900}, "device_scale_factor": scale, "color_scheme": "dark"})
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width
    stage = page.page.locator("#stage").bounding_box()
    canvas = page.canvas()
    assert canvas.shape[1] == pytest.approx(stage["width"] * scale, abs=1)  # a pixel for each of the screen's
    assert stage["width"] > 0.9 * width - 20 and page.page.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(22, 22, 21)"
    )
