"""serve: a request that is not whole is refused, by the name of what is wrong with it."""

import json

import pytest

from n2n_render.serve.request import BadRequest, parse_request


def wrong(**fields):
    return {"do": "denoise", "model": "oidn", "input": "a.exr", **fields}


def frames(**fields):
    return {"do": "frames", "model": "oidn", "inputs": ["a.exr"], "output": "out", **fields}


def adapt(**fields):
    return {"do": "adapt", "inputs": ["a.exr"], "output": "out", **fields}


def sample(**fields):
    return {"do": "sample", "scene": "a.blend", "out": "out", "spp": 1, **fields}


@pytest.mark.parametrize(
    "request_, says",
    [
        (wrong(strength=-5), "strength"),
        (wrong(strength=1.01), "strength"),
        (wrong(strength="abc"), "strength"),
        (wrong(strength=True), "strength"),
        (wrong(strength=None), "strength"),
        (wrong(strength=[0.5]), "strength"),
        (wrong(strengths=0.5), "strengths"),
        (wrong(strengths=[["a", 0.5]]), "strengths"),
        (wrong(strengths={"a": 1.5}), "strengths"),
        (wrong(strengths={"a": True}), "strengths"),
        (wrong(strengths={"": 0.5}), "strengths"),
        (frames(strengths={"a": None}), "strengths"),
        (adapt(strengths={"a": "1"}), "strengths"),
        ({"do": "masks"}, "input"),
        (wrong(prefilter="yes"), "prefilter"),
        (wrong(keep_noisy=1), "keep_noisy"),
        (wrong(layers="ViewLayer"), "layers"),
        (wrong(layers=[1]), "layers"),
        (wrong(layers=[]), "layers"),
        (wrong(layers=["A", "A"]), "layers"),
        (wrong(device=0), "device"),
        (wrong(engine="steam"), "engine"),
        (wrong(engine={}), "engine"),
        (wrong(input=""), "input"),
        (wrong(input="a\0b"), "input"),
        (wrong(input=["a"]), "input"),
        (wrong(output=7), "output"),
        (wrong(output=" "), "output"),
        (wrong(pictures=False), "pictures"),
        (wrong(model=None), "model"),
        (wrong(tile=64, dance=1), "dance"),
        ({"do": "denoise", "model": "oidn"}, "input"),
        ({"do": "check", "model": "oidn"}, "inputs"),
        ({"do": "check", "model": "oidn", "inputs": "a.exr"}, "inputs"),
        ({"do": "describe", "folders": "here"}, "folders"),
        ({"do": "describe", "folders": [None]}, "folders"),
        ({"do": "describe", "inputs": []}, "inputs"),
        ({"do": "describe", "training": 1}, "training"),
        (wrong(average=3), "average"),
        (wrong(average=True), "average"),
        (wrong(average=2.0), "average"),
        (frames(inputs=[]), "inputs"),
        (frames(inputs=["a.exr", "a.exr"]), "inputs"),
        (frames(output=None), "output"),
        (frames(temporal=9), "temporal"),
        (frames(temporal=-1), "temporal"),
        (frames(temporal=True), "temporal"),
        (frames(pairs="b.exr"), "pairs"),
        (frames(layers=["A"]), "layers"),
        ({"do": "frames", "inputs": ["a"], "output": "b"}, "model"),
        (adapt(temporal=None), "temporal"),
        (adapt(minutes=0), "minutes"),
        (adapt(minutes="1"), "minutes"),
        (adapt(minutes=1e10), "minutes"),
        (adapt(steps=0), "steps"),
        (adapt(steps=1.5), "steps"),
        (adapt(init=None), "init"),
        (adapt(archive=""), "archive"),
        (adapt(average=2), "average"),
        (sample(passes="light-groups"), "passes"),
        (sample(passes=["scene"]), "passes"),
        ({"do": "vectors", "source": "a"}, "into"),
        ({"do": "vectors", "source": "a", "into": []}, "into"),
        ({"do": "pictures", "input": "a", "rendered": "b"}, "folder"),
        ({"do": "cancel", "reason": "tired"}, "reason"),
        ({"do": "quit", "now": True}, "now"),
        ({"do": None}, "null"),
        ({}, "null"),
    ],
)
def test_a_request_that_is_not_whole_is_refused_by_name(request_, says):
    with pytest.raises(BadRequest) as caught:
        parse_request(json.dumps({"id": "mine", **request_}).encode())
    assert says in caught.value.what and caught.value.hint and caught.value.identity == "mine"


def test_what_is_left_out_is_as_in_the_commands():
    """And numbers that JSON writes without a point are numbers."""
    _, found = parse_request(json.dumps({"id": 1, **adapt(minutes=2)}).encode())
    assert (found.init, found.temporal, found.minutes, found.steps, found.archive) == ("oidn-large", 0, 2.0, None, None)
    _, found = parse_request(json.dumps({"id": 1, **wrong(strengths={"grass": 0, "mask:haze": 0.5})}).encode())
    assert found.strengths == (("grass", 0.0), ("mask:haze", 0.5))
    _, found = parse_request(json.dumps({"id": 1, **frames(temporal=0)}).encode())
    assert (found.temporal, found.pairs, found.prefilter, found.strength) == (0, (), None, 1.0)
    assert parse_request(json.dumps({"id": 1, **sample()}).encode())[1].passes == "none"
