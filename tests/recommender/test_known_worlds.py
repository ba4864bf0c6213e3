"""Worlds whose right answer is known: the model must find it."""

import numpy as np
import polars as pl
import pytest

from conv4rec import Conv4Rec
from conv4rec.data.synthetic import low_rank_world, two_tribes
from conv4rec.recommender import as_scorer
from conv4rec.train.batches import Batches

SMALL = {"consume_size": 16, "rate_size": 8, "consume_reg_factors": (1.0,)}


N_USERS, N_ITEMS = 100, 40
USERS, ITEMS = (pairs.ravel() for pairs in np.indices((N_USERS, N_ITEMS)))
AT_HOME = (USERS >= N_USERS // 2) == (ITEMS >= N_ITEMS // 2)


@pytest.fixture(scope="module")
def tribal_log():
    """Two tribes who take three of ten items from the shelf that they do not like."""
    return two_tribes(N_USERS, N_ITEMS, crossing=0.3).sample(20, np.random.default_rng(5))


@pytest.fixture(scope="module", params=["default", "paper"])
def tribal(request, tribal_log):
    return Conv4Rec(preset=request.param, **SMALL).fit(tribal_log)


def test_each_tribe_is_recommended_its_own_shelf(tribal):
    listed = tribal.recommend(k=3)
    known = tribal.interactions_
    users, items = known.users.numbers(listed["user_id"]), known.items.numbers(listed["item_id"])
    assert (
        AT_HOME.reshape(N_USERS, N_ITEMS)[users, items].mean() > 0.85
    )  # 0.87 to 0.96 in worlds of other seeds


def test_each_tribe_is_expected_to_rate_its_own_shelf_higher(tribal, tribal_log):
    expected = as_scorer(tribal).expected_ratings(tribal_log, USERS, ITEMS)
    assert expected[AT_HOME].mean() > expected[~AT_HOME].mean() + 1.0


def nll_and_variation(log_p, truth, seen):
    """Cross-entropy under the true distribution of what is left, and total variation from it."""
    left = np.where(seen, 0.0, truth)
    left = left / left.sum(1, keepdims=True)
    nll = -(left * np.where(seen, 0.0, log_p)).sum(1).mean()
    variation = 0.5 * np.abs(left - np.exp(log_p)).sum(1).mean()
    return nll, variation


def test_it_comes_closer_to_a_low_rank_distribution_than_popularity_does():
    world = low_rank_world(300, 100, n_levels=2, rank=2, seed=1)
    log = world.sample(15, np.random.default_rng(1))
    model = Conv4Rec(**SMALL).fit(log)
    seen = log.to_csr().toarray() > 0
    counts = np.where(seen, 0.0, seen.sum(0) + 1.0)
    with np.errstate(divide="ignore"):
        popular = np.log(counts / counts.sum(1, keepdims=True))
    ours = as_scorer(model).rank_log_probabilities(log, np.arange(log.n_users))
    # The next item after 15 without replacement: the true distribution over what is left.
    nll, variation = nll_and_variation(ours, world.item_probabilities, seen)
    nll_of_popular, variation_of_popular = nll_and_variation(
        popular, world.item_probabilities, seen
    )
    assert nll < nll_of_popular - 0.02
    assert variation < variation_of_popular - 0.02


def test_its_ratings_come_closer_to_the_truth_than_the_shares_of_the_levels_do():
    world = low_rank_world(300, 100, n_levels=2, rank=2, seed=1)
    log = world.sample(15, np.random.default_rng(1))
    model = Conv4Rec(**SMALL).fit(log)
    users, items = (pairs.ravel() for pairs in np.indices((300, 100)))
    truth = world.level_probabilities.transpose(0, 2, 1).reshape(-1, 2)
    ours = as_scorer(model).rating_probabilities(log, users, items)
    shares = np.bincount(log.level_numbers) / len(log)

    def nll(p):
        return -(truth * np.log(p)).sum(1).mean()

    assert nll(ours) < nll(shares) - 0.1


def test_the_sequel_follows_the_first_part_and_not_the_other_way_round(sequels):
    """All who saw part 2 saw part 1; half of those who saw part 1 saw no part 2."""
    model = Conv4Rec(**SMALL).fit(sequels)
    saw_one = model.predict(
        pl.DataFrame({"user_id": [0], "item_id": ["part 2"]}), users={"part 1": 5, "film 0": 4}
    )["p_consume"][0]
    saw_two = model.predict(
        pl.DataFrame({"user_id": [0], "item_id": ["part 1"]}), users={"part 2": 5, "film 0": 4}
    )["p_consume"][0]
    neither = model.predict(
        pl.DataFrame({"user_id": [0, 0], "item_id": ["part 1", "part 2"]}),
        users={"film 0": 4, "film 1": 4},
    )["p_consume"]
    assert saw_two > saw_one  # part 1 is surer after part 2 than part 2 after part 1
    assert saw_two > neither[0]
    assert saw_one > neither[1]


def test_the_paper_preset_is_another_model(mixed, fitted_model, small):
    paper = Conv4Rec(preset="paper", **small).fit(mixed)
    network = paper.fitted_.network
    assert network.config.shared_encoder
    assert not network.config.two_sided
    model = paper.fitted_.model
    parts = (network.rate_in, network.rater_in, model.bayesian_mf, model.slim)
    assert parts == (None, None, None, None)
    encoding = network.encode(Batches.from_interactions(mixed).whole, paper.fitted_.item_side)
    assert encoding.consume is encoding.rate  # one latent vector, which both decoders read whole
    assert encoding.rate.shape[1] == network.consume_out.shape[1] == network.rate_out.shape[2]
    assert paper.fitted_.schedule.stops[0] == paper.fitted_.schedule.stops[1]
    ours, theirs = fitted_model.recommend(k=5), paper.recommend(k=5)
    assert ours.columns == theirs.columns
    assert not ours["p_consume"].equals(theirs["p_consume"])
    assert not ours["item_id"].equals(theirs["item_id"])


@pytest.mark.parametrize("n_levels", [2, 10])
def test_other_scales_are_learned_as_well(n_levels):
    world = two_tribes(N_USERS, N_ITEMS, n_levels, crossing=0.3)
    log = world.sample(20, np.random.default_rng(2))
    model = Conv4Rec(**SMALL).fit(log)
    probabilities = as_scorer(model).rating_probabilities(log, USERS, ITEMS)
    likes = probabilities[:, model.like_level_ :].sum(1)
    assert likes[AT_HOME].mean() > likes[~AT_HOME].mean() + 0.3


def test_a_binned_scale_is_learned_as_well(tribal_log, rng):
    frame = tribal_log.to_frame()
    frame = frame.with_columns(pl.col("rating") * 4 - 12 + rng.uniform(-1, 1, frame.height))
    model = Conv4Rec(**SMALL).fit(frame, n_bins=8)
    assert model.interactions_.n_levels == 8
    expected = as_scorer(model).expected_ratings(model.interactions_, USERS, ITEMS)
    assert expected[AT_HOME].mean() > expected[~AT_HOME].mean() + 4.0


def test_a_file_a_frame_and_interactions_fit_the_same_model(mixed, fitted_model, small, tmp_path):
    frame = mixed.to_frame()
    frame.write_csv(tmp_path / "log.csv")
    for log in (frame, frame.sample(fraction=1.0, shuffle=True, seed=0), tmp_path / "log.csv"):
        again = Conv4Rec(seed=0, **small).fit(log)
        assert again.recommend(k=3).equals(fitted_model.recommend(k=3))
