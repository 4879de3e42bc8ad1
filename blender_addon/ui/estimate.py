"""A scene and what shall be done with it → the parts of the job and how long each should take, by what was measured here."""

import os

import bpy

from ..process.countdown import Part
from . import models, session
from .settings import preferences

MEGA = 1e6
PASSES = {"FAST": 1, "BETTER": 4}  # of the network, for a still


def render_key(scene) -> str:
    """Rates of rendering are a scene's own."""
    return f"render {os.path.basename(bpy.data.filepath)} {scene.name}"


def megapixels(scene) -> float:
    """Of a frame as it is rendered, all view layers and views together."""
    render = scene.render
    count = render.resolution_x * render.resolution_y * (render.resolution_percentage / 100.0) ** 2
    if render.use_border:
        count *= (render.border_max_x - render.border_min_x) * (render.border_max_y - render.border_min_y)
    views = len([view for view in render.views if view.use]) if render.use_multiview else 1
    return max(count / MEGA, 1e-6) * max(len([layer for layer in scene.view_layers if layer.use]), 1) * views


def render_units(scene) -> float:
    return megapixels(scene) * max(scene.cycles.samples, 1)


def denoise_key(scene, model: str) -> str:
    """A learned model is as large as what it was started from, most likely the large one."""
    return work_key(scene, "denoise") + f" {model if model in models.BUILTIN else models.BUILTIN[0]}"


def work_key(scene, kind: str) -> str:
    """kind: "denoise", "paint", "read to paint" or "neighbors", a megapixel of a frame; painting also "… with neighbors".
    Passes of light take about as long as a picture each, and a scene has its own: then rates are a scene's.
    """
    passes = f" all passes of {render_key(scene)}" if scene.n2n.all_passes else ""
    return f"{kind} {preferences().device or 'auto'}{passes}"


def _render_seconds(scene, frames: int = 1) -> float | None:
    return session.rates().seconds(render_key(scene), render_units(scene) * frames)


def still(scene, quality: str, renders: int = 0) -> list[Part]:
    """renders: how many of the two that Best takes are still to be made."""
    size, rates = megapixels(scene), session.rates()
    if quality != "BEST":
        return [Part("denoising", rates.seconds(denoise_key(scene, scene.n2n.model), size * PASSES[quality]))]
    titles = ("first render", "second render")[2 - renders :]
    parts = [Part(title, _render_seconds(scene)) for title in titles]
    if scene.n2n.views:
        parts.append(Part("other views", _render_seconds(scene, 2 * (scene.n2n.views + 1))))
    return [*parts, *_learning(scene, "paint", size * (scene.n2n.views + 1))]


def _learning(scene, kind: str, size: float) -> list[Part]:
    return [
        Part("reading", session.rates().seconds(work_key(scene, f"read to {kind}"), size)),
        Part("learning", scene.n2n.minutes * 60.0, most=True),
        Part("painting", session.rates().seconds(work_key(scene, kind), size)),
    ]


def animation(scene, quality: str, frames: int, renders: int) -> list[Part]:
    """frames: that are still to be denoised; renders: that are still to be made for it, both seeds together."""
    size, rates = megapixels(scene) * frames, session.rates()
    rendering = [Part("rendering", _render_seconds(scene, renders))] if renders else []
    if quality == "BEST":
        return [*rendering, *_learning(scene, "paint with neighbors", size)]
    if quality == "BETTER":
        return [*rendering, Part("denoising", rates.seconds(work_key(scene, "neighbors"), size))]
    denoising = Part("denoising", rates.seconds(denoise_key(scene, scene.n2n.model), size))
    if not rendering:
        return [denoising]
    each = rendering[0].seconds, denoising.seconds  # frame by frame: one part
    return [Part("rendering and denoising", None if None in each else sum(each))]
