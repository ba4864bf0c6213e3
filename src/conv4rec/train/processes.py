"""A fit by several processes: which users each computes with, and how the parts become one.

`torch.distributed` holds the processes together: `torchrun` starts them, or a caller has
initialised the process group. Every process has the whole log and all weights, and repeats all
random draws. Losses, gradients and sums over users are computed for the process's own users and
added up; factors of the sampler are drawn for its own rows and joined. So the model is that of one
process, but for rounding: a sum of parts is rounded otherwise than a sum.

Without a process group there is one process, and every function gives back what it is given.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor
from torch import distributed as group

from conv4rec.errors import ProcessesError
from conv4rec.model import History

T = TypeVar("T")


def n_processes() -> int:
    """Processes of the fit."""
    return group.get_world_size() if group.is_available() and group.is_initialized() else 1


def own_number() -> int:
    """The number of this process, from 0. Process 0 alone writes files."""
    return group.get_rank() if n_processes() > 1 else 0


@dataclass(frozen=True)
class Part:
    """The rows of a sparse matrix that this process computes with, and their entries."""

    bounds: tuple[list[int], list[int]]
    """First row of each process and the end; the same of entries."""

    @classmethod
    def own(cls, starts: Tensor) -> Part:
        """Of a CSR matrix: rows and entries count alike in what a process gets, at least a row."""
        n_rows, n_entries, n = len(starts) - 1, int(starts[-1]), n_processes()
        if n == 1:
            return cls(([0, n_rows], [0, n_entries]))
        cost = starts.cpu() / max(1, n_entries) + torch.arange(n_rows + 1) / n_rows
        bounds = torch.searchsorted(cost, 2 * torch.arange(n + 1) / n).tolist()
        bounds[0], bounds[n] = 0, n_rows
        for i in range(1, n):
            bounds[i] = min(max(bounds[i], bounds[i - 1] + 1), n_rows - n + i)
        return cls((bounds, starts[bounds].tolist()))

    @property
    def n_rows(self) -> int:
        """Rows of all processes."""
        return self.bounds[0][-1]

    @property
    def n_entries(self) -> int:
        """Entries of all processes."""
        return self.bounds[1][-1]

    @property
    def rows(self) -> slice:
        """The own rows, among those of all."""
        return slice(*self.bounds[0][own_number() :][:2])

    @property
    def entries(self) -> slice:
        """The own entries, among those of all."""
        return slice(*self.bounds[1][own_number() :][:2])

    def join_rows(self, own: Tensor) -> Tensor:
        """What belongs to rows, of all processes."""
        return _gathered(own, [b - a for a, b in pairwise(self.bounds[0])])

    def join_entries(self, own: Tensor) -> Tensor:
        """What belongs to entries, of all processes."""
        return _gathered(own, [b - a for a, b in pairwise(self.bounds[1])])

    def of(self, history: History) -> History:
        """The own rows of a history."""
        if n_processes() == 1:
            return history
        return history.of_rows(torch.arange(self.rows.start, self.rows.stop))


def own_run(parts: Sequence[T]) -> Sequence[T]:
    """A run of a list: about as many for each process."""
    n, number = n_processes(), own_number()
    return parts[len(parts) * number // n : len(parts) * (number + 1) // n]


def summed(tensor: Tensor) -> Tensor:
    """The sum over all processes. Its gradient is that of all losses, added up."""
    return tensor if n_processes() == 1 else _Summed.apply(tensor)  # pyright: ignore


def total(count: int, like: Tensor) -> int:
    """The sum of a count over all processes, exchanged on the device of `like`."""
    return count if n_processes() == 1 else int(_sum(torch.tensor(count, device=like.device)))


def joined(part: Tensor) -> Tensor:
    """The rows of all processes, in their order; each may have any number."""
    return part if n_processes() == 1 else _gathered(part, counts_of_all(len(part), part))


def counts_of_all(count: int, like: Tensor) -> list[int]:
    """The count of every process, in their order."""
    counts = torch.zeros(n_processes(), dtype=torch.int64, device=like.device)
    counts[own_number()] = count
    return (counts if len(counts) == 1 else _sum(counts)).tolist()


def add_up_gradients(parameters: Iterable[Tensor]) -> None:
    """Replace each gradient by its sum over the processes."""
    if n_processes() > 1:
        for parameter in parameters:
            if parameter.grad is not None:
                _sum(parameter.grad)


def any_of(flag: bool) -> bool:
    """Whether it is true in any process: what they decide, they decide together."""
    return flag if n_processes() == 1 else bool(_sum(torch.tensor(int(flag))))


def check_alike(facts: Callable[[], str], n_rows: int) -> None:
    """Check that all processes fit the same.

    Args:
        facts: all that the weights depend on.
        n_rows: of the smaller side of the log.

    Raises:
        ProcessesError: They do not, or there are more processes than users or items.
    """
    n = n_processes()
    if n == 1:
        return
    digest = torch.tensor(list(hashlib.sha256(facts().encode()).digest()))
    if any_of(bool((_sum(digest.clone()) != n * digest).any())):
        raise ProcessesError(
            f"the {n} processes of the group were given different logs, settings or seeds: a fit "
            "in a process group needs the same in each; outside of one, each fits its own"
        )
    if n_rows < n:
        raise ProcessesError(
            f"a log of {n_rows} users or items is too small for {n} processes: start fewer"
        )


@contextmanager
def _said_clearly():
    try:
        yield
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise ProcessesError(
            "another process of this fit ended, or cannot be reached: its own message says why "
            f"({reason})"
        ) from error


def _gathered(own: Tensor, sizes: list[int]) -> Tensor:
    if len(sizes) == 1:
        return own
    padded = own.new_zeros(max(sizes), *own.shape[1:])
    padded[: len(own)] = own
    parts = [torch.empty_like(padded) for _ in sizes]
    with _said_clearly():
        group.all_gather(parts, padded)
    return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])


def _sum(tensor: Tensor) -> Tensor:
    with _said_clearly():
        group.all_reduce(tensor)
    return tensor


class _Summed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, part):  # noqa: ARG004
        return _sum(part.clone())

    @staticmethod
    def backward(ctx, *grads):  # noqa: ARG004
        return _sum(grads[0].clone())
