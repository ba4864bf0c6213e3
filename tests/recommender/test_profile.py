"""Profiles of users, similar items, kernels and the configuration."""

import json

import numpy as np
import polars as pl
import pytest
import torch

from conv4rec import Conv4Rec
from conv4rec.data.synthetic import two_tribes
from conv4rec.errors import SettingError
from conv4rec.model import Network


@pytest.fixture(scope="module")
def moods():
    """Twenty users rate twenty films around 3; one is two stars kinder, one two stars harsher."""
    rng = np.random.default_rng(0)
    rows = [
        (f"{mood}{n:02d}", f"film {film:02d}", base)
        for mood, base, count in (("kind", 5, 1), ("harsh", 1, 1), ("even", 3, 18))
        for n in range(count)
        for film in rng.permutation(20)[:12]
    ]
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "rating"], orient="row")
    wobble = pl.Series(rng.integers(-1, 2, len(rows)))
    log = log.with_columns(
        rating=pl.when(pl.col("rating") == 3).then(3 + wobble).otherwise("rating")
    )
    return Conv4Rec(n_steps=15, consume_size=8, rate_size=4, consume_reg_factors=(1.0,)).fit(log)


def test_generosity_tells_the_kind_from_the_harsh(moods):
    kind, harsh, even = (moods.profile(name) for name in ("kind00", "harsh00", "even03"))
    assert kind.generosity > 0.5 > even.generosity > -0.5 > harsh.generosity
    assert kind.polarisation > even.polarisation
    assert harsh.polarisation > even.polarisation


def test_generosity_is_in_the_units_of_the_ratings(mixed, fitted_model, small):
    """Only the order of the levels is read: ten times the ratings, ten times the generosity."""
    times_ten = mixed.to_frame().with_columns(pl.col("rating") * 10)
    model = Conv4Rec(seed=0, **small).fit(times_ten)
    generosity = fitted_model.profile("u07").generosity
    assert model.profile("u07").generosity == pytest.approx(10 * generosity, rel=1e-4)
    assert model.profile("u07").polarisation == fitted_model.profile("u07").polarisation


def test_a_profile_counts_the_levels_that_were_given(moods, fitted_model, mixed):
    assert moods.profile("kind00").levels_used == {"1": 0, "2": 0, "3": 0, "4": 0, "5": 12}
    profile = fitted_model.profile("u07")
    levels = mixed.level_numbers[mixed.starts[7] : mixed.starts[8]]
    assert profile.user_id == "u07"
    assert profile.n_interactions == len(levels)
    assert profile.n_rated == (levels >= 0).sum() == sum(profile.levels_used.values())


def test_directions_are_strongest_first_and_lead_to_films(fitted_model, mixed):
    profile = fitted_model.profile("u07")
    strengths = [direction.strength for direction in profile.directions]
    assert strengths == sorted(strengths, reverse=True)
    assert min(strengths) >= 0
    known = set(mixed.items.to_series())
    assert all(set(direction.items) <= known for direction in profile.directions)
    frame = profile.to_frame()
    assert frame.columns == ["direction", "strength", "rank", "item_id"]
    assert frame.height == sum(len(d.items) for d in profile.directions)


def test_the_main_direction_leads_to_the_shelf_of_the_tribe(tribes):
    model = Conv4Rec(n_steps=20, consume_size=8, rate_size=4, consume_reg_factors=(1.0,)).fit(
        tribes
    )
    for user, shelf in (("u03", range(10)), ("u33", range(10, 20))):
        leading = model.profile(user).directions[0].items
        assert set(leading) <= {f"i{n:02d}" for n in shelf}


def test_a_profile_is_the_same_from_a_history_and_of_one_user_alone(fitted_model, mixed):
    frame = mixed.to_frame().filter(pl.col("user_id") == "u07")
    history = fitted_model.profile(dict(frame.select("item_id", "rating").rows()))
    profile = fitted_model.profile("u07")
    assert history.generosity == pytest.approx(profile.generosity, rel=1e-4)
    assert history.levels_used == profile.levels_used
    with pytest.raises(SettingError, match="one user; got 2"):
        fitted_model.profile(["u01", "u02"])


def test_similar_items_are_of_the_same_shelf(rng):
    log = two_tribes(200, 20).sample(7, rng)
    model = Conv4Rec(n_steps=20, consume_size=4, rate_size=4, consume_reg_factors=(1.0,)).fit(log)
    for item, shelf in (("i04", range(10)), ("i14", range(10, 20))):
        similar = model.similar_items(item, k=19)
        at_home = similar["item_id"].is_in([f"i{n:02d}" for n in shelf])
        near, far = similar.filter(at_home)["similarity"], similar.filter(~at_home)["similarity"]
        assert at_home[:5].all()
        assert near.mean() > far.mean() + 0.5
        assert similar["rank"].to_list() == list(range(1, 20))
        assert similar["similarity"].is_sorted(descending=True)
        assert similar["similarity"].is_between(-1, 1).all()


def test_an_item_is_never_similar_to_itself_and_similarity_is_mutual(fitted_model):
    every = fitted_model.similar_items("i05", k=100)
    assert every.height == 36
    assert "i05" not in every["item_id"]
    other = fitted_model.similar_items(every["item_id"][0], k=100)
    back = other.filter(pl.col("item_id") == "i05")["similarity"][0]
    assert back == pytest.approx(every["similarity"][0], rel=1e-5)


def test_the_kernels_are_a_table_of_what_each_level_means(fitted_model):
    table = fitted_model.kernels()
    assert table.columns == [
        "level", "consumed", "liked", "polarising", "liked_out", "polarising_out"
    ]  # fmt: skip
    assert table["level"].to_list() == ["1", "2", "3", "4", "5", "unrated"]
    assert table["liked"][:5].is_sorted()
    assert table["liked_out"][:5].is_sorted()
    assert table["polarising"][0] > table["polarising"][2] < table["polarising"][4]
    network = fitted_model.scoring_.network
    assert table["liked"].to_list() == network.kernel_in[:, 1].tolist()
    assert table["polarising_out"].to_list() == [*network.kernel_out[1].tolist(), None]


def test_the_configuration_is_plain_and_complete(fitted_model, small):
    config = json.loads(json.dumps(fitted_model.config_))
    assert config["preset"] == "default"
    assert config["network"]["n_items"] == 37
    assert config["training"]["n_steps"] == small["n_steps"]
    assert config["network"]["consume_size"] == small["consume_size"]
    assert config["schedule"]["stops"] == list(fitted_model.fitted_.schedule.stops)


def test_parameters_include_those_of_the_training_users(fitted_model, mixed):
    trained = fitted_model.fitted_.trained
    rng = torch.Generator().manual_seed(0)
    network = Network(trained, torch.ones(mixed.n_levels), rng)
    assert (trained.consume_size, trained.rate_size) == (16, 8)
    assert network.rater_in.shape == (3, mixed.n_users, 8)
    trainable = [p.numel() for p in network.parameters() if p.requires_grad]
    assert fitted_model.n_parameters_ == sum(trainable)


def test_the_like_threshold_is_read_on_the_scale(mixed, small):
    model = Conv4Rec(like_threshold=3.0, **small).fit(mixed)
    listed = model.recommend("u07", k=5)
    np.testing.assert_allclose(
        listed["p_like"], listed.select("p_rating_3", "p_rating_4", "p_rating_5").sum_horizontal(),
        rtol=1e-5,
    )  # fmt: skip
