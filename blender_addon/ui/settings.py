"""What the artist can choose: with the scene, or for this machine."""

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from .versions import RELATIVE

PACKAGE = __package__.rpartition(".")[0]  # the extension itself


class Settings(bpy.types.PropertyGroup):
    """Saved with the scene, as `scene.n2n`."""

    model: StringProperty(
        name="Model",
        default="oidn-large",
        description="What denoises: Open Image Denoise's weights, or a model trained on this shot",
    )
    strength: FloatProperty(
        name="Strength",
        default=1.0,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        description="0: the noisy picture, 1: the denoised one",
    )
    prefilter: EnumProperty(
        name="Prefilter Passes",
        description="Clean albedo and normal before they guide the denoiser",
        items=[
            ("AUTO", "Automatic", "Where the model was trained with clean ones"),
            ("ON", "Always", "Whatever the model"),
            ("OFF", "Never", "Take them as they were rendered: faster"),
        ],
    )
    keep_noisy: BoolProperty(name="Keep Noisy", description="Denoised frames on disk also hold the noisy picture, as a pass")
    composite: BoolProperty(
        name="Composite Again",
        default=True,
        description="Afterwards run the compositor on the denoised picture, without rendering: "
        "image N2N Composite, and your File Output nodes",
    )
    after_render: BoolProperty(
        name="Denoise after Every Render", description="Denoise each still as soon as it has been rendered"
    )
    source: EnumProperty(
        name="Frames",
        description="Where the frames of the animation come from",
        items=[
            ("RENDER", "Render", "Render the scene's frame range; finished frames are not rendered again"),
            ("EXISTING", "Existing", "Multilayer EXR frames that have been rendered before"),
        ],
    )
    frames: StringProperty(
        name="Frames",
        subtype="FILE_PATH",
        options=RELATIVE,
        default="//frames/frame_####.exr",
        description="Rendered multilayer EXR frames; # stands for the digits of the frame number",
    )
    output: StringProperty(
        name="Output",
        subtype="DIR_PATH",
        options=RELATIVE,
        default="//n2n/",
        description="Folder for denoised frames, training renders and models",
    )
    spp: IntProperty(name="Samples per Pixel", default=8, min=1, description="Of each of the two training renders")
    views: IntProperty(
        name="Views",
        default=8,
        min=1,
        description="Of a still: so many views, from the camera and from around it. An animation uses its frames instead",
    )
    use_animation: BoolProperty(name="Use Animation Frames", description="Sample the frame range instead of a still's views")
    minutes: FloatProperty(name="Minutes", default=10.0, min=0.1, precision=1, description="How long to train")
    folder: StringProperty(options={"HIDDEN"}, description="Where the denoised pictures of this scene lie")
    owner: StringProperty(options={"HIDDEN"}, description="The scene's name then: a copy of the scene has another one")
    pairs: StringProperty(options={"HIDDEN"}, description="Names the scene in the record beside its training renders")
    made_tree: BoolProperty(options={"HIDDEN"}, description="The compositor tree was made by the add-on")


class Preferences(bpy.types.AddonPreferences):
    """For this machine, whatever the scene."""

    bl_idname = PACKAGE

    device: StringProperty(name="Device", default="auto", description="What the network runs on: auto, cpu, cuda, hip, …")
    engine: EnumProperty(
        name="Denoise with",
        description="Which n2n-render denoises",
        items=[
            ("AUTO", "Automatic", "The one inside the extension, and an installed one for models that need PyTorch"),
            ("BUNDLED", "Inside the Extension", "Only Open Image Denoise's runtime: any GPU, no PyTorch"),
            ("EXTERNAL", "Installed", "Always the n2n-render that is installed on this computer"),
        ],
    )
    program: StringProperty(
        name="Installed n2n-render",
        subtype="FILE_PATH",
        description="An installed n2n-render, or the Python that has it; empty: the one on the PATH",
    )
    models: StringProperty(name="Models", subtype="DIR_PATH", description="A folder with more models (.tza, .pt, runs)")
    keep_nodes: BoolProperty(
        name="Keep Nodes and Pictures When Disabled",
        description="Disabling the add-on leaves its compositor nodes and pictures in the file",
    )

    def draw(self, context):
        column = self.layout.column()
        column.use_property_split = True
        for name in ("engine", "device", "program", "models", "keep_nodes"):
            column.prop(self, name)
        row = self.layout.row()
        row.operator("n2n.set_up", icon="FILE_REFRESH")
        row.operator("n2n.clear_pictures", icon="TRASH")


def preferences(context=None) -> Preferences:
    return (context or bpy.context).preferences.addons[PACKAGE].preferences


CLASSES = (Settings, Preferences)
