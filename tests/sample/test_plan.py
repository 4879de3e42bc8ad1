"""Options become jobs: the pure part of `sample`."""

import itertools
import zlib

import pytest

from n2n_render.errors import N2NError
from n2n_render.io.dataset import FrameName, parse_name
from n2n_render.sample import plan

VIEWS = ["v000", "v001", "v002"]
FRAMES = [-3, 0, 1, 20, 12345]
MANIFEST = {
    "scene": {"file": "a.blend", "sha256": "ab", "scene_name": "Scene", "view_layer": "ViewLayer", "camera": "Camera"},
    "blender": "5.0.1",
    "devices": ["CPU"],
    "spp": 8,
    "seeds": 2,
    "in_parts": [],
    "size": [64, 36],
    "fps": 24.0,
    "frames": [1],
    "views": {"v000": [1.0] * 16, "v001": [2.0] * 16},
    "reference_spp": None,
    "settings": {"max_bounces": 12, "use_guiding": False},
}


def changed(**values):
    return {**MANIFEST, **values}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("960x540", (960, 540)), ("1x1", (1, 1)), ("65536x1", (65536, 1)), ("50%", 50.0), ("12.5%", 12.5), ("1000%", 1000.0)],
)
def test_sizes_are_pixels_or_a_percentage(text, expected):
    """Pixels come as a pair, a percentage as a number."""
    assert plan.parse_size(text) == expected


@pytest.mark.parametrize("text", ["", "960", "0x5", "5x0", "65537x1", "-5x5", "0%", "1001%", "%", "50 %", "5x5x5", "1.5x2"])
def test_bad_sizes_are_refused_with_a_hint(text):
    """Nothing empty, nothing that no renderer can make."""
    with pytest.raises(N2NError, match="size") as caught:
        plan.parse_size(text)
    assert "960x540" in caught.value.hint


def test_every_view_frame_and_seed_is_one_job():
    """Nothing is missing, nothing is twice."""
    jobs = plan.make_jobs(VIEWS, FRAMES, 8, 3, None, None)
    expected = {FrameName(view, frame, "s", seed, 8) for view in VIEWS for frame in FRAMES for seed in (1, 2, 3)}
    assert {job.name for job in jobs} == expected and len(jobs) == len(expected)


@pytest.mark.parametrize("chunks", [1, 2, 3, 4, 100])
@pytest.mark.parametrize(("views", "frames"), [(VIEWS, [1]), (["v000"], FRAMES)])
def test_chunks_part_the_jobs_and_keep_pairs_together(chunks, views, frames):
    """All chunks together are the whole; all seeds and references of one picture are in one chunk."""
    shares = [plan.make_jobs(views, frames, 8, 4, 64, None, (index, chunks)) for index in range(1, chunks + 1)]
    together = [job for share in shares for job in share]
    whole = plan.make_jobs(views, frames, 8, 4, 64, None)
    assert len(together) == len(whole) and set(together) == set(whole)
    places = [{(job.name.view, job.name.frame) for job in share} for share in shares]
    assert all(not a & b for a, b in itertools.combinations(places, 2))


def test_references_come_in_two_halves_after_the_noisy_ones():
    """The first place gets them unless others are named."""
    jobs = plan.make_jobs(["v000"], [4, 5], 8, 2, 64, None)
    assert [job.name.kind for job in jobs] == ["s"] * 4 + ["r"] * 2
    assert [job.name for job in jobs[4:]] == [FrameName("v000", 4, "r", half, 64) for half in (1, 2)]


def test_reference_places_are_views_of_a_still_and_frames_of_an_animation():
    """The numbers mean what the run varies."""
    assert plan.reference_places(VIEWS, [9], None) == [("v000", 9)]
    assert plan.reference_places(VIEWS, [9], [0, 2]) == [("v000", 9), ("v002", 9)]
    assert plan.reference_places(["v000"], FRAMES, None) == [("v000", -3)]
    assert plan.reference_places(["v000"], FRAMES, [1, 20]) == [("v000", 1), ("v000", 20)]


@pytest.mark.parametrize(("views", "frames", "number", "kind"), [(VIEWS, [9], 3, "view"), (["v000"], FRAMES, 2, "frame")])
def test_references_of_what_is_not_rendered_are_refused(views, frames, number, kind):
    """The message names the kind and the number."""
    with pytest.raises(N2NError, match=f"{kind} {number}"):
        plan.reference_places(views, frames, [number])


def test_every_file_has_its_own_cycles_seed():
    """Also two views, two frames, and a reference beside a noisy one; in the range that Blender takes."""
    jobs = plan.make_jobs([f"v{index:03d}" for index in range(16)], [1], 8, 8, 64, list(range(16)))
    jobs += plan.make_jobs(["v000"], list(range(2, 1002)), 8, 2, 64, None)
    seeds = [job.cycles_seed for job in jobs]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**31 for seed in seeds)


@pytest.mark.parametrize(("spp", "firsts"), [(8, [16, 24]), (6, [16, 22]), (1, [2, 3]), (4, [8, 12, 16])])
def test_parts_of_a_frame_follow_each_other_in_one_sequence(spp, firsts):
    """From a power of two on; references have seeds of their own, other frames other sequences."""
    jobs = plan.make_jobs(["v000"], [1, 2], spp, len(firsts), 64, [1, 2], in_parts=["v000"])
    noisy = [job for job in jobs if job.name.kind == "s"]
    for frame in (1, 2):
        assert [job.samples.start for job in noisy if job.name.frame == frame] == firsts
        assert len({job.cycles_seed for job in noisy if job.name.frame == frame}) == 1
    assert {job.sequence for job in noisy} == {firsts[-1] + spp}
    others = [job for job in jobs if job.name.kind == "r"]
    assert len({job.cycles_seed for job in jobs}) == 2 + len(others) == 6
    assert all(job.samples == range(64, 128) and job.sequence == 128 for job in others)


@pytest.mark.parametrize("in_parts", [["v000"], []])
def test_more_samples_than_cycles_numbers_are_refused(in_parts):
    """It would take fewer without a word."""
    assert plan.make_jobs(["v000"], [1], 2**21, 2, None, None, in_parts=in_parts)
    with pytest.raises(N2NError, match="16,777,216"):
        plan.make_jobs(["v000"], [1], 2**24, 2, None, None, in_parts=in_parts)


def test_independent_renders_begin_alike_with_seeds_of_their_own():
    jobs = plan.make_jobs(["v000"], [1], 8, 3, None, None)
    assert {(job.samples, job.sequence) for job in jobs} == {(range(8, 16), 16)} and len({job.cycles_seed for job in jobs}) == 3


def test_a_cycles_seed_depends_on_the_name_alone():
    """So that a file can be rendered again, by any machine."""
    name = FrameName("v000", 1, "s", 1, 8)
    assert plan.RenderJob(name).cycles_seed == plan.RenderJob(name).cycles_seed == 0x7FFFFFFF & zlib.crc32(b"v000/1/s1")


def test_disk_estimate_grows_with_jobs_and_pixels():
    """Twice the jobs or twice the pixels take twice the space."""
    jobs = plan.make_jobs(["v000"], [1], 8, 2, None, None)
    one = plan.disk_bytes(jobs, (64, 36), 15)
    assert one > 0 and plan.disk_bytes(jobs * 2, (64, 36), 15) == plan.disk_bytes(jobs, (128, 36), 15) == 2 * one


@pytest.mark.parametrize(
    ("new", "named"),
    [
        (changed(spp=16), "spp: there 8, now 16"),
        (changed(size=[32, 18]), "size"),
        (changed(blender="4.2.0"), "blender"),
        (changed(in_parts=["v000"]), "views in parts of one render"),
        (changed(scene={**MANIFEST["scene"], "sha256": "cd"}), "sha256"),
        (changed(scene={**MANIFEST["scene"], "camera": "Other"}), "camera"),
        (changed(scene={**MANIFEST["scene"], "view_layer": "Other"}), "view_layer"),
        (changed(settings={**MANIFEST["settings"], "max_bounces": 2}), "max_bounces: there 12, now 2"),
        (changed(settings={**MANIFEST["settings"], "added": 1}), "added"),
        (changed(views={"v000": [1.0] * 16, "v001": [2.5] * 16}), "view v001"),
    ],
)
def test_differences_name_what_differs(new, named):
    """One sentence for the one thing that differs."""
    found = plan.differences(MANIFEST, new)
    assert len(found) == 1 and named in found[0]


@pytest.mark.parametrize(
    "new",
    [
        MANIFEST,
        changed(seeds=9),
        changed(frames=[2, 3]),
        changed(devices=["CUDA"]),
        changed(reference_spp=64),
        changed(views={"v000": [1.0] * 16, "v001": [2.00001] * 16, "v002": [3.0] * 16}),
    ],
)
def test_more_of_the_same_does_not_differ(new):
    """More seeds, frames, views, references or another device may join a folder."""
    assert plan.differences(MANIFEST, new) == []


def test_references_of_two_sample_counts_differ():
    """The halves of one folder have one sample count."""
    assert any("reference" in text for text in plan.differences(changed(reference_spp=64), changed(reference_spp=128)))


def test_merged_keeps_what_both_runs_know():
    """Seeds, frames, views, devices and references of both; nothing of either is changed."""
    old = changed(seeds=4, frames=[1, 3], views={"v000": [1.0] * 16, "v002": [3.0] * 16}, reference_spp=64)
    new = changed(frames=[2, 3], devices=["CUDA"])
    both = plan.merged(old, new)
    assert both["seeds"] == 4 and both["frames"] == [1, 2, 3] and sorted(both["views"]) == ["v000", "v001", "v002"]
    assert both["devices"] == ["CPU", "CUDA"] and both["reference_spp"] == 64
    assert old["frames"] == [1, 3] and new["seeds"] == 2


@pytest.mark.parametrize(
    "name",
    [
        FrameName("v000", 1, "s", 1, 8),
        FrameName("v012", 123456, "r", 2, 16384),
        FrameName("v1234", 0, "s", 12345, 1),
        FrameName("v000", -1, "s", 1, 8),
        FrameName("v000", -12345, "r", 1, 8),
    ],
)
def test_file_names_can_be_read_back(name):
    """Also those of negative frames and of long numbers."""
    assert parse_name(name.filename) == name


def test_names_of_negative_frames_may_be_padded_with_their_sign():
    """As printf and Python pad them."""
    assert parse_name("v000_f-001_s0001_0008spp.exr") == parse_name("v000_f-0001_s0001_0008spp.EXR")
    assert parse_name("v000_f001_s0001_0008spp.exr") is None


@pytest.mark.parametrize(
    "text",
    [
        "manifest.json",
        "v000_f0001_s0001_0008spp.png",
        "v000_f0001_x0001_0008spp.exr",
        ".v000_f0001_s0001_0008spp.exr.1.partial",
        "v0_f0001_s0001_0008spp.exr",
    ],
)
def test_other_files_have_no_frame_name(text):
    """Whatever else lies in a dataset folder is passed over."""
    assert parse_name(text) is None
