"""Open Image Denoise's weights: found in its library, named, and in our torch networks they give its own pictures."""

import functools
import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest
from conftest import noisy_frame, true_frame

from n2n_render.denoise import Denoiser
from n2n_render.engines.options import EngineOptions
from n2n_render.engines.runtime import Runtime
from n2n_render.errors import N2NError
from n2n_render.frame.frame import Frame
from n2n_render.io.exr import read_frame
from n2n_render.network import oidn_weights
from n2n_render.network.archive import find_archives
from n2n_render.network.checkpoint import Checkpoint, load_network
from n2n_render.network.oidn_weights import ARCHIVES, BUILTIN, init_archive, name_archives, oidn_checkpoint

USED = [entry.name for entry in ARCHIVES if entry.usage]
MILLIONS = {"oidn-small": 0.32, "oidn": 0.92, "oidn-large": 3.85}  # parameters
QUALITY = {"oidn-small": 4, "oidn": 5, "oidn-large": 6}  # what makes the library choose that size


@functools.cache
def archives_of(path):
    return find_archives(Path(path).read_bytes())


@pytest.mark.parametrize("name", USED)
def test_every_model_comes_out_of_the_installed_library(name):
    """As many parameters as its size has, and they fit the network that is built for them."""
    checkpoint = oidn_checkpoint(name)
    size = next(entry.size for entry in ARCHIVES if entry.name == name)
    count = sum(tensor.numel() for tensor in load_network(checkpoint).state_dict().values())
    assert count / 1e6 == pytest.approx(MILLIONS[size], abs=0.01)
    assert name in checkpoint.provenance.origin and "Apache-2.0" in checkpoint.provenance.origin


def test_built_in_names_and_starting_points_are_archives():
    """The one that uses most of the wanted guides; a large one that does not exist is refused."""
    assert set(BUILTIN.values()) <= set(USED)
    chosen = {
        ("oidn", (), True): "hdr",
        ("oidn-small", ("albedo", "depth"), False): "hdr_alb_small",
        ("oidn", ("albedo", "normal", "depth"), False): "hdr_alb_nrm",
        ("oidn-small", ("albedo", "normal"), True): "hdr_calb_cnrm_small",
        ("oidn-large", ("albedo", "normal", "depth"), True): "hdr_calb_cnrm_large",
    }
    assert {wanted: init_archive(*wanted) for wanted in chosen} == chosen and set(chosen.values()) <= set(USED)
    with pytest.raises(N2NError, match="oidn-large"):
        init_archive("oidn-large", ("albedo",), True)


@pytest.mark.slow
def test_blenders_own_library_is_recognised():
    """Another version (2.3), found without importing bpy; same order, same shapes."""
    folder = Path(importlib.util.find_spec("bpy").origin).parent
    found = [file for file in folder.rglob("*OpenImageDenoise_core*") if file.is_file() and not file.is_symlink()]
    named = name_archives(archives_of(found[0]), found[0])
    assert set(USED) <= set(named)
    for entry in ARCHIVES:
        topology, _, channels = oidn_weights.recognise(named[entry.name])
        assert (topology == "oidn_large", channels) == (entry.size == "oidn-large", entry.channels)


def test_a_library_that_does_not_fit_is_refused_with_what_was_found():
    """Two in another order, one missing, a stranger among them, none: never wrong weights under a right name."""
    found = archives_of(oidn_weights.library_path())
    stranger = {"conv.weight": np.zeros((3, 3, 3, 3), np.float16)}
    cases = {
        "oidn-large/3, oidn/3, oidn/3": [found[1], found[0], *found[2:]],
        "oidn/3, oidn-large/3, oidn-small/3": [*found[:2], *found[3:]],
        f"found {len(found) - 1}": found[:9] + found[10:],
        "unknown/0": [stranger, *found],
        "found 5": found[:5],
        "none": [],
    }
    for says, archives in cases.items():
        with pytest.raises(N2NError) as caught:
            name_archives(archives, "some/library.so")
        assert says in caught.value.what and "some/library.so" in caught.value.what
        assert "pyoidn" in caught.value.hint


@pytest.fixture(scope="module")
def cpu():
    return Runtime.open("cpu")


@pytest.fixture(scope="module")
def frames(request, cpu, tmp_path_factory) -> dict[str, tuple[Frame, Frame]]:
    """Name → a noisy frame of Cycles, and the same with albedo and normal cleaned. N2N_FRAMES: those of a folder instead."""
    if "N2N_FRAMES" in os.environ:
        paths = sorted(Path(os.environ["N2N_FRAMES"]).glob("*.exr"))
    else:
        scenes, sample = request.getfixturevalue("scenes"), request.getfixturevalue("run_sample")
        paths = []
        for name, scene, options in (
            ("room", scenes.demo, {"size": (160, 90)}),
            ("blurred", scenes.moving, {"size": (128, 72), "scene_name": "Main"}),
            ("corridor", scenes.moving, {"size": (101, 67), "scene_name": "Corridor"}),
        ):
            folder = tmp_path_factory.mktemp("frames") / name
            sample(scene, 4, folder, **options)
            paths.append(sorted(folder.glob("*_s0001_*.exr"))[0])
    assert paths
    found = {}
    for path in paths:
        frame = read_frame(path, ("albedo", "normal"))
        clean = {name: cpu.filter({name: frame[name]}, quality=6) for name in ("albedo", "normal")}
        found[f"{path.parent.name}/{path.name}"] = frame, Frame(frame.color, **clean)
    return found


def relative(ours, theirs) -> float:
    return np.abs(ours - theirs).mean() / np.abs(theirs).mean()


def both(cpu, name, noisy, clean, weights=None):
    """(our picture, the library's) of the model `name`; `weights`: another archive's in our network."""
    entry = next(entry for entry in ARCHIVES if entry.name == name)
    model, quality = entry.usage, QUALITY[entry.size]
    ours = Checkpoint(model, oidn_checkpoint(weights or name).weights)
    denoiser = Denoiser.open(ours, EngineOptions("cpu", "torch"), prefilter=False)
    if model.subject != "color":
        image = getattr(noisy, model.subject)
        return denoiser.denoise(Frame(image)), cpu.filter({model.subject: image}, quality=quality)
    frame = clean if model.clean_guides else noisy
    images = {feature: frame[feature] for feature in ("color", *model.features)}
    return denoiser.denoise(frame), cpu.filter(images, quality=quality, hdr=True, cleanAux=model.clean_guides)


@pytest.mark.blender
@pytest.mark.parametrize("name", USED)
def test_our_network_gives_the_librarys_own_picture(cpu, frames, name):
    """Exposure, curves, padding, order of channels, weights: all of it, or the pictures would differ by more than 0.5 %."""
    found = {place: relative(*both(cpu, name, *pair)) for place, pair in frames.items()}
    assert max(found.values()) < 0.005, found


@pytest.mark.parametrize("size", [(64, 80), (52, 76), (17, 17), (1, 1)])
def test_the_exposure_is_the_librarys_at_any_size(cpu, size):
    """Nothing but rounding is left of the difference, also where the size is no multiple of the exposure's bins."""
    frame = noisy_frame(true_frame(*size), 1)
    ours, theirs = both(cpu, "hdr_alb_nrm_small", frame, frame)
    assert relative(ours, theirs) < 1e-4


@pytest.mark.blender
@pytest.mark.parametrize(
    "name, other", [("hdr_calb_cnrm", "hdr_alb_nrm"), ("hdr_alb_nrm_small", "hdr_calb_cnrm_small"), ("nrm", "alb")]
)
def test_the_weights_of_another_model_would_be_noticed(cpu, frames, name, other):
    """The comparison above tells models of the same shape apart."""
    found = [relative(*both(cpu, name, *pair, weights=other)) for pair in frames.values()]
    assert max(found) > 0.01, found
