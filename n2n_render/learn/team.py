"""The processes that train together, which `torchrun` starts: the *members* of a team, the first of whom writes and speaks.

Each member makes its own part of every batch. Gradients, and BatchNorm's statistics while it uses those of batches, are
those of the whole batch; what depends on a clock or a choice is said by the first. So all have the same weights, those
that one process with a batch of the same size would have.

PyTorch is imported where it is needed: the command line asks who it is before anything heavy is there.
"""

import contextlib
import itertools
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import LOGGER, N2NError
from ..progress import Reporter, silent

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
LONGEST_WAIT = timedelta(days=1)  # for another member that loads, judges or paints
PLACE = {"rank": "RANK", "size": "WORLD_SIZE", "local_rank": "LOCAL_RANK", "local_size": "LOCAL_WORLD_SIZE"}
ADDRESS = ("MASTER_ADDR", "MASTER_PORT")
SIGNS = ("gloo", "nccl", "connection closed by peer", "connection reset by peer")  # of a member that is gone, in errors
_openings = itertools.count()  # of this process: each group has keys of its own in torchrun's store


@dataclass(frozen=True)
class Team:
    """A process among those that train together. By default it is alone, and then nothing here does anything.

    Attributes:
        rank: Its number; 0 is the first.
        size: How many there are.
        local_rank: Its number among those on this machine.
        local_size: How many there are on this machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1

    @classmethod
    def find(cls, environment: Mapping[str, str] = os.environ) -> "Team":
        """As `torchrun` tells it; alone where it tells nothing. Raises N2NError for half of what it tells, and for numbers that
        cannot be.
        """
        told_of = {*PLACE.values(), *ADDRESS} & set(environment)
        if lacking := sorted({*PLACE.values(), *ADDRESS} - told_of):
            if {PLACE["rank"], *ADDRESS} <= told_of and environment.get(PLACE["size"], "1") != "1":
                raise N2NError(f"{', '.join(lacking)} is not set, but RANK is", "Start the processes with torchrun.")
            return cls()
        try:
            team = cls(**{name: int(environment[variable]) for name, variable in PLACE.items()})
            if not (0 <= team.rank < team.size and 0 <= team.local_rank < team.local_size <= team.size):
                raise ValueError
        except ValueError:
            told = ", ".join(f"{variable}={environment[variable]}" for variable in PLACE.values())
            raise N2NError(f"{told} are no place of a process among others", "Start the processes with torchrun.") from None
        return team

    @property
    def is_alone(self) -> bool:
        return self.size == 1

    @property
    def is_first(self) -> bool:
        """Whether it writes and speaks."""
        return self.rank == 0

    def each_on(self, device: str) -> str:
        """Where it computes, in words; device: that of each."""
        return device if self.is_alone else f"{self.size} processes, each on {device}"

    def device(self, name: str) -> str:
        """The device that is asked for → this member's own. Raises N2NError for one that they cannot share."""
        import torch

        if self.is_alone:
            return name
        if name == "auto":
            name = "cuda" if torch.cuda.is_available() else "cpu"
        if name == "cuda":
            if self.local_size > (count := torch.cuda.device_count()):
                raise N2NError(
                    f"{self.local_size} processes need a GPU each, and there are {count}",
                    f"torchrun --nproc-per-node {max(count, 1)}, or --device cpu.",
                )
            return f"cuda:{self.local_rank}"
        if name != "cpu":
            raise N2NError(f"--device {name}: {self.local_size} processes cannot share it", "Pass --device cuda, cpu, or auto.")
        return name

    def threads(self, asked: int | None) -> int | None:
        """Of a member on the CPU: its share of the cores, unless they are asked for. None: PyTorch's choice.

        torchrun itself sets OMP_NUM_THREADS to 1 where nobody has set it, so 1 says nothing.
        """
        if self.is_alone or asked or os.environ.get("OMP_NUM_THREADS", "1") != "1":
            return asked
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, cores // self.local_size)

    def reporter(self, reporter: Reporter) -> Reporter:
        """What a verb tells of its work with."""
        return reporter if self.is_first else silent

    @contextlib.contextmanager
    def gathered(self, device: str) -> Iterator[None]:
        """Inside, the members are connected; of the others than the first nothing is heard but errors.

        Raises N2NError where they cannot reach each other, and where another member ends before its time.

        Args:
            device: Of this member.
        """
        if self.is_alone:
            yield
            return
        import torch
        import torch.distributed as dist

        on_gpu, hook = device.startswith("cuda"), sys.excepthook  # which PyTorch replaces
        self._connect("cpu:gloo,cuda:nccl" if on_gpu else "gloo")  # what is no gradient goes by the CPU
        try:
            with contextlib.ExitStack() as held:
                if on_gpu:
                    held.enter_context(torch.cuda.device(device))
                if not self.is_first:
                    held.enter_context(_unheard())
                yield
        except RuntimeError as error:
            if not _is_of_another(error):
                raise
            raise N2NError(
                f"process {self.rank} of {self.size} ends, as another one does not answer any more",
                "That one, or torchrun, says why. What is saved is whole.",
            ) from None
        finally:
            sys.excepthook = hook
            if not on_gpu or sys.exc_info()[0] is None:  # after a failure NCCL may wait for what the others never do
                dist.destroy_process_group()

    def _connect(self, backends: str) -> None:
        import torch.distributed as dist

        try:
            store, _, _ = next(dist.rendezvous("env://", self.rank, self.size, timeout=LONGEST_WAIT))  # type: ignore[attr-defined]
            own = dist.PrefixStore(f"n2n-render-{next(_openings)}", store)  # type: ignore[attr-defined]
            dist.init_process_group(backends, store=own, rank=self.rank, world_size=self.size, timeout=LONGEST_WAIT)
        except (RuntimeError, ValueError) as error:
            raise N2NError(
                f"the processes cannot reach each other ({str(error).splitlines()[0]})",
                "Name the network that they share: GLOO_SOCKET_IFNAME=eth0 torchrun …",
            ) from None

    def agree(self, value: T) -> T:
        """What the first one says; all wait for it. The others' value is not looked at."""
        if self.is_alone:
            return value
        import torch
        import torch.distributed as dist

        told = [value if self.is_first else None]
        dist.broadcast_object_list(told, device=torch.device("cpu"))
        return told[0]  # type: ignore[return-value]

    def ask(self, find: Callable[[], T]) -> T:
        """What the first one finds, which alone looks for it; an N2NError of its is everybody's."""
        if self.is_alone:
            return find()
        found: T | N2NError | None = None
        if self.is_first:
            try:
                found = find()
            except N2NError as error:
                found = error
        found = self.agree(found)
        if isinstance(found, N2NError):
            raise found
        return found  # type: ignore[return-value]

    def any(self, flag: bool) -> bool:
        """Whether any member says so."""
        return flag if self.is_alone else bool(self.mean({"flag": float(flag)})["flag"])

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """Of all members, which have the same names."""
        if self.is_alone:
            return dict(values)
        import torch

        total = self.sum(torch.tensor(list(values.values()), dtype=torch.float64))
        return dict(zip(values, (total / self.size).tolist(), strict=True))

    def wait(self) -> None:
        """Until all are here."""
        self.any(False)

    @contextlib.contextmanager
    def first_ahead(self) -> Iterator[None]:
        """The first one goes through this before the others: what it writes they find."""
        if not self.is_first:
            self.wait()
        yield
        if self.is_first:
            self.wait()

    def sum(self, tensor: "torch.Tensor") -> "torch.Tensor":
        """Of the tensors of all members; no gradient goes through it."""
        import torch.distributed as dist

        total = tensor.detach().clone()
        dist.all_reduce(total)
        return total

    def trained(self, network: "torch.nn.Module") -> "torch.nn.Module":
        """What training steps run: the network, whose gradients are then those of the mean of all losses."""
        if self.is_alone:
            return network
        from torch.nn.parallel import DistributedDataParallel

        device = next(network.parameters()).device
        ids = [device.index] if device.type == "cuda" else None
        return DistributedDataParallel(network, device_ids=ids)


ALONE = Team()


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Inside, doubts are told to nobody: the first member has the same."""

    def nothing(_: logging.LogRecord) -> bool:
        return False

    LOGGER.addFilter(nothing)
    try:
        yield
    finally:
        LOGGER.removeFilter(nothing)


def _is_of_another(error: Any) -> bool:
    """Whether another member is the reason: PyTorch's own class, or, of gloo, a mere RuntimeError."""
    import torch.distributed as dist

    return isinstance(error, dist.DistError) or any(sign in str(error).lower() for sign in SIGNS)
