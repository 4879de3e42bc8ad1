"""Photographs and k-space through models of them: from files and from arrays, and what does not go together."""

import numpy as np
import pytest

import n2n_render as n2n
from n2n_render.denoise import DenoiseOptions, PictureOptions, denoise
from n2n_render.denoise.signals import SignalDenoiser
from n2n_render.denoise.slices import SliceDenoiser
from n2n_render.engines.options import EngineOptions
from n2n_render.errors import N2NError
from n2n_render.frame.signal import from_signal, to_signal
from n2n_render.io.photographs import Photograph, read_photograph, write_photograph
from n2n_render.ladder.ladder import Ladder
from n2n_render.ladder.memory import ResilientLadder
from n2n_render.network.registry import open_model
from n2n_render.noise.kspace import undersample

data = pytest.importorskip("skimage.data")
image_module = pytest.importorskip("PIL.Image")
TORCH = EngineOptions("cpu", "torch")


def astronaut(height=53, width=46):
    return data.astronaut()[100 : 100 + height, 200 : 200 + width]


def opened(path, average=1, **options):
    return SignalDenoiser.open(open_model(path, signals=True), EngineOptions("cpu", "torch", **options), average)


def clean_file(path, model, output, **options):
    return denoise(DenoiseOptions((str(path),), str(output), model, engine=TORCH, **options))


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "in" / "photo.png"
    path.parent.mkdir()
    write_photograph(path, Photograph(astronaut()))
    return path


def kspace_of(image, fraction=0.3, seed=1):
    """(H, W) complex of an image in [0, 1], and the facts of what was measured."""
    signal = image.astype(np.float32)[..., None] - np.float32(0.5)
    facts = undersample(signal, fraction, np.random.default_rng(seed)).facts
    spectrum = facts["spectrum"][..., 0].astype(np.float64) + 1j * facts["spectrum"][..., 1]
    spectrum[0, 0] += 0.5 * np.sqrt(image.size)
    return spectrum, facts["measured"][..., 0] > 0


@pytest.mark.slow
def test_the_file_holds_what_the_network_gives(photo, signal_model, tmp_path):
    """Of any size: reflected to what the deepest level needs."""
    model = signal_model()
    done = clean_file(photo, model, tmp_path / "clean.png")
    assert done.outputs == (tmp_path / "clean.png",) and done.models == (model,) and "PyTorch" in done.engine
    pixels = astronaut()
    padded = np.pad(to_signal(pixels, 3), ((0, 3), (0, 2), (0, 0)), mode="reflect")
    expected = from_signal(opened(model).ladder.ladder.denoise_signal(padded)[:53, :46], np.uint8)
    found = read_photograph(tmp_path / "clean.png").pixels
    np.testing.assert_array_equal(found, expected)
    assert not np.array_equal(found, pixels)


def test_bits_profile_exif_and_alpha_are_kept(signal_model, tmp_path):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = image_module.Exif()
    exif[0x010F] = "a camera"
    rgba = np.concatenate([astronaut(), np.arange(53 * 46, dtype=np.uint8).reshape(53, 46, 1)], axis=-1)
    image_module.fromarray(rgba).save(tmp_path / "a.png", icc_profile=profile, exif=exif)
    deep = np.random.default_rng(1).integers(0, 65536, (20, 30, 3)).astype(np.uint16)
    write_photograph(tmp_path / "deep.tif", Photograph(deep))
    model = signal_model()
    clean_file(tmp_path / "a.png", model, tmp_path / "clean.png")
    clean_file(tmp_path / "deep.tif", model, tmp_path / "clean.tif")
    with image_module.open(tmp_path / "clean.png") as written:
        assert written.info["icc_profile"] == profile and written.getexif()[0x010F] == "a camera"
        np.testing.assert_array_equal(np.asarray(written)[..., 3], rgba[..., 3])
    found = read_photograph(tmp_path / "clean.tif").pixels
    assert found.dtype == np.uint16 and len(np.unique(found)) > 256


@pytest.mark.slow
@pytest.mark.parametrize("average", [1, 8])
def test_tiled_is_untiled(signal_model, average):
    signal = to_signal(astronaut(150, 131), 3)
    model = signal_model()
    whole, tiled = opened(model, average).denoise(signal), opened(model, average, tile_px=32).denoise(signal)
    np.testing.assert_allclose(tiled, whole, atol=2e-5)


@pytest.mark.slow
def test_the_mean_over_orientations_turns_with_the_picture(signal_model):
    signal = to_signal(astronaut(64, 64), 3)
    denoiser = opened(signal_model(), 8)
    np.testing.assert_allclose(denoiser.denoise(signal[:, ::-1])[:, ::-1], denoiser.denoise(signal), atol=1e-5)


def test_strength_leaves_as_much_of_the_noise(photo, signal_model, tmp_path):
    model = signal_model()
    for strength in (0.0, 0.5, 1.0):
        clean_file(photo, model, tmp_path / f"{strength}.png", picture=PictureOptions(strength=strength))
    none, half, full = (read_photograph(tmp_path / f"{strength}.png").pixels.astype(float) for strength in (0.0, 0.5, 1.0))
    np.testing.assert_array_equal(none, astronaut())
    inside = (full > 0) & (full < 255)  # what is not clipped
    np.testing.assert_allclose(half[inside], (none + full)[inside] / 2, atol=1)


def test_grey_through_colours_and_colours_through_grey(signal_model, photo, tmp_path, reporter, silent):
    grey = np.asarray(image_module.open(photo).convert("L"))
    image_module.fromarray(grey).save(tmp_path / "grey.png")
    names = {"grey.png": signal_model(), "in/photo.png": signal_model(channels=1)}
    for name, model in names.items():
        denoise(DenoiseOptions((str(tmp_path / name),), str(tmp_path / "out"), model, engine=TORCH), reporter)
    assert any("three equal" in note for note in silent.notes) and any("one by one" in note for note in silent.notes)
    assert read_photograph(tmp_path / "out/grey.png").pixels.shape == (53, 46, 1)
    found = read_photograph(tmp_path / "out/photo.png").pixels
    expected = from_signal(opened(names["in/photo.png"]).denoise(to_signal(astronaut(), 3)[..., 1:2]), np.uint8)
    np.testing.assert_array_equal(found[..., 1:2], expected)


def test_folders_and_several_files(photo, signal_model, tmp_path):
    """A broken one keeps no other from being done."""
    write_photograph(photo.with_name("b.jpg"), Photograph(astronaut()))
    photo.with_name("c.png").write_bytes(b"no picture")
    photo.with_name("notes.txt").write_text("no picture")
    with pytest.raises(N2NError, match="1 of 3 files could not be denoised.*c.png"):
        clean_file(photo.parent, signal_model(), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["b.jpg", "photo.png"]


def test_a_name_that_ends_with_a_slash_is_a_folder(photo, signal_model, tmp_path):
    clean_file(photo, signal_model(), f"{tmp_path}/version.2/")
    assert (tmp_path / "version.2" / "photo.png").is_file()


def test_little_memory_leads_to_smaller_tiles(signal_model, monkeypatch):
    signal = to_signal(astronaut(160, 140), 3)
    denoiser = opened(signal_model())
    expected, whole = denoiser.denoise(signal), Ladder.denoise_signal

    def climb(ladder, shown, on_fraction):
        if (ladder.tile_px or 768) > 100:
            raise MemoryError("full")
        return whole(ladder, shown, on_fraction)

    monkeypatch.setattr(Ladder, "denoise_signal", climb)
    np.testing.assert_allclose(denoiser.denoise(signal), expected, atol=2e-5)
    assert denoiser.ladder.ladder.tile_px <= 100


def test_rounding_is_avoided_where_it_would_show(signal_model):
    """As for frames: bfloat16 is left for pictures with little noise."""
    ladder = opened(signal_model()).ladder

    class Coarse:
        coarse = True

    rounding = ResilientLadder(ladder.checkpoint, EngineOptions(), Ladder(ladder.model, Coarse()))
    flat = np.zeros((8, 8, 3), np.float32)
    assert rounding._rounds_visibly(flat, flat + 0.01) and not rounding._rounds_visibly(flat, flat + 0.1)


@pytest.mark.parametrize(
    "inputs, kind, options, says",
    [
        (["in/photo.png"], "auto", {}, "is no render"),
        (["in/photo.png"], "oidn", {}, "oidn is a model of renders"),
        (["a.exr"], "gaussian", {}, "a.exr: is an EXR file, and .* is a model of photographs, gaussian:0-50"),
        (["in/photo.png"], "mri", {}, "photo.png: is a photograph, and .* is a model of MRI slices, mri:0.1"),
        (["in/none.png"], "gaussian", {}, "none.png: no such file"),
        (["in"], "gaussian", {"output": "one.png", "more": True}, "one.png is one file, but there are 2 inputs"),
        (["in/photo.png"], "gaussian", {"output": "in/photo.png"}, "photo.png is an input"),
        (["in/photo.png"], "gaussian", {"output": "clean.exr"}, "clean.exr: no picture is written by this name"),
        (["in/photo.png"], "gaussian", {"pairs": ("in/photo.png",)}, "--pair does not go with"),
        (["in/photo.png"], "gaussian", {"temporal": 2}, "--temporal does not go with"),
        (["in/photo.png"], "gaussian", {"layer": "View"}, "--layer does not go with"),
        (["in/photo.png"], "gaussian", {"prefilter": True}, "--prefilter does not go with"),
        (["in/photo.png"], "gaussian", {"picture": PictureOptions(keep_noisy=True)}, "--keep-noisy does not go with"),
        (
            ["in/photo.png"],
            "gaussian",
            {"picture": PictureOptions(strengths=(("a", 0.5),))},
            "--strength of a NAME does not go",
        ),
        (["in/photo.png"], "gaussian", {"engine": EngineOptions(engine="oidn")}, "it is of photographs or slices"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(photo, signal_model, tmp_path, monkeypatch, inputs, kind, options, says):
    monkeypatch.chdir(tmp_path)
    models = {"gaussian": signal_model(), "mri": signal_model("mri:0.1", 1)}
    if options.pop("more", False):
        write_photograph(photo.with_name("b.png"), Photograph(astronaut()))
    before = photo.read_bytes()
    output = options.pop("output", "out")
    with pytest.raises(N2NError, match=says) as caught:
        denoise(DenoiseOptions(tuple(inputs), output, models.get(kind, kind), **options))
    assert caught.value.hint
    assert photo.read_bytes() == before and not (tmp_path / "out").exists()


def test_whoever_denoises_renders_refuses_such_models(signal_model, tmp_path):
    from n2n_render.denoise import load_denoiser
    from n2n_render.learn.start import open_shot_start

    model = signal_model()
    for refused in (load_denoiser, open_shot_start):
        with pytest.raises(N2NError, match="is a model of photographs, gaussian:0-50, and not of renders"):
            refused(model)


def test_measured_frequencies_stay_exact(signal_model, tmp_path):
    image = data.camera()[100:164, 200:263].astype(np.float32) / 255
    kspace, measured = kspace_of(image)
    np.save(tmp_path / "k.npy", kspace)
    clean_file(tmp_path / "k.npy", signal_model("mri:0.3", 1), tmp_path / "clean.npy")
    clean = np.load(tmp_path / "clean.npy")
    assert clean.dtype == np.float32 and clean.shape == image.shape
    transform = np.fft.fft2(clean.astype(np.float64), norm="ortho")
    np.testing.assert_allclose(transform[measured], kspace[measured], atol=1e-4)
    assert np.abs(transform[~measured]).max() > 0  # what the network makes of the rest


def test_slices_become_pictures_and_stacks_arrays(signal_model, tmp_path):
    """In the unit of the file: an image a thousand times as bright has the same picture."""
    image = data.camera()[100:164, 200:263].astype(np.float32) / 255
    kspace, _ = kspace_of(image)
    model = signal_model("mri:0.3", 1)
    np.save(tmp_path / "one.npy", kspace)
    np.save(tmp_path / "stack.npy", np.stack([kspace, 2 * kspace]).astype(np.complex64))
    done = denoise(DenoiseOptions((f"{tmp_path}/one.npy", f"{tmp_path}/stack.npy"), f"{tmp_path}/out", model, engine=TORCH))
    assert [path.name for path in done.outputs] == ["one.png", "stack.npy"]
    picture, stack = read_photograph(done.outputs[0]).pixels, np.load(done.outputs[1])
    assert picture.dtype == np.uint16 and stack.shape == (2, 64, 63)
    np.testing.assert_allclose(picture[..., 0] / 65535, np.clip(stack[0], 0, 1), atol=1e-3)
    slices = SliceDenoiser.of(open_model(model, signals=True), opened(model))
    dark, bright = slices.reconstruct(kspace * 1000), slices.reconstruct(kspace * 1e6)
    np.testing.assert_allclose(bright, dark * 1000, rtol=1e-3, atol=bright.max() * 1e-4)


def test_half_of_a_spectrum_is_the_whole_of_a_real_image(signal_model):
    image = data.camera()[100:164, 200:264].astype(np.float32) / 255
    kspace, _ = kspace_of(image, 1.0)
    half = kspace.copy()
    half[:, 33:] = 0
    model = signal_model("mri:0.9-1", 1)
    slices = SliceDenoiser.of(open_model(model, signals=True), opened(model))
    np.testing.assert_allclose(slices.reconstruct(half), image, atol=2e-2)


@pytest.mark.parametrize(
    "change, says",
    [
        (np.fft.fftshift, "frequency 0 is in the middle"),
        (lambda kspace: kspace * np.nan, "no finite numbers"),
        (lambda kspace: kspace * 0, "frequency 0 was not measured"),
        (np.abs, "not complex numbers"),
        (lambda kspace: np.fft.fft2(np.fft.ifft2(kspace) * np.exp(1j * np.arange(63))), "not that of a real image"),
    ],
)
def test_wrong_kspace_is_one_sentence(signal_model, tmp_path, change, says):
    kspace = np.fft.fft2(data.camera()[:64, :63] / 255.0, norm="ortho")
    np.save(tmp_path / "k.npy", change(kspace))
    with pytest.raises(N2NError, match=f"k.npy: .*{says}"):
        clean_file(tmp_path / "k.npy", signal_model("mri", 1), tmp_path / "out.png")
    assert not (tmp_path / "out.png").exists()


def test_all_that_was_measured_is_the_image_whatever_share_was_trained(signal_model, tmp_path, caplog):
    image = np.random.default_rng(4).uniform(0, 1, (48, 40)) * np.hanning(48)[:, None]
    np.save(tmp_path / "k.npy", np.fft.fft2(image, norm="ortho"))
    clean_file(tmp_path / "k.npy", signal_model("mri:0.1", 1), tmp_path / "out.png")
    np.testing.assert_allclose(read_photograph(tmp_path / "out.png").pixels[..., 0] / 65535, image, atol=2e-5)
    assert "is taken as white" not in caplog.text


def test_another_share_than_trained_for_is_doubted(signal_model, caplog):
    kspace, _ = kspace_of(data.camera()[:64, :63] / np.float32(255), 0.5)
    n2n.denoise(kspace, model=signal_model("mri:0.1", 1), device="cpu", engine="torch")
    assert "of the frequencies were measured, and the model was trained with 10.0%" in caplog.text


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32", "float64"])
def test_arrays_keep_their_shape_and_type(signal_model, kind):
    pixels = astronaut()
    given = pixels.astype(kind) * 257 if kind == "uint16" else pixels if kind == "uint8" else (pixels / 255).astype(kind)
    model = n2n.load_model(signal_model(), device="cpu", engine="torch")
    before = given.copy()
    clean, grey = model(given), n2n.denoise(given[..., 0], model=model)
    assert clean.shape == given.shape and clean.dtype == given.dtype and model.features == ()
    assert grey.shape == given.shape[:2] and grey.dtype == given.dtype
    np.testing.assert_array_equal(given, before)
    as_bytes = from_signal(to_signal(clean, 3), np.uint8)
    np.testing.assert_allclose(as_bytes.astype(int), model(pixels).astype(int), atol=1)


@pytest.mark.parametrize(
    "image, says",
    [
        (np.full((8, 8, 3), np.nan), "64 pixel\\(s\\) that are no finite numbers"),
        (np.full((8, 8, 3), 200.0), "values from 200 to 200"),
        (np.zeros((8, 8, 4)), r"shape \(8, 8, 4\)"),
        (np.zeros((3, 8, 8)), r"shape \(3, 8, 8\)"),
        (np.zeros((8, 8, 3), int), "type int64"),
        ("photo.png", "not a path"),
        (np.zeros((8, 8), complex), "type complex128"),
    ],
)
def test_arrays_that_are_no_photographs_are_one_sentence(signal_model, image, says):
    with pytest.raises(N2NError, match=says):
        n2n.denoise(image, model=signal_model(), device="cpu", engine="torch")


def test_guides_are_not_for_photographs(signal_model):
    with pytest.raises(N2NError, match="have no guides"):
        n2n.denoise(astronaut(), albedo=astronaut(), model=signal_model(), device="cpu", engine="torch")
    with pytest.raises(N2NError, match="prefilter is for models of renders"):
        n2n.load_model(signal_model(), prefilter=True)


@pytest.mark.slow
def test_openvino_gives_the_same_picture(signal_model):
    pytest.importorskip("openvino")
    model, signal = signal_model(), to_signal(astronaut(), 3)
    other = SignalDenoiser.open(open_model(model, signals=True), EngineOptions("cpu", "openvino", "float32"))
    np.testing.assert_allclose(other.denoise(signal), opened(model).denoise(signal), atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("kind, suffix", [("onnx", "onnx"), ("torchscript", "pt")])
def test_other_programs_get_the_network(signal_model, photo, tmp_path, kind, suffix):
    from n2n_render.export import ExportOptions, export

    if kind == "onnx":
        pytest.importorskip("onnxruntime"), pytest.importorskip("onnx")
    for model, check in ((signal_model(), str(photo)), (signal_model("mri:0.1", 1), None)):
        done = export(ExportOptions(model, kind, str(tmp_path / f"exported.{suffix}"), check=check))
        assert done.difference < 1e-4 and (str(done.frame) if done.frame else None) == check
    with pytest.raises(N2NError, match="no .tza file can hold a model of MRI slices"):
        export(ExportOptions(model, "tza", str(tmp_path / "a.tza")))


@pytest.mark.slow
def test_lists_say_what_a_model_is_for_and_blender_is_offered_renders_only(signal_model, served, tmp_path):
    from click.testing import CliRunner

    from n2n_render.cli.commands import main

    path = signal_model()
    assert "photographs, gaussian:0-50" in CliRunner().invoke(main, ["models", str(tmp_path)]).output
    served.ask(id=1, do="describe", folders=[str(tmp_path)])
    names = [model["name"] for model in served.last(1)[0]["models"]]
    assert "oidn" in names and path not in names
    served.ask(id=2, do="check", model=path, inputs=[])
    answer = served.last(2)[0]
    assert answer["event"] == "error" and "is a model of photographs" in answer["what"]


@pytest.mark.slow
def test_a_training_starts_from_such_a_model(signal_model, photo, tmp_path, reporter):
    from n2n_render.train import TrainOptions, train

    data_folder, out = (str(tmp_path / name) for name in ("in", "run"))
    options = {"data": (data_folder,), "out": out, "steps": 1, "crop_px": 16, "batch": 1, "device": "cpu"}
    done = train(TrainOptions(noise="gaussian", init=signal_model(), **options), reporter)
    assert open_model(str(done.folder), signals=True).purpose.startswith("photographs, gaussian")
