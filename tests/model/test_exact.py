"""The exact half: solved as a textbook would, additive, and how far it may be off."""

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
    half.mean_precision.fill_(2.0)
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
    read, _ = half.read(*histories)
    expected = [([0, 2, 5], [4, 0, 2]), ([], []), ([1, 6], [5, 1]), ([3], [3])]
    for row, (columns, types) in enumerate(expected):
        np.testing.assert_allclose(
            half.score_all(read)[row], by_hand(half, columns, types), rtol=1e-4, atol=1e-4
        )


def test_pairs_are_scored_as_the_whole_catalogue_is(half, histories):
    read, _ = half.read(*histories)
    users, items = torch.tensor([0, 3, 1]), torch.tensor([6, 0, 2])
    torch.testing.assert_close(half.score(read, users, items), half.score_all(read)[users, items])


def test_what_entries_add_sums_to_what_is_read(half, histories):
    pattern, types, fed, length = histories
    entries = half.read_entries(pattern, types, fed, length)
    nobody = Pattern.from_rows(torch.zeros(2, dtype=torch.long), torch.tensor([]).long(), N_ITEMS)
    none = torch.tensor([])
    silent, _ = half.read(nobody, none.long(), none, torch.tensor([[10.0**0.5]]))
    total = pattern.row_sums(entries) + silent
    torch.testing.assert_close(total.float(), half.read(*histories)[0], rtol=1e-4, atol=1e-4)


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


def test_without_precision_the_trained_half_stands(half):
    half.mean_precision.fill_(0.0)
    logits = torch.randn(4, N_LEVELS)
    torch.testing.assert_close(half.shift(logits, torch.ones(4)), logits)


def test_the_deviation_is_that_of_draws_of_the_person_from_every_draw_kept(half, histories):
    """The law of total variance, against 20,000 people drawn from each draw's posterior."""
    read, roots = half.read(*histories, spread=True)
    pattern, types, fed, length = histories
    features = pattern.look_up(fed[:, None], half.features[None]) / length
    features = torch.cat([torch.ones(4, 1), features], 1)
    told = half._told(types, fed)
    g, drawn = torch.Generator().manual_seed(3), []
    for draw, (mean, root, _) in enumerate(half._people(pattern, *told, features, half.items)):
        noise = torch.randn(4, SIZE, 20_000, generator=g)
        people = mean[:, :, None] + torch.linalg.solve_triangular(root.mT, noise, upper=True)
        z = torch.cat([half.items[draw][:, :-1], torch.ones(N_ITEMS, 1)], 1)
        drawn.append(z @ people + half.items[draw][:, -1:])
    t = torch.stack(drawn, 0).double()  # draws x users x items x people
    within, between = t.var(-1).mean(0), t.mean(-1).var(0)
    found = half.deviation(read, roots).double()
    torch.testing.assert_close(found, (within + between).sqrt(), rtol=0.03, atol=0.0)
