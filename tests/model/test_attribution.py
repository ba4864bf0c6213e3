"""Attributions sum to the score, whatever the model and the history."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from conv4rec.data.synthetic import low_rank_world
from conv4rec.model import ItemSide, Network, NetworkConfig, ServedModel
from conv4rec.model.attribution import consume_attribution, entry_encodings
from conv4rec.model.like_attribution import like_attribution, like_log_odds
from conv4rec.model.slim import SLIM
from conv4rec.model.stacking import Stacking
from conv4rec.train.batches import Batches


def random_stacking(n_items, rng):
    """Any correction, with channels beyond its range."""
    stacking = Stacking(n_items, 5)
    for table in stacking.parameters():
        table.normal_(generator=rng)
    stacking.deviation.abs_().add_(0.1)
    stacking.range.copy_(stacking.range.sort(0).values + torch.tensor([[-0.5], [0.5]]))
    return stacking


def random_world(seed, n_levels, n_entries, n_neighbours=0, stacked=False, **shape):
    """A model with large random weights, one random history, and an item side."""
    rng = torch.Generator().manual_seed(seed)
    n_items = 23
    config = NetworkConfig(
        n_users=7, n_items=n_items, n_levels=n_levels, n_rating_channels=min(2, n_levels - 1),
        consume_size=6, rate_size=5, **shape,
    )  # fmt: skip
    network = Network(config, torch.ones(n_levels), rng)
    with torch.no_grad():
        for weights in network.parameters():
            weights.add_(torch.randn(weights.shape, generator=rng) * 0.5)
    slim = SLIM(n_items, n_neighbours) if n_neighbours else None
    if slim is not None:
        slim.get_buffer("items").random_(0, n_items, generator=rng)
        slim.weights.exponential_(generator=rng)
        slim.popularity.exponential_(generator=rng)
        slim.scale.copy_(torch.tensor([0.7, 0.4]))
    counts = torch.randint(0, 9, (n_items, n_levels + 1), generator=rng).float()
    column = torch.randn(n_items, 6 if shape.get("shared_encoder") else 5, generator=rng)
    items = torch.randperm(n_items, generator=rng)[:n_entries].sort().values
    types = torch.randint(0, n_levels + 1, (n_entries,), generator=rng)  # unrated ones too
    batches = Batches(torch.tensor([0, n_entries]), items, types, n_items, n_levels)
    stacking = random_stacking(n_items, rng) if stacked else None
    model = ServedModel(network, slim, stacking=stacking)
    return model, batches.whole, ItemSide(counts, column)


SHAPES = [
    {},
    {"centred": False},
    {"two_sided": False},
    {"shared_encoder": True, "consume_channels": 1},
    {"polynomial_init": False, "centred": False, "two_sided": False},
    {"n_neighbours": 6},
    {"stacked": True},
    {"n_neighbours": 6, "stacked": True},
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@given(seed=st.integers(0, 10**6), n_levels=st.integers(2, 10), n_entries=st.integers(0, 20))
@settings(deadline=None, max_examples=20)
def test_parts_sum_to_the_score_in_any_world(shape, seed, n_levels, n_entries):
    model, history, item_side = random_world(seed, n_levels, n_entries, **shape)
    entries = entry_encodings(model, history, item_side)
    items = torch.arange(23)
    with torch.no_grad():
        whole = model.encode(history, item_side)
        logits = model.consume_logits(whole)[0]
        rated = model.all_rating_probabilities(whole)[0].double().log()
    among = torch.tensor([0, 3, 5, 22])
    consumed = consume_attribution(model, entries, items, among)
    scale = 1 + float(logits.abs().max())
    torch.testing.assert_close(
        consumed.score.float(), logits - logits[among].mean(), rtol=0, atol=2e-5 * scale
    )
    for level in range(1, n_levels):
        liked = like_attribution(model, entries, items, level)
        odds = like_log_odds(rated, level)
        scale = 1 + float(rated.abs().max())
        torch.testing.assert_close(liked.score, odds, rtol=0, atol=2e-5 * scale)
        assert liked.contribution.shape == (n_entries, 23)


def test_entry_encodings_sum_to_the_encoding():
    model, history, item_side = random_world(3, 5, 12)
    with torch.no_grad():
        whole = model.encode(history, item_side)
    entries = entry_encodings(model, history, item_side)
    for name in ("consume", "rate", "user_mean"):
        total = getattr(entries, name).sum(0, keepdim=True)
        torch.testing.assert_close(total, getattr(whole, name), rtol=1e-4, atol=1e-4)


def test_where_the_score_is_linear_parts_are_plain_products():
    """With two levels the log-odds are linear, so the path does not matter."""
    model, history, item_side = random_world(5, 2, 9)
    entries = entry_encodings(model, history, item_side)
    items = torch.arange(23)
    contribution = like_attribution(model, entries, items, 1).contribution
    with torch.no_grad():
        rows, columns = (pairs.flatten() for pairs in np.indices((9, 23)))
        pairs = torch.from_numpy(rows), torch.from_numpy(columns)
        alone = like_log_odds(model.rating_logits(entries, *pairs).double(), 1).view(9, 23)
    empty = like_attribution(model, entries, items, 1).base
    torch.testing.assert_close(contribution, alone - empty, rtol=1e-4, atol=1e-4)


def test_an_unrated_entry_adds_to_the_consume_vector_and_not_to_the_user_mean():
    model, history, item_side = random_world(8, 5, 10)
    entries = entry_encodings(model, history, item_side)
    unrated = history.types == 5
    assert unrated.any()
    assert (entries.user_mean[unrated] == 0).all()
    assert (entries.consume[unrated].abs().sum(1) > 0).all()


def test_parts_sum_to_the_log_odds_on_a_synthetic_world():
    """A check at the scale of a fit: a thousand interactions, the parts of one user."""
    log = low_rank_world(50, 40, seed=2).sample(20, np.random.default_rng(2))
    batches = Batches.from_interactions(log)
    config = NetworkConfig(n_users=50, n_items=40, n_levels=5, consume_size=8, rate_size=8)
    model = ServedModel(Network(config, torch.ones(5), torch.Generator().manual_seed(0)))
    side = ItemSide(batches.type_counts(), torch.zeros(40, 8))
    history = batches.of_users(torch.tensor([7]))
    entries = entry_encodings(model, history, side)
    with torch.no_grad():
        rated = model.all_rating_probabilities(model.encode(history, side))[0].double().log()
        odds = like_log_odds(rated, 3)
    found = like_attribution(model, entries, torch.arange(40), 3)
    torch.testing.assert_close(found.score, odds, rtol=1e-5, atol=1e-5)
