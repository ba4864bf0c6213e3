"""Two tribes, two shelves: an adapter that mixes up users and items, or ratings, is found out."""

import numpy as np
import pytest

from conv4rec.data.synthetic import two_tribes


def two_shelves(crossing):
    """A world with fewer items than users; who is at home on which shelf; what is left to see."""
    world = two_tribes(n_users=60, n_items=24, crossing=crossing)
    log = world.sample(9, np.random.default_rng(5))
    at_home = (np.arange(60) >= 30)[:, None] == (np.arange(24) >= 12)[None, :]
    return log, at_home, log.to_csr().toarray() == 0


def wins(scores, better, worse):
    """How often, within a user, an item of the first kind stands above one of the second."""
    return np.mean(
        [
            (row[good][:, None] > row[bad][None, :]).mean()
            for row, good, bad in zip(scores, better, worse, strict=True)
            if good.any() and bad.any()
        ]
    )


def test_a_tribe_is_recommended_its_own_shelf(make_peer, ranker):
    log, at_home, unseen = two_shelves(crossing=0.05)
    model = make_peer(ranker).fit(log, seed=0)
    scores = model.rank_scores(log, np.arange(log.n_users))
    assert wins(scores, unseen & at_home, unseen & ~at_home) > 0.8


def test_a_tribe_likes_its_own_shelf(make_peer, rater):
    """Biases alone cannot tell: both shelves, and both tribes, are rated alike on average."""
    log, at_home, unseen = two_shelves(crossing=0.4)
    model = make_peer(rater).fit(log, seed=0)
    users, items = np.nonzero(unseen)
    ratings = np.full(unseen.shape, np.nan)
    ratings[users, items] = model.expected_ratings(log, users, items)
    assert wins(ratings, unseen & at_home, unseen & ~at_home) > 0.8
    home, away = ratings[unseen & at_home].mean(), ratings[unseen & ~at_home].mean()
    assert home > away + 0.8
    probabilities = model.rating_probabilities(log, users, items)
    is_home = at_home[users, items]
    assert probabilities[is_home, -1].mean() > probabilities[~is_home, -1].mean() + 0.1


@pytest.mark.parametrize("seed", [0, 1])
def test_recvae_answers_in_evaluation_mode(make_peer, seed):
    """Cornac leaves it in training mode, where it would drop half of each history at random."""
    log, _, _ = two_shelves(crossing=0.05)
    model = make_peer("cornac-recvae", n_epochs=2).fit(log, seed=seed)
    rows = np.arange(log.n_users)
    np.testing.assert_array_equal(model.rank_scores(log, rows), model.rank_scores(log, rows))
