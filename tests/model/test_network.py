"""Symmetries of the network, and what each term depends on."""

import numpy as np
import pytest
import torch

from conv4rec.model import History, ItemSide, Network, NetworkConfig
from conv4rec.model.kernels import level_polynomials
from conv4rec.model.sparse import SparsePattern

N_USERS, N_ITEMS, N_LEVELS = 7, 11, 5  # primes that no other size equals
SHAPES = {
    "default": {},
    "one-sided": {"two_sided": False},
    "paper": {
        "two_sided": False, "centred": False, "polynomial_init": False,
        "shared_encoder": True, "consume_channels": 2,
    },
    "one channel": {"n_rating_channels": 1, "consume_channels": 0},
}  # fmt: skip


@pytest.fixture(params=SHAPES.values(), ids=SHAPES.keys())
def network_and_side(request, make_network):
    return make_network(**request.param)


def outputs(network, history, side):
    encoding = network.encode(history, side)
    return network.consume_logits(encoding), network.all_rating_logits(encoding)


def rearranged(network, size, order):
    """The same network with the rows of every table along the axis of length `size` reordered."""
    seed = torch.Generator().manual_seed(0)
    twin = Network(network.config, torch.ones(network.config.n_levels), seed).double()
    tables = dict(twin.named_parameters())
    with torch.no_grad():
        for name, weights in network.named_parameters():
            for axis in [a for a, length in enumerate(weights.shape) if length == size]:
                weights = weights.index_select(axis, order)
            tables[name].copy_(weights)
    return twin


def test_permuting_items_permutes_scores(network_and_side, make_history):
    network, side = network_and_side
    history = make_history(N_USERS, N_ITEMS, N_LEVELS)
    order = torch.randperm(N_ITEMS, generator=torch.Generator().manual_seed(1))
    place = torch.argsort(order)  # where each item went
    pattern = SparsePattern(history.pattern.row_starts, place[history.pattern.columns], N_ITEMS)
    moved = History(pattern, history.types, history.observed)
    column = side.column[order] if len(side.column) else side.column
    twin = rearranged(network, N_ITEMS, order)
    found = outputs(twin, moved, ItemSide(side.type_counts[order], column))
    for ours, theirs in zip(found, outputs(network, history, side), strict=True):
        torch.testing.assert_close(ours, theirs[:, order])
    assert not torch.allclose(*[o[0] for o in (found, outputs(network, history, side))])


def test_permuting_users_permutes_rows_and_changes_nothing_else(network_and_side, make_history):
    network, side = network_and_side
    history = make_history(N_USERS, N_ITEMS, N_LEVELS)
    order = torch.randperm(N_USERS, generator=torch.Generator().manual_seed(2))
    starts = history.pattern.row_starts
    lengths = starts.diff()[order]
    entries = torch.cat([torch.arange(starts[u], starts[u + 1]) for u in order.tolist()])
    new_starts = torch.cat([starts[:1], lengths.cumsum(0)])
    pattern = SparsePattern(new_starts, history.pattern.columns[entries], N_ITEMS)
    moved = History(pattern, history.types[entries], history.observed[entries])
    for ours, theirs in zip(
        outputs(network, moved, side), outputs(network, history, side), strict=True
    ):
        torch.testing.assert_close(ours, theirs[order])
    if network.config.two_sided:
        contribution, _ = network.channels(history, network.item_mean(side.type_counts))
        column = network.column(contribution, history.pattern, torch.arange(N_USERS))
        also = network.column(contribution[:, entries], pattern, order)
        torch.testing.assert_close(column, also)


def test_logits_of_all_pairs_are_those_of_each_pair(network_and_side, make_history):
    network, side = network_and_side
    encoding = network.encode(make_history(N_USERS, N_ITEMS, N_LEVELS), side)
    users = torch.arange(N_USERS).repeat_interleave(N_ITEMS)
    items = torch.arange(N_ITEMS).repeat(N_USERS)
    one_by_one = network.rating_logits(encoding, users, items)
    every = network.all_rating_logits(encoding)
    torch.testing.assert_close(every, one_by_one.view(N_USERS, N_ITEMS, N_LEVELS))


def test_masked_entries_are_not_read(network_and_side, make_history):
    network, side = network_and_side
    history = make_history(N_USERS, N_ITEMS, N_LEVELS, masked=0.4)
    masked = history.observed == 0
    types = history.types.clone()
    types[masked] = (types[masked] + 2) % (N_LEVELS + 1)
    other = History(history.pattern, types, history.observed)
    for ours, theirs in zip(
        outputs(network, history, side), outputs(network, other, side), strict=True
    ):
        assert torch.equal(ours, theirs)


def test_a_masked_entry_equals_an_absent_one(network_and_side, make_history):
    network, side = network_and_side
    history = make_history(N_USERS, N_ITEMS, N_LEVELS, masked=0.4)
    observed = history.observed > 0
    lengths = history.pattern.row_sums(history.observed).long()
    starts = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    pattern = SparsePattern(starts, history.pattern.columns[observed], N_ITEMS)
    shorter = History(pattern, history.types[observed], history.observed[observed])
    for ours, theirs in zip(
        outputs(network, history, side), outputs(network, shorter, side), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


def test_observed_entries_are_read(network_and_side, make_history):
    network, side = network_and_side
    history = make_history(N_USERS, N_ITEMS, N_LEVELS, unrated=0, masked=0)
    before = outputs(network, history, side)
    types = history.types.clone()
    types[0] = (types[0] + 1) % N_LEVELS
    after = outputs(network, History(history.pattern, types, history.observed), side)
    user = int(history.pattern.rows[0])
    assert not torch.allclose(before[1][user], after[1][user])
    others = torch.arange(N_USERS) != user
    torch.testing.assert_close(before[1][others], after[1][others])


@pytest.mark.parametrize("n_up", [1, 2])
def test_a_shift_of_all_ratings_changes_the_user_mean_alone(make_network, n_up):
    """With the linear channel alone and no shrinkage, a constant shift is all in the user mean."""
    network, side = make_network(n_rating_channels=1)
    with torch.no_grad():
        linear = torch.linspace(-1.0, 1.0, N_LEVELS, dtype=torch.float64)
        for kernel in (network.kernel_in, network.consume_kernel):
            kernel[:N_LEVELS, 0] = 1.0
            kernel[:N_LEVELS, 1] = linear
        network.shrinkage[0] = -60.0  # exp(-60) ratings: none
    types = torch.tensor([0, 1, 2, 1, 0])
    pattern = SparsePattern(torch.tensor([0, 5]), torch.tensor([0, 3, 4, 8, 9]), N_ITEMS)
    observed = torch.ones(5, dtype=torch.float64)
    low = network.encode(History(pattern, types, observed), side)
    high = network.encode(History(pattern, types + n_up, observed), side)
    shift = n_up * (linear[1] - linear[0])
    torch.testing.assert_close(high.user_mean, low.user_mean + shift)
    torch.testing.assert_close(high.rate, low.rate)
    torch.testing.assert_close(high.consume, low.consume)


def test_means_are_shrunk_towards_zero_and_less_so_for_more_ratings(make_network):
    network, side = make_network(n_rating_channels=1)
    counts = torch.zeros_like(side.type_counts)
    counts[:3, -2] = torch.tensor([1.0, 10.0, 1000.0], dtype=torch.float64)  # top level only
    counts[3, -1] = 50.0  # not rated, so without influence
    means = network.item_mean(counts)[:4, 0].tolist()
    top, prior = network.kernel_in[N_LEVELS - 1, 1].item(), network.shrinkage[1].exp().item()
    assert means == pytest.approx([top / (1 + prior), top * 10 / (10 + prior),
                                   top * 1000 / (1000 + prior), 0.0])  # fmt: skip


@pytest.mark.parametrize("n_levels", [1, 2, 5, 10])
def test_fresh_kernels_are_the_polynomials_of_the_scale(n_levels, rng):
    n_rating_channels = min(2, n_levels - 1)
    config = NetworkConfig(
        n_users=4,
        n_items=6,
        n_levels=n_levels,
        n_rating_channels=n_rating_channels,
        consume_channels=min(1, n_rating_channels),
    )
    counts = torch.from_numpy(rng.integers(0, 50, n_levels).astype(np.float32))
    network = Network(config, counts, torch.Generator().manual_seed(0))
    polynomials = level_polynomials(counts, n_rating_channels)
    assert torch.equal(network.kernel_in[:n_levels, 1:], polynomials)
    assert torch.equal(network.kernel_out, polynomials.T)
    assert torch.equal(network.kernel_in[:, 0], torch.ones(n_levels + 1))
    assert torch.equal(network.kernel_in[n_levels, 1:], torch.zeros(n_rating_channels))


def test_before_training_ratings_have_the_shares_of_the_levels():
    counts = torch.tensor([9.0, 29.0, 59.0])
    config = NetworkConfig(n_users=2, n_items=4, n_levels=3, rate_size=5)
    network = Network(config, counts, torch.Generator().manual_seed(0))
    empty = SparsePattern(torch.zeros(3, dtype=torch.long), torch.empty(0).long(), 4)
    history = History(empty, torch.empty(0).long(), torch.empty(0))
    side = ItemSide(torch.zeros(4, 4), torch.zeros(4, 5))
    probabilities = network.all_rating_logits(network.encode(history, side)).softmax(2)
    expected = torch.tensor([0.1, 0.3, 0.6]).expand(2, 4, 3)
    torch.testing.assert_close(probabilities, expected)


@pytest.mark.parametrize(("n_levels", "unrated"), [(1, 0.5), (1, 1.0), (2, 0.5), (5, 1.0), (5, 0)])
def test_any_scale_and_any_mixture_of_rated_and_unrated_is_read(
    n_levels, unrated, make_network, make_history
):
    n_rating_channels = min(2, n_levels - 1)
    network, side = make_network(
        n_levels=n_levels,
        n_rating_channels=n_rating_channels,
        consume_channels=min(1, n_rating_channels),
    )
    consume, rating = outputs(network, make_history(N_USERS, N_ITEMS, n_levels, unrated), side)
    assert consume.isfinite().all()
    assert rating.isfinite().all()
    torch.testing.assert_close(rating.softmax(2).sum(2), torch.ones(N_USERS, N_ITEMS).double())


def test_a_network_made_for_loading_draws_nothing():
    state = torch.get_rng_state()
    Network(
        NetworkConfig(n_users=2, n_items=3, n_levels=2, polynomial_init=False), torch.zeros(2), None
    )
    assert torch.equal(torch.get_rng_state(), state)


@torch.no_grad()
@pytest.mark.parametrize("user", range(N_USERS))
def test_one_history_is_read_as_among_many(network_and_side, make_history, user):
    network, side = network_and_side
    history = make_history(N_USERS, N_ITEMS, N_LEVELS)
    alone = history.of_rows(torch.tensor([user]))
    assert alone.is_of_one
    for ours, theirs in zip(
        outputs(network, alone, side), outputs(network, history, side), strict=True
    ):
        torch.testing.assert_close(ours[0], theirs[user])
