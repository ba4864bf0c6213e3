"""Sparse products: a 1-by-1 convolution of a one-hot row is a table look-up.

Its cost is proportional to the length of the history.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import embedding, embedding_bag

NARROW = 8  # columns: up to so many, the gradient of a look-up is a weighted count per column


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
    def flipped(self) -> SparsePattern:
        """The transposed matrix: its entries are in column order of this one."""
        return SparsePattern(self.column_starts, self.rows_by_column, self.shape[0])

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.row_starts) - 1, self.n_columns

    def row_sums(self, values: Tensor) -> Tensor:
        """Sum `values` (entries [x channels]) over each row."""
        return torch.zeros(
            (self.shape[0], *values.shape[1:]), dtype=values.dtype, device=values.device
        ).index_add(0, self.rows, values)

    def column_sums(self, values: Tensor) -> Tensor:
        """Sum `values` (entries [x channels]) over each column."""
        return torch.zeros(
            (self.shape[1], *values.shape[1:]), dtype=values.dtype, device=values.device
        ).index_add(0, self.columns, values)

    def products(self, rows: Tensor, columns: Tensor) -> Tensor:
        """The inner product of each entry's row and column: entries.

        Args:
            rows: rows x size.
            columns: columns x size.
        """
        zeros = rows.new_zeros(len(self.columns))
        where = self._matrix(zeros)
        return torch.sparse.sampled_addmm(where, rows, columns.t().contiguous(), beta=0.0).values()

    @cached_property
    def _index(self) -> tuple[Tensor, Tensor]:
        """Row starts and columns as int32: others would be converted in each product."""
        return self.row_starts.int(), self.columns.int()

    def _matrix(self, values: Tensor) -> Tensor:
        return csr(*self._index, values, self.shape)

    def times(self, values: Tensor, table: Tensor) -> Tensor:
        """The matrix of these values, one per entry, times a dense table of columns x size."""
        return self._matrix(values) @ table

    def transposed_times(self, values: Tensor, table: Tensor) -> Tensor:
        """The transposed matrix times a dense table of rows x size."""
        in_column_order = values.index_select(
            0, self.to_column_order
        )  # [...] takes 4 times as long
        return self.flipped.times(in_column_order, table)

    def of_entries(self, entries: Tensor) -> SparsePattern:
        """The pattern of some entries, in ascending order."""
        starts = torch.searchsorted(entries, self.row_starts)
        return SparsePattern(starts, self.columns[entries], self.n_columns)

    def inner_products(self, rows: Tensor, columns: Tensor) -> Tensor:
        """`products`, differentiable in both arguments."""
        found = _InnerProducts.apply(rows, columns, self)
        assert isinstance(found, Tensor)
        return found

    def look_up(self, values: Tensor, tables: Tensor) -> Tensor:
        """Sum over each row's entries and channels: values[e, c] x tables[c, column of e].

        Args:
            values: entries x channels.
            tables: channels x columns x size.

        Returns:
            rows x size. Differentiable in both arguments; no dense rows x columns array.
        """
        return self._summed_products(values, tables, transposed=False)

    def look_down(self, values: Tensor, tables: Tensor) -> Tensor:
        """The same sums down each column; tables are channels x rows x size."""
        if needs_gradient(values, tables):
            return self._summed_products(values, tables, transposed=True)
        return self.flipped.look_up(values[self.to_column_order], tables)

    def _summed_products(self, values: Tensor, tables: Tensor, transposed: bool) -> Tensor:
        total, learns = None, needs_gradient(values, tables)
        # Unbound at once: the gradient of tables[c] would be a zero-filled copy of all tables.
        for value, table in zip(values.unbind(1), tables.unbind(0), strict=True):
            value = value.contiguous()
            if learns:
                part = _SparseTimesDense.apply(value, table, self, transposed)
            else:  # an answer: a fifth of the time
                part = embedding_bag(
                    self.columns, table, self.row_starts[:-1], mode="sum", per_sample_weights=value
                )
            total = part if total is None else total + part
        assert isinstance(total, Tensor)  # the channel "consumed" always exists
        return total


class _SparseTimesDense(torch.autograd.Function):
    """(sparse rows x columns) @ (dense columns x size), with gradients for both.

    Or the transposed matrix @ (dense rows x size), whose gradients are computed in row order: what
    is in column order is the product alone.

    torch's sparse product has no gradient for the values of a CSR matrix that stays sparse.
    `embedding_bag` has one, but takes 2-3 times as long backwards (measured on
    800,000 entries).
    """

    @staticmethod
    def forward(
        ctx, values: Tensor, table: Tensor, pattern: SparsePattern, transposed: bool
    ) -> Tensor:
        ctx.save_for_backward(values, table)
        ctx.pattern, ctx.transposed = pattern, transposed
        return (pattern.transposed_times if transposed else pattern.times)(values, table)

    @staticmethod
    def backward(ctx, *grads: Tensor):
        values, table = ctx.saved_tensors
        pattern: SparsePattern = ctx.pattern
        grad = grads[0].contiguous()
        values_gradient = table_gradient = None
        if ctx.needs_input_grad[0]:
            sides = (table, grad) if ctx.transposed else (grad, table)
            values_gradient = pattern.products(*sides)
        if ctx.needs_input_grad[1]:
            times = pattern.times if ctx.transposed else pattern.transposed_times
            table_gradient = times(values, grad)
        return values_gradient, table_gradient, None, None


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


class _NarrowLookUp(torch.autograd.Function):
    """Rows of a table of few columns, whose gradient is one weighted count per column."""

    @staticmethod
    def forward(ctx, table, index):
        ctx.save_for_backward(index)
        ctx.n_rows = len(table)
        return table.index_select(0, index)

    @staticmethod
    def backward(ctx, *grads):
        (index,) = ctx.saved_tensors
        columns = [torch.bincount(index, column, ctx.n_rows) for column in grads[0].unbind(1)]
        return torch.stack(columns, 1).to(grads[0].dtype), None


def gather_rows(table: Tensor, index: Tensor) -> Tensor:
    """Rows `index` of a table; the gradient is summed in the same order every time.

    On several threads, that of `table[index]` is not. That of `embedding` is, but for a few
    columns a count is several times faster.
    """
    if not needs_gradient(table):
        return table.index_select(0, index)
    if 0 < table.shape[1] <= NARROW:
        rows = _NarrowLookUp.apply(table, index)
        assert isinstance(rows, Tensor)
        return rows
    return embedding(index, table)


def times_rows(latent: Tensor, table: Tensor) -> Tensor:
    """`latent @ table.T`, a new tensor: rows x rows of the table.

    NumPy's product of one row reads the table once; that of torch takes 2 to 4 times as long
    (measured on 27,000 x 768), and needs a pool of threads that a forked process does not have.
    """
    if latent.device.type == "cpu" and not (latent.requires_grad or table.requires_grad):
        return torch.from_numpy(latent.numpy() @ table.numpy().T)
    return latent @ table.T
