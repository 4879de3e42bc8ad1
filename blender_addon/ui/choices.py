"""The small operators beside Denoise: what is chosen, what is switched on, what is removed."""

import shutil

import bpy

from . import compositor, editors, images, jobs, models, session
from .jobs import Job
from .settings import preferences


class N2N_OT_remove(bpy.types.Operator):
    """Take the denoiser out of the compositor and remove its pictures; your own nodes and links stay"""

    bl_idname, bl_label, bl_options = "n2n.remove", "Remove from Compositor", {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        return bool(compositor.nodes(context.scene) or images.pictures(context.scene))

    def execute(self, context):
        remove_from(context.scene)
        return {"FINISHED"}


def remove_from(scene):
    """What belongs to another scene, of which this one is a copy, stays."""
    if images.is_copy(scene):
        scene.n2n.folder = ""
    compositor.remove(scene)
    editors.leave(bpy.context, scene)
    images.remove(scene)
    scene.n2n.said, scene.n2n.suggested = "", 0


class N2N_OT_enable_passes(bpy.types.Operator):
    """Switch on the denoising passes (albedo, normal, depth) of every view layer; they come with the next render"""

    bl_idname, bl_label, bl_options = "n2n.enable_passes", "Enable Passes", {"REGISTER", "UNDO"}

    def execute(self, context):
        enable_passes(context.scene)
        return {"FINISHED"}


def enable_passes(scene):
    for layer in scene.view_layers:
        layer.cycles.denoising_store_passes = True


class N2N_OT_more_samples(bpy.types.Operator):
    """Set the render samples to what would make the picture good, by what is expected of it now. The error map says where"""

    bl_idname, bl_label, bl_options = "n2n.more_samples", "More Samples", {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        return context.scene.n2n.suggested > 0

    def execute(self, context):
        context.scene.cycles.samples, context.scene.n2n.suggested = context.scene.n2n.suggested, 0
        return {"FINISHED"}


class N2N_OT_use_cycles(bpy.types.Operator):
    """Render with Cycles: the denoiser works on its passes"""

    bl_idname, bl_label, bl_options = "n2n.use_cycles", "Use Cycles", {"REGISTER", "UNDO"}

    def execute(self, context):
        context.scene.render.engine = "CYCLES"
        return {"FINISHED"}


class N2N_OT_set_up(Job, bpy.types.Operator):
    """Look for what can denoise here: the extension's own runtime, an installed n2n-render, devices and models"""

    bl_idname, bl_label = "n2n.set_up", "Look Again"
    title = "Looking for models and devices"

    def work(self, context):
        problems = yield from session.describe()
        for problem in problems:
            self.report({"INFO"}, str(problem))
        names = ", ".join(session.KNOWN["devices"].values())
        self.report({"INFO"}, f"{len(session.KNOWN['models'])} models; devices: {names}")


def _models(operator, context):
    """Blender wants the strings to be kept alive."""
    N2N_OT_choose_model.kept = models.choices()
    return N2N_OT_choose_model.kept


class N2N_OT_choose_model(bpy.types.Operator):
    """Choose what denoises: Open Image Denoise's weights, or what was learned"""

    bl_idname, bl_label, bl_options = "n2n.choose_model", "Model", {"REGISTER", "UNDO"}
    kept = []
    model: bpy.props.EnumProperty(name="Model", items=_models)

    def execute(self, context):
        context.scene.n2n.model = self.model
        return {"FINISHED"}


def _devices(operator, context):
    N2N_OT_choose_device.kept = [
        ("auto", "Automatic", "The fastest there is"),
        *((kind, f"{kind}: {name}", f"Run the network on {name}") for kind, name in session.KNOWN["devices"].items()),
    ]
    return N2N_OT_choose_device.kept


class N2N_OT_choose_device(bpy.types.Operator):
    """Choose what the network runs on"""

    bl_idname, bl_label = "n2n.choose_device", "Device"
    kept = []
    device: bpy.props.EnumProperty(name="Device", items=_devices)

    def execute(self, context):
        preferences(context).device = self.device
        return {"FINISHED"}


class N2N_OT_cancel(bpy.types.Operator):
    """End what Shot Denoise is doing; finished frames stay"""

    bl_idname, bl_label = "n2n.cancel", "Cancel"

    @classmethod
    def poll(cls, context):
        return jobs.is_running()

    def execute(self, context):
        jobs.cancel()
        return {"FINISHED"}


class N2N_OT_clear_pictures(bpy.types.Operator):
    """Delete the denoised pictures that the add-on keeps for your files; the compositor then shows the noisy renders"""

    bl_idname, bl_label = "n2n.clear_pictures", "Delete Kept Pictures"

    def invoke(self, context, event):
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context):
        for scene in bpy.data.scenes:
            compositor.mute(scene, True)
        editors.leave(context)
        images.remove()
        shutil.rmtree(session.user_folder("pictures", create=False), ignore_errors=True)
        return {"FINISHED"}


CLASSES = (
    N2N_OT_remove,
    N2N_OT_enable_passes,
    N2N_OT_more_samples,
    N2N_OT_use_cycles,
    N2N_OT_set_up,
    N2N_OT_choose_model,
    N2N_OT_choose_device,
    N2N_OT_cancel,
    N2N_OT_clear_pictures,
)
