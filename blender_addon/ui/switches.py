"""What is switched off in Blender, so that the denoised picture does not come out; and on again with a click."""

import bpy

from . import compositor, images, versions


def what_is_off(scene) -> str | None:
    """In one sentence; None where the compositor works. The denoised picture is shown and saved without it."""
    if not scene.render.use_compositing:
        return "Compositing is switched off for this scene: its renders stay noisy"
    if versions.has_idle_tree(scene):
        return "The compositor's nodes are switched off (Use Nodes): renders stay noisy"
    return None


class N2N_OT_enable_compositing(bpy.types.Operator):
    """Switch compositing on, with the nodes that are there, and put the denoised picture into them"""

    bl_idname, bl_label, bl_options = "n2n.enable_compositing", "Enable Compositing", {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        return what_is_off(context.scene) is not None

    def execute(self, context):
        scene = context.scene
        scene.render.use_compositing = True
        versions.use_tree(scene)
        found = images.results(scene)
        if found:
            compositor.install(scene, found)
        return {"FINISHED"}


CLASSES = (N2N_OT_enable_compositing,)
