"""Many small linear systems at once: one per user given the items' factors, or per item.

Rows of similar length are padded to one length and multiplied together: a fifth of the time of
summing outer products (ml-1m, one core).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import embedding, pad

from conv4rec.model.at_a_time import at_a_time
from conv4rec.model.sparse import SparsePattern

CELLS = 16_384  # padded entries in one product: more do not fit into the cache
KEPT = 2_000_000  # entries up to which their padding is kept beside the pattern: 28 bytes each
ALIGNED = 8  # columns of a table: products of 24 take less time than those of 21


@dataclass(frozen=True)
class Padding:
    """Some rows of similar length: rows x width, of which the places behind a row are no entry."""

    rows: Tensor  # their numbers
    entries: Tensor  # rows x width; 0 where there is none
    columns: Tensor  # of these
    real: Tensor  # rows x width: true for entries

    @cached_property
    def places(self) -> Tensor:
        """Of the entries among all places, row by row."""
        return torch.nonzero(self.real.view(-1)).squeeze(1)

    def of_entries(self, values: Tensor) -> Tensor:
        """Values of all entries of the pattern, at the places of those of these rows."""
        return values.index_select(0, self.entries.view(-1)).view_as(self.entries)


@dataclass(frozen=True)
class Observations:
    """The observations of some rows: y = z . (factors and offset of the row) + error."""

    padding: Padding
    table: Tensor  # rows x width x more than size: z, and y in column `size`; others are of no use
    precision: Tensor  # rows x width: of the errors; 0 where there is no entry


def normal_equations(
    pattern: SparsePattern, factors: Tensor, t: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor]:
    """Sums over each row's entries of w z z' and w z (t - c): rows x size x size, rows x size.

    (q, c) is the row of `factors` at an entry's column, and z = (q, 1) multiplies the row's own
    factors and offset.
    """
    n_rows, size = pattern.shape[0], factors.shape[1]
    gram, right = factors.new_zeros(n_rows, size, size), factors.new_zeros(n_rows, size)
    for observed in observations(pattern, factors, t, entry_precision=weights):
        gram[observed.padding.rows], right[observed.padding.rows] = sums(observed, size)
    return gram, right


def sums(observed: Observations, size: int) -> tuple[Tensor, Tensor]:
    """`normal_equations` of some rows: y is one more column, so one product gives both sums."""
    table = observed.table
    both = (table * observed.precision[:, :, None]).transpose(1, 2) @ table
    return both[:, :size, :size], both[:, :size, size]


def observations(
    pattern: SparsePattern,
    factors: Tensor,
    values: Tensor,
    *,
    entry_precision: Tensor | None = None,
    column_precision: Tensor | None = None,
    row_precision: Tensor | None = None,
    more_than: int = 0,
    at_most: int | None = None,
) -> Iterator[Observations]:
    """The observations of the rows, those of similar length together.

    Memory: about 16 x `CELLS` x size bytes.

    Args:
        pattern: whose rows.
        factors: columns x size.
        values: t of each entry; y is t - c.
        entry_precision: of the error of each entry.
        column_precision: or of those of each column,
        row_precision: times that of each row.
        more_than: rows with this number of entries, or fewer, are left out.
        at_most: rows with more entries are left out, too.
    """
    size = factors.shape[1]
    of_columns = torch.cat([with_constant(factors), factors[:, -1:]], 1)
    if column_precision is not None:
        of_columns = torch.cat([of_columns, column_precision[:, None]], 1)
    of_columns = pad(of_columns, (0, -of_columns.shape[1] % ALIGNED))
    for padding in padded(pattern, more_than, at_most):
        table = embedding(padding.columns, of_columns)
        table[:, :, size] = padding.of_entries(values) - table[:, :, size]
        if entry_precision is None:
            precision = table[:, :, size + 1] * padding.real
        else:
            precision = padding.of_entries(entry_precision) * padding.real
        if row_precision is not None:
            precision *= row_precision[padding.rows, None]
        yield Observations(padding, table, precision)


def with_constant(factors: Tensor) -> Tensor:
    """(q, 1) of each row: what multiplies the factors and the offset of the other side."""
    return torch.cat([factors[:, :-1], factors.new_ones(len(factors), 1)], 1)


def few_entries(size: int) -> int:
    """Up to how many entries a system of their number is cheaper: half as many as factors."""
    return size // 2


def padded(
    pattern: SparsePattern, more_than: int = 0, at_most: int | None = None
) -> Iterator[Padding]:
    """Rows of similar length; kept beside the pattern for the next time, if it is not large.

    Args:
        pattern: whose rows.
        more_than: rows with this number of entries, or fewer, are left out.
        at_most: rows with more entries are left out, too.
    """
    limits = (more_than, len(pattern.columns) if at_most is None else at_most)
    if len(pattern.columns) > KEPT:
        yield from _padded(pattern, *limits)
        return
    if limits not in pattern.paddings:
        pattern.paddings[limits] = list(_padded(pattern, *limits))
    yield from pattern.paddings[limits]


def _padded(pattern: SparsePattern, more_than: int, at_most: int) -> Iterator[Padding]:
    order, lengths = pattern.by_length
    limits = lengths.new_tensor([more_than, at_most])
    cells = at_a_time(CELLS, order.device)
    end, last = torch.searchsorted(lengths, limits, right=True).tolist()
    while last > end:
        width = int(lengths[last - 1])
        first = max(end, last - max(1, cells // width))
        rows, own_lengths, last = order[first:last], lengths[first:last], first
        place = torch.arange(width, device=order.device)
        real = place < own_lengths[:, None]
        entries = torch.where(real, pattern.row_starts[rows][:, None] + place, 0)
        yield Padding(rows, entries, pattern.columns[entries], real)


def draw(gram: Tensor, right: Tensor, prior: Tensor, precision: Tensor, normal: Tensor) -> Tensor:
    """A draw of each row's factors, made of standard normal numbers: rows x size.

    The prior is normal with mean `prior` (rows x size) and one `precision`.
    """
    root = torch.linalg.cholesky(gram + precision)
    right = right + prior @ precision
    solved = torch.linalg.solve_triangular(root, right[:, :, None], upper=False)
    solved += normal[:, :, None]
    return torch.linalg.solve_triangular(root.transpose(1, 2), solved, upper=True)[:, :, 0]
