"""Options that several commands share, and what reads their texts."""

import functools
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from ..config import ENGINES
from ..errors import N2NError
from ..progress import Reporter

if TYPE_CHECKING:
    from ..denoise.options import Strengths

Function = TypeVar("Function", bound=Callable[..., Any])


class Command(click.Command):
    """Its help ends with an example; the list of commands has its first sentence, whole. It refuses empty texts: an empty path
    would be the current folder, and an empty name nothing.

    Args:
        example: Lines of a shell, as a user would write them.
    """

    def __init__(self, *args: Any, example: str, **others: Any):
        lines = "".join(f"\n  {line}" for line in example.splitlines())
        super().__init__(*args, **others)
        self.epilog = f"\b\nExample:{lines}"

    def get_short_help_str(self, limit: int = 0) -> str:
        return super().get_short_help_str(limit=1000)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        for param in self.params:
            given = ctx.params.get(param.name or "")
            texts = given if isinstance(given, tuple) else (given,)
            empty = any(isinstance(text, str) and not text.strip() for text in texts)
            if empty and is_given(ctx, param.name or ""):
                raise click.BadParameter("it is empty.", ctx, param)
        return rest


def make_reporter(ctx: click.Context) -> Reporter:
    """What a verb is given to tell its progress, as the user asked for it."""
    from . import console

    style = ctx.find_root().params["progress"]
    return lambda title: console.reporter(title, style)


def is_given(ctx: click.Context, name: str) -> bool:
    """Whether the user wrote the option down; else its value is the default."""
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def refuse_given(ctx: click.Context, names: Collection[str], why: str, hint: str) -> None:
    """Options that would have no effect are a mistake to point out, not to swallow."""
    given = [name for name in ctx.params if name in names and is_given(ctx, name)]
    if given:
        raise N2NError(f"--{given[0].replace('_', '-')} {why}", hint)


def parse_features(text: str) -> tuple[str, ...]:
    """ "albedo,normal" → names of guides, in their order in a network; "none" → ()."""
    from ..frame.channels import FEATURES, guide_names

    if text.strip() == "none":
        return ()
    wanted = [part.strip() for part in text.split(",") if part.strip()]
    known = FEATURES if set(wanted) <= set(FEATURES) else guide_names()
    unknown = [part for part in wanted if part not in known]
    if unknown:
        raise N2NError(f"unknown feature {unknown[0]!r}", f"Choose among {', '.join(known)}; or none.")
    return tuple(feature for feature in known if feature in wanted)


def parse_numbers(option: str, text: str, count: int) -> list[int]:
    """ "48,96" → [48, 96], so many."""
    parts = text.split(",")
    if len(parts) != count or not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise N2NError(f"cannot read {option} {text!r}", f"It takes {count} positive numbers with commas between.")
    return [int(part) for part in parts]


def folder_name(ctx: click.Context, option: click.Parameter, text: str | None) -> str | None:
    """A click callback: an output folder with a file's name, like out.png, is a mistake."""
    from ..io.sequence import check_output_name

    if text and text.strip():  # Command refuses an empty one
        check_output_name(text, folder=True)
    return text


def _as_number(ctx: click.Context, option: click.Parameter, text: str | None) -> int | None:
    return int(text) if text else None


PRECISION_WORDS = {"half": "float16", "single": "float32"}


def precision_word(ctx: click.Context, option: click.Parameter, value: str) -> str:
    """What users say → what is said inside."""
    return PRECISION_WORDS.get(value, value)


class EngineName(click.Choice[str]):
    """What --engine may name. Packages that bring engines are looked for when a help or an error lists them all, or when the
    name is none of ours: the program must start as fast with them.
    """

    @property
    def choices(self) -> tuple[str, ...]:
        return ENGINES.all

    @choices.setter
    def choices(self, names: tuple[str, ...]) -> None:
        pass  # the table has them

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return value if value in ENGINES.ours else str(super().convert(value, param, ctx))


def engine_options(average: str | None, usual: str = "", several: bool = False) -> Callable[[Function], Function]:
    """What runs a network, for a command.

    Args:
        average: The default of --average; None: the verb decides.
        usual: What the help says of that.
        several: Whether it shares frames out among devices.
    """
    devices = "auto, cpu, cuda, mps, hip, sycl, metal" + ("; of cuda:0,cuda:1 each takes the next frame." if several else ".")

    def decorate(command: Function) -> Function:
        for option in (
            click.option("--device", default="auto", metavar="NAME", help=devices),
            click.option(
                "--engine",
                type=EngineName(()),
                default="auto",
                help="What runs the network; auto: the fastest that can.",
            ),
            click.option(
                "--precision",
                type=click.Choice(["auto", "half", "float32"]),
                default="auto",
                callback=precision_word,
                help="auto: half where it is faster and cannot be seen, else float32.",
            ),
            click.option(
                "--average",
                type=click.Choice(["1", "2", "4", "8"]),
                default=average,
                callback=_as_number,
                help=f"Mean over so many mirrored and turned copies of a frame: better, and as many times slower.{usual}",
            ),
        ):
            command = option(command)
        return command

    return decorate


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where the channels of the files lie; the command is given `sources`, a SourceOptions."""

    @functools.wraps(command)
    def with_sources(
        *args: Any,
        channels: str | None,
        albedo: tuple[str, ...],
        normal: tuple[str, ...],
        depth: tuple[str, ...],
        motion: tuple[str, ...],
        **others: Any,
    ) -> Any:
        from ..io.sources import SourceOptions

        return command(*args, sources=SourceOptions(channels, albedo, normal, depth, motion), **others)

    decorated = with_sources
    for key, what in (("motion", "motion vectors"), ("depth", "depth"), ("normal", "normals"), ("albedo", "albedo")):
        text = f"Files of their own that hold {what}; as INPUT. Once for all renders of a frame, or once for each."
        decorated = click.option(f"--{key}", multiple=True, metavar="FILE", help=text)(decorated)
    text = "beauty=RGBA,albedo=diffuse_albedo,normal=N: passes or channels, for names that are not recognised."
    return click.option("--channels", metavar="KEY=NAME,…", help=text)(decorated)


def scene_options(command: Function) -> Function:
    """What of a .blend file is rendered, where it is not as authored."""
    for option in (
        click.option("--view-layer", metavar="NAME", help="Another view layer than the first that is used for rendering."),
        click.option("--scene-name", metavar="NAME", help="Another scene of the file than its active one."),
        click.option("--camera", metavar="NAME", help="Another camera than the scene's own."),
        click.option("--size", metavar="WxH|P%", help="960x540, or 50% of the full resolution.  [default: as authored]"),
    ):
        command = option(command)
    return command


def view_options(command: Function) -> Function:
    """How pictures of renders are shown: `ocio` and `view`."""
    for option in (
        click.option(
            "--view",
            metavar="NAME",
            help="Show pictures through AgX, Filmic, …, or T: the curve of the numbers.  [default: as the scene is seen]",
        ),
        click.option(
            "--ocio",
            metavar="FILE",
            help="Configuration of OpenColorIO, or ocio://NAME.  [default: what $OCIO names, else Blender's, else T]",
        ),
    ):
        command = option(command)
    return command


def temporal_options(command: Function) -> Function:
    for option in (
        click.option("--shots", metavar="1-48,49-120", help="With --temporal: first and last frame of each shot."),
        click.option(
            "--temporal",
            type=click.IntRange(0, 8),
            default=0,
            metavar="K",
            help="Animations with a Vector pass: take in the samples of K frames before and after each one.",
        ),
    ):
        command = option(command)
    return command


def share_options(when: str = "") -> Callable[[Function], Function]:
    """Which frames are for this machine: `frames`, `chunk` and `shared`, for `parse_share`.

    Args:
        when: The help's first words.
    """

    def decorate(command: Function) -> Function:
        for option in (
            click.option("--shared", is_flag=True, help=f"{when}other processes do the same; each takes the next frame."),
            click.option("--chunk", default="1/1", metavar="I/N", help=f"{when}only this machine's share."),
            click.option("--frames", metavar="1-100", help=f"{when}only these; their neighbours are read all the same."),
        ):
            command = option(command)
        return command

    return decorate


def parse_share(frames: str | None, chunk: str) -> dict[str, Any]:
    """The texts of `share_options` → fields of a verb's options."""
    from ..io.ranges import parse_chunk, parse_frames

    return {"frames": tuple(parse_frames(frames)) if frames else None, "chunk": parse_chunk(chunk)}


def pick_stage(**flags: bool) -> str:
    """The stage whose flag is set, of those that exclude each other; "all" without any."""
    chosen = [name for name, is_set in flags.items() if is_set]
    if len(chosen) > 1:
        raise N2NError(f"{' and '.join(chosen)} are different stages of the work", "Pass one of them, one after the other.")
    return chosen[0] if chosen else "all"


def check_shots(temporal: int, shots: str | None) -> None:
    if shots and not temporal:
        raise N2NError("--shots is for --temporal, which was not given", "Pass --temporal 2 too, or leave --shots out.")


def _read_passes(ctx: click.Context, option: click.Parameter, text: str | None) -> tuple[str, ...]:
    from ..io.light import parse_passes

    return () if text is None else _read(parse_passes, text, ctx, option)


def _read(parse: Callable[[str], Any], text: str, ctx: click.Context, option: click.Parameter) -> Any:
    """What `parse` makes of an option's text; what it cannot read is a wrong use of the command."""
    if not text.strip():
        raise click.BadParameter("it is empty.", ctx, option)
    try:
        return parse(text)
    except N2NError as error:
        raise click.BadParameter(f"{error.what}. {error.hint}", ctx, option) from None


exact_sums_option = click.option(
    "--exact-sums",
    is_flag=True,
    help="With --passes: the picture is the sum of the light groups, else of the light passes, to the last bit of the file.",
)
passes_option = click.option(
    "--passes",
    metavar="all|KIND|NAME,…",
    callback=_read_passes,
    help="Denoise passes of light too, so that they add up: all, light-groups, light-passes, aovs, or names as Emission,key.",
)


def _read_strength(ctx: click.Context, option: click.Parameter, text: str) -> tuple[float, "Strengths"]:
    """A click callback: the strength everywhere, and those of what masks name."""
    from ..denoise.strength import parse_strength

    found: tuple[float, Strengths] = _read(parse_strength, text, ctx, option)
    return found


strength_option = click.option(
    "--strength",
    default="1",
    metavar="0…1,NAME=0…1,…",
    callback=_read_strength,
    help="0: noisy, 1: denoised; and of objects, materials or assets of Cryptomatte: 1,grass=0.3,material:skin*=0.6; or of a "
    "pass: mask:NAME=0.5.",
)
