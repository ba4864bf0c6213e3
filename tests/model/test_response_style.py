"""Level biases follow the levels that a user gives, and are 0 without ratings."""

import torch

from conv4rec.model.response_style import level_biases, products
from conv4rec.model.sparse import SparsePattern


def histories() -> tuple[SparsePattern, torch.Tensor, torch.Tensor]:
    """Three users with 40, 0 and 2 ratings; all levels have the same P_0.

    The first gives the outer two of four levels only, the last gives the first.
    """
    pattern = SparsePattern(torch.tensor([0, 40, 40, 42]), torch.arange(42), 42)
    levels = torch.cat([torch.tensor([0, 3]).repeat(20), torch.tensor([0, 0])])
    return pattern, torch.zeros(4, 42).double(), torch.nn.functional.one_hot(levels, 4).T.double()


def test_biases_follow_the_levels_given_and_shrink_with_few_ratings():
    biases, _ = level_biases(*histories(), torch.eye(4).double())
    many, none, few = torch.softmax(biases, 1)
    assert many[[0, 3]].sum() > 0.8
    torch.testing.assert_close(none, torch.full_like(none, 0.25))
    assert 0.25 < few[0] < many[0] + 0.1


def test_biases_are_the_mode_of_the_posterior():
    pattern, log_probabilities, given = histories()
    precision = torch.eye(4).double() * 2 + 0.5
    biases, _ = level_biases(pattern, log_probabilities, given, precision, steps=20)
    probabilities = torch.softmax(log_probabilities + biases.T[:, pattern.rows], 0)
    slope = pattern.row_sums(given - probabilities).T - biases @ precision
    torch.testing.assert_close(slope, torch.zeros_like(slope), rtol=0, atol=1e-6)


def test_a_high_prior_precision_gives_no_biases():
    biases, _ = level_biases(*histories(), 1e9 * torch.eye(4).double())
    assert biases.abs().max() < 1e-6


def test_an_entry_without_a_rating_changes_nothing():
    pattern, log_probabilities, given = histories()
    with_rating, _ = level_biases(pattern, log_probabilities, given, torch.eye(4).double())
    given[:, 40:] = 0.0
    without, _ = level_biases(pattern, log_probabilities, given, torch.eye(4).double())
    torch.testing.assert_close(without[:2], with_rating[:2])
    torch.testing.assert_close(without[2], torch.zeros(4).double())


def test_products_are_summed_over_rows():
    pattern, _, _ = histories()
    values = torch.randn(3, 42, generator=torch.Generator().manual_seed(0))
    found = products(pattern, values)
    torch.testing.assert_close(found[0], values[:, :40] @ values[:, :40].T)
    assert (found[1] == 0).all()


def test_biases_are_the_mode_also_for_extreme_users():
    """A user who gives only a rare level: full Newton steps would not converge."""
    for n, probability in ((20, 0.03), (200, 0.01), (60, 0.03)):
        p = torch.full((5, n), (1 - probability) / 4, dtype=torch.float64)
        p[1] = probability
        pattern = SparsePattern(torch.tensor([0, n]), torch.arange(n), n)
        given = torch.nn.functional.one_hot(torch.ones(n, dtype=torch.long), 5).T.double()
        found, _ = level_biases(pattern, p.log(), given, torch.eye(5, dtype=torch.float64))
        b = torch.zeros(5, dtype=torch.float64, requires_grad=True)
        best = torch.optim.LBFGS([b], max_iter=200, line_search_fn="strong_wolfe")

        def loss(p=p, given=given, b=b, best=best):
            best.zero_grad()
            value = -(torch.log_softmax(p.T.log() + b, 1) * given.T).sum() + b @ b / 2
            value.backward()
            return value

        best.step(loss)
        torch.testing.assert_close(found[0], b.detach(), atol=0.05, rtol=0)
