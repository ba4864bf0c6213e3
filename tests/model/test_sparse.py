"""A 1-by-1 convolution of one-hot rows equals the table look-up, values and gradients."""

import pytest
import torch

from conv4rec.model.sparse import SparsePattern, gather

N_USERS, N_ITEMS, N_LEVELS, N_CHANNELS, SIZE = 6, 9, 4, 3, 5


def one_hot(history):
    """The dense users x items x types tensor of the observed entries, which is never built."""
    dense = torch.zeros(N_USERS, N_ITEMS, N_LEVELS + 1, dtype=torch.float64)
    pattern = history.pattern
    dense[pattern.rows, pattern.columns, history.types] = history.observed
    return dense


def tensor(rng, *shape):
    return torch.from_numpy(rng.normal(size=shape)).requires_grad_()


def assert_same(found, expected, inputs, rng):
    """Equal values, and equal gradients of a random linear function of them."""
    torch.testing.assert_close(found, expected)
    direction = torch.from_numpy(rng.normal(size=found.shape))
    gradients = torch.autograd.grad((found * direction).sum(), inputs)
    for ours, theirs in zip(
        gradients, torch.autograd.grad((expected * direction).sum(), inputs), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


def test_look_up_equals_the_convolution_of_one_hot_rows(make_history, rng):
    history = make_history(N_USERS, N_ITEMS, N_LEVELS)
    kernel = tensor(rng, N_LEVELS + 1, N_CHANNELS)
    tables = tensor(rng, N_CHANNELS, N_ITEMS, SIZE)
    values = kernel.T[:, history.types] * history.observed
    found = history.pattern.look_up(values, tables)
    expected = torch.einsum("uik,kc,cid->ud", one_hot(history), kernel, tables)
    assert_same(found, expected, (kernel, tables), rng)


def test_look_down_equals_the_convolution_of_one_hot_columns(make_history, rng):
    history = make_history(N_USERS, N_ITEMS, N_LEVELS)
    kernel = tensor(rng, N_LEVELS + 1, N_CHANNELS)
    tables = tensor(rng, N_CHANNELS, N_USERS, SIZE)
    values = kernel.T[:, history.types] * history.observed
    found = history.pattern.look_down(values, tables)
    expected = torch.einsum("uik,kc,cud->id", one_hot(history), kernel, tables)
    assert_same(found, expected, (kernel, tables), rng)


def test_gradients_agree_with_finite_differences(make_history, rng):
    pattern = make_history(4, 5, 2).pattern
    values, table = tensor(rng, 2, len(pattern.columns)), tensor(rng, 2, 5, 3)
    assert torch.autograd.gradcheck(pattern.look_up, (values, table))
    raters = tensor(rng, 2, 4, 3)
    assert torch.autograd.gradcheck(pattern.look_down, (values, raters))


def test_sums_run_over_rows_and_over_columns(make_history, rng):
    pattern = make_history(N_USERS, N_ITEMS, N_LEVELS).pattern
    values = tensor(rng, 2, len(pattern.columns))
    dense = torch.zeros(2, N_USERS, N_ITEMS, dtype=torch.float64)
    dense[:, pattern.rows, pattern.columns] = values
    assert_same(pattern.row_sums(values), dense.sum(2), (values,), rng)
    torch.testing.assert_close(pattern.row_sums(values[0]), dense[0].sum(1))
    torch.testing.assert_close(pattern.column_sums(values[0]), dense[0].sum(0))
    assert pattern.row_sums(values[:0]).shape == (0, N_USERS)


def test_products_of_entries_are_those_of_their_rows_and_columns(make_history, rng):
    pattern = make_history(N_USERS, N_ITEMS, N_LEVELS).pattern
    rows, columns = tensor(rng, N_USERS, SIZE), tensor(rng, N_ITEMS, SIZE)
    expected = (rows @ columns.T)[pattern.rows, pattern.columns]
    torch.testing.assert_close(pattern.products(rows.detach(), columns.detach()), expected.detach())


def test_inner_products_of_some_entries_have_the_gradients_of_dense_products(make_history, rng):
    pattern = make_history(N_USERS, N_ITEMS, N_LEVELS).pattern
    entries = torch.arange(1, len(pattern.columns), 3)
    pairs = pattern.of_entries(entries)
    assert torch.equal(pairs.rows, pattern.rows[entries])
    rows, columns = tensor(rng, N_USERS, SIZE), tensor(rng, N_ITEMS, SIZE)
    expected = (rows @ columns.T)[pairs.rows, pairs.columns]
    assert_same(pairs.inner_products(rows, columns), expected, (rows, columns), rng)


@pytest.mark.parametrize("lengths", [[0, 0], [0, 2, 0], [3]])
def test_empty_rows_are_zero(lengths):
    starts = torch.tensor([0, *lengths]).cumsum(0)
    pattern = SparsePattern(starts, torch.arange(sum(lengths)), 4)
    values = torch.ones(1, sum(lengths), dtype=torch.float64)
    found = pattern.look_up(values, torch.ones(1, 4, 2, dtype=torch.float64))
    assert found[:, 0].tolist() == lengths
    down = pattern.look_down(values, torch.ones(1, len(lengths), 2, dtype=torch.float64))
    assert down[:, 1].sum() == sum(lengths)


def test_entries_may_come_in_any_order_within_a_row(rng):
    tables = tensor(rng, 1, 6, 3)
    values = torch.from_numpy(rng.normal(size=(1, 4)))
    columns, starts = torch.tensor([4, 0, 5, 2]), torch.tensor([0, 3, 4])
    order = torch.tensor([1, 0, 2, 3])
    sorted_ = SparsePattern(starts, columns[order], 6).look_up(values[:, order], tables)
    torch.testing.assert_close(SparsePattern(starts, columns, 6).look_up(values, tables), sorted_)


@pytest.mark.parametrize("n_channels", [0, 1, 3, 8])
def test_what_is_gathered_and_its_gradient_are_those_of_indexing(rng, n_channels):
    table = torch.from_numpy(rng.standard_normal((n_channels, 7))).requires_grad_()
    index = torch.from_numpy(rng.integers(0, 7, 50))
    weights = torch.from_numpy(rng.standard_normal((n_channels, 50)))
    found, expected = gather(table, index), table[:, index]
    assert torch.equal(found, expected)
    ours, theirs = (torch.autograd.grad((x * weights).sum(), table)[0] for x in (found, expected))
    torch.testing.assert_close(ours, theirs)
    assert ours.dtype == table.dtype


def test_blocks_are_runs_of_whole_rows(make_history):
    pattern = make_history(N_USERS, N_ITEMS, N_LEVELS).pattern
    longest = int(pattern.row_starts.diff().max())
    for most in (1, longest, 2 * longest, len(pattern.columns)):
        rows, columns, end = [], [], (0, 0)
        for own_rows, entries, block in pattern.blocks(most):
            assert (own_rows.start, entries.start) == end
            end = own_rows.stop, entries.stop
            assert len(block.columns) <= most or block.shape[0] == 1
            assert block.shape == (own_rows.stop - own_rows.start, N_ITEMS)
            rows.append(block.rows + own_rows.start)
            columns.append(block.columns)
        assert end == (N_USERS, len(pattern.columns))
        assert torch.equal(torch.cat(rows), pattern.rows)
        assert torch.equal(torch.cat(columns), pattern.columns)
