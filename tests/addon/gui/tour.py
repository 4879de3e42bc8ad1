"""Runs inside a Blender with a window: installs the extension, clicks its buttons with a real mouse, takes pictures.

screenshots.sh beside this file starts it, and says what it needs.
"""

import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import bpy

OUT, ARCHIVE = Path(os.environ["N2N_SHOTS"]), os.environ["N2N_ZIP"]
REPOSITORY = Path(__file__).resolve().parents[3]
VERSION = "{}.{}".format(*bpy.app.version)
SCENE = os.path.join("n2n_render", "sample", "worker", "demo_scene.py")
PANEL_WIDTH = 0.25  # of the window
PATIENCE_S = 180.0


def main():
    bpy.ops.wm.open_mainfile(filepath=_build_room(), load_ui=False)
    bpy.app.driver_namespace["gui_wait"] = True  # the picture at the end is taken when GUI_READY is there
    view = bpy.context.preferences.view
    view.show_splash = view.show_tooltips = False
    bpy.ops.extensions.package_install_files(filepath=ARCHIVE, repo="user_default", enable_on_install=True)
    _hide_other_panels()
    steps = tour(bpy.context.scene)
    bpy.app.timers.register(lambda: _next(steps), first_interval=3.0)


def _build_room() -> str:
    """The project's own scene, built by another Blender: this one would lose its window's context."""
    blend = os.path.join(tempfile.mkdtemp(), "room.blend")
    build = f"import runpy; runpy.run_path({str(REPOSITORY / SCENE)!r})['build']({blend!r})"
    subprocess.run([bpy.app.binary_path, "--background", "--factory-startup", "--python-expr", build], check=True)
    return blend


def _next(steps):
    """A timer that goes on for as long as `steps` says how many seconds to wait."""
    try:
        return next(steps)
    except StopIteration:
        print("tour: done")
    except Exception:
        traceback.print_exc()
        subprocess.run(["import", "-window", "root", OUT / f"failed-{VERSION}.png"], check=True)
    Path(os.environ["GUI_READY"]).touch()
    return None


def tour(scene):
    _settings(scene)
    yield from _show_workspace("Rendering")
    yield from _keep_only("IMAGE_EDITOR")
    panel = yield from _add_panel()
    yield from _click(panel, "n2n.denoise", "panel", "nothing-rendered")
    yield from _close_message()
    _render(scene)
    yield from _show_render()
    yield from _shot("panel", "passes-off")
    yield from _click(panel, "n2n.denoise")
    yield from _until(lambda: not _addon("jobs").is_running())
    yield from _shot("panel", "passes-missing")
    yield from _close_message()
    yield from _click(panel, "n2n.enable_passes")
    _render(scene)
    yield from _shot("panel", "before")
    yield from _click(panel, "n2n.denoise", "panel", "during")
    yield from _until(lambda: "Denoised" in bpy.data.images and not _addon("jobs").is_running())
    print("tour: seconds", _addon("denoise").LAST["seconds"])
    yield from _shot("panel", "after")
    yield from _header()
    yield from _open_panels()
    yield from _compositor()
    yield from _preferences()


def _header():
    """The header's buttons, and what they do: noisy, denoised again."""
    editor = _largest("IMAGE_EDITOR")
    right_end = (editor.x + editor.width - 700, editor.y + editor.height - 60, 700, 60)
    yield from _shot("header", crop=right_end)
    yield from _click(editor, "n2n.toggle", across=True)
    yield from _shot("header", "noisy", crop=right_end)
    yield from _shot("panel", "noisy")
    yield from _click(editor, "n2n.toggle", across=True)


def _open_panels():
    """The panels below the panel, open: in a new editor, as an open one remembers which are closed."""
    for cls in _addon("panel").CLASSES:
        if getattr(cls, "bl_parent_id", "") == "N2N_PT_denoise":
            bpy.utils.unregister_class(cls)
            cls.bl_options = set()
            bpy.utils.register_class(cls)
    _call(_largest("PROPERTIES"), bpy.ops.screen.area_close)
    yield 1.0
    yield from _add_panel()
    yield from _shot("panel", "open")


def _preferences():
    yield from _show_workspace("Rendering")
    area = _largest("IMAGE_EDITOR")
    area.type = "PREFERENCES"
    yield 1.0
    bpy.context.preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "N2N"
    _call(area, bpy.ops.preferences.addon_expand, module="bl_ext.user_default.n2n_denoise")
    yield from _shot("preferences")


def _compositor():
    """The nodes, and above them what they make of the render."""
    yield from _show_workspace("Compositing")
    yield from _keep_only("NODE_EDITOR")
    yield from _split("HORIZONTAL", 0.5, "IMAGE_EDITOR")
    yield from _show_render()
    editor = _largest("NODE_EDITOR")
    for name in ("show_region_ui", "show_region_toolbar", "show_region_asset_shelf"):
        if hasattr(editor.spaces.active, name):
            setattr(editor.spaces.active, name, False)
    nodes = _addon("versions").compositor_tree(bpy.context.scene).nodes
    for node in nodes:
        node.select = False
    nodes["Exposure"].inputs["Exposure"].default_value = 0.6  # Blender composites again when a node changes, not before
    yield 3.0
    _call(editor, bpy.ops.node.view_all)
    yield from _shot("compositor")


def _settings(scene):
    scene.cycles.device, scene.cycles.samples = "CPU", 8
    scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = False
    scene.render.resolution_x, scene.render.resolution_y = 480, 270
    tree = _addon("versions").make_compositor_tree(scene)
    _insert_exposure(tree)
    scene.n2n.made_tree = False


def _insert_exposure(tree):
    """Something of the artist's own, which the denoised picture must go through."""
    link = next(link for link in tree.links if link.from_node.type == "R_LAYERS")
    layers, output = link.from_node, link.to_node
    exposure = tree.nodes.new("CompositorNodeExposure")
    exposure.inputs["Exposure"].default_value = 0.5
    for node, right in ((exposure, 60), (output, 260)):
        node.location = (layers.location.x + layers.width + right, layers.location.y)
    tree.links.new(exposure.outputs[0], link.to_socket)
    tree.links.new(layers.outputs["Image"], exposure.inputs[0])


def _render(scene):
    bpy.ops.render.render(scene=scene.name)


def _hide_other_panels():
    """So that the whole panel is in the picture. The choice of the engine stays."""
    for cls in bpy.types.Panel.__subclasses__():
        if (
            getattr(cls, "bl_space_type", "") == "PROPERTIES"
            and getattr(cls, "bl_context", "") == "render"
            and cls.is_registered
            and "n2n" not in cls.__module__
            and cls.__name__ != "RENDER_PT_context"
        ):
            bpy.utils.unregister_class(cls)


def _addon(name):
    return sys.modules[f"bl_ext.user_default.n2n_denoise.ui.{name}"]


def _window():
    return bpy.context.window_manager.windows[0]


def _call(area, operator, **values):
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=_window(), area=area, region=region):
        return operator(**values)


def _largest(kind):
    return max((area for area in _window().screen.areas if area.type == kind), key=lambda area: area.width * area.height)


def _show_workspace(name):
    _window().workspace = bpy.data.workspaces[name]
    yield 1.5


def _keep_only(kind):
    while len(_window().screen.areas) > 1:
        _call(next(area for area in _window().screen.areas if area != _largest(kind)), bpy.ops.screen.area_close)
        yield 0.5


def _split(direction, share, kind):
    """The only area gives `share` of its room to a new one, to the right or above, of the type `kind`; returns that one."""
    _call(_window().screen.areas[0], bpy.ops.screen.area_split, direction=direction, factor=1.0 - share)
    yield 1.0
    new = max(_window().screen.areas, key=lambda area: area.x + area.y)
    new.type = kind
    yield 1.0
    return new


def _add_panel():
    """The render tab of a Properties editor, beside the picture."""
    panel = yield from _split("VERTICAL", PANEL_WIDTH, "PROPERTIES")
    panel.spaces.active.context = "RENDER"
    return panel


def _show_render():
    editor = _largest("IMAGE_EDITOR")
    editor.spaces.active.image = bpy.data.images["Render Result"]
    editor.spaces.active.show_region_ui = editor.spaces.active.show_region_toolbar = False
    yield 0.5
    _call(editor, bpy.ops.image.view_all, fit_view=True)


def _until(condition):
    waited = 0.0
    while not condition():
        if waited > PATIENCE_S:
            raise TimeoutError("the extension did not finish")
        waited += 0.2
        yield 0.2


def _shot(*name, crop=None):
    """`crop`: x, y from below, width, height; in twice the size."""
    for area in _window().screen.areas:
        area.tag_redraw()
    yield 1.5
    how = []
    if crop:
        x, y, width, height = crop
        how = ["-crop", f"{width}x{height}+{x}+{_window().height - y - height}", "+repage", "-resize", "200%"]
    file = OUT / ("-".join([name[0], VERSION, *name[1:]]) + ".png")
    subprocess.run(["import", "-window", "root", *how, file], check=True)
    print("tour:", file.name)


def _click(area, operator, *during, across=False):
    """Clicks the button of `operator` in the area, or, `across`, in its header; takes the picture `during` soon after."""
    region = next(region for region in area.regions if region.type == ("HEADER" if across else "WINDOW"))
    if across:
        places = [(x, region.y + region.height // 2) for x in range(region.x + 8, region.x + region.width, 8)]
    else:
        places = [
            (region.x + int(region.width * share), y)
            for share in (0.55, 0.9)
            for y in range(region.y + region.height - 8, region.y, -8)
        ]
    for place in places:
        _move(*place)
        yield 0.1
        if operator in _under_pointer(area, region):
            break
    else:
        raise LookupError(f"there is no button {operator} in the {area.type}")
    subprocess.run(["xdotool", "click", "1"], check=True)
    yield 1.0
    if during:
        yield from _shot(*during)
    _move(_window().width // 3, 60)
    yield 1.0


def _under_pointer(area, region) -> str:
    """The Python command of the button that the pointer is over, as Blender's own menu would copy it."""
    bpy.context.window_manager.clipboard = ""
    with bpy.context.temp_override(window=_window(), area=area, region=region):
        if bpy.ops.ui.copy_python_command_button.poll():
            bpy.ops.ui.copy_python_command_button()
    return bpy.context.window_manager.clipboard


def _close_message():
    subprocess.run(["xdotool", "key", "Escape"], check=True)
    yield 1.0


def _move(x, y):
    subprocess.run(["xdotool", "mousemove", str(x), str(_window().height - y)], check=True)


main()
