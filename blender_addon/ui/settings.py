"""What the artist can choose: with the scene, or for this machine."""

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from .versions import RELATIVE

ENGINES = [
    ("OPENJD", "Open Job Description", "A bundle for AWS Deadline Cloud and others; openjd-cli runs it on one machine"),
    ("FLAMENCO", "Flamenco", "A job type for Blender's own farm, and a job for its Manager"),
    ("SLURM", "Slurm", "Array jobs for sbatch"),
    ("DEADLINE", "Deadline 10", "Job files for deadlinecommand"),
]
PACKAGE = __package__.rpartition(".")[0]  # the extension itself


def _forget_what_was_said(settings, context):
    settings.said, settings.suggested = "", 0


def _make_own(item, context):
    item.own = True


class Strength(bpy.types.PropertyGroup):
    """Of what a mask names, in `scene.n2n.strengths`; its `name` is that in the file."""

    kind: StringProperty(options={"HIDDEN"}, description="object, material, …: which of the file's lists has the name")
    own: BoolProperty(name="Own Strength", description="This strength instead of that of the picture")
    strength: FloatProperty(
        name="Strength",
        default=1.0,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        update=_make_own,
        description="0: noisy there, 1: denoised there; soft at the edges, by coverage",
    )


class Settings(bpy.types.PropertyGroup):
    """Saved with the scene, as `scene.n2n`."""

    quality: EnumProperty(
        name="Quality",
        description="How much is done for the picture",
        items=[
            ("FAST", "Fast", "One pass of the denoiser over the finished render"),
            (
                "BETTER",
                "Better",
                "A still: the mean of four passes. An animation: with the samples of the frames around",
            ),
            ("BEST", "Best", "Renders once more with another seed, and learns this shot from both"),
        ],
        update=_forget_what_was_said,
    )
    model: StringProperty(
        name="Model",
        default="oidn-large",
        description="What denoises: Open Image Denoise's weights, or what was learned",
    )
    strength: FloatProperty(
        name="Strength",
        default=1.0,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        description="0: the noisy picture, 1: the denoised one",
    )
    strengths: CollectionProperty(type=Strength)
    strength_index: IntProperty(options={"HIDDEN"}, description="Of the line of the list that is selected")
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
    all_passes: BoolProperty(
        name="All Passes",
        description="Also denoise every pass of light that is rendered: light groups, light passes, shader AOVs. "
        "They go on adding up to the picture, and the compositor's node group gives each of them",
        update=_forget_what_was_said,
    )
    composite: BoolProperty(
        name="Run the Compositor",
        default=True,
        description="Afterwards run the compositor on the denoised picture, without rendering: "
        "image Composited, and your File Output nodes",
    )
    after_render: BoolProperty(
        name="After Every Render",
        description="Denoise each still as soon as it has been rendered (Best needs a click: it renders again)",
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
        default="//denoised/",
        description="Folder for denoised frames and for what was learned",
    )
    to_output: BoolProperty(
        name="Also to Output Path",
        description="The finished frames also go where the scene's output goes, in its format, with its view transform",
    )
    second_frames: StringProperty(
        name="Second Seed",
        subtype="FILE_PATH",
        options=RELATIVE,
        default="//frames_b/frame_####.exr",
        description="The same frames rendered with another seed, which Best learns from",
    )
    minutes: FloatProperty(
        name="Learn at Most",
        default=10.0,
        min=0.1,
        soft_max=60.0,
        precision=1,
        description="Minutes. Learning ends by itself when parts of the picture that it has not seen get no better",
    )
    views: IntProperty(
        name="Other Views",
        default=0,
        min=0,
        soft_max=15,
        description="Of a still: so many places around the camera are rendered twice, too, and learned from. "
        "Takes as many renders, and gains more than the frame alone",
    )
    said: StringProperty(options={"HIDDEN"}, description="What was made last, in words")
    suggested: IntProperty(options={"HIDDEN"}, description="Samples that would make the picture good; 0: not known")
    folder: StringProperty(options={"HIDDEN"}, description="Where the denoised pictures of this scene lie")
    owner: StringProperty(options={"HIDDEN"}, description="The scene's name then: a copy of the scene has another one")
    made_tree: BoolProperty(options={"HIDDEN"}, description="The compositor tree was made by the add-on")


class Farm(bpy.types.PropertyGroup):
    """Saved with the scene, as `scene.n2n_farm`. What is chosen for all scenes is in the preferences: a change there does not
    make the file one that must be saved again.
    """

    folder: StringProperty(
        name="Job Folder",
        subtype="DIR_PATH",
        options=RELATIVE,
        description="Where the job, its renders and the denoised frames go; all workers must have it under this path. "
        "Empty: farm/ and the scene's name, beside the file",
    )
    job: StringProperty(options={"HIDDEN"}, description="Folder of the job that was written last")
    line: StringProperty(options={"HIDDEN"}, description="What submits it; empty: it was submitted")
    said: StringProperty(options={"HIDDEN"}, description="What was written or submitted last, in words")


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
        description="An installed n2n-render, its Python, or its environment's folder; empty: on the PATH, or in ~/n2n",
    )
    models: StringProperty(
        name="Library",
        subtype="DIR_PATH",
        description="Folder where learned models are kept and found (.tza, .pt, runs). Empty: beside each .blend file",
    )
    farm_engine: EnumProperty(name="Farm", description="What runs your render farm", items=ENGINES)
    farm_workers: IntProperty(
        name="Workers",
        default=10,
        min=1,
        soft_max=1000,
        description="Machines that work at the same time: frames are shared out for so many",
    )
    farm_gpus: IntProperty(
        name="GPUs of a Worker", min=0, max=64, description="That learning and painting ask for; 0: the CPU is enough"
    )
    farm_program: StringProperty(
        name="n2n-render on Workers",
        description="How it is called there, e.g. /opt/n2n/bin/n2n-render; empty: as on this computer",
    )
    farm_blender: StringProperty(
        name="Blender on Workers", description="Path of Blender 4.2 or newer there; empty: as on this computer"
    )
    farm_manager: StringProperty(
        name="Flamenco's Manager", description="Its address, e.g. http://farm:8080; empty: the one on this computer"
    )
    keep_nodes: BoolProperty(
        name="Keep Nodes and Pictures When Disabled",
        description="Disabling the add-on leaves its compositor nodes and pictures in the file",
    )

    def draw(self, context):
        column = self.layout.column()
        column.use_property_split = True
        for name in ("engine", "device", "program", "models", "keep_nodes"):
            column.prop(self, name)
        column.separator()
        for name in ("farm_engine", "farm_workers", "farm_gpus", "farm_program", "farm_blender", "farm_manager"):
            column.prop(self, name)
        row = self.layout.row()
        row.operator("n2n.set_up", icon="FILE_REFRESH")
        row.operator("n2n.clear_pictures", icon="TRASH")


def preferences(context=None) -> Preferences:
    return (context or bpy.context).preferences.addons[PACKAGE].preferences


CLASSES = (Strength, Settings, Farm, Preferences)
