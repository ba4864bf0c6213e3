"""BayesianMF encodes users as their posterior has them, in parts that sum up."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from conv4rec.model import History
from conv4rec.model.bayesian_mf import BayesianMF
from conv4rec.model.normal_equations import (
    normal_equations,
    observations,
    sums,
)
from conv4rec.model.posterior_draws import N_REFERENCE_ITEMS
from conv4rec.model.sparse import SparsePattern

N_ITEMS, N_LEVELS, DRAWS, SIZE, N_FEATURES = 7, 5, 3, 4, 2
SURE = 1e9  # a precision that makes a value known


def random_model(draws: int = DRAWS, size: int = SIZE) -> BayesianMF:
    g = torch.Generator().manual_seed(0)
    model = BayesianMF(N_ITEMS, N_LEVELS, draws, size, N_FEATURES)
    for table in model.parameters():
        table.copy_(torch.randn(table.shape, generator=g))
    roots = torch.randn(draws, size, size, generator=g)
    model.precision.copy_(roots @ roots.transpose(1, 2) + torch.eye(size))
    model.noise.copy_(torch.tensor([0.5, 1.0, 2.0])[:draws])
    model.nu.copy_(torch.tensor([2.0, 5.0, 11.0])[:draws])
    model.ratings.copy_(torch.linspace(-1.5, 1.5, N_LEVELS))
    model.thresholds.copy_(torch.tensor([-1.2, -0.3, 0.4, 1.1]) * torch.ones(draws, 1))
    model.reference_items.copy_(model.items[:, torch.arange(N_REFERENCE_ITEMS) % N_ITEMS])
    model.uncertainty_ratio.copy_(torch.linspace(0.5, 2.0, N_ITEMS))
    model.response_style_precision.copy_(4 * torch.eye(N_LEVELS))
    model.share.fill_(0.6)
    return model


@pytest.fixture
def model() -> BayesianMF:
    return random_model()


@pytest.fixture
def histories() -> History:
    """Four users: three ratings, none at all, one unrated, and one entry masked."""
    starts = torch.tensor([0, 3, 3, 5, 7])
    pattern = SparsePattern(starts, torch.tensor([0, 2, 5, 1, 6, 3, 4]), N_ITEMS)
    types = torch.tensor([4, 0, 2, 5, 1, 3, 2])
    observed = torch.tensor([1.0, 1, 1, 1, 1, 1, 0])
    return History(pattern, types, observed)


def test_the_encoding_is_the_posterior_mean():
    """One factor and an offset, against a grid; the user noise precision is known."""
    model = random_model(draws=1, size=2)
    model.nu.fill_(SURE)
    items, levels = [0, 2, 5, 6], [4, 0, 2, 3]
    pattern = SparsePattern(torch.tensor([0, 4]), torch.tensor(items), N_ITEMS)
    encoded = model.encode(History(pattern, torch.tensor(levels), torch.ones(4)))
    table, precision = model.items[0].double().numpy(), model.precision[0].double().numpy()
    features = model.features[items].sum(0).double().numpy() / 14**0.5
    prior = np.append(1.0, features) @ model.prior[0].double().numpy()
    axis = np.linspace(-6, 6, 401)
    p = np.stack(np.meshgrid(prior[0] + axis, prior[1] + axis, indexing="ij"), -1)
    log_posterior = -0.5 * np.einsum("abi,ij,abj->ab", p - prior, precision, p - prior)
    bounds = [-np.inf, *model.thresholds[0].double().numpy(), np.inf]
    for item, level in zip(items, levels, strict=True):
        x, sharp = p[..., 0] * table[item, 0] + p[..., 1] + table[item, 1], 0.5**0.5
        log_posterior += np.log(
            ndtr((bounds[level + 1] - x) * sharp) - ndtr((bounds[level] - x) * sharp) + 1e-300
        )
    posterior = np.exp(log_posterior - log_posterior.max())
    posterior /= posterior.sum()
    expected = [(posterior * (p[..., 0] * q + p[..., 1] + c)).sum() for q, c in table]
    np.testing.assert_allclose(model.score_all(encoded)[0], expected, atol=0.02)


def test_an_empty_history_has_the_prior_mean(model, histories):
    expected = torch.zeros(N_ITEMS)
    for items, prior in zip(model.items, model.prior[:, 0], strict=True):
        expected += (items[:, :-1] @ prior[:-1] + prior[-1] + items[:, -1]) / DRAWS
    encoded = model.encode(histories)
    torch.testing.assert_close(model.score_all(encoded)[1], expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(model.response_style(encoded)[1, 2:], torch.zeros(N_LEVELS))


def test_scores_of_pairs_are_those_of_the_whole_catalogue(model, histories):
    encoded = model.encode(histories)
    users, items = torch.tensor([0, 3, 1]), torch.tensor([6, 0, 2])
    torch.testing.assert_close(
        model.score(encoded, users, items), model.score_all(encoded)[users, items]
    )
    logits = torch.randn(4, N_ITEMS, N_LEVELS, generator=torch.Generator().manual_seed(1))
    pairs = model.mixed(logits[users, items], encoded, users, items)
    every = model.mixed_all(logits.movedim(2, 0).clone(), encoded, model.score_all(encoded))
    torch.testing.assert_close(pairs.exp().T, every[:, users, items])


def test_entry_encodings_sum_to_the_encoding(model, histories):
    entries, empty = model.encode_entries(histories), model.encode(histories.empty(1))
    total = histories.pattern.row_sums(entries.T).T + empty
    torch.testing.assert_close(total.float(), model.encode(histories), rtol=1e-4, atol=1e-4)


def test_leave_one_out_does_not_read_the_rating(model):
    """With one rating alone, the prediction depends on the features."""
    pattern = SparsePattern(torch.tensor([0, 1]), torch.tensor([3]), N_ITEMS)
    contribution = [
        model.leave_one_out(History(pattern, torch.tensor([k]), torch.ones(1)))[0]
        for k in (0, N_LEVELS)
    ]
    torch.testing.assert_close(
        contribution[0], contribution[1], atol=0.2, rtol=0
    )  # but for the user noise precision


def test_normal_equations_are_sums_over_the_entries_of_a_row(model, histories):
    pattern = histories.pattern
    t, weights = torch.arange(7.0), torch.tensor([1.0, 0.5, 0, 1, 1, 1, 2])
    gram, right = normal_equations(pattern, model.items[0], t, weights)
    for row in range(4):
        want, contribution = torch.zeros(SIZE, SIZE), torch.zeros(SIZE)
        for e in range(int(pattern.row_starts[row]), int(pattern.row_starts[row + 1])):
            item = model.items[0][pattern.columns[e]]
            z = torch.cat([item[:-1], torch.ones(1)])
            want += weights[e] * torch.outer(z, z)
            contribution += weights[e] * z * (t[e] - item[-1])
        torch.testing.assert_close(gram[row], want)
        torch.testing.assert_close(right[row], contribution)


def test_the_precision_of_an_entry_is_that_of_its_column_times_that_of_its_row(model, histories):
    pattern, t = histories.pattern, torch.arange(7.0)
    of_columns, of_rows = torch.linspace(0.5, 2, N_ITEMS), torch.tensor([1.0, 2, 3, 4])
    weights = of_columns[pattern.columns] * of_rows[pattern.rows]
    expected = normal_equations(pattern, model.items[0], t, weights)
    for found in observations(
        pattern, model.items[0], t, column_precision=of_columns, row_precision=of_rows
    ):
        for part, whole in zip(sums(found, SIZE), expected, strict=True):
            torch.testing.assert_close(part, whole[found.padding.rows])


def test_the_mixture_is_linear_in_both_components(model, histories):
    encoded = model.encode(histories)
    users, items = torch.tensor([0, 2]), torch.tensor([1, 4])
    logits = torch.randn(2, N_LEVELS, generator=torch.Generator().manual_seed(1))
    served = []
    for share in (0.0, 1.0, 0.3):
        model.share.fill_(share)
        served.append(model.mixed(logits, encoded, users, items).exp())
    torch.testing.assert_close(served[2], 0.7 * served[0] + 0.3 * served[1])
    biased = torch.softmax(logits + model.response_style(encoded)[users, 2:], 1)
    torch.testing.assert_close(served[0], biased)


@given(
    seed=st.integers(0, 2**32 - 1), n_levels=st.integers(2, 20), spread=st.floats(0.0, 30.0),
    share=st.floats(0.0, 1.0),
)  # fmt: skip
@settings(deadline=None, max_examples=150)
def test_the_mean_of_the_mixture_lies_between_the_components_on_any_scale(
    seed, n_levels, spread, share
):
    """Also where one component is sure of a rare level, and rising with each component."""
    g = torch.Generator().manual_seed(seed)
    model = BayesianMF(1, n_levels, 1, 2, 1)
    model.thresholds.copy_(torch.rand(1, n_levels - 1, generator=g).cumsum(1) - 1)
    logits = torch.randn(60, n_levels, generator=g, dtype=torch.float64) * spread
    expected = 6 * torch.rand(60, generator=g, dtype=torch.float64) - 3
    biases = torch.randn(60, n_levels, generator=g, dtype=torch.float64)
    style = torch.cat([0.05 + torch.rand(60, 2, generator=g, dtype=torch.float64), biases], 1)
    uncertainty_ratio = torch.ones(60, dtype=torch.float64)
    values = torch.rand(n_levels, generator=g, dtype=torch.float64).cumsum(0)

    def served(by: float, higher: float = 0.0, tilt: float = 0.0) -> torch.Tensor:
        model.share.fill_(by)
        return model.mix(logits + tilt * values, expected + higher, style, uncertainty_ratio).exp()

    neural, bayesian_mf, mixed = (served(by) @ values for by in (0.0, 1.0, share))
    assert (mixed >= torch.minimum(neural, bayesian_mf) - 1e-6).all()
    assert (mixed <= torch.maximum(neural, bayesian_mf) + 1e-6).all()
    exceeded = served(share).flip(1).cumsum(1)  # the probability of each level or more
    assert (served(share, higher=0.4).flip(1).cumsum(1) >= exceeded - 1e-6).all()
    assert (served(share, tilt=0.4).flip(1).cumsum(1) >= exceeded - 1e-6).all()


def test_an_uncertain_item_has_flatter_probabilities(model, histories):
    model.share.fill_(1.0)
    style = model.response_style(model.encode(histories))[0]
    expected = torch.full((2,), 0.05)
    certain, uncertain = model.mix(
        torch.zeros(2, N_LEVELS), expected, style, torch.tensor([0.1, 9.0])
    )
    assert certain.softmax(0)[2] > uncertain.softmax(0)[2]


def test_with_share_zero_and_no_biases_the_network_alone_counts(model, histories):
    model.share.fill_(0.0)
    model.response_style_precision.copy_(SURE * torch.eye(N_LEVELS))
    logits = torch.randn(2, N_LEVELS)
    users = items = torch.tensor([0, 3])
    found = model.mixed(logits, model.encode(histories), users, items)
    torch.testing.assert_close(found, torch.log_softmax(logits, 1), rtol=1e-4, atol=1e-4)
