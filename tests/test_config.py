"""Settings check themselves where they are made: by Python, the command line or a file."""

import dataclasses
import math
from pathlib import Path

import pytest

from n2n_render.adapt.options import AdaptOptions
from n2n_render.config import to_dict
from n2n_render.demo.options import DemoOptions
from n2n_render.errors import N2NError
from n2n_render.evaluate import EvaluateOptions
from n2n_render.network.specification import OIDN_NETWORKS, OidnNetwork, PaperNetwork, Specification
from n2n_render.online.options import OnlineOptions
from n2n_render.sample.options import SampleOptions
from n2n_render.schema import from_dict
from n2n_render.train.options import TrainOptions

NEEDED = {
    SampleOptions: {"scene": "a.blend", "spp": 8},
    AdaptOptions: {"inputs": ("a",), "output": "o"},
    OnlineOptions: {"scene": "a.blend", "spp": 8, "frames": (1, 2), "out": "o"},
}
KINDS = (SampleOptions, TrainOptions, AdaptOptions, OnlineOptions, DemoOptions, EvaluateOptions, PaperNetwork, OidnNetwork)
SPECIFIED = (*KINDS, Specification)


@pytest.mark.parametrize("kind", KINDS)
def test_configs_go_through_json(kind):
    config = kind(**NEEDED.get(kind, {}))
    assert from_dict(kind, to_dict(config)) == config
    assert (
        from_dict(kind, {name: list(value) if isinstance(value, tuple) else value for name, value in to_dict(config).items()})
        == config
    )


@pytest.mark.parametrize("kind", SPECIFIED)
@pytest.mark.parametrize("wrong", [object(), -1, math.nan, math.inf, 10**30, 10**400, b"", {"a": 1}, (object(),), [[-1]], True])
def test_no_field_takes_what_is_none(kind, wrong):
    """Every field of every config refuses by name; true and false are no numbers."""
    for field in dataclasses.fields(kind):
        if wrong is True and "bool" in str(field.type):
            continue
        with pytest.raises(N2NError, match=field.name):
            kind(**{**NEEDED.get(kind, {}), field.name: wrong})


@pytest.mark.parametrize(
    "kind, values, says",
    [
        (TrainOptions, {"levels": 10**9}, "from 1 to 7"),
        (TrainOptions, {"encoder_width": 10**6}, "4096"),
        (TrainOptions, {"data": "datasets"}, "a list"),
        (TrainOptions, {"features": ("normals",)}, "albedo, normal, depth"),
        (TrainOptions, {"steps": 0}, "steps"),
        (TrainOptions, {"minutes": 0}, "minutes"),
        (TrainOptions, {"ema": 1.0}, "ema"),
        (TrainOptions, {"shots": ((1, 4),)}, "temporal"),
        (TrainOptions, {"shots": ((4, 1),), "temporal": 1}, "ends before"),
        (TrainOptions, {"loss": "l3"}, "one of"),
        (AdaptOptions, {"steps": 5, "minutes": 3.0}, "both"),
        (AdaptOptions, {"average": 3}, "1, 2, 4, 8"),
        (SampleOptions, {"size": (0, 4)}, "size"),
        (SampleOptions, {"chunk": (3, 2)}, "chunk"),
        (Specification, {"network": OidnNetwork()}, "output"),
        (Specification, {"output": "encoded"}, "output"),
        (OidnNetwork, {"widths": ()}, "15|14"),
        (Specification, {"features": ("albedo", "albedo")}, "twice"),
        (OidnNetwork, {"widths": (8,)}, "widths"),
        (Specification, {"encoding": "gamma"}, "encoding"),
        (PaperNetwork, {"head_widths": (8,)}, "head_widths"),
    ],
)
def test_what_cannot_be_is_said(kind, values, says):
    with pytest.raises(N2NError, match=says):
        kind(**{**NEEDED.get(kind, {}), **values})


def test_lists_and_paths_are_welcome():
    config = TrainOptions(data=[Path("a"), "b"], out=Path("run"), features=["albedo"], minutes=3)
    assert config == TrainOptions(data=("a", "b"), out="run", features=("albedo",), minutes=3)
    for topology, widths in OIDN_NETWORKS.values():
        assert OidnNetwork(topology, list(widths)).widths == widths


@pytest.mark.parametrize(
    "values, says", [([], "not names"), ({"wings": 2}, "wings"), ({1: 2}, "unknown"), ({}, "scene is missing")]
)
def test_files_are_named_with_the_field(values, says):
    with pytest.raises(N2NError, match=f"a.json: .*{says}"):
        from_dict(SampleOptions, values, "a.json")
