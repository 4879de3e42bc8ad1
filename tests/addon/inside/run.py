"""Runs one function in Blender, with the extension enabled: python run.py -- SCRIPT FUNCTION ARGUMENT...

With the bpy wheel as above; with the program: blender -b --factory-startup --python-exit-code 1 --python run.py -- ...
The environment variable BLENDER_USER_RESOURCES names the folder that the extension is installed in. Exits with 0 after THE END.
"""

import importlib
import sys
from pathlib import Path

import bpy

MODULE = "bl_ext.user_default.n2n_denoise"


def main():
    script, function, *arguments = sys.argv[sys.argv.index("--") + 1 :]
    sys.path.insert(0, str(Path(__file__).parent))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    if script != "install.py":
        import addon_utils  # found only once bpy is there

        assert addon_utils.enable(MODULE, default_set=True), "the extension cannot be enabled"
        bpy.context.preferences.addons[MODULE].preferences.device = "cpu"
    getattr(importlib.import_module(Path(script).stem), function)(*arguments)
    print("THE END", flush=True)


main()
