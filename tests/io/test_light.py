"""The names of a file → its passes of light, and which of them add up."""

import pytest

from n2n_render.errors import N2NError
from n2n_render.io.light import choose_light, find_light, missing_light, parse_passes, same_light, unknown_colors
from n2n_render.renderers.cycles import CYCLES
from n2n_render.renderers.detect import DIALECTS
from n2n_render.renderers.dialect import Role
from n2n_render.renderers.index import PassIndex, read_names

TABLES = {dialect.name: dialect for dialect in DIALECTS}


def index_of(dialect, passes, letters="RGB"):
    names = [f"{name}.{letter}" for name in passes for letter in letters]
    return PassIndex(read_names([({}, names)]), dialect)


def roles(dialect, *passes, layer=""):
    return {one.name: one.role for one in find_light(index_of(dialect, passes), dialect, layer)}


def summands(dialect, *passes):
    return [name for name, role in roles(dialect, *passes).items() if role is Role.LIGHT]


ARNOLD, VRAY, KARMA = TABLES["Arnold"], TABLES["V-Ray"], TABLES["Karma"]


@pytest.mark.parametrize(
    "dialect, groups, parts, again",
    [
        (
            "Arnold",
            ["RGBA_key", "RGBA_default"],
            ["diffuse_direct", "diffuse_indirect", "specular", "coat", "sss", "volume", "emission", "background"],
            ["diffuse", "direct", "indirect", "diffuse_key", "diffuse_direct_key", "specular_key", "emission_key"],
        ),
        (
            "V-Ray",
            ["lightselect_key", "light_select"],
            ["lighting", "GI", "reflect", "refract", "specular", "SSS", "selfIllum", "caustics", "atmosphere", "background"],
            ["rawLight", "rawGI", "rawReflection", "rawRefraction"],
        ),
        (
            "V-Ray",
            ["VRayLightSelect_key"],
            ["VRayLighting", "VRayGlobalIllumination", "VRayReflection", "VRayRefraction", "VRaySpecular", "VRaySSS2"],
            [],
        ),
        (
            "Corona",
            ["CShading_LightSelect"],
            [f"CESSENTIAL_{kind}" for kind in ("Direct", "Indirect", "Reflect", "Refract", "Translucency", "Emission")],
            [],
        ),
        (
            "Karma",
            ["C_key", "C_fill"],
            ["directdiffuse", "indirectdiffuse", "combinedglossyreflection", "glossytransmission", "sss", "visiblelights"],
            ["combineddiffuse", "directdiffuse_key", "glossytransmission_fill"],
        ),
        (
            "RenderMan",
            [],
            ["emissive", "directDiffuse", "indirectDiffuse", "subsurface", "directSpecularPrimaryLobe", "transmissive"],
            ["directSpecular"],
        ),
        (
            "Redshift",
            ["Beauty_key", "Beauty_other"],
            ["DiffuseLighting", "GI", "SpecularLighting", "Reflections", "Refractions", "SSS", "Emission"],
            ["DiffuseLighting_key"],
        ),
        (
            "LuxCore",
            ["RADIANCE_GROUP0", "RADIANCE_GROUP1"],
            ["EMISSION", "DIRECT_DIFFUSE", "INDIRECT_SPECULAR", "DIRECT_GLOSSY_REFLECT", "DIRECT_GLOSSY_TRANSMIT"],
            ["DIRECT_GLOSSY"],
        ),
    ],
)
def test_each_light_is_counted_once(dialect, groups, parts, again):
    filters = {"V-Ray": ["diffuse", "reflectionFilter", "refractionFilter"]}.get(dialect, [])
    found = roles(TABLES[dialect], *again, *parts, *groups, *filters)
    assert found == {
        **dict.fromkeys(again, Role.AGAIN),
        **dict.fromkeys(parts, Role.LIGHT),
        **dict.fromkeys(groups, Role.GROUP),
    }


def test_a_whole_is_a_part_where_its_halves_are_not_there():
    assert summands(ARNOLD, "diffuse", "specular_indirect", "specular") == ["diffuse", "specular_indirect"]
    assert summands(ARNOLD, "direct", "indirect", "emission") == ["direct", "indirect", "emission"]
    assert summands(KARMA, "combineddiffuse", "combinedemission") == ["combineddiffuse", "combinedemission"]


def test_what_is_by_light_is_a_part_where_nothing_of_all_lights_holds_it():
    by_light = ["diffuse_key", "diffuse_default", "specular_direct_key", "specular_indirect_key", "emission_default"]
    assert summands(ARNOLD, *by_light) == by_light
    assert summands(ARNOLD, "specular_key", *by_light) == by_light
    assert summands(ARNOLD, *by_light, "diffuse_indirect") == [
        "specular_direct_key",
        "specular_indirect_key",
        "emission_default",
        "diffuse_indirect",
    ]


def test_data_is_no_light():
    data = [
        "diffuse_albedo",
        "volume_albedo",
        "volume_Z",
        "RGBA_noice",
        "N",
        "Pref",
        "crypto_asset00",
        "my_mask",
        "shadow_matte",
    ]
    assert roles(ARNOLD, *data) == {}
    assert roles(KARMA, "directdiffuseunshadowed", "combineddiffuseshadow", "albedo", "N", "CryptoObject00") == {}
    assert roles(VRAY, "shadow", "rawShadow", "totalLight", "effectsResult", "normals", "materialID", "DR") == {}
    for dialect in DIALECTS:
        assert roles(dialect, "crypto00", "CryptoObject01", "P", "Nothing known") == (
            {} if dialect is not CYCLES else {"P": Role.AOV, "Nothing known": Role.AOV}
        ), dialect.name


def test_raw_light_is_read_with_its_filter_or_not_at_all():
    assert roles(VRAY, "rawGI", "rawLight") == {}
    light = find_light(index_of(VRAY, ["rawGI", "rawLight", "diffuse"]), VRAY, "")
    assert [(one.name, one.role, one.color.name) for one in light] == [
        ("rawGI", Role.LIGHT, "diffuse"),
        ("rawLight", Role.LIGHT, "diffuse"),
    ]


@pytest.mark.parametrize(
    "direct, indirect, color, emission, occlusion",
    [
        ("Diffuse Direct", "Diffuse Indirect", "Diffuse Color", "Emission", "Ambient Occlusion"),
        ("DiffDir", "DiffInd", "DiffCol", "Emit", "AO"),
    ],
)
def test_blenders_names_of_both_ages(direct, indirect, color, emission, occlusion):
    passes = [f"My.Layer.{name}" for name in (direct, indirect, color, emission, occlusion, "Combined_Key Light", "Combined")]
    light = {one.name: one for one in find_light(index_of(CYCLES, passes), CYCLES, "My.Layer")}
    assert [light[name].role for name in (direct, indirect, emission)] == [Role.LIGHT] * 3
    assert light[direct].color.name == color and light[direct].channel == f"pass/{direct}"
    assert light[occlusion].role is Role.OTHER and light["Combined_Key Light"].role is Role.GROUP
    assert set(light) == {direct, indirect, emission, occlusion, "Combined_Key Light"}
    assert [one.name for one in choose_light(list(light.values()), ["Key Light"], "a.exr")] == ["Combined_Key Light"]


def test_passes_of_other_engines_in_blenders_files_are_no_aovs():
    """BlendLuxCore's MATERIAL_ID, whose numbers must stay what they are, is no AOV of a shader."""
    lux = ["MATERIAL_ID", "OBJECT_ID", "SAMPLECOUNT"]
    names = [f"ViewLayer.{name}.X" for name in (*lux, "My Value")]
    index = PassIndex(read_names([({}, names)]), CYCLES)
    assert [one.name for one in find_light(index, CYCLES, "ViewLayer")] == ["My Value"]
    assert roles(CYCLES, *(f"L.{name}" for name in ("OctMatID", "OctDiffDir", "DIRECT_DIFFUSE")), layer="L") == {}


def test_each_eye_and_each_part_has_its_own():
    """A part a pass with plain R, G, B; the views in the parts' names and attributes."""
    parts = [
        ({"name": f"{name}.{view}", "view": view}, list("RGB"))
        for view in ("left", "right")
        for name in ("rgba", "diffuse_direct", "RGBA_key light.2")
    ]
    index = PassIndex(read_names(parts), ARNOLD)
    assert index.layers == ["left", "right"]
    for view, first in (("left", 1), ("right", 4)):
        light = find_light(index, ARNOLD, view)
        assert [one.name for one in light] == ["diffuse_direct", "RGBA_key light.2"]
        assert [one.places[0] for one in light] == [(first, "R"), (first + 1, "R")]


def test_passes_that_the_renderer_denoised_are_read_from_their_noisy_ones():
    index = index_of(CYCLES, ["L.Combined", "L.Emission", "L.Noisy Emission"])
    (one,) = find_light(index, CYCLES, "L")
    assert one.places[0][1] == "L.Emission.R" and one.noisy[0][1] == "L.Noisy Emission.R"


def test_letters_that_are_no_colour_are_left():
    assert find_light(index_of(ARNOLD, ["diffuse_direct"], "RG"), ARNOLD, "") == []
    (one,) = find_light(index_of(ARNOLD, ["diffuse_direct"], ("red", "green", "blue")), ARNOLD, "")
    assert [name for _, name in one.places] == ["diffuse_direct.red", "diffuse_direct.green", "diffuse_direct.blue"]


def test_what_may_be_light_and_is_not_known_is_named():
    passes = ["RGBA", "diffuse_direct", "rim_toon", "crypto_asset00", "N", "diffuse_albedo", "char_id", "skin_mask", "objectID"]
    assert unknown_colors(index_of(ARNOLD, passes), ARNOLD, "") == ["rim_toon"]
    assert unknown_colors(index_of(VRAY, ["diffuse", "lighting", "DR"]), VRAY, "") == ["DR"]


def test_kinds_and_names_are_chosen():
    passes = ["RGBA_key", "diffuse", "diffuse_direct", "emission"]
    light = find_light(index_of(ARNOLD, passes), ARNOLD, "")

    def chosen(*wanted):
        return [one.name for one in choose_light(light, wanted, "a.exr")]

    assert chosen("all") == passes and chosen() == [] and chosen("aovs") == []
    assert chosen("light-groups") == ["RGBA_key"] == chosen("key") and chosen("light-passes") == passes[1:]
    assert chosen("emission", "light-groups") == ["RGBA_key", "emission"]
    of_cycles = find_light(index_of(CYCLES, ["L.Combined_Emission", "L.Emission"]), CYCLES, "L")
    assert [one.name for one in choose_light(of_cycles, ["Emission"], "a.exr")] == ["Emission"]  # no group that is called so
    with pytest.raises(N2NError, match="no pass of light 'rim'") as error:
        chosen("rim")
    assert "RGBA_key, diffuse" in error.value.hint


@pytest.mark.parametrize("text", ["Combined_a, b,key", "a,b, key", "key,a , b"])
def test_names_may_hold_commas(text):
    light = find_light(index_of(CYCLES, ["L.Combined_a, b", "L.Combined_key", "L.Combined_c"]), CYCLES, "L")
    assert [one.name for one in choose_light(light, parse_passes(text), "a.exr")] == ["Combined_a, b", "Combined_key"]
    assert not missing_light(light, parse_passes(text)) and missing_light(light[1:], ("a", "b", "key", "aovs")) == [
        "a",
        "b",
        "aovs",
    ]


def test_a_name_may_be_in_another_layer_which_is_said(caplog):
    here, there = (find_light(index_of(CYCLES, [f"L.Combined_{name}"]), CYCLES, "L") for name in ("key", "fill"))
    assert choose_light(here, ["fill"], "a.exr", there) == [] and "'fill' is not in every view layer" in caplog.text
    with pytest.raises(N2NError, match="no pass of light 'rim'"):
        choose_light(here, ["rim"], "a.exr", there)


def test_another_render_must_have_the_same_passes():
    one = find_light(index_of(ARNOLD, ["emission", "RGBA_key"]), ARNOLD, "")
    other = find_light(index_of(ARNOLD, ["RGBA_key", "emission", "sss"]), ARNOLD, "")
    assert [found.name for found in same_light(one, other, "b.exr")] == ["emission", "RGBA_key"]
    with pytest.raises(N2NError, match="b.exr: has no pass sss"):
        same_light(other, one, "b.exr")


def test_passes_are_parsed():
    assert parse_passes(None) == () and parse_passes(" all ") == ("all",)
    assert parse_passes("light-groups, Diffuse Direct") == ("light-groups", "Diffuse Direct")
    with pytest.raises(N2NError, match="cannot read the passes"):
        parse_passes("all,,Emission")
