"""The same pixels as each renderer lays them out: a frame → parts of an EXR file, by its channel names and headers."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import OpenEXR
from conftest import noisy_frame, true_frame

from n2n_render.frame.frame import Frame

SIZE = (40, 56)
# Row vectors are multiplied from the left. It only swaps axes, so that no number is rounded.
ROTATION = np.array([[0, 1, 0], [0, 0, -1], [1, 0, 0]], np.float32)
MATRIX = np.eye(4, dtype=np.float32)
MATRIX[:3, :3], MATRIX[3, :3] = ROTATION, (1, 2, 3)


def make_frame(seed: int = 1) -> Frame:
    """A noisy frame with alpha, and normals as Cycles has them: what is seen looks against z."""
    frame = noisy_frame(true_frame(*SIZE, seed=3), seed)
    alpha = np.ones((*SIZE, 1), np.float32)
    alpha[:, :5] = np.random.default_rng(seed).random((SIZE[0], 5, 1), np.float32)
    return frame.with_channels(normal=frame.normal * np.array([1, 1, -1], np.float32), alpha=alpha)


def planes(name: str, image: np.ndarray, letters="RGB") -> dict[str, np.ndarray]:
    """Channel name → (H, W), contiguous."""
    return {
        f"{name}.{letter}" if name else letter: np.ascontiguousarray(image[..., index]) for index, letter in enumerate(letters)
    }


def to_half(frame: Frame) -> Frame:
    """The frame as half floats hold it."""
    return frame.map(lambda name, image: image.astype(np.float16).astype(np.float32))


def write_parts(path, parts, header=None):
    """parts: {part's name: {channel: (H, W)}}."""
    base = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **(header or {})}
    OpenEXR.File([OpenEXR.Part(dict(base), dict(channels), name) for name, channels in parts.items()]).write(str(path))
    return path


@dataclass(frozen=True)
class Layout:
    """parts: frame → {part's name: {channel: (H, W)}}. has: the frame's channels that the renderer's tool should take."""

    dialect: str
    parts: Callable[[Frame], dict]
    has: tuple[str, ...] = ("albedo", "normal", "depth")
    header: dict = field(default_factory=dict)
    half: bool = False
    depth_background: float = 0.0

    def frame(self, seed: int = 1) -> Frame:
        frame = make_frame(seed)
        return to_half(frame) if self.half else frame

    def write(self, path, frame: Frame):
        """Also a pass that nobody asks for, which must stay what it was."""
        depth = np.where(np.isinf(frame.depth), np.float32(self.depth_background), frame.depth)
        parts = self.parts(frame.with_channels(depth=depth))
        extra = {"specular_direct.R": frame.color[..., 2], "crypto00.r": np.random.default_rng(5).random(SIZE, np.float32)}
        next(iter(parts.values())).update({name: np.ascontiguousarray(plane) for name, plane in extra.items()})
        if self.half:
            parts = {
                name: {key: plane if "crypto" in key else plane.astype(np.float16) for key, plane in channels.items()}
                for name, channels in parts.items()
            }
        return write_parts(path, parts, self.header)


def rgba(frame: Frame) -> np.ndarray:
    return np.concatenate([frame.color, frame.alpha], axis=-1)


def world(frame: Frame) -> np.ndarray:
    return frame.normal @ ROTATION.T


def one(*groups) -> dict:
    return {"": {name: plane for group in groups for name, plane in group.items()}}


def arnold(frame, albedo="denoise_albedo", beauty="", normals=world):
    return one(
        planes(beauty, rgba(frame), "RGBA"),
        planes(albedo, frame.albedo),
        planes("N", normals(frame), "XYZ"),
        planes("", frame.depth, "Z"),
        planes("variance", frame.color**2),
    )


def split(parts: dict) -> dict:
    """Every pass in a part of its own."""
    found: dict = {}
    for channels in parts.values():
        for name, plane in channels.items():
            found.setdefault(name.rpartition(".")[0] or "rgba", {})[name] = plane
    return found


def mitsuba(frame):
    return one(
        planes("", rgba(frame), "RGBA"),
        planes("img", rgba(frame), "RGBA"),
        planes("albedo", frame.albedo),
        planes("nn", frame.normal, "XYZ"),
        planes("dd.y", frame.depth, "T"),
        planes("pos", frame.normal * 7, "XYZ"),
    )


def pbrt(frame):
    position = np.concatenate([frame.color[..., :2], frame.depth], axis=-1)
    return one(
        planes("", frame.color),
        planes("Albedo", frame.albedo),
        planes("P", position, "XYZ"),
        planes("N", frame.normal * np.float32(0.5), "XYZ"),
        planes("Ns", frame.normal, "XYZ"),
        planes("Variance", frame.color),
        planes("RelativeVariance", frame.color),
    )


def renderman(frame, beauty="Ci", letters="rgb", alpha="a"):
    return one(
        planes(beauty, frame.color, letters),
        {alpha: np.ascontiguousarray(frame.alpha[..., 0])},
        planes("albedo", frame.albedo, "rgb"),
        planes("normal", frame.normal, "xyz"),
        {"zfiltered": np.ascontiguousarray(frame.depth[..., 0])},
        planes("mse", frame.color, "rgb"),
        planes("albedo_var", frame.color, "rgb"),
        planes("forward", frame.normal, "xyz"),
        planes("backward", frame.normal, "xyz"),
    )


LAYOUTS = {
    "Arnold": Layout("Arnold", arnold, header={"arnold/version": "7.3", "worldToCamera": MATRIX}, depth_background=1e12),
    "Arnold, names alone": Layout("Arnold", lambda frame: arnold(frame, normals=lambda it: it.normal), half=True),
    "Arnold, older": Layout("Arnold", lambda frame: arnold(frame, "diffuse_albedo", "RGBA", lambda it: it.normal)),
    "Arnold, a part a pass": Layout("Arnold", lambda frame: split(arnold(frame)), header={"worldToCamera": MATRIX}),
    "RenderMan": Layout("RenderMan", renderman),
    "RenderMan as RGBA": Layout("RenderMan", lambda frame: renderman(frame, "", "RGB", "A"), half=True),
    "V-Ray": Layout(
        "V-Ray",
        lambda frame: one(
            planes("", rgba(frame), "RGBA"),
            planes("effectsResult", frame.color * 2),
            planes("bump_normals", frame.normal, "XYZ"),
            planes("normals", frame.normal * np.float32(0.5), "XYZ"),
            planes("ZDepth", frame.depth, "R"),
            planes("noiseLevel", frame.depth, "R"),
        ),
        has=("normal",),
        header={"vrayInfo/version": "6.2"},
        half=True,
    ),
    "Corona": Layout(
        "Corona",
        lambda frame: one(
            planes("", rgba(frame), "RGBA"), planes("VisibleDiffuse", frame.albedo), planes("VisibleNormals", frame.normal)
        ),
        has=("albedo", "normal"),
    ),
    "Karma": Layout(
        "Karma",
        lambda frame: one(planes("C", rgba(frame), "RGBA"), planes("albedo", frame.albedo), planes("N", frame.normal, "XYZ")),
        has=("albedo", "normal"),
        half=True,
    ),
    "Karma, a part a plane": Layout(
        "Karma",
        lambda frame: {
            "C": planes("", rgba(frame), "RGBA"),
            "albedo": planes("", frame.albedo),
            "N": planes("", frame.normal, "XYZ"),
        },
        has=("albedo", "normal"),
    ),
    "Mitsuba": Layout("Mitsuba", mitsuba, header={"generatedBy": "Mitsuba version 3.9.1"}),
    "pbrt": Layout("pbrt", pbrt, half=True),
    "Octane": Layout(
        "Octane",
        lambda frame: one(
            planes("Beauty", rgba(frame), "RGBA"),
            planes("Denoise Albedo", frame.albedo),
            planes("Denoise Normal", frame.normal),
        ),
        has=("albedo", "normal"),
    ),
    "Unreal": Layout("Unreal", lambda frame: one(planes("FinalImage", rgba(frame), "RGBA")), has=(), half=True),
    "LuxCore, all in one": Layout(
        "LuxCore",
        lambda frame: one(
            planes("RGBA", rgba(frame), "RGBA"),
            planes("ALBEDO", frame.albedo),
            planes("AVG_SHADING_NORMAL", frame.normal),
            planes("DEPTH", frame.depth, "R"),
        ),
    ),
    "MoonRay": Layout(
        "MoonRay",
        lambda frame: one(
            planes("", rgba(frame), "RGBA"),
            planes("albedo", frame.albedo),
            planes("normal", frame.normal, "XYZ"),
            planes("motionvec", frame.color[..., :2], "RG"),
        ),
        has=("albedo", "normal"),
        half=True,
    ),
    "Redshift": Layout(
        "Redshift",
        lambda frame: one(planes("", rgba(frame), "RGBA"), planes("Z", frame.depth, "R")),
        has=("depth",),
        header={"redshift/version": "3.5"},
        half=True,
    ),
    "plain RGB": Layout("plain", lambda frame: one(planes("", frame.color)), has=(), half=True),
    "plain RGBA": Layout("plain", lambda frame: one(planes("", rgba(frame), "RGBA")), has=()),
    "plain with guides": Layout(
        "plain",
        lambda frame: one(planes("", frame.color), planes("albedo", frame.albedo), planes("normal", frame.normal, "XYZ")),
        has=("albedo", "normal"),
    ),
    "Cycles, File Output node": Layout(
        "Cycles",
        lambda frame: one(
            planes("Image", rgba(frame), "RGBA"),
            planes("Denoising Albedo", frame.albedo),
            planes("Denoising Normal", frame.normal, "XYZ"),
            planes("Denoising Depth", frame.depth, "Z"),
        ),
    ),
    "Cycles, File Output node of 5.0": Layout(  # as bpy 5.0.1 wrote it
        "Cycles",
        lambda frame: split(
            one(
                planes("Image", rgba(frame), "RGBA"),
                planes("Denoising Albedo", np.concatenate([frame.albedo, frame.alpha], -1), "RGBA"),
                planes("Denoising Normal", frame.normal, "XYZ"),
                planes("Denoising Depth", frame.depth, "V"),
                planes("Vector", frame.normal, "XYZ"),  # a part of it, which is of no use
            )
        ),
        header={"BlenderMultiChannel": "Blender V2.55.1 and newer"},
    ),
    "Cycles 5.2": Layout(
        "Cycles",
        lambda frame: split(
            one(
                planes("View.Layer.Combined", rgba(frame), "RGBA"),
                planes("View.Layer.Denoising Albedo", frame.albedo),
                planes("View.Layer.Denoising Specular Albedo", frame.albedo * np.float32(0.5)),
                planes("View.Layer.Denoising Roughness", frame.depth, "X"),
                planes("View.Layer.Denoising Normal", frame.normal, "XYZ"),
                planes("View.Layer.Denoising Depth", frame.depth, "Z"),
                planes("View.Layer.Denoising Backward Motion", frame.color, "XYZ"),
            )
        ),
    ),
}
