"""The exact half: people are read as their posterior has them, in parts that sum up."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from conv4rec.model.bayesian_mf import N_REFERENCE_ITEMS, BayesianMF
from conv4rec.model.normal_equations import entry_variances, normal_equations, solve
from conv4rec.model.sparse import SparsePattern

N_ITEMS, N_LEVELS, DRAWS, SIZE, N_FEATURES = 7, 5, 3, 4, 2
SURE = 1e9  # a precision that leaves nothing open


def random_half(draws: int = DRAWS, size: int = SIZE) -> BayesianMF:
    g = torch.Generator().manual_seed(0)
    half = BayesianMF(N_ITEMS, N_LEVELS, draws, size, N_FEATURES)
    for table in half.parameters():
        table.copy_(torch.randn(table.shape, generator=g))
    roots = torch.randn(draws, size, size, generator=g)
    half.precision.copy_(roots @ roots.transpose(1, 2) + torch.eye(size))
    half.noise.copy_(torch.tensor([0.5, 1.0, 2.0])[:draws])
    half.nu.copy_(torch.tensor([2.0, 5.0, 11.0])[:draws])
    half.ratings.copy_(torch.linspace(-1.5, 1.5, N_LEVELS))
    half.thresholds.copy_(torch.tensor([-1.2, -0.3, 0.4, 1.1]) * torch.ones(draws, 1))
    half.reference_items.copy_(half.items[:, torch.arange(N_REFERENCE_ITEMS) % N_ITEMS])
    half.uncertainty_ratio.copy_(torch.linspace(0.5, 2.0, N_ITEMS))
    half.response_style_precision.copy_(4 * torch.eye(N_LEVELS))
    half.share.fill_(0.6)
    return half


@pytest.fixture
def half() -> BayesianMF:
    return random_half()


@pytest.fixture
def histories() -> tuple[SparsePattern, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Four people: three ratings, none at all, one unrated, and one entry hidden."""
    starts = torch.tensor([0, 3, 3, 5, 7])
    pattern = SparsePattern.from_rows(starts, torch.tensor([0, 2, 5, 1, 6, 3, 4]), N_ITEMS)
    types = torch.tensor([4, 0, 2, 5, 1, 3, 2])
    observed = torch.tensor([1.0, 1, 1, 1, 1, 1, 0])
    length = (pattern.row_sums(observed) + 10).sqrt()[:, None]
    return pattern, types, observed, length


def test_a_person_is_read_as_the_posterior_has_them():
    """One factor and an offset, on a grid; steadiness is known, and all levels are in use."""
    half = random_half(draws=1, size=2)
    half.nu.fill_(SURE)
    items, levels = [0, 2, 5, 6], [4, 0, 2, 3]
    pattern = SparsePattern.from_rows(torch.tensor([0, 4]), torch.tensor(items), N_ITEMS)
    length = torch.tensor([[14.0**0.5]])
    encode = half.encode(pattern, torch.tensor(levels), torch.ones(4), length)
    table, precision = half.items[0].double().numpy(), half.precision[0].double().numpy()
    features = half.features[items].sum(0).double().numpy() / 14**0.5
    prior = np.append(1.0, features) @ half.prior[0].double().numpy()
    axis = np.linspace(-6, 6, 401)
    p = np.stack(np.meshgrid(prior[0] + axis, prior[1] + axis, indexing="ij"), -1)
    log_posterior = -0.5 * np.einsum("abi,ij,abj->ab", p - prior, precision, p - prior)
    bounds = [-np.inf, *half.thresholds[0].double().numpy(), np.inf]
    for item, level in zip(items, levels, strict=True):
        x, sharp = p[..., 0] * table[item, 0] + p[..., 1] + table[item, 1], 0.5**0.5
        log_posterior += np.log(
            ndtr((bounds[level + 1] - x) * sharp) - ndtr((bounds[level] - x) * sharp) + 1e-300
        )
    posterior = np.exp(log_posterior - log_posterior.max())
    posterior /= posterior.sum()
    expected = [(posterior * (p[..., 0] * q + p[..., 1] + c)).sum() for q, c in table]
    np.testing.assert_allclose(half.score_all(encode)[0], expected, atol=0.02)


def test_someone_without_a_history_is_what_the_prior_says(half, histories):
    expected = torch.zeros(N_ITEMS)
    for items, prior in zip(half.items, half.prior[:, 0], strict=True):
        expected += (items[:, :-1] @ prior[:-1] + prior[-1] + items[:, -1]) / DRAWS
    encode = half.encode(*histories)
    torch.testing.assert_close(half.score_all(encode)[1], expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(half.about(encode)[1, 2:], torch.zeros(N_LEVELS))


def test_pairs_are_scored_as_the_whole_catalogue_is(half, histories):
    encode = half.encode(*histories)
    users, items = torch.tensor([0, 3, 1]), torch.tensor([6, 0, 2])
    torch.testing.assert_close(
        half.score(encode, users, items), half.score_all(encode)[users, items]
    )
    logits = torch.randn(4, N_ITEMS, N_LEVELS, generator=torch.Generator().manual_seed(1))
    pairs = half.pooled(logits[users, items], encode, users, items)
    torch.testing.assert_close(pairs, half.pooled_all(logits, encode)[users, items])


def test_what_entries_add_sums_to_what_is_read(half, histories):
    pattern, types, observed, length = histories
    entries = half.read_entries(pattern, types, observed, length)
    nobody = SparsePattern.from_rows(
        torch.zeros(2, dtype=torch.long), torch.tensor([]).long(), N_ITEMS
    )
    none = torch.tensor([])
    silent = half.encode(nobody, none.long(), none, torch.tensor([[10.0**0.5]]))
    total = pattern.row_sums(entries) + silent
    torch.testing.assert_close(total.float(), half.encode(*histories), rtol=1e-4, atol=1e-4)


def test_a_rating_left_out_is_not_looked_at(half):
    """One rating alone: what is said of it is what the pattern says."""
    pattern = SparsePattern.from_rows(torch.tensor([0, 1]), torch.tensor([3]), N_ITEMS)
    length, observed = torch.tensor([[11.0**0.5]]), torch.ones(1)
    contribution = [
        half.left_out(pattern, torch.tensor([k]), observed, length)[0] for k in (0, N_LEVELS)
    ]
    torch.testing.assert_close(
        contribution[0], contribution[1], atol=0.2, rtol=0
    )  # but for their steadiness


def test_normal_equations_are_sums_over_the_entries_of_a_row(half, histories):
    pattern, *_ = histories
    t, weights = torch.arange(7.0), torch.tensor([1.0, 0.5, 0, 1, 1, 1, 2])
    gram, right = normal_equations(pattern, half.items[0], t, weights)
    for row in range(4):
        want, contribution = torch.zeros(SIZE, SIZE), torch.zeros(SIZE)
        for e in range(int(pattern.row_starts[row]), int(pattern.row_starts[row + 1])):
            item = half.items[0][pattern.columns[e]]
            z = torch.cat([item[:-1], torch.ones(1)])
            want += weights[e] * torch.outer(z, z)
            contribution += weights[e] * z * (t[e] - item[-1])
        torch.testing.assert_close(gram[row], want)
        torch.testing.assert_close(right[row], contribution)


def test_how_unsure_an_entry_is_comes_from_its_row(half, histories):
    pattern, *_ = histories
    gram, right = normal_equations(pattern, half.items[0], torch.zeros(7), torch.ones(7))
    _, root = solve(gram, right, torch.zeros(4, SIZE), half.precision[0], torch.ones(1))
    found = entry_variances(pattern, half.items[0], root)
    for entry in range(7):
        z = torch.cat([half.items[0][pattern.columns[entry], :-1], torch.ones(1)])
        row = pattern.rows[entry]
        expected = z @ torch.linalg.inv(gram[row] + half.precision[0]) @ z
        torch.testing.assert_close(found[entry], expected, rtol=1e-4, atol=1e-5)


def test_what_is_served_is_a_mixture_of_both_halves(half, histories):
    encode = half.encode(*histories)
    users, items = torch.tensor([0, 2]), torch.tensor([1, 4])
    logits = torch.randn(2, N_LEVELS, generator=torch.Generator().manual_seed(1))
    served = []
    for share in (0.0, 1.0, 0.3):
        half.share.fill_(share)
        served.append(half.pooled(logits, encode, users, items).exp())
    torch.testing.assert_close(served[2], 0.7 * served[0] + 0.3 * served[1])
    biased = torch.softmax(logits + half.about(encode)[users, 2:], 1)
    torch.testing.assert_close(served[0], biased)


@given(
    seed=st.integers(0, 2**32 - 1), n_levels=st.integers(2, 20), spread=st.floats(0.0, 30.0),
    share=st.floats(0.0, 1.0),
)  # fmt: skip
@settings(deadline=None, max_examples=150)
def test_no_mean_is_moved_past_what_the_parts_say_on_any_scale(seed, n_levels, spread, share):
    """Also where one part is sure of a rare level: one linear step moved hated items to the top."""
    g = torch.Generator().manual_seed(seed)
    half = BayesianMF(1, n_levels, 1, 2, 1)
    half.thresholds.copy_(torch.rand(1, n_levels - 1, generator=g).cumsum(1) - 1)
    logits = torch.randn(60, n_levels, generator=g, dtype=torch.float64) * spread
    expected = 6 * torch.rand(60, generator=g, dtype=torch.float64) - 3
    biases = torch.randn(60, n_levels, generator=g, dtype=torch.float64)
    about = torch.cat([0.05 + torch.rand(60, 2, generator=g, dtype=torch.float64), biases], 1)
    uncertainty_ratio = torch.ones(60, dtype=torch.float64)
    values = torch.rand(n_levels, generator=g, dtype=torch.float64).cumsum(0)

    def served(by: float, higher: float = 0.0, tilt: float = 0.0) -> torch.Tensor:
        half.share.fill_(by)
        return half.pool(logits + tilt * values, expected + higher, about, uncertainty_ratio).exp()

    trained, bayesian_mf, mixed = (served(by) @ values for by in (0.0, 1.0, share))
    assert (mixed >= torch.minimum(trained, bayesian_mf) - 1e-6).all()
    assert (mixed <= torch.maximum(trained, bayesian_mf) + 1e-6).all()
    exceeded = served(share).flip(1).cumsum(1)  # each level's chance of being reached
    assert (served(share, higher=0.4).flip(1).cumsum(1) >= exceeded - 1e-6).all()
    assert (served(share, tilt=0.4).flip(1).cumsum(1) >= exceeded - 1e-6).all()


def test_an_item_that_is_more_in_doubt_has_flatter_chances(half, histories):
    half.share.fill_(1.0)
    about = half.about(half.encode(*histories))[0]
    expected = torch.full((2,), 0.05)
    confidence, unsure = half.pool(
        torch.zeros(2, N_LEVELS), expected, about, torch.tensor([0.1, 9.0])
    )
    assert confidence.softmax(0)[2] > unsure.softmax(0)[2]


def test_without_weight_and_habits_the_trained_half_stands(half, histories):
    half.share.fill_(0.0)
    half.response_style_precision.copy_(SURE * torch.eye(N_LEVELS))
    logits = torch.randn(2, N_LEVELS)
    users = items = torch.tensor([0, 3])
    found = half.pooled(logits, half.encode(*histories), users, items)
    torch.testing.assert_close(found, torch.log_softmax(logits, 1), rtol=1e-4, atol=1e-4)
