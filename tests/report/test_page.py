"""What a page holds: radiance and maps come back from it, names cannot break out of it, and only a part is in memory."""

import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from report_fixtures import BLOB, radiance_of, told_by, unpacked

from n2n_render.errors import N2NError, UnwritableFile
from n2n_render.frame.display import TONE_MAP, View
from n2n_render.report import ReportPage, ReportPicture, ReportView, Room, Row, Summary, write_fragment
from n2n_render.report.content import MAPS
from n2n_render.report.lookup import Lookup
from n2n_render.report.pixels import pack_map, pack_radiance

EVIL = '</script><script>alert("x")</script>&amp;\u2028 "quoted\' <b>'


def view_of(name="a/v000", size=(20, 30), seed=0, maps=()):
    radiance = np.random.default_rng(seed).gamma(0.3, 1.0, (*size, 3)).astype(np.float32)
    return ReportView(name, [ReportPicture("noisy", radiance), ReportPicture("ours", radiance / 2, dict(maps))])


def write(path, views, rows=(), view=TONE_MAP, **summary):
    rows = rows or [Row(one.name, {"ours": {"psnr_db": 30.0}}) for one in views]
    with ReportPage(path, view) as page:
        for one in views:
            page.add(one)
        return page.finish(Summary(summary.pop("title", "A title"), (), rows, **summary))


def test_radiance_comes_back_within_a_quarter_of_a_level():
    rng = np.random.default_rng(0)
    radiance = np.concatenate([np.exp2(rng.uniform(-24, 15.9, (60, 40, 3))), np.zeros((1, 40, 3))]).astype(np.float32)
    back = radiance_of(pack_radiance(radiance), 61, 40)
    assert (np.abs(back - radiance) <= radiance / 400 + 2**-22).all()
    assert np.abs(TONE_MAP.encode(back) - TONE_MAP.encode(radiance)).max() < 0.5 / 255


@pytest.mark.parametrize("value, shown", [(np.nan, 0), (-3, 0), (np.inf, 65408), (1e9, 65408), (65504, 65408), (0, 0)])
def test_what_no_half_float_holds_is_taken_to_the_end(value, shown):
    assert (radiance_of(pack_radiance(np.full((2, 3, 3), value, np.float32)), 2, 3) == shown).all()


def test_error_maps_are_bytes_of_their_white():
    error = np.array([[0.0, 0.05], [0.2, np.nan]], np.float32)
    assert list(unpacked(pack_map(error, 0.1))) == [0, 128, 255, 0]


def test_a_view_of_single_channels_is_curves_and_another_one_a_lattice():
    assert Lookup.bake(TONE_MAP).kind == "curves"
    mixed = View("mixed", lambda radiance: TONE_MAP.encode(radiance @ np.array([[0.6, 0.2, 0.2]] * 3, np.float32)))
    lookup = Lookup.bake(mixed)
    assert lookup.kind == "lattice" and lookup.values.shape == (65, 65, 65, 3)
    red = np.zeros((1, 1, 3), np.float32)
    red[..., 0] = 2 ** (-16 + 28 * 32 / 64)
    np.testing.assert_allclose(lookup.values[32, 0, 0], mixed.encode(red)[0, 0])


def test_names_cannot_break_out(tmp_path):
    view = view_of(EVIL)
    row = Row(EVIL, {EVIL: {"psnr_db": 1.0}}, EVIL)
    write(tmp_path / "report.html", [view], [row], title=EVIL, notes=[EVIL])
    text = (tmp_path / "report.html").read_text()
    scripts = (Path(write.__code__.co_filename).parents[2] / "n2n_render" / "report").glob("*.js")
    assert text.count("<script>") == len(list(scripts)) and 'alert("x")' not in text
    assert f"<title>{'&lt;/script&gt;'}" in text
    told = told_by(tmp_path / "report.html")
    assert told["title"] == told["rows"][0]["name"] == told["notes"][0] == EVIL and EVIL in told["rows"][0]["scores"]


def test_names_that_are_no_unicode_and_numbers_that_are_none_are_written(tmp_path):
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    write(tmp_path / "report.html", [view_of(name)], [Row(name, {"ours": {"psnr_db": float("nan")}})], title=name)
    told = told_by(tmp_path / "report.html")
    assert told["rows"] == [{"name": name, "note": "", "scores": {"ours": {"psnr_db": None}}}]


def test_a_page_holds_its_views_and_loads_nothing(tmp_path):
    maps = {kind.key: np.full((20, 30), 0.05, np.float32) for kind in MAPS}
    views = [view_of("a", maps=maps.items()), view_of("b", seed=1)]
    written = write(tmp_path / "report.html", views)
    assert (written.views, written.whole, written.cropped) == (2, 2, 0) and [*tmp_path.iterdir()] == [written.path]
    text = written.path.read_text()
    blobs = BLOB.findall(text)
    assert len(blobs) == 2 + 3 + 2 + 1  # the last one is the view's
    shown = views[1].pictures[0].radiance
    np.testing.assert_allclose(radiance_of(blobs[5], 20, 30), shown, rtol=1 / 400, atol=2**-22)
    assert not re.search(r"(src|href)\s*=|url\(|@import|https?://(?!www\.w3\.org/2000/svg)", text)
    assert "default-src 'none'" in text


def test_pieces_that_were_kept_make_the_same_page(tmp_path):
    views = [view_of("a"), Room(frozenset(), {0}).fit(0, view_of("b", (300, 300), seed=1))]
    whole = write(tmp_path / "whole.html", views)
    for view in views:
        write_fragment(tmp_path / f"{view.name}.html", view)
    with ReportPage(tmp_path / "merged.html", TONE_MAP) as page:
        for view in views:
            page.add_fragment(tmp_path / f"{view.name}.html")
        with pytest.raises(N2NError, match=r"c\.html: cannot be read"):
            page.add_fragment(tmp_path / "c.html")
        rows = [Row(one.name, {"ours": {"psnr_db": 30.0}}) for one in views]
        merged = page.finish(Summary("A title", (), rows))
    assert merged.path.read_bytes() == whole.path.read_bytes() and (merged.whole, merged.cropped) == (1, 1)


@pytest.mark.slow
def test_views_do_not_pile_up_in_memory(tmp_path):
    with ReportPage(tmp_path / "report.html", TONE_MAP) as page:
        page.add(view_of("first", (200, 200)))
        tracemalloc.start()
        for seed in range(8):
            page.add(view_of(str(seed), (200, 200), seed))
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        written = page.finish(Summary("Many", (), [Row("first", {})]))
    assert written.path.stat().st_size > 8 * 200 * 200 * 2 and held < 200_000


def test_what_cannot_be_written_is_said_once_and_leaves_what_was_there(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with ReportPage(tmp_path / "file" / "report.html", TONE_MAP) as page:
        with pytest.raises(UnwritableFile, match=r"report\.html: cannot be written"):
            page.add(view_of())
        page.add(view_of())
        assert page.finish(Summary("", (), [Row("a", {})])) is None
    before = write(tmp_path / "report.html", [view_of()]).path.read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(UnwritableFile, match="No space left"):
        write(tmp_path / "report.html", [view_of(seed=1)])
    assert (tmp_path / "report.html").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"file", "report.html"}


def test_a_page_that_is_not_finished_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), ReportPage(tmp_path / "report.html", TONE_MAP) as page:
        page.add(view_of())
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_few_views_are_whole_some_are_crops_and_of_the_rest_there_are_numbers():
    room = Room.of(100)
    assert (len(room.whole), len(room.cropped)) == (8, 24) and not room.whole & room.cropped
    assert [index for index in range(100) if room.has(index)] == sorted(room.whole | room.cropped)
    assert Room.of(5) == Room(frozenset(range(5)), frozenset())


def test_a_crop_is_where_it_is_worst():
    view = view_of(size=(300, 400), maps={"flip": np.zeros((300, 400), np.float32)}.items())
    worst = np.zeros((300, 400))
    worst[280:290, 380:390] = 1
    view = ReportView(view.name, view.pictures, worst=worst)
    crop = Room(frozenset(), {0}).fit(0, view)
    y, x, *whole = crop.crop
    assert whole == [300, 400] and 24 <= y + 0 <= 44 and 124 <= x <= 144
    np.testing.assert_array_equal(crop.pictures[1].radiance, view.pictures[1].radiance[y : y + 256, x : x + 256])
    assert crop.pictures[1].maps["flip"].shape == (256, 256)
    middle = Room(frozenset(), {0}).fit(0, ReportView(view.name, view.pictures))
    assert middle.crop[:2] == (22, 72)


def test_large_views_share_the_page(monkeypatch):
    monkeypatch.setattr("n2n_render.report.room.PAGE_PX", 4000)
    room = Room.of(2)
    assert room.fit(0, view_of(size=(30, 33))).crop is None  # two pictures of 1000 pixels
    assert room.fit(0, view_of(size=(40, 50))).pictures[0].radiance.shape == (31, 31, 3)


def test_a_page_says_what_is_shown(tmp_path):
    views = [view_of("a"), Room(frozenset(), {0}).fit(0, view_of("b", (300, 300)))]
    rows = [Row(name, {}) for name in "abc"]
    said = str(write(tmp_path / "report.html", views, rows))
    assert said.endswith("report.html: 1 of 3 view(s) whole, 1 as crops of their worst places, 1 by numbers alone")
