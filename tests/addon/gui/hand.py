"""The hand of a walk: finds buttons in a Blender with a window, clicks them with a real mouse, waits, takes pictures.

A walk is a generator; it yields how many seconds Blender may go on by itself before the next step. screenshots.sh beside this
file starts one, and says what it needs. All that takes time here is a generator too: `yield from click(…)`.
"""

import os
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

import bpy

OUT, ARCHIVE = Path(os.environ["N2N_SHOTS"]), os.environ["N2N_ZIP"]
REPOSITORY = Path(__file__).resolve().parents[3]
SCENE = os.path.join("n2n_render", "sample", "worker", "demo_scene.py")
MODULE = "bl_ext.user_default.n2n_denoise"
VERSION = "{}.{}".format(*bpy.app.version)
PANEL_WIDTH = 0.25  # of the window
PATIENCE_S = 180.0
STEP = 10  # pixels from one place to the next where a button is looked for
# The choice of the engine, what Shot Denoise stands in, and the switch of Cycles' own denoiser.
KEPT_PANELS = (
    "RENDER_PT_context",
    "CYCLES_RENDER_PT_sampling",
    "CYCLES_RENDER_PT_sampling_render",
    "CYCLES_RENDER_PT_sampling_render_denoise",
    "RENDER_PT_eevee_sampling",
    "RENDER_PT_eevee_next_sampling",
)
_counted = {"clicks": 0, "since": 0.0}


def start(walk):
    """Opens the project's own scene, installs the extension and walks: walk(scene)."""
    bpy.ops.wm.open_mainfile(filepath=_build_room(), load_ui=False)
    bpy.app.driver_namespace["gui_wait"] = True  # the picture at the end is taken when GUI_READY is there
    view = bpy.context.preferences.view
    view.show_splash = view.show_tooltips = False
    bpy.ops.extensions.package_install_files(filepath=ARCHIVE, repo="user_default", enable_on_install=True)
    hide_other_panels()
    steps = walk(bpy.context.scene)
    bpy.app.timers.register(lambda: _next(steps), first_interval=3.0)


def _build_room() -> str:
    """Built by another Blender: this one would lose its window's context."""
    blend = os.path.join(tempfile.mkdtemp(), "room.blend")
    build = f"import runpy; runpy.run_path({str(REPOSITORY / SCENE)!r})['build']({blend!r})"
    subprocess.run([bpy.app.binary_path, "--background", "--factory-startup", "--python-expr", build], check=True)
    return blend


def _next(steps):
    """A timer that goes on for as long as `steps` says how many seconds to wait."""
    try:
        return next(steps)
    except StopIteration:
        print("walk: done")
    except Exception:
        traceback.print_exc()
        subprocess.run(["import", "-window", "root", OUT / f"failed-{VERSION}.png"], check=True)
    Path(os.environ["GUI_READY"]).touch()
    return None


def addon(name):
    """A module of the extension's ui/."""
    return sys.modules[f"{MODULE}.ui.{name}"]


def preferences():
    return bpy.context.preferences.addons[MODULE].preferences


def engines():
    """The names of the render engines: those that are built in, and those that were added."""
    return [item.identifier for item in bpy.types.RenderSettings.bl_rna.properties["engine"].enum_items]


def hide_other_panels():
    """Of the render tab, so that the whole of ours is in the picture."""
    for cls in bpy.types.Panel.__subclasses__():
        if (
            getattr(cls, "bl_space_type", "") == "PROPERTIES"
            and getattr(cls, "bl_context", "") == "render"
            and cls.is_registered
            and "n2n" not in cls.__module__
            and cls.__name__ not in KEPT_PANELS
        ):
            bpy.utils.unregister_class(cls)


def open_panels(but=()):
    """All of the extension's but those, in editors that are made from now on. An artist clicks on their heads."""
    for cls in bpy.types.Panel.__subclasses__():
        if MODULE in cls.__module__ and cls.__name__ not in but and "DEFAULT_CLOSED" in getattr(cls, "bl_options", set()):
            bpy.utils.unregister_class(cls)
            cls.bl_options = set()
            bpy.utils.register_class(cls)


# The window


def window():
    return bpy.context.window_manager.windows[0]


def call(area, operator, **values):
    region = _region(area, "WINDOW")
    with bpy.context.temp_override(window=window(), area=area, region=region):
        return operator(**values)


def _region(area, kind):
    return next(region for region in area.regions if region.type == kind)


def largest(kind):
    return max((area for area in window().screen.areas if area.type == kind), key=lambda area: area.width * area.height)


def show_workspace(name):
    window().workspace = bpy.data.workspaces[name]
    yield 1.5


def keep_only(kind):
    while len(window().screen.areas) > 1:
        call(next(area for area in window().screen.areas if area != largest(kind)), bpy.ops.screen.area_close)
        yield 0.5


def split(direction, share, kind):
    """The only area gives `share` of its room to a new one, to the right or above, of the type `kind`; returns that one."""
    call(window().screen.areas[0], bpy.ops.screen.area_split, direction=direction, factor=1.0 - share)
    yield 1.0
    new = max(window().screen.areas, key=lambda area: area.x + area.y)
    new.type = kind
    yield 1.0
    return new


def add_panel():
    """The render tab of a Properties editor, beside the picture."""
    panel = yield from split("VERTICAL", PANEL_WIDTH, "PROPERTIES")
    panel.spaces.active.context = "RENDER"
    return panel


def show_preferences():
    """The extension's own."""
    yield from show_workspace("Rendering")
    area = largest("IMAGE_EDITOR")
    area.type = "PREFERENCES"
    yield 1.0
    bpy.context.preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "Shot Denoise"
    call(area, bpy.ops.preferences.addon_expand, module=MODULE)


def show_render():
    editor = largest("IMAGE_EDITOR")
    editor.spaces.active.image = bpy.data.images["Render Result"]
    editor.spaces.active.show_region_ui = editor.spaces.active.show_region_toolbar = False
    yield 0.5
    call(editor, bpy.ops.image.view_all, fit_view=True)


def until(condition, patience=PATIENCE_S):
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > patience:
            raise TimeoutError("the extension did not finish")
        yield 0.1


def shot(*name, crop=None):
    """<first of name>-<version>-<the others>.png. `crop`: x, y from below, width, height; in twice the size."""
    for area in window().screen.areas:
        area.tag_redraw()
    yield 1.5
    how = []
    if crop:
        x, y, width, height = crop
        how = ["-crop", f"{width}x{height}+{x}+{window().height - y - height}", "+repage", "-resize", "200%"]
    file = OUT / ("-".join([name[0], VERSION, *name[1:]]) + ".png")
    subprocess.run(["import", "-window", "root", *how, file], check=True)
    print("walk:", file.name)


# The mouse


def click(area, button, *during, across=False):
    """Clicks the button of an operator ("n2n.denoise") or a setting ("n2n.quality") in the area, or, `across`, in its header.

    Takes the picture `during` soon after.
    """
    yield from _find(area, button, across)
    yield from _press("click", "1")
    if during:
        yield from shot(*during)
    yield from _rest()


def choose(area, setting, value):
    """Sets an enumeration by the mouse, as an artist does: one click where its choices lie side by side, else a menu."""
    group, _, name = setting.rpartition(".")
    holder = bpy.context.scene.path_resolve(group)
    items = [item.identifier for item in holder.bl_rna.properties[name].enum_items]
    if getattr(holder, name) == value:
        return
    x, y = yield from _find(area, setting, False)
    before = items.index(getattr(holder, name))
    left = yield from _end_of(area, setting, x, y, -STEP)
    right = yield from _end_of(area, setting, x, y, STEP)
    _move(round(left + (right - left) * (items.index(value) + 0.5) / len(items)), y)
    yield 0.4
    yield from _press("click", "1")
    yield 0.5
    if getattr(holder, name) != value:  # it is a menu: its current choice is under the pointer
        for _ in range(abs(items.index(value) - before)):
            yield from _press("key", "Down" if items.index(value) > before else "Up", counts=False)
        yield from _press("key", "Return")
    if getattr(holder, name) != value:
        raise LookupError(f"{setting} cannot be set to {value} by the mouse")


def _end_of(area, button, x, y, step):
    """How far the button, or what belongs to the same setting beside it, goes from x in the direction of `step`."""
    _move(x, y)
    yield 0.4
    while button in _under_pointer(area, _region(area, "WINDOW")):
        x += step
        _move(x, y)
        yield 0.1
    return x - step


def key(name):
    yield from _press("key", name)


def close_dialog():
    """A file browser in a window of its own: the keyboard belongs to the window under the pointer."""
    _move(window().width // 3, window().height // 2)
    yield 0.5
    yield from _press("key", "Escape", counts=False)


def close_message():
    yield from _press("key", "Escape", counts=False)


def count_anew():
    """From here on clicks are counted, see `counted`."""
    _counted.update(clicks=0, since=time.monotonic())


def counted() -> tuple[int, float]:
    """(clicks and keys since `count_anew`, seconds since the last of them)"""
    return _counted["clicks"], time.monotonic() - _counted["since"]


def _press(*what, counts=True):
    subprocess.run(["xdotool", *what], check=True)
    if counts:
        _counted.update(clicks=_counted["clicks"] + 1, since=time.monotonic())
    yield 0.5


def _rest():
    """The pointer on no button, until Blender has forgotten which it was on."""
    _move(window().width // 3, 60)
    yield 0.5


def _move(x, y):
    subprocess.run(["xdotool", "mousemove", str(x), str(window().height - y)], check=True)


def _find(area, button, across):
    """Puts the pointer on the first button of that operator or setting, from above, or from the left; returns the place."""
    yield from _rest()
    region = _region(area, "HEADER" if across else "WINDOW")
    if across:
        places = [(x, region.y + region.height // 2) for x in range(region.x + STEP, region.x + region.width, STEP)]
    else:
        places = [
            (region.x + int(region.width * share), y)
            for share in (0.55, 0.9, 0.86, 0.2, 0.14, 0.08)  # the last: switches in heads of panels and in lists
            for y in range(region.y + region.height - STEP, region.y, -STEP)
        ]
    for place in places:
        _move(*place)
        yield 0.1
        if button in _under_pointer(area, region):
            return place
    raise LookupError(f"there is no button {button} in the {area.type}")


def _under_pointer(area, region) -> str:
    """The Python command, or the data path, of the button that the pointer is over, as Blender's own menu would copy it."""
    bpy.context.window_manager.clipboard = ""
    with bpy.context.temp_override(window=window(), area=area, region=region):
        for copy in (bpy.ops.ui.copy_python_command_button, bpy.ops.ui.copy_data_path_button):
            if copy.poll():
                copy()
                if bpy.context.window_manager.clipboard:
                    break
    return bpy.context.window_manager.clipboard
