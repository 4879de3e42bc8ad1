"""Cryptomatte: hashes, headers and ranks of several programs → the coverage of a name."""

import json
import logging

import numpy as np
import pytest
from layouts import one, planes, split, write_parts
from masks import EDGE, GRASS, ROCK, SIZE, coverage_of, crypto, cycles, told

from n2n_render.errors import N2NError
from n2n_render.frame.windows import Window
from n2n_render.io.cryptomatte import hash_of, murmur3
from n2n_render.io.exr import ExrImage

WHOLE = Window(0, 0, SIZE[1], SIZE[0])
WHITE = np.ones((*SIZE, 4), np.float32)
PICTURE = planes("", WHITE, "RGBA")


def coverage(image, matte, name):
    return matte.coverage(image.path, image.parts, [matte.ids.get(name, hash_of(name))], WHOLE)


@pytest.mark.parametrize(
    "text, value",
    [
        ("", 0),
        ("a", 0x3C2569B2),
        ("ab", 0x9BBFD75F),
        ("abc", 0xB3DD93FA),
        ("hello", 0x248BFA47),
        ("hello, world", 0x149BBB7F),
        ("The quick brown fox jumps over the lazy dog", 0x2E4FF723),
    ],
)
def test_murmur_is_what_others_make_of_these_texts(text, value):
    assert murmur3(text.encode()) == value


@pytest.mark.parametrize("name, value", [("bunny", 0x13851A76), ("heroflower", 0x6B2B718D), ("равнина", 0x9623511E)])
def test_names_have_the_ids_that_other_programs_gave_them(name, value):
    """From manifests of the sample images of Psyop and OpenImageIO."""
    assert hash_of(name) == value


def test_every_id_is_a_finite_normal_float():
    """One name in 128 has an exponent of all zeros or all ones, which the specification changes."""
    ids = np.array([hash_of(f"thing {index}") for index in range(5000)], np.uint32)
    changed = sum(murmur3(f"thing {index}".encode()) != number for index, number in enumerate(ids))
    assert 10 < changed < 100
    floats = np.abs(ids.view(np.float32))
    assert np.isfinite(floats).all() and (floats >= np.finfo(np.float32).tiny).all()


LAYOUTS = {
    "Cycles, a part": (
        one(planes("ViewLayer.Combined", WHITE, "RGBA"), crypto("ViewLayer.CryptoObject")),
        told("ViewLayer.CryptoObject"),
        "ViewLayer",
        "object",
    ),
    "Arnold": (
        one(PICTURE, crypto("crypto_material", "RGBA"), planes("crypto_material", WHITE)),
        told("crypto_material"),
        "",
        "material",
    ),
    "V-Ray": (one(PICTURE, crypto("uCryptoAsset", ("red", "green", "blue", "alpha"))), told("uCryptoAsset"), "", "asset"),
    "a user's own": (one(PICTURE, crypto("characters", "RGBA")), told("characters"), "", "characters"),
    "no header": (one(PICTURE, crypto("crypto_object", "RGBA")), {}, "", "object"),
    "a layer before its name": (one(PICTURE, crypto("Left.CryptoObject", "RGBA")), told("CryptoObject"), "", "object"),
}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("is_split", [False, True], ids=["one part", "a part a pass"])
def test_names_and_soft_edges_are_found_as_every_program_writes_them(tmp_path, name, is_split):
    parts, header, layer, kind = LAYOUTS[name]
    image = ExrImage.open(write_parts(tmp_path / "a.exr", split(parts) if is_split else parts, header))
    (matte,) = image.cryptomattes(layer)
    assert matte.kind == kind and len(matte.ranks) == 4 and set(matte.ids) == (set() if not header else {GRASS, ROCK})
    for thing in (GRASS, ROCK):
        assert np.array_equal(coverage(image, matte, thing), coverage_of(thing))
    assert (coverage(image, matte, GRASS)[:, EDGE] == 0.5).all()
    assert not coverage(image, matte, "water").any()


@pytest.mark.parametrize("cut", ["CryptoObject00", "CryptoObject00.a", "CryptoObject01.r", None])
def test_passes_and_channels_that_are_missing_are_said_where_a_name_is_looked_for(tmp_path, caplog, cut):
    held = {name: plane for name, plane in crypto("A.CryptoObject").items() if cut is None or f"A.{cut}" not in name}
    parts = one(planes("A.Combined", WHITE, "RGBA"), held)
    image = ExrImage.open(write_parts(tmp_path / "a.exr", parts, told("A.CryptoObject")))
    (matte,) = image.cryptomattes("A")
    assert not caplog.messages
    coverage(image, matte, GRASS)
    assert ("passes or channels of A.CryptoObject are missing" in caplog.text) == (cut is not None)


def test_each_layer_has_its_own_lists(tmp_path):
    parts = one(
        *(planes(f"{layer}.Combined", WHITE, "RGBA") for layer in "AB"),
        crypto("A.CryptoObject"),
        crypto("B.CryptoObject", names=("water", ROCK)),
        crypto("B.CryptoMaterial"),
    )
    header = {
        **told("A.CryptoObject", "1"),
        **told("B.CryptoObject", "2", ("water", ROCK)),
        **told("B.CryptoMaterial", "3"),
    }
    image = ExrImage.open(write_parts(tmp_path / "a.exr", parts, header))
    assert [(matte.name, list(matte.ids)) for matte in image.cryptomattes("A")] == [("A.CryptoObject", [GRASS, ROCK])]
    assert {matte.kind: list(matte.ids) for matte in image.cryptomattes("B")} == {
        "object": ["water", ROCK],
        "material": [GRASS, ROCK],
    }


def test_a_list_of_names_may_lie_beside_the_picture(tmp_path, caplog):
    name = "ViewLayer.CryptoObject"
    (tmp_path / "names.json").write_text(json.dumps({GRASS: f"{hash_of(GRASS):08x}"}))
    path = cycles(tmp_path / "a.exr", header=told(name, manifest=None, manif_file="names.json"), manifest=None)
    (matte,) = ExrImage.open(path).cryptomattes("ViewLayer")
    assert matte.ids == {GRASS: hash_of(GRASS)} and not caplog.records


@pytest.mark.parametrize("named", ["../names.json", "/{folder}/names.json", "link.json", "none.json", ".", "shot/names.json"])
def test_no_other_file_is_read_for_it(tmp_path, caplog, named):
    (tmp_path / "names.json").write_text('{"secret": "00000001"}')
    folder = tmp_path / "shot"
    folder.mkdir()
    (folder / "link.json").symlink_to(tmp_path / "names.json")
    more = told("ViewLayer.CryptoObject", manifest=None, manif_file=named.format(folder=tmp_path))
    image = ExrImage.open(cycles(folder / "a.exr", header=more, manifest=None))
    with caplog.at_level(logging.WARNING, "n2n_render"):
        (matte,) = image.cryptomattes("ViewLayer")
    assert not matte.ids and "is not used" in caplog.text and "a.exr" in caplog.text
    assert np.array_equal(coverage(image, matte, GRASS), coverage_of(GRASS))  # by its hash


@pytest.mark.parametrize("text", ["{", "[1]", '{"grass": 5}', '{"grass": "xyz"}', "[" * 100_000])
def test_a_manifest_that_is_none_is_said(tmp_path, caplog, text):
    image = ExrImage.open(cycles(tmp_path / "a.exr", header={"cryptomatte/1234567/manifest": text}))
    with caplog.at_level(logging.WARNING, "n2n_render"):
        (matte,) = image.cryptomattes("ViewLayer")
    assert not matte.ids and "cannot be read" in caplog.text


def test_ids_of_16_bits_are_refused(tmp_path):
    parts = one(PICTURE, crypto("crypto_object", "RGBA", dtype=np.float16))
    image = ExrImage.open(write_parts(tmp_path / "a.exr", parts, told("crypto_object")))
    with pytest.raises(N2NError, match="32 bits"):
        coverage(image, image.cryptomattes("")[0], GRASS)
