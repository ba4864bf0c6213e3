"""Sparse products: a 1-by-1 convolution of a one-hot row is a table look-up.

Its cost is proportional to the length of the history. Values of entries are arrays whose last axis
is the entries: what is computed for each of a few channels takes a fraction of the time it would
take with the channels last.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag


@dataclass(frozen=True)
class SparsePattern:
    """The positions of the entries of a sparse rows x columns matrix, by row and by column.

    Memory: 8 bytes per entry (4 with int32 columns), 4 more after a product, 8 more once `rows` is
    asked for, and 24 more once the order by column is; 16 bytes per row once the order by length
    is. Entries are in row order; `to_column_order` lists them in column order, which is what the
    gradient of a look-up and the convolution down a column need.
    """

    row_starts: Tensor
    columns: Tensor
    n_columns: int

    @cached_property
    def rows(self) -> Tensor:
        """The row of each entry."""
        lengths = self.row_starts.diff()
        return torch.repeat_interleave(lengths, output_size=len(self.columns))

    @cached_property
    def by_length(self) -> tuple[Tensor, Tensor]:
        """Rows, those with the fewest entries first; and how many entries each of them has."""
        lengths, rows = torch.sort(self.row_starts.diff(), stable=True)
        return rows, lengths

    def blocks(self, most: int) -> Iterator[tuple[slice, slice, SparsePattern]]:
        """Runs of whole rows of at most `most` entries, or one row: rows, entries, their pattern.

        They depend on the pattern alone, so that what is computed by blocks has the same bits on
        every machine.
        """
        starts, first, n_rows = self.row_starts, 0, self.shape[0]
        while first < n_rows:
            before = int(starts[first])
            last = int(torch.searchsorted(starts, before + most, right=True)) - 1
            rows = slice(first, min(max(first + 1, last), n_rows))
            entries = slice(before, int(starts[rows.stop]))
            own = starts[rows.start : rows.stop + 1] - before
            yield rows, entries, SparsePattern(own, self.columns[entries], self.n_columns)
            first = rows.stop

    @cached_property
    def to_column_order(self) -> Tensor:
        """Entries, ordered by column."""
        return torch.argsort(self.columns, stable=True)

    @cached_property
    def rows_by_column(self) -> Tensor:
        """The row of each entry, in column order."""
        return self.rows.index_select(0, self.to_column_order)

    @cached_property
    def column_starts(self) -> Tensor:
        """Where each column's entries start in column order, and the end."""
        counts = torch.bincount(self.columns, minlength=self.n_columns)
        return torch.cat([counts.new_zeros(1), counts.cumsum(0)])

    @cached_property
    def paddings(self) -> dict[tuple[int, int], Any]:
        """Rows of similar length, by the limits of their length: see `normal_equations.padded`."""
        return {}

    @cached_property
    def flipped(self) -> SparsePattern:
        """The transposed matrix: its entries are in column order of this one."""
        return SparsePattern(self.column_starts, self.rows_by_column, self.shape[0])

    @cached_property
    def occurring(self) -> tuple[Tensor, SparsePattern]:
        """The columns that have an entry, and the pattern over these alone.

        A few histories then need not read the table of a large catalogue.
        """
        columns, places = torch.unique(self.columns, return_inverse=True)
        return columns, SparsePattern(self.row_starts, places, len(columns))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.row_starts) - 1, self.n_columns

    def row_sums(self, values: Tensor) -> Tensor:
        """Sum `values` ([channels x] entries) over each row: [channels x] rows."""
        lengths = self.row_starts.diff()
        if values.dim() == 1 and len(lengths):
            return torch.segment_reduce(values, "sum", lengths=lengths)
        sums = [self.row_sums(channel) for channel in values] if len(lengths) else []
        return torch.stack(sums) if sums else values.new_zeros(*values.shape[:-1], len(lengths))

    def column_sums(self, values: Tensor) -> Tensor:
        """Sum `values` (entries) over each column."""
        return values.new_zeros(self.shape[1]).index_add(0, self.columns, values)

    def products(self, rows: Tensor, columns: Tensor) -> Tensor:
        """The inner product of each entry's row and column: entries.

        Args:
            rows: rows x size.
            columns: columns x size.
        """
        zeros = rows.new_zeros(len(self.columns))
        where = self._matrix(zeros)
        return torch.sparse.sampled_addmm(where, rows, columns.t(), beta=0.0, out=where).values()

    @cached_property
    def _index(self) -> tuple[Tensor, Tensor]:
        """Row starts and columns as int32: others would be converted in each product."""
        return self.row_starts.int(), self.columns.int()

    def _matrix(self, values: Tensor) -> Tensor:
        return csr(*self._index, values, self.shape)

    def times(self, values: Tensor, table: Tensor) -> Tensor:
        """The matrix of these values, one per entry, times a dense table of columns x size.

        On a processor `embedding_bag` takes half of the time of a sparse product.
        """
        if table.device.type != "cpu":
            return self._matrix(values) @ table
        starts, columns = self._index
        return embedding_bag(
            columns, table, starts, mode="sum", per_sample_weights=values, include_last_offset=True
        )

    def add_times(self, total: Tensor, values: Tensor, table: Tensor) -> None:
        """Add `times` to a total, of a table that may be sparse itself (CSR).

        As one sum and product that takes no longer than the product alone.
        """
        if table.device.type != "cpu" or table.layout == torch.sparse_csr:
            total.addmm_(self._matrix(values), table)
        else:
            total += self.times(values, table)

    def transposed_times(self, values: Tensor, table: Tensor) -> Tensor:
        """The transposed matrix times a dense table of rows x size."""
        return self.flipped.times(self.in_column_order(values), table)

    def in_column_order(self, values: Tensor) -> Tensor:
        """Values of entries ([channels x] entries), ordered by column: those of `flipped`."""
        return values.index_select(-1, self.to_column_order)  # [...] takes 4 times as long

    def of_entries(self, entries: Tensor) -> SparsePattern:
        """The pattern of some entries, in ascending order."""
        starts = torch.searchsorted(entries, self.row_starts)
        return SparsePattern(starts, self.columns[entries], self.n_columns)

    def inner_products(self, rows: Tensor, columns: Tensor) -> Tensor:
        """`products`, differentiable in both arguments."""
        return _differentiable(_InnerProducts, rows, columns, self)

    def look_up(self, values: Tensor, tables: Tensor) -> Tensor:
        """Sum over each row's entries and channels: values[c, e] x tables[c, column of e].

        Args:
            values: channels x entries.
            tables: channels x columns x size.

        Returns:
            rows x size. Differentiable in both arguments; no dense rows x columns array.
        """
        if needs_gradient(values, tables):
            return _differentiable(_SparseTimesDense, values, tables, self, False)
        starts = self.row_starts[:-1]
        parts = [  # an answer: a fifth of the time of a sparse product
            embedding_bag(self.columns, table, starts, mode="sum", per_sample_weights=value)
            for value, table in zip(values.contiguous(), tables, strict=True)
        ]
        return functools.reduce(torch.add, parts)

    def look_down(self, values: Tensor, tables: Tensor) -> Tensor:
        """The same sums down each column; tables are channels x rows x size."""
        if needs_gradient(values, tables):
            return _differentiable(_SparseTimesDense, values, tables, self, True)
        return self.flipped.look_up(self.in_column_order(values), tables)


class _SparseTimesDense(torch.autograd.Function):
    """Sums over channels of (sparse rows x columns) @ (dense columns x size), and gradients.

    Or of the transposed matrices @ (dense rows x size), whose gradients are computed in row order:
    what is in column order is the products alone.

    torch's sparse product has no gradient for the values of a CSR matrix that stays sparse.
    `embedding_bag` has one, but takes 2-3 times as long backwards (measured on
    800,000 entries).
    """

    @staticmethod
    def forward(
        ctx, values: Tensor, tables: Tensor, pattern: SparsePattern, transposed: bool
    ) -> Tensor:
        ctx.save_for_backward(values, tables)
        ctx.pattern, ctx.transposed = pattern, transposed
        if transposed:
            pattern, values = pattern.flipped, pattern.in_column_order(values)
        total = tables.new_zeros(pattern.shape[0], tables.shape[2])
        for value, table in zip(values.contiguous(), tables, strict=True):
            pattern.add_times(total, value, table)
        return total

    @staticmethod
    def backward(ctx, *grads: Tensor):
        values, tables = ctx.saved_tensors
        pattern: SparsePattern = ctx.pattern
        grad = grads[0].contiguous()
        values_gradient = tables_gradient = None
        if ctx.needs_input_grad[0]:
            sides = [(table, grad) if ctx.transposed else (grad, table) for table in tables]
            values_gradient = torch.stack([pattern.products(*pair) for pair in sides])
        if ctx.needs_input_grad[1]:
            if not ctx.transposed:
                pattern, values = pattern.flipped, pattern.in_column_order(values)
            tables_gradient = torch.zeros_like(tables)
            for of_table, value in zip(tables_gradient, values.contiguous(), strict=True):
                pattern.add_times(of_table, value, grad)
        return values_gradient, tables_gradient, None, None


class _InnerProducts(torch.autograd.Function):
    """Inner products of rows and columns, whose gradients are sparse products.

    Nothing of size entries x size is kept, or even computed.
    """

    @staticmethod
    def forward(ctx, rows: Tensor, columns: Tensor, pattern: SparsePattern) -> Tensor:
        ctx.save_for_backward(rows, columns)
        ctx.pattern = pattern
        return pattern.products(rows, columns)

    @staticmethod
    def backward(ctx, *grads: Tensor):
        rows, columns = ctx.saved_tensors
        pattern: SparsePattern = ctx.pattern
        grad = grads[0]
        return pattern.times(grad, columns), pattern.transposed_times(grad, rows), None


def needs_gradient(*tensors: Tensor) -> bool:
    """Whether a gradient could be asked for."""
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


def csr(starts: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    """A torch sparse CSR matrix, from its entries in row order."""
    with warnings.catch_warnings():  # "Sparse CSR tensor support is in beta state", once
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(starts, columns, values, shape, check_invariants=False)


class _Gather(torch.autograd.Function):
    """Columns of a table of few rows, whose gradient is one weighted count per row."""

    @staticmethod
    def forward(ctx, table, index):
        ctx.save_for_backward(index)
        ctx.n_columns = table.shape[1]
        return table.index_select(1, index)

    @staticmethod
    def backward(ctx, *grads):
        (index,) = ctx.saved_tensors
        gradient = grads[0].new_empty(len(grads[0]), ctx.n_columns)
        for channel, values in enumerate(grads[0]):
            gradient[channel] = torch.bincount(index, values, ctx.n_columns)
        return gradient, None


def gather(table: Tensor, index: Tensor) -> Tensor:
    """Columns `index` of a table of a few channels: channels x entries.

    The gradient is summed in the same order every time: that of `table[:, index]`, on several
    threads, is not.
    """
    if not needs_gradient(table):
        return table.index_select(1, index)
    return _differentiable(_Gather, table, index)


def _differentiable(function: type[torch.autograd.Function], *inputs: object) -> Tensor:
    found = function.apply(*inputs)
    assert isinstance(found, Tensor)
    return found


def times_rows(latent: Tensor, table: Tensor) -> Tensor:
    """`latent @ table.T`, a new tensor: rows x rows of the table.

    NumPy's product of one row reads the table once; that of torch takes 2 to 4 times as long
    (measured on 27,000 x 768), and needs a pool of threads that a forked process does not have.
    """
    if latent.device.type == "cpu" and not (latent.requires_grad or table.requires_grad):
        return torch.from_numpy(latent.numpy() @ table.numpy().T)
    return latent @ table.T
