"""A mean that heeds an observation: never past it, whatever the distribution and the scale."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from conv4rec.model import mean_shift
from conv4rec.model.mean_shift import shift_mean

SCALES = st.integers(2, 20)
SPREAD = st.floats(0.0, 30.0)  # of logits: from a flat distribution to one sure of a level
SEEDS = st.integers(0, 2**32 - 1)
PRECISIONS = st.floats(0.01, 1000.0)


def case(seed: int, n_levels: int, spread: float):
    """Distributions on an uneven scale with rare levels, and observations on it and off it."""
    g = torch.Generator().manual_seed(seed)
    ratings = torch.rand(n_levels, generator=g, dtype=torch.float64).cumsum(0) - 1
    ratings += torch.arange(n_levels) * 0.1
    logits = torch.randn(40, n_levels, generator=g, dtype=torch.float64) * spread
    low, high = ratings[0], ratings[-1]
    observed = low + (high - low) * (3 * torch.rand(40, generator=g, dtype=torch.float64) - 1)
    return logits, ratings, observed


def mean(logits, ratings):
    return torch.softmax(logits, -1) @ ratings


@given(seed=SEEDS, n_levels=SCALES, spread=SPREAD, precision=PRECISIONS)
@settings(deadline=None, max_examples=150)
def test_the_mean_lies_between_what_the_parts_say(seed, n_levels, spread, precision):
    logits, ratings, observed = case(seed, n_levels, spread)
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-4)):
        p, t, y = (tensor.to(dtype) for tensor in (logits, ratings, observed))
        before = mean(p, t)
        after = mean(shift_mean(p, t, y, torch.tensor(precision, dtype=dtype)), t)
        assert (after >= torch.minimum(before, y) - tolerance).all()
        assert (after <= torch.maximum(before, y) + tolerance).all()


@given(seed=SEEDS, n_levels=SCALES, spread=SPREAD, precision=PRECISIONS)
@settings(deadline=None, max_examples=100)
def test_it_solves_its_own_equation(seed, n_levels, spread, precision):
    logits, ratings, observed = case(seed, n_levels, spread)
    c = torch.tensor(precision, dtype=torch.float64)
    theta = mean_shift._solve(logits, ratings, observed, c)
    after = mean(logits + theta[:, None] * ratings, ratings)
    # theta is found to 1e-5; what the equation is off by is that times its slope
    slack = 1e-4 * (1 + precision * (ratings[-1] - ratings[0]) ** 2)
    assert ((theta - c * (observed - after)).abs() < slack).all()


@given(seed=SEEDS, n_levels=SCALES, spread=SPREAD, precision=PRECISIONS)
@settings(deadline=None, max_examples=100)
def test_the_whole_distribution_rises_with_what_either_part_expects(
    seed, n_levels, spread, precision
):
    """Stochastically: no level's chance of being exceeded falls."""
    logits, ratings, observed = case(seed, n_levels, spread)
    c = torch.tensor(precision, dtype=torch.float64)

    def exceeded(p, y):
        return torch.softmax(shift_mean(p, ratings, y, c), -1).flip(-1).cumsum(-1)

    before = exceeded(logits, observed)
    assert (exceeded(logits, observed + 0.3) >= before - 1e-7).all()
    assert (exceeded(logits + 0.3 * ratings, observed) >= before - 1e-7).all()


def test_who_is_sure_of_the_lowest_level_is_not_moved_past_what_is_expected():
    """One linear step moved this one, seen on a scale whose low levels are rare, to 99% a 10."""
    ratings = torch.tensor(
        [-4.042, -3.461, -2.88, -2.298, -1.717, -1.136, -0.555, 0.026, 0.607, 1.188]
    )
    logits = torch.tensor([0.885, *[0.115 / 9] * 9]).log()[None]
    moved = shift_mean(logits, ratings, torch.tensor([-0.615]), torch.tensor(8.0))
    assert -3.6 < float(mean(moved, ratings)) < -0.615
    assert float(torch.softmax(moved, -1)[0, -1]) < 0.4


def test_with_two_levels_it_is_a_logistic_equation():
    """p = sigmoid(a + c (y - p)): solved by hand for a = 0, c = 4, y = 1 on levels 0 and 1."""
    moved = shift_mean(
        torch.zeros(1, 2), torch.tensor([0.0, 1.0]), torch.tensor([1.0]), torch.tensor(4.0)
    )
    p = 0.5
    for _ in range(500):
        p = 0.9 * p + 0.1 / (1 + 2.718281828459045 ** -(4 * (1 - p)))
    assert float(torch.softmax(moved, -1)[0, 1]) == pytest.approx(p, abs=1e-5)


def test_its_gradient_is_that_of_the_solution(monkeypatch):
    monkeypatch.setattr(mean_shift, "STEADY", 1e-12)
    g = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 5, generator=g, dtype=torch.float64, requires_grad=True)
    observed = torch.randn(6, generator=g, dtype=torch.float64, requires_grad=True)
    ratings = torch.linspace(-2.0, 1.5, 5, dtype=torch.float64)
    c = torch.tensor(3.0, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda p, y: torch.softmax(shift_mean(p, ratings, y, c), -1), (logits, observed)
    )
