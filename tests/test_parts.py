"""The authored view of several: its renders are parts of one, which is denoised, and nothing is learned from it."""

import json
import shutil

import numpy as np
import pytest
from adapt_fixtures import adapt, assert_refused
from click.testing import CliRunner

from n2n_render.cli.commands import main
from n2n_render.errors import N2NError
from n2n_render.evaluate import EvaluateOptions, evaluate
from n2n_render.frame.frame import mean_frame
from n2n_render.frame.metrics import psnr
from n2n_render.frame.transfer import exposure
from n2n_render.io.dataset import parse_name
from n2n_render.io.exr import ExrImage, read_frame
from n2n_render.io.renders import are_one_render, are_parts, read_group
from n2n_render.network.checkpoint import read_checkpoint
from n2n_render.sample.launch import Worker
from n2n_render.sample.plan import RenderJob

pytestmark = pytest.mark.blender
FEATURES = "albedo", "normal"
SIZE = 96, 54


@pytest.fixture(scope="module")
def sky(scenes, run_sample, tmp_path_factory):
    """Under open sky, twice 8 samples: four "views" with references of the authored one, and that "alone"."""
    folder = tmp_path_factory.mktemp("sky")
    wanted = {"scene_name": "Other", "size": SIZE, "reference_spp": 256}
    run_sample(scenes.moving, 8, folder / "views", views=4, **wanted)
    run_sample(scenes.moving, 8, folder / "alone", **wanted)
    return folder


def files(folder, view=0, kind="s"):
    return sorted(folder.glob(f"v{view:03d}_*_{kind}*.exr"))


def notes(paths):
    return [json.loads(next(header["Note"] for header, _ in ExrImage.open(path).parts if "Note" in header)) for path in paths]


@pytest.mark.nightly
def test_only_the_authored_view_of_several_is_in_parts(sky):
    """Its references, the other views, and a view that is alone have seeds of their own."""
    assert are_parts(files(sky / "views")) and are_one_render(files(sky / "views"))
    assert [note["first_sample"] for note in notes(files(sky / "views"))] == [16, 24]
    for others in (files(sky / "views", 1), files(sky / "views", kind="r"), files(sky / "alone")):
        assert len(others) == 2 and not are_parts(others) and not are_one_render(others)
    assert not are_parts(files(sky / "views")[:1])
    assert not are_parts(files(sky / "views")[:1] * 2)  # the same noise, as `read_group` says


def test_the_mean_of_parts_is_one_render_of_all_samples(scenes, run_sample, plain_render, tmp_path):
    """What a plain Blender makes of twice the samples, but for rounding."""
    run_sample(scenes.moving, 4, tmp_path / "views", views=2, size=SIZE)
    job = RenderJob(parse_name("v000_f0003_s0001_0004spp.exr"), 2)
    whole = {"path": str(tmp_path / "whole.exr"), "frame": 3, "seed": job.cycles_seed, "spp": 8, "size": SIZE}
    plain_render(scenes.moving, [{**whole, "skip": job.samples.start, "sequence": job.sequence}])
    one, two = (read_frame(path, FEATURES).color for path in files(tmp_path / "views"))
    np.testing.assert_allclose((one + two) / 2, read_frame(tmp_path / "whole.exr", FEATURES).color, rtol=1e-4, atol=1e-5)
    assert np.abs(one - two).max() > 0.01


@pytest.mark.nightly
def test_it_is_better_than_the_mean_of_two_seeds(sky):
    """The same number of samples, which fill each other's gaps."""
    halves = [read_frame(path).color for path in files(sky / "views", kind="r")]
    factor = exposure(np.mean(halves, axis=0))
    one, two = (half * factor for half in halves)
    parts, seeds = (mean_frame(read_group(files(sky / kind), None, FEATURES)).color for kind in ("views", "alone"))
    assert psnr(image=parts * factor, reference_a=one, reference_b=two) > 0.3 + psnr(
        image=seeds * factor, reference_a=one, reference_b=two
    )


def test_adapt_learns_from_the_other_views_and_denoises_it(sky, tmp_path):
    """What the shot says decides how it is painted: one part cannot judge what is made of the other."""
    done = adapt(sky / "views", tmp_path / "out", "oidn-small", steps=40)
    assert done.exit_code == 0 and "denoised, not trained on: v000_f0001_s0001_0008spp.exr" in done.output, done.output
    told = read_checkpoint(tmp_path / "out" / "adapted.pt").provenance
    assert told.trained_on == tuple(f"views/v{view:03d}_f0001" for view in (1, 2, 3))
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    authored, *others = report["frames"]
    assert authored["noisy"] == 0 and authored["adapted"] == pytest.approx(report["share"] if report["share"] >= 0.02 else 0)
    assert len(others) == 3 and all(frame["noisy"] > 0 for frame in others)
    assert authored["expected_psnr_db"] > 25


def test_parts_alone_teach_nothing(sky, tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    for path in (*files(sky / "views"), sky / "views" / "manifest.json"):
        shutil.copy(path, folder)
    assert_refused(adapt(folder, tmp_path / "out", "oidn-small"), "are parts of one render, and no other frame")


def test_train_holds_it_out(sky, tmp_path):
    """Another view judges besides, unless there is only one to train on; without any that is said."""

    def train(folder):
        options = ["--steps", 2, "--crop", 32, "--levels", 2, "--widths", "8,8", "--batch", 1, "--device", "cpu"]
        command = ["train", "--hdr", "--features", "--data", folder, "--out", tmp_path / f"{folder.name} run", *options]
        return CliRunner().invoke(main, list(map(str, command)))

    done = train(sky / "views")
    assert done.exit_code == 0, done.output
    assert len(read_checkpoint(tmp_path / "views run" / "best.pt").provenance.trained_on) == 2
    few = tmp_path / "few"
    shutil.copytree(sky / "views", few)
    for path in (*files(few, 2), *files(few, 3)):
        path.unlink()
    done = train(few)
    assert done.exit_code == 0, done.output
    assert read_checkpoint(tmp_path / "few run" / "best.pt").provenance.trained_on == ("few/v001_f0001",)
    for path in files(few, 1):
        path.unlink()
    assert_refused(train(few), "no other views")


def test_the_rival_of_parts_is_their_mean(sky, scenes, run_sample, tmp_path):
    """Nothing more is to be rendered for an honest comparison; views of other sample counts are in one row of the means."""
    shown = {}
    run_sample(scenes.moving, 2, tmp_path / "fewer", scene_name="Other", size=SIZE, views=2, reference_spp=64)
    for name, data in (("views", (sky / "views",)), ("alone", (sky / "alone",)), ("both", (sky / "views", tmp_path / "fewer"))):
        shown[name] = evaluate(EvaluateOptions(data=tuple(map(str, data)), out=str(tmp_path / name)))
    assert list(shown["views"].mean) == ["noisy, one part", "noisy, one render of 16", "OIDN, one render of 16"]
    assert list(shown["alone"].mean) == ["noisy, one seed", "noisy, mean of 2", "OIDN, mean of 2"]
    assert list(shown["both"].mean)[-1] == "OIDN, one render of all samples"
    assert shown["views"].missing_rival is None and "--seeds 1" in shown["alone"].missing_rival


def test_with_independent_every_view_has_seeds_of_its_own(scenes, run_sample, tmp_path):
    """And a folder's renders stay what they are, whatever the next run says."""
    wanted = {"scene_name": "Other", "size": (32, 18), "views": 2}
    run_sample(scenes.moving, 1, tmp_path / "own", independent=True, **wanted)
    assert not are_parts(files(tmp_path / "own"))
    done, _ = run_sample(scenes.moving, 1, tmp_path / "own", **{**wanted, "views": 3})
    assert done.manifest["in_parts"] == [] and done.jobs == 2
    run_sample(scenes.moving, 1, tmp_path / "parts", **wanted)
    with pytest.raises(N2NError, match=r"views in parts of one render: there \['v000'\], now \[\]"):
        run_sample(scenes.moving, 1, tmp_path / "parts", independent=True, **wanted)


def test_a_blender_that_renders_no_parts_gives_each_render_its_seed(scenes, run_sample, tmp_path, monkeypatch):
    """As before 5.0: another layout of the samples would put one part's noise beside itself into the next."""
    ask = Worker.ask
    monkeypatch.setattr(Worker, "ask", lambda self, request: {**ask(self, request), "renders_parts": False})
    done, _ = run_sample(scenes.moving, 1, tmp_path / "own", scene_name="Other", size=(32, 18), views=2)
    assert done.manifest["in_parts"] == [] and not are_parts(files(done.folder))
