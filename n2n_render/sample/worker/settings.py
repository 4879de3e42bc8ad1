"""Cycles and output settings: all that touches noise is set or recorded, all that an artist chose for looks stays."""

from collections.abc import Callable
from typing import Any

import bpy
from protocol import SceneError

# Recorded in the manifest: two files are comparable only when these agree.
NOISE_SETTINGS = (
    "sampling_pattern",
    "use_adaptive_sampling",
    "use_denoising",
    "sample_clamp_direct",
    "sample_clamp_indirect",
    "light_sampling_threshold",
    "use_light_tree",
    "use_guiding",
    "max_bounces",
    "diffuse_bounces",
    "glossy_bounces",
    "transmission_bounces",
    "volume_bounces",
    "transparent_max_bounces",
    "blur_glossy",
    "caustics_reflective",
    "caustics_refractive",
    "use_fast_gi",
    "ao_bounces_render",
    "pixel_filter_type",
    "filter_width",
    "film_exposure",
    "feature_set",
    "scrambling_distance",
    "auto_scrambling_distance",
    "min_light_bounces",
    "min_transparent_bounces",
    "use_surface_guiding",
    "use_volume_guiding",
    "guiding_training_samples",
    "direct_light_sampling_type",
    "volume_step_rate",
    "volume_max_steps",
    "volume_biased",
    "use_layer_samples",
)
# Set for every render, and asked of Cycles afterwards.
COUNTING = ("samples", "sample_offset", "use_sample_subset", "sample_subset_length", "use_animated_seed", "time_limit")
COUNTING_RENDER = (
    "engine",
    "resolution_x",
    "resolution_y",
    "resolution_percentage",
    "use_border",
    "use_compositing",
    "use_sequencer",
    "use_multiview",
    "use_freestyle",
    "pixel_aspect_x",
    "pixel_aspect_y",
)
ALWAYS = ("use_pass_combined", "use_pass_vector")
PICTURE_CHANNELS = 15  # colour 3, alpha, albedo 3, normal 3, depth, vector 4
CRYPTOMATTES = tuple(f"use_pass_cryptomatte_{kind}" for kind in ("object", "material", "asset"))
LIGHT_PASSES = (
    *(f"use_pass_{kind}_{part}" for kind in ("diffuse", "glossy", "transmission") for part in ("direct", "indirect", "color")),
    "use_pass_volume_direct",
    "use_pass_volume_indirect",
    "use_pass_emit",
    "use_pass_environment",
    "use_pass_ambient_occlusion",
    "use_pass_shadow_catcher",
)
GPU_BACKENDS = ("OPTIX", "CUDA", "HIP", "METAL", "ONEAPI")  # tried in this order by `auto`


def use_device(scene: Any, wanted: Any) -> Any:
    """Selects the compute device; returns what was taken, e.g. "CPU" or "OPTIX (NVIDIA …)"."""
    wanted = wanted.upper()
    scene.cycles.device = "CPU"
    if wanted == "CPU":
        return "CPU"
    preferences = bpy.context.preferences.addons["cycles"].preferences
    for backend in GPU_BACKENDS if wanted == "AUTO" else (wanted,):
        devices = _devices(preferences, backend)
        if devices:
            for device in preferences.devices:
                device.use = device in devices
            scene.cycles.device = "GPU"
            return f"{backend} ({', '.join(sorted({device.name for device in devices}))})"
    if wanted == "AUTO":
        preferences.compute_device_type = "NONE"
        return "CPU"
    raise SceneError(f"no {wanted} device can be used by this Blender", "Pass --device auto or --device cpu.")


def _devices(preferences: Any, backend: str) -> Any:
    try:
        preferences.compute_device_type = backend
    except TypeError:  # this build of Blender does not know the backend
        return []
    preferences.refresh_devices()
    return [device for device in preferences.devices if device.type == backend]


def use_cycles(scene: Any, warn: Callable[[str], None]) -> None:
    render = scene.render
    if render.engine != "CYCLES":
        warn(f"the scene is made for {render.engine}; it is rendered with Cycles")
        render.engine = "CYCLES"


def use_sampling(scene: Any, layer: Any, passes: str = "none") -> None:
    """Plain, independent, un-denoised samples; motion blur, depth of field, clamping and bounces stay as authored.

    passes: "none": none but the picture's, its guides', and those of light groups and shader AOVs; "scene": what the view layer
    has on, too; "all": every pass that holds light, too.
    """
    render, cycles = scene.render, scene.cycles
    cycles.use_adaptive_sampling = False
    cycles.use_denoising = False
    cycles.use_animated_seed = False
    cycles.use_layer_samples = "IGNORE"  # a view layer's own sample count would win over --spp
    cycles.scrambling_distance, cycles.auto_scrambling_distance = 1.0, False  # less would tie neighbouring pixels together
    cycles.time_limit = 0
    render.use_persistent_data = True
    for switch in (
        "use_compositing",
        "use_sequencer",
        "use_border",
        "use_crop_to_border",
        "use_multiview",
        "use_freestyle",
        "use_single_layer",
        "use_placeholder",
    ):
        setattr(render, switch, False)
    render.use_overwrite = True
    use_passes(layer, passes)
    layer.cycles.denoising_store_passes = True
    use_output(render)


def use_passes(layer: Any, wanted: str) -> None:
    """See `use_sampling`."""
    for owner in (layer, layer.cycles):
        for name in _passes(owner):
            on = wanted != "none" and getattr(owner, name)
            setattr(owner, name, on or name in ALWAYS or (wanted == "all" and name in LIGHT_PASSES))


def light_passes_on(layer: Any) -> list[str]:
    """The passes of light that a view layer has on, as Blender's panel calls them."""
    return [
        owner.bl_rna.properties[name].name
        for owner in (layer, layer.cycles)
        for name in _passes(owner)
        if name in LIGHT_PASSES and getattr(owner, name)
    ]


def count_channels(layer: Any) -> int:
    """How many numbers a pixel of a file has, about: the picture with its guides, and what else the layer writes."""
    on = [name for owner in (layer, layer.cycles) for name in _passes(owner) if name not in ALWAYS and getattr(owner, name)]
    of_passes = sum(2 * layer.pass_cryptomatte_depth if name in CRYPTOMATTES else 3 for name in on)
    return PICTURE_CHANNELS + of_passes + 3 * len(layer.lightgroups) + 4 * len(layer.aovs)


def _passes(layer: Any) -> Any:
    return [name for name in dir(layer) if name.startswith("use_pass_")]


def use_output(render: Any) -> None:
    """Multilayer EXR, 32 bits, with what identifies a frame in its header."""
    image = render.image_settings
    if hasattr(image, "media_type"):  # 5.0: must be set before the format
        image.media_type = "MULTI_LAYER_IMAGE"
    image.file_format = "OPEN_EXR_MULTILAYER"
    image.color_mode = "RGBA"
    image.color_depth = "32"
    image.exr_codec = "ZIP"
    if hasattr(image, "color_management"):
        image.color_management = "FOLLOW_SCENE"
    render.use_file_extension = False
    render.metadata_input = "SCENE"
    render.use_stamp = False  # metadata only, nothing is drawn into the picture
    for name in dir(render):
        if name.startswith("use_stamp_"):
            setattr(render, name, name in ("use_stamp_note", "use_stamp_camera", "use_stamp_frame"))


def use_plain_output(render: Any) -> None:
    """One picture, linear, 32 bits."""
    image = render.image_settings
    if hasattr(image, "media_type"):
        image.media_type = "IMAGE"
    image.file_format, image.color_mode, image.color_depth = "OPEN_EXR", "RGBA", "32"


def renders_parts(scene: Any) -> bool:
    """Whether some samples of a longer sequence can be rendered. Before 5.0 the sequence is as long as the render: with one
    seed the next samples of a pixel are, with blue noise, those that a pixel beside it had before.
    """
    return hasattr(scene.cycles, "use_sample_subset")


def use_samples(scene: Any, first: int, spp: int, sequence: int) -> None:
    """So many samples of Cycles' sequence of so many, from number `first` on."""
    cycles = scene.cycles
    if renders_parts(scene):
        cycles.use_sample_subset, cycles.sample_subset_length = True, spp
        cycles.samples = sequence
    else:
        cycles.samples = spp
    cycles.sample_offset = first


def use_size(scene: Any, wanted: Any) -> None:
    """`wanted`: None (as authored), [width, height], or a percentage of the authored full resolution."""
    render = scene.render
    if isinstance(wanted, list):
        render.resolution_x, render.resolution_y = wanted
    else:
        percentage = render.resolution_percentage if wanted is None else wanted
        render.resolution_x = max(1, int(render.resolution_x * percentage / 100))
        render.resolution_y = max(1, int(render.resolution_y * percentage / 100))
    render.resolution_percentage = 100


def size(scene: Any) -> Any:
    return scene.render.resolution_x, scene.render.resolution_y


def noise_settings(scene: Any) -> Any:
    found = {name: getattr(scene.cycles, name) for name in NOISE_SETTINGS if hasattr(scene.cycles, name)}
    found["skips_first_samples"] = True
    found["use_motion_blur"] = scene.render.use_motion_blur
    found["motion_blur_shutter"] = round(scene.render.motion_blur_shutter, 6)
    found["use_simplify"] = scene.render.use_simplify
    found["film_transparent"] = scene.render.film_transparent
    return found


def counting(scene: Any, layer: Any) -> Any:
    """Name → value of all that decides what a render's noise is, which picture it is of, and what is written."""
    found = noise_settings(scene)
    for owner, names in (
        (scene.cycles, COUNTING),
        (layer.cycles, ("denoising_store_passes", *_passes(layer.cycles))),
        (scene.render, COUNTING_RENDER),
        (layer, _passes(layer)),
    ):
        found.update({name: getattr(owner, name) for name in names if hasattr(owner, name)})
    found["seed"] = scene.cycles.seed
    return found
