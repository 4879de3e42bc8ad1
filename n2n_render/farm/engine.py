"""What every engine's translator has: a job → the files that the engine reads, and the command that submits them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from .job import Job
from .options import FarmOptions


@dataclass(frozen=True)
class Written:
    """What an engine reads.

    Attributes:
        files: Name within the job's folder → text.
        submit: The command that gives them to the engine, run anywhere.
        notes: What the user has to see to.
    """

    files: dict[str, str]
    submit: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Engine:
    """What spreads tasks over machines.

    Attributes:
        title: Its name, for people.
        translate: The job → what the engine reads.
        progress: The style of progress that it understands; None: it shows what our commands write.
        program: Of the engine, which its command calls; None: that command's first word.
        submit: Gives the job to the engine, and returns what it answered; None: its command does.
    """

    title: str
    translate: Callable[[Job, FarmOptions], Written]
    progress: str | None = None
    program: str | None = None
    submit: Callable[[Job, FarmOptions, Written], str] | None = None
