"""The posterior of a row is that of the whole linear system, whichever way it is solved."""

import pytest
import torch

from conv4rec.model.normal_equations import few_entries
from conv4rec.model.row_posterior import covariances, row_posterior
from conv4rec.model.sparse import SparsePattern

SIZE, N_COLUMNS, LENGTHS = 6, 9, (0, 1, 2, 3, 4, 5, 9, 3)


def _row(seed, dtype):
    """Rows of all lengths, a third of whose entries were not observed."""
    rng = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=rng, dtype=dtype)

    columns = torch.cat([torch.randperm(N_COLUMNS, generator=rng)[:n].sort()[0] for n in LENGTHS])
    starts = torch.tensor([0, *LENGTHS]).cumsum(0)
    pattern = SparsePattern(starts, columns, N_COLUMNS)
    values, weights = draw(len(columns)), draw(len(columns)).exp()
    weights[::3] = 0.0
    root, weighing = draw(SIZE, SIZE), draw(SIZE, SIZE)
    precision = root @ root.T + torch.eye(SIZE, dtype=dtype)
    prior = draw(len(LENGTHS), SIZE)
    factors = draw(N_COLUMNS, SIZE)
    return pattern, factors, values, weights, prior, precision, weighing @ weighing.T


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 2e-3)])
def test_rows_of_few_and_of_many_entries_have_the_posterior_of_the_whole_system(
    seed, dtype, tolerance
):
    assert min(LENGTHS) < few_entries(SIZE) < max(LENGTHS)
    pattern, factors, values, weights, prior, precision, weighing = _row(seed, dtype)
    found = row_posterior(pattern, factors, values, weights, prior, precision, weighing)
    of_all = covariances(pattern, factors, weights, precision)
    for row, (first, last) in enumerate(pattern.row_starts.unfold(0, 2, 1).tolist()):
        own = slice(first, last)
        z = factors[pattern.columns[own]].clone()
        y = values[own] - z[:, -1]
        z[:, -1] = 1.0
        covariance = torch.linalg.inv(precision + z.T @ (z * weights[own, None]))
        mean = covariance @ (precision @ prior[row] + z.T @ (weights[own] * y))
        variance = ((z @ covariance) * z).sum(1)
        spread = (covariance * weighing).sum()
        pairs = [(found.mean[row], mean), (found.variance[own], variance)]
        pairs += [(found.spread[row], spread), (of_all[row], covariance)]
        for part, whole in pairs:
            torch.testing.assert_close(part, whole, rtol=tolerance, atol=tolerance)


def test_a_row_without_entries_has_the_prior():
    pattern, factors, values, weights, prior, precision, weighing = _row(0, torch.float64)
    found = row_posterior(pattern, factors, values, weights, prior, precision, weighing)
    assert pattern.row_starts[1] == 0
    torch.testing.assert_close(found.mean[0], prior[0])
    expected = torch.trace(torch.linalg.inv(precision) @ weighing)
    torch.testing.assert_close(found.spread[0], expected)
