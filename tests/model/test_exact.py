"""The exact half: solved as a textbook would, additive, and a tilt that moves means."""

import numpy as np
import pytest
import torch

from conv4rec.model.exact import ExactHalf, normal_equations
from conv4rec.model.lookup import Pattern

N_ITEMS, N_LEVELS, DRAWS, SIZE, N_FEATURES = 7, 5, 3, 4, 2


@pytest.fixture
def half() -> ExactHalf:
    g = torch.Generator().manual_seed(0)
    half = ExactHalf(N_ITEMS, N_LEVELS, DRAWS, SIZE, N_FEATURES)
    for table in half.parameters():
        table.copy_(torch.randn(table.shape, generator=g))
    roots = torch.randn(DRAWS, SIZE, SIZE, generator=g)
    half.precision.copy_(roots @ roots.transpose(1, 2) + torch.eye(SIZE))
    half.noise.copy_(torch.tensor([0.5, 1.0, 2.0]))
    half.freedom.copy_(torch.tensor([2.0, 5.0, 11.0]))
    half.ratings.copy_(torch.linspace(-1.5, 1.5, N_LEVELS))
    half.pull.copy_(torch.tensor([0.5, 0.2]))
    return half


@pytest.fixture
def histories() -> tuple[Pattern, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Four people: three ratings, none at all, one unrated, and one entry hidden."""
    starts = torch.tensor([0, 3, 3, 5, 7])
    pattern = Pattern.from_rows(starts, torch.tensor([0, 2, 5, 1, 6, 3, 4]), N_ITEMS)
    types = torch.tensor([4, 0, 2, 5, 1, 3, 2])
    fed = torch.tensor([1.0, 1, 1, 1, 1, 1, 0])
    length = (pattern.row_sums(fed) + 10).sqrt()[:, None]
    return pattern, types, fed, length


def by_hand(half: ExactHalf, columns: list[int], types: list[int]) -> np.ndarray:
    """Each draw solved by least squares with the prior as further observations; items.

    The observations count w, which is then expected anew from the errors left: three times at the
    first draw, once at each of the others.
    """
    found, steady = np.zeros(N_ITEMS), 1.0
    features = half.features.numpy()[columns].sum(0) / np.sqrt(len(columns) + 10)
    for draw in range(DRAWS):
        table = half.items[draw].double().numpy()
        prior = np.append(1.0, features) @ half.prior[draw].double().numpy()
        root = np.linalg.cholesky(half.precision[draw].double().numpy()).T
        noise, freedom = half.noise[draw].item(), half.freedom[draw].item()
        rated = [(c, t) for c, t in zip(columns, types, strict=True) if t < N_LEVELS]
        z = np.array([np.append(table[c, :-1], 1.0) for c, _ in rated]).reshape(-1, SIZE)
        said = np.array([half.ratings[t].item() - table[c, -1] for c, t in rated])
        for _ in range(1 if draw else 3):
            weight = (noise * steady) ** 0.5
            design, right = np.vstack([root, weight * z]), [*(root @ prior), *(weight * said)]
            solution = np.linalg.lstsq(design, np.array(right), rcond=None)[0]
            unsure = np.linalg.inv(design.T @ design)
            squares = ((said - z @ solution) ** 2).sum() + np.trace(z @ unsure @ z.T)
            steady = (freedom + len(rated)) / (freedom + noise * squares)
        found += (table[:, :-1] @ solution[:-1] + solution[-1] + table[:, -1]) / DRAWS
    return found


def test_a_person_is_solved_as_least_squares_with_a_prior(half, histories):
    read = half.read(*histories)
    expected = [([0, 2, 5], [4, 0, 2]), ([], []), ([1, 6], [5, 1]), ([3], [3])]
    for row, (columns, types) in enumerate(expected):
        np.testing.assert_allclose(
            half.score_all(read)[row], by_hand(half, columns, types), rtol=1e-4, atol=1e-4
        )


def test_pairs_are_scored_as_the_whole_catalogue_is(half, histories):
    read = half.read(*histories)
    users, items = torch.tensor([0, 3, 1]), torch.tensor([6, 0, 2])
    torch.testing.assert_close(half.score(read, users, items), half.score_all(read)[users, items])


def test_what_entries_add_sums_to_what_is_read(half, histories):
    pattern, types, fed, length = histories
    entries = half.read_entries(pattern, types, fed, length)
    nobody = Pattern.from_rows(torch.zeros(2, dtype=torch.long), torch.tensor([]).long(), N_ITEMS)
    none = torch.tensor([])
    silent = half.read(nobody, none.long(), none, torch.tensor([[10.0**0.5]]))
    total = pattern.row_sums(entries) + silent
    torch.testing.assert_close(total.float(), half.read(*histories), rtol=1e-4, atol=1e-4)


def test_normal_equations_are_sums_over_the_entries_of_a_row(half, histories):
    pattern, *_ = histories
    t, weights = torch.arange(7.0), torch.tensor([1.0, 0.5, 0, 1, 1, 1, 2])
    gram, right = normal_equations(pattern, half.items[0], t, weights)
    for row in range(4):
        want, said = torch.zeros(SIZE, SIZE), torch.zeros(SIZE)
        for e in range(int(pattern.row_starts[row]), int(pattern.row_starts[row + 1])):
            item = half.items[0][pattern.columns[e]]
            z = torch.cat([item[:-1], torch.ones(1)])
            want += weights[e] * torch.outer(z, z)
            said += weights[e] * z * (t[e] - item[-1])
        torch.testing.assert_close(gram[row], want)
        torch.testing.assert_close(right[row], said)


def test_a_tilt_moves_the_mean_towards_what_is_expected_and_never_past_it(half):
    half.pull.copy_(torch.tensor([1.0, 0.0]))
    logits = torch.randn(50, N_LEVELS, generator=torch.Generator().manual_seed(1)) * 0.3
    mean = logits.softmax(1) @ half.ratings
    for step in (0.05, -0.05):
        moved = half.tilt(logits, mean + step).softmax(1) @ half.ratings - mean
        torch.testing.assert_close(moved, torch.full_like(moved, step), rtol=0.1, atol=0.0)


def test_without_a_pull_the_trained_half_stands(half):
    half.pull.copy_(torch.tensor([0.0, 1.0]))
    logits = torch.randn(4, N_LEVELS)
    torch.testing.assert_close(half.tilt(logits, torch.ones(4)), logits)
