"""The likelihood against naive loops: one softmax over pairs, chained, and summed over levels."""

import math

import numpy as np
import pytest
import torch

from conv4rec.model import likelihood
from conv4rec.model.likelihood import (
    ItemSample,
    MaskedNLL,
    SampledNLL,
    consume_log_probabilities,
)

N_USERS, N_ITEMS, N_LEVELS, SIZE = 5, 7, 4, 3


def tensor(rng, *shape):
    return torch.from_numpy(rng.normal(size=shape)).requires_grad_()


@pytest.fixture
def problem(make_history, rng):
    """User vectors, item vectors, biases; a history; a weight for each masked entry."""
    history = make_history(N_USERS, N_ITEMS, N_LEVELS, masked=0.5)
    weights = torch.from_numpy(rng.random(len(history.types)) + 0.1) * (history.observed == 0)
    parts = tensor(rng, N_USERS, SIZE), tensor(rng, N_ITEMS, SIZE), tensor(rng, N_ITEMS)
    return parts, history, weights


def hidden_nll(parts, history, weights):
    return MaskedNLL.apply(*parts, history.pattern.row_starts, history.pattern.columns, weights)


def naive_nll(parts, history, weights):
    """A double loop over users and masked entries."""
    users, items, bias = parts
    rows, columns = history.pattern.rows.tolist(), history.pattern.columns.tolist()
    total = torch.zeros((), dtype=torch.float64)
    for u in range(len(users)):
        mine = [e for e in range(len(rows)) if rows[e] == u]
        observed = {columns[e] for e in mine if weights[e] == 0}
        open_to = [i for i in range(len(items)) if i not in observed]
        for e in mine:
            if weights[e] > 0:
                scores = torch.stack([users[u] @ items[i] + bias[i] for i in open_to])
                chosen = users[u] @ items[columns[e]] + bias[columns[e]]
                total = total + weights[e] * (torch.logsumexp(scores, 0) - chosen)
    return total


def test_the_masked_likelihood_is_the_naive_double_loop(problem):
    parts, _, _ = problem
    ours, naive = hidden_nll(*problem), naive_nll(*problem)
    torch.testing.assert_close(ours, naive)
    gradients = torch.autograd.grad(3 * ours, parts)
    for found, expected in zip(gradients, torch.autograd.grad(3 * naive, parts), strict=True):
        torch.testing.assert_close(found, expected)


def test_its_gradients_agree_with_finite_differences(problem):
    parts, history, weights = problem
    assert torch.autograd.gradcheck(lambda *p: hidden_nll(p, history, weights), parts)


@pytest.mark.parametrize("users_a_block", [1, 2, 3, N_USERS])
def test_the_block_size_changes_nothing(problem, users_a_block, monkeypatch):
    parts, _, _ = problem
    whole = hidden_nll(*problem)
    expected = torch.autograd.grad(whole, parts)
    monkeypatch.setattr(likelihood, "BLOCK_BYTES", 4 * N_ITEMS * users_a_block)
    found = hidden_nll(*problem)
    torch.testing.assert_close(found, whole)
    for ours, theirs in zip(torch.autograd.grad(found, parts), expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_user_with_all_items_observed_has_no_likelihood_and_no_gradient(rng):
    parts = tensor(rng, 2, SIZE), tensor(rng, 3, SIZE), tensor(rng, 3)
    starts, columns = torch.tensor([0, 3, 5]), torch.tensor([0, 1, 2, 0, 1])
    weights = torch.tensor([0, 0, 0, 0, 1.0], dtype=torch.float64)
    nll = MaskedNLL.apply(*parts, starts, columns, weights)
    scores = (parts[1] @ parts[0][1] + parts[2])[1:]
    torch.testing.assert_close(nll, torch.logsumexp(scores, 0) - scores[0])
    by_users, by_items, by_bias = torch.autograd.grad(nll, parts)
    assert by_users[0].tolist() == [0.0] * SIZE
    assert by_items.isfinite().all()
    assert by_bias.isfinite().all()


def sampled_nll(parts, history, weights, samples):
    pattern = history.pattern
    return SampledNLL.apply(*parts, pattern.row_starts, pattern.columns, weights, samples)


def sample(probabilities, seed):
    drawn = torch.rand(len(probabilities), generator=torch.Generator().manual_seed(seed))
    items = torch.nonzero(drawn < probabilities).squeeze(1)
    return ItemSample(items, -probabilities[items].log())


@pytest.mark.parametrize("n_blocks", [1, 2, N_USERS + 1])
def test_a_sample_of_all_items_gives_the_masked_likelihood_itself(problem, n_blocks):
    parts, *_ = problem
    everything = ItemSample(torch.arange(N_ITEMS), torch.zeros(N_ITEMS, dtype=torch.float64))
    ours = sampled_nll(*problem, samples=[everything] * n_blocks)
    exact = hidden_nll(*problem)
    torch.testing.assert_close(ours, exact)
    gradients = torch.autograd.grad(3 * ours, parts)
    for found, expected in zip(gradients, torch.autograd.grad(3 * exact, parts), strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("probability", [0.0, 0.4])
def test_gradients_of_the_sampled_likelihood_agree_with_differences(problem, probability):
    parts, history, weights = problem
    drawn = [sample(torch.full((N_ITEMS,), probability, dtype=torch.float64), s) for s in (0, 1)]
    assert torch.autograd.gradcheck(lambda *p: sampled_nll(p, history, weights, drawn), parts)


def test_the_sum_that_is_estimated_from_a_sample_is_right_on_average(make_history, rng):
    """One masked item: nll - log exp(its score) is the log of a sum; its exp has no bias."""
    history = make_history(1, N_ITEMS, N_LEVELS)
    weights = torch.zeros(len(history.types), dtype=torch.float64)
    weights[0] = 1.0
    parts = tensor(rng, 1, SIZE), tensor(rng, N_ITEMS, SIZE), tensor(rng, N_ITEMS)
    probabilities = torch.linspace(0.2, 0.9, N_ITEMS, dtype=torch.float64)
    parts = [part.detach() for part in parts]
    exact = float(hidden_nll(parts, history, weights).exp())
    found = [
        float(sampled_nll(parts, history, weights, [sample(probabilities, seed)]).exp())
        for seed in range(500)
    ]
    assert np.mean(found) == pytest.approx(exact, abs=4 * np.std(found) / 500**0.5)
    assert np.std(found) > 0.01 * exact


def test_users_without_a_masked_item_are_not_scored():
    """Nor does their vector matter; with nothing masked at all the loss is 0."""
    users = torch.tensor([[1.0, 2.0], [torch.nan, torch.nan], [0.5, -1.0]], requires_grad=True)
    items, bias = torch.eye(4, 2).requires_grad_(), torch.zeros(4)
    starts, columns = torch.tensor([0, 2, 3, 4]), torch.tensor([0, 1, 2, 3])
    nll = MaskedNLL.apply(users, items, bias, starts, columns, torch.tensor([0.0, 1, 0, 1]))
    own, shared = torch.autograd.grad(nll, (users, items))
    assert nll.isfinite()
    assert shared.isfinite().all()
    assert own.abs().sum(1).gt(0).tolist() == [True, False, True]
    assert MaskedNLL.apply(users, items, bias, starts, columns, torch.zeros(4)) == 0


def test_extreme_scores_stay_finite():
    users = torch.tensor([[1e4]], requires_grad=True)
    items = torch.tensor([[1.0], [-1.0], [0.5]], requires_grad=True)
    bias = torch.zeros(3, requires_grad=True)
    weights = torch.tensor([1.0])
    nll = MaskedNLL.apply(users, items, bias, torch.tensor([0, 1]), torch.tensor([1]), weights)
    assert nll.item() == 2e4
    assert all(g.isfinite().all() for g in torch.autograd.grad(nll, (users, items, bias)))


def joint_log_probabilities(consume_logits, rating_logits):
    """Log P(i, k) as one softmax over all pairs of an item and a level: users x items x levels."""
    joint = consume_logits[:, :, None] + torch.log_softmax(rating_logits, 2)
    return torch.log_softmax(joint.flatten(1), 1).view_as(joint)


def test_the_chain_rule_is_one_joint_softmax_over_item_and_level(rng):
    consume, rating = tensor(rng, N_USERS, N_ITEMS), tensor(rng, N_USERS, N_ITEMS, N_LEVELS)
    joint = joint_log_probabilities(consume, rating)
    np.testing.assert_allclose(joint.exp().sum((1, 2)).detach(), 1.0)
    none = torch.empty(0, dtype=torch.long)
    chain = consume_log_probabilities(consume.clone(), none, none)[:, :, None]
    chain = chain + torch.log_softmax(rating, 2)
    torch.testing.assert_close(joint, chain)
    # One softmax over pairs in the naive way: exponentiate everything, divide by the sum.
    levels = rating.exp() / rating.exp().sum(2, keepdim=True)
    pairs = consume.exp()[:, :, None] * levels
    torch.testing.assert_close(joint.exp(), pairs / pairs.sum((1, 2), keepdim=True))


def test_an_unrated_interaction_is_the_joint_summed_over_levels(rng):
    consume, rating = tensor(rng, N_USERS, N_ITEMS), tensor(rng, N_USERS, N_ITEMS, N_LEVELS)
    none = torch.empty(0, dtype=torch.long)
    unrated = torch.logsumexp(joint_log_probabilities(consume, rating), 2)
    torch.testing.assert_close(unrated, consume_log_probabilities(consume.clone(), none, none))


def test_items_of_the_history_have_probability_0_and_the_others_sum_to_1(make_history, rng):
    pattern = make_history(N_USERS, N_ITEMS, N_LEVELS).pattern
    probabilities = consume_log_probabilities(
        torch.from_numpy(rng.normal(size=(N_USERS, N_ITEMS))), pattern.rows, pattern.columns
    )
    assert (probabilities[pattern.rows, pattern.columns] == -math.inf).all()
    assert probabilities.isneginf().sum() == len(pattern.columns)
    np.testing.assert_allclose(probabilities.exp().sum(1), 1.0)
