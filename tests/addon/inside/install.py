"""Installs the archive as the artist does."""

import addon_utils
import bpy

MODULE = "bl_ext.user_default.n2n_denoise"


def install(archive):
    done = bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=True)
    assert done == {"FINISHED"}
    assert hasattr(bpy.types.Scene, "n2n")


def fail(archive, *words):
    """It is not switched on, and nothing of it is there in Blender; where it was unpacked at all, it says why, in `words`.

    Before 4.4 Blender does not go on where a wheel cannot be unpacked: its own traceback is all that it says.
    """
    said = []
    try:
        bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=True)
    except RuntimeError as error:
        said.append(str(error))
        if bpy.app.version < (4, 4, 0) and "Traceback" in str(error):
            print("STOPPED BY ITSELF")
            words = ()
    assert MODULE not in bpy.context.preferences.addons and not hasattr(bpy.types.Scene, "n2n")
    assert not [name for name in dir(bpy.types) if "N2N" in name.upper()]
    assert addon_utils.check(MODULE) == (False, False)
    assert all(word in " ".join(said) for word in words), said
