"""The only code that runs inside Blender: bpy and the standard library, nothing else. Started by `launch.py`."""
