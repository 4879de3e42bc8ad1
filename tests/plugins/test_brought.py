"""What packages bring joins our tables, and what cannot be used is one sentence."""

import json
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import click
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import noisy_frame, true_frame

from n2n_render import plugins
from n2n_render.config import ENGINES, Feature
from n2n_render.engines.brought import BROUGHT as BROUGHT_ENGINES
from n2n_render.engines.choice import list_engines, make_engine
from n2n_render.engines.options import EngineOptions
from n2n_render.errors import N2NError
from n2n_render.frame.channels import BROUGHT as BROUGHT_CHANNELS
from n2n_render.frame.channels import CHANNELS, FEATURES, Kind, find_channel, guide_names, kind_of
from n2n_render.io.exr import ExrImage, write_frame, write_image
from n2n_render.io.sources import Sources, parse_channels
from n2n_render.learn.arrays import exposed_layout
from n2n_render.network.checkpoint import Checkpoint
from n2n_render.network.specification import PaperNetwork, Specification
from n2n_render.noise.table import BROUGHT as BROUGHT_NOISE
from n2n_render.noise.table import KINDS, Noise, known_noise
from n2n_render.renderers.detect import BROUGHT as BROUGHT_RENDERERS
from n2n_render.schema import problem
from n2n_render.serve.request import parse_request
from n2n_render.train.pairs import features_of

TABLES = {table.group: table for table in (BROUGHT_CHANNELS, BROUGHT_RENDERERS, BROUGHT_NOISE, BROUGHT_ENGINES)}
CHANNEL = "from n2n_render.frame.channels import Channel, Kind\nROW = Channel"
ROUGHNESS = f'{CHANNEL}("roughness", Kind.COVERAGE, 1, ("Rough", "roughness"))'
DIALECT = "from n2n_render.renderers.dialect import *\nROW = Dialect"
NOISE = """
import numpy as np
from n2n_render.noise.observation import Observation
from n2n_render.noise.table import NoiseKind
def observe(signal, value, rng):
    return Observation(signal + np.float32(value))
def wide(signal, value, rng):
    return Observation(signal.astype(float))
def fails(signal, value, rng):
    raise ZeroDivisionError("by the noise")
def spoils(signal, value, rng):
    signal += 1
    return Observation(signal.copy())
ROW = NoiseKind"""
ENGINE = """
from dataclasses import dataclass
import numpy as np
from n2n_render.engines.protocol import Engine, EngineKind
@dataclass(eq=False)
class Made(Engine):
    device: str
    name, description, precision, tile_px, on_cpu = "other", "made up", "float32", 256, True
    def run(self, encoded, on_progress=None):
        if self.device == "mps":
            if on_progress:
                on_progress(0.5)
            raise ZeroDivisionError("no pixels")
        return np.zeros((*encoded.shape[:2], 1 if self.device == "cuda" else 3), np.float32)
def opened(checkpoint, device, precision):
    return {"cpu": Made, "cuda": Made, "mps": Made, "auto": int}[device](device)
def no_devices():
    raise OSError("no driver")
ROW = EngineKind"""
WHOLE = {
    plugins.CHANNELS: ("roughness", ROUGHNESS),
    plugins.RENDERERS: ("Toy", f'{DIALECT}("Toy", {{"color": Source(at("toy", *RGB))}}, marks=("toy",))'),
    plugins.NOISE: ("haze", f'{NOISE}("haze", "haze", "share", 0, 1, (0, 0.5), 0.25, "l2", observe)'),
    plugins.ENGINES: ("other", f'{ENGINE}("other", "some", dict, lambda model: None, opened)'),
}


@pytest.fixture
def doubts(caplog):
    """What was said, a sentence a line."""
    caplog.set_level(logging.WARNING, "n2n_render")
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("group", TABLES)
def test_a_row_of_a_package_joins_the_table(bring, doubts, group):
    name, code = WHOLE[group]
    assert name not in TABLES[group].rows()
    bring(group, name, code)
    assert list(TABLES[group].rows()) == [name] == list(plugins.names(group)) and not doubts()
    assert plugins.package_of(group, name) == "n2n-brought" and plugins.package_of(group, "nobody") is None


@pytest.mark.parametrize(
    "group, name, code, says",
    [
        (plugins.CHANNELS, "roughness", "import no_such_module", "No module named 'no_such_module'"),
        (plugins.CHANNELS, "roughness", "raise SystemExit(3)", "SystemExit: 3"),
        (plugins.CHANNELS, "roughness", "row = 1", "has no attribute 'ROW'"),
        (plugins.CHANNELS, "roughness", "def f(:", "SyntaxError"),
        (plugins.CHANNELS, "roughness", "ROW = 'roughness'", "it is a str, but must be a Channel"),
        (plugins.CHANNELS, "rough", ROUGHNESS, "calls itself 'roughness'"),
        (plugins.CHANNELS, "albedo", f'{CHANNEL}("albedo", Kind.RADIANCE, 3)', "n2n-render has one of that name"),
        (plugins.CHANNELS, "beauty", f'{CHANNEL}("beauty", Kind.RADIANCE, 3)', "n2n-render has one of that name"),
        (plugins.CHANNELS, "Rough", f'{CHANNEL}("Rough", Kind.COVERAGE, 1)', "small letters"),
        (plugins.CHANNELS, "roughness", f'{CHANNEL}("roughness", Kind.UNIT_COLOR, 1)', "UNIT_COLOR with 3"),
        (plugins.CHANNELS, "roughness", f'{CHANNEL}("roughness", "coverage", 1)', "COVERAGE with 1"),
        (plugins.CHANNELS, "roughness", f'{CHANNEL}("roughness", [], 1)', "TypeError"),
        (plugins.CHANNELS, "roughness", f'{CHANNEL}("roughness", Kind.COVERAGE, 1, "rough")', "no tuple of names"),
        (plugins.RENDERERS, "Arnold", f'{DIALECT}("Arnold", {{}}, marks=("x",))', "n2n-render has one of that name"),
        (plugins.RENDERERS, "Toy", f'{DIALECT}("Toy", {{"colour": Source(())}}, marks=("x",))', "the channel 'colour'"),
        (plugins.RENDERERS, "Toy", f'{DIALECT}("Toy", {{"color": at("x", *RGB)}}, marks=("x",))', "not Sources all"),
        (plugins.RENDERERS, "Toy", f'{DIALECT}("Toy", {{"color": Source(("x",))}}, marks=("x",))', "ValueError"),
        (plugins.RENDERERS, "Toy", f'{DIALECT}("Toy", {{}}, light=("x",), marks=("x",))', "not PassRules all"),
        (plugins.RENDERERS, "Toy", f'{DIALECT}("Toy", {{"color": Source(at("x", *RGB))}})', "never be recognised"),
        (plugins.RENDERERS, "Toy", f'{DIALECT}("Toy", {{}}, marks=("x",), split=len)', "not (layer, pass)"),
        (plugins.RENDERERS, "Toy", f'{DIALECT}("Toy", {{}}, headers={{"software": "("}})', "error"),
        (plugins.NOISE, "text", f'{NOISE}("text", "t", "u", 0, 1, (0, 1), 1, "l2", observe)', "n2n-render has one"),
        (plugins.NOISE, "haze", f'{NOISE}("haze", "t", "u", 0, 1, (0, 2), 1, "l2", observe)', "between least and most"),
        (plugins.NOISE, "haze", f'{NOISE}("haze", "t", "u", 0, 1, (0, 1), 1, "l3", observe)', "its loss is 'l3'"),
        (plugins.NOISE, "haze", f'{NOISE}("haze", "t", "u", 0, 1, (0, 1), 1, "data_consistency", observe)', "the facts"),
        (plugins.NOISE, "haze", f'{NOISE}("haze", "t", "u", 0, 1, (0, 1), 1, "l2", wide)', "float32"),
        (plugins.NOISE, "haze", f'{NOISE}("haze", "t", "u", 0, 1, (0, 1), 1, "l2", fails)', "by the noise"),
        (plugins.NOISE, "haze", f'{NOISE}("haze", "t", "u", 0, 1, (0, 1), 1, "l2", spoils)', "changes the signal"),
        (plugins.NOISE, "haze", f'{NOISE}("haze", "t", "u", 0, 1, (0, 1), 1, "l2", None)', "observe"),
        (plugins.ENGINES, "oidn", f'{ENGINE}("oidn", "all", dict, bool, opened)', "n2n-render has one of that name"),
        (plugins.ENGINES, "other", f'{ENGINE}("other", "all", {{}}, bool, opened)', "find_devices cannot be called"),
        (plugins.ENGINES, "other", f'{ENGINE}("other", 7, dict, bool, opened)', "no text"),
    ],
)
def test_one_that_cannot_be_used_is_one_sentence_that_names_it(bring, doubts, group, name, code, says):
    module = bring(group, name, code)
    for _ in range(2):
        assert not TABLES[group].rows()
    (said,) = doubts()
    assert said.startswith(f"n2n-brought 2.5: its {TABLES[group].word} {name!r} ({module}:ROW) is left out: ")
    assert says in said and "\n" not in said


def test_of_two_packages_with_one_name_the_first_is_taken_and_the_second_told_of(bring, doubts):
    bring(plugins.CHANNELS, "roughness", f'{CHANNEL}("roughness", Kind.RADIANCE, 3)', package="n2n-late")
    bring(plugins.CHANNELS, "roughness", ROUGHNESS, package="n2n-early")
    assert kind_of("roughness") is Kind.COVERAGE
    (said,) = doubts()
    assert said.startswith("n2n-late 2.5: ") and said.endswith("n2n-early 2.5 has one of that name")


def test_a_broken_one_does_not_take_the_others_along(bring, doubts):
    bring(plugins.NOISE, "dust", "raise ValueError", package="a-broken")
    bring(plugins.NOISE, *WHOLE[plugins.NOISE])
    assert list(BROUGHT_NOISE.rows()) == ["haze"] and "ValueError" in doubts()[0]


def test_a_package_whose_description_is_lost_does_not_take_the_others_along(bring, doubts, tmp_path):
    module = bring(plugins.NOISE, "dust", "ROW = 1", package="a-lost")
    (tmp_path / "site" / "a_lost-2.5.dist-info" / "METADATA").unlink()
    bring(plugins.NOISE, *WHOLE[plugins.NOISE])
    assert list(BROUGHT_NOISE.rows()) == ["haze"]
    assert doubts() == [f"{module}: its noise 'dust' ({module}:ROW) is left out: it is a int, but must be a NoiseKind"]


def test_an_end_that_no_library_may_ask_for_is_a_sentence_and_ctrl_c_is_ctrl_c(bring, doubts):
    bring(plugins.NOISE, "dust", "class Panic(BaseException): pass\nraise Panic('at the disco')", package="a-panic")
    bring(plugins.NOISE, "sand", "raise SystemExit(3)", package="b-exit")
    assert not BROUGHT_NOISE.rows()
    assert [said.rpartition(": ")[2] for said in doubts()] == ["at the disco", "3"]
    bring(plugins.NOISE, "fog", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        BROUGHT_NOISE.rows()


def test_without_packages_everything_is_as_it_was():
    plugins.forget()
    assert guide_names() == FEATURES == ("albedo", "normal", "depth") and ENGINES.all == ENGINES.ours
    assert [exposed_layout(neighbors).count for neighbors in (False, True)] == [10, 14]
    assert "packages" not in Specification(features=FEATURES).to_dict()
    assert [name for name, _, _ in list_engines()] == ["torch", "oidn", "openvino"] and len(known_noise()) == len(KINDS)


def test_the_start_looks_for_no_packages(bring):
    """Neither the help, nor the import, nor an engine of ours."""
    bring(plugins.ENGINES, *WHOLE[plugins.ENGINES])
    code = (
        "import importlib.metadata, sys\n"
        "def entry_points(**_): raise RuntimeError('looked')\n"
        "importlib.metadata.entry_points = entry_points\n"
        "import n2n_render\n"
        "from n2n_render import plugins\n"
        "from n2n_render.cli.commands import main\n"
        "from n2n_render.engines.options import EngineOptions\n"
        "EngineOptions(engine='oidn')\n"
        "for line in (['--help'], ['denoise', 'a.exr', '--engine', 'torch', '--average', '3']):\n"
        "    try: main(line)\n"
        "    except SystemExit: pass\n"
        "sys.exit(plugins.installed.cache_info().misses)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "denoise" in done.stdout, done.stderr


def test_packages_that_cannot_be_searched_are_one_sentence(monkeypatch, doubts):
    def damaged():
        raise ValueError("not enough values to unpack")

    monkeypatch.setattr("importlib.metadata.entry_points", damaged)
    plugins.forget()
    assert guide_names() == FEATURES and "x" not in plugins.names(plugins.NOISE)
    assert doubts() == ["the installed packages cannot be searched for plug-ins: ValueError: not enough values to unpack"]
    plugins.forget()


def test_fields_know_the_names_of_packages(bring):
    assert problem("roughness", Feature, "it") == "it is 'roughness', but must be one of albedo, normal, depth"
    bring(plugins.CHANNELS, "roughness", ROUGHNESS)
    assert problem("roughness", Feature, "it") is None and problem(["roughness"], Feature, "it")
    assert problem("gloss", Feature, "it") == "it is 'gloss', but must be one of albedo, normal, depth, roughness"


@pytest.fixture
def rough_file(tmp_path):
    """An EXR as Blender writes it, with an AOV of one number and one of a colour."""
    truth = true_frame(24, 32)
    write_frame(tmp_path / "frame.exr", noisy_frame(truth, 1))
    image = ExrImage.open(tmp_path / "frame.exr")
    channels = {name: channel.pixels for name, channel in image.parts[0][1].items()}
    channels |= {"ViewLayer.Rough.X": truth.albedo[..., 0] * 2, "ViewLayer.mine.Z": truth.albedo[..., 1].copy()}
    write_image(tmp_path / "frame.exr", {name: np.ascontiguousarray(pixels) for name, pixels in channels.items()})
    return tmp_path / "frame.exr"


def test_a_channel_is_found_in_files_by_its_passes_and_is_no_light(bring, rough_file):
    assert "Rough" in [one.name for one in ExrImage.open(rough_file).light("ViewLayer")]
    bring(plugins.CHANNELS, "roughness", ROUGHNESS)
    image = ExrImage.open(rough_file)
    assert image.available("ViewLayer") == (*FEATURES, "roughness")
    assert "Rough" not in [one.name for one in image.light("ViewLayer")]
    frame = image.frame(features=("albedo", "roughness"))
    assert frame["roughness"].shape == (24, 32, 1) and frame["roughness"].max() == 1  # clipped, as its kind is
    named = ExrImage.open(rough_file, sources=Sources(parse_channels("roughness=ViewLayer.mine")))
    np.testing.assert_allclose(named.frame(features=("roughness",))["roughness"], frame.albedo[..., 1:2], atol=1e-6)


def test_a_channel_that_a_file_lacks_is_a_sentence(bring, tmp_path):
    bring(plugins.CHANNELS, "roughness", ROUGHNESS)
    write_frame(tmp_path / "frame.exr", true_frame(24, 32))
    with pytest.raises(N2NError, match="has no 'Rough' pass") as error:
        ExrImage.open(tmp_path / "frame.exr").frame(features=("roughness",))
    assert "AOV" in error.value.hint
    write_image(tmp_path / "plain.exr", {"RGB": np.ones((8, 8, 3), np.float32)})
    with pytest.raises(N2NError, match="has no roughness") as error:
        ExrImage.open(tmp_path / "plain.exr").frame(features=("roughness",))
    assert "--channels roughness=" in error.value.hint and "--roughness" not in error.value.hint


def test_a_frame_with_it_is_written_and_read_again(bring, tmp_path):
    import n2n_render as n2n

    bring(plugins.CHANNELS, "roughness", ROUGHNESS)
    truth = true_frame(24, 32)
    n2n.write(tmp_path / "a.exr", truth.with_channels(roughness=truth.albedo[..., :1]))
    np.testing.assert_allclose(n2n.read(tmp_path / "a.exr")["roughness"], truth.albedo[..., :1])


def test_a_checkpoint_names_the_package_of_its_channel(bring, doubts):
    with pytest.raises(N2NError, match="features.* is 'roughness', but must be one of albedo, normal, depth"):
        Specification(features=("albedo", "roughness"))
    bring(plugins.CHANNELS, "roughness", ROUGHNESS)
    model = Specification(features=("albedo", "roughness"))
    stored = model.to_dict()
    assert model.layout.count == 7 and stored["packages"] == {"roughness": "n2n-brought"}
    assert Specification.from_dict(stored) == model
    bring.take_away()
    assert find_channel("roughness") is None
    with pytest.raises(N2NError, match="best.pt: the network takes the channel 'roughness', which the package 'n2n-brought'"):
        Specification.from_dict(stored, "best.pt")
    with pytest.raises(N2NError, match="packages is"):
        Specification.from_dict({**stored, "packages": ["n2n-brought"]}, "best.pt")
    assert not doubts()


def test_a_channel_that_is_no_guide_is_no_feature_though_a_package_says_so(bring, doubts):
    bring(plugins.CHANNELS, "alpha", f'{CHANNEL}("alpha", Kind.COVERAGE, 1)')
    with pytest.raises(N2NError, match="features names 'alpha'"):
        Specification(features=("alpha",))
    assert guide_names() == FEATURES and CHANNELS["alpha"].count == 1 and len(doubts()) == 1


def test_noise_of_a_package_is_parsed_observed_and_listed(bring):
    with pytest.raises(N2NError, match="unknown noise 'haze'"):
        Noise.parse("haze")
    bring(plugins.NOISE, *WHOLE[plugins.NOISE])
    noise = Noise.parse("haze:0.5")
    assert noise.observe(np.zeros((4, 4, 3), np.float32), np.random.default_rng(1)).signal.max() == 0.5
    assert "haze:0-1" in known_noise() and noise.at_test() == Noise("haze", 0.5, 0.5) and Noise.parse(str(noise)) == noise


def checkpoint():
    return Checkpoint(Specification(network=PaperNetwork(levels=1)), {})


def test_an_engine_of_a_package_is_watched(bring):
    bring(plugins.ENGINES, *WHOLE[plugins.ENGINES])
    encoded = np.zeros((8, 9, 3), np.float32)
    engine = make_engine(checkpoint(), EngineOptions("cpu", "other"))
    assert (engine.name, engine.description, engine.coarse) == ("other", "made up", False)
    assert engine.run(encoded).shape == (8, 9, 3)
    with pytest.raises(N2NError, match=r"gives float32 \(8, 9, 1\), but must give float32 \(8, 9, 3\)"):
        make_engine(checkpoint(), EngineOptions("cuda", "other")).run(encoded)
    with pytest.raises(N2NError, match="the other engine fails where it is opened") as error:
        make_engine(checkpoint(), EngineOptions("auto", "other"))
    assert "n2n-brought" in error.value.hint


def test_an_engine_that_fails_is_a_sentence_and_whoever_stops_it_stops_it(bring):
    bring(plugins.ENGINES, *WHOLE[plugins.ENGINES])
    engine, encoded = make_engine(checkpoint(), EngineOptions("mps", "other")), np.zeros((8, 9, 3), np.float32)
    with pytest.raises(N2NError, match=r"the other engine fails where it runs \(ZeroDivisionError: no pixels\)"):
        engine.run(encoded)

    def stop(done):
        raise LookupError(f"at {done}")

    with pytest.raises(LookupError, match="at 0.5"):
        engine.run(encoded, stop)


def test_an_engine_may_refuse_a_model_and_fail_to_find_devices(bring, doubts):
    refusing = f'{ENGINE}("other", "some", no_devices, lambda model: "it is too deep", opened)'
    bring(plugins.ENGINES, "other", refusing)
    with pytest.raises(N2NError, match="the other engine cannot run this model: it is too deep"):
        make_engine(checkpoint(), EngineOptions("cpu", "other"))
    assert list_engines()[3] == ("other", {}, "some")
    assert doubts() == ["the devices of the engine other are not known: OSError: no driver"]


def test_a_broken_engine_that_is_asked_for_is_a_sentence(bring, doubts):
    bring(plugins.ENGINES, "other", "import no_such_module")
    with pytest.raises(N2NError, match="the engine other of the package n2n-brought cannot be used"):
        make_engine(checkpoint(), EngineOptions("cpu", "other"))
    assert len(doubts()) == 1


def test_the_command_line_and_serve_take_its_name_and_the_help_lists_it(bring):
    from n2n_render.cli.commands import main

    bring(plugins.ENGINES, *WHOLE[plugins.ENGINES])
    help_text = CliRunner().invoke(main, ["denoise", "--help"]).output
    assert "[auto|torch|oidn|openvino|other]" in help_text
    wrong = CliRunner().invoke(main, ["denoise", "a.exr", "--model", "oidn", "-o", "b.exr", "--engine", "nobody"])
    assert wrong.exit_code == 2 and "'other'" in wrong.stderr
    option = next(param for param in main.commands["denoise"].params if param.name == "engine")
    assert isinstance(option.type, click.Choice) and option.type.convert("other", None, None) == "other"

    def request(engine):
        return json.dumps({"id": 1, "do": "denoise", "model": "oidn", "input": "a.exr", "engine": engine}).encode()

    assert parse_request(request("other"))[1].engine == "other"
    with pytest.raises(N2NError) as error:
        parse_request(request("nobody"))
    assert error.value.hint == "It must be one of auto, torch, oidn, openvino, other."


def test_threads_that_ask_together_are_told_once(bring, doubts):
    bring(plugins.CHANNELS, "roughness", "import time\ntime.sleep(0.05)\nraise ValueError('slow')")
    bring(plugins.RENDERERS, *WHOLE[plugins.RENDERERS])
    with ThreadPoolExecutor(4) as pool:
        tables = list(pool.map(lambda table: list(table.rows()), [BROUGHT_RENDERERS, BROUGHT_CHANNELS] * 4))
    assert tables == [["Toy"], []] * 4 and len(doubts()) == 1


def test_training_takes_the_channel_where_all_renders_hold_it(bring, make_dataset, doubts):
    bring(plugins.CHANNELS, "roughness", ROUGHNESS)
    data = make_dataset(views=2)
    assert features_of([str(data)]) == FEATURES
    for path in data.glob("v000*.exr"):
        frame = ExrImage.open(path).frame(features=FEATURES)
        write_frame(path, frame.with_channels(roughness=frame.albedo[..., :1]))
    assert features_of([str(data)]) == FEATURES and "roughness is left out: 1 of 2 views lack it" in doubts()[0]
    for path in data.glob("v001*.exr"):
        frame = ExrImage.open(path).frame(features=FEATURES)
        write_frame(path, frame.with_channels(roughness=frame.albedo[..., :1]))
    assert features_of([str(data)]) == (*FEATURES, "roughness")
