"""Paired differences are the differences of the metrics, weighted as the metrics are."""

import numpy as np
import polars as pl
import pytest

from conv4rec.baselines import Means, Popularity
from conv4rec.benchmark.comparison import BY_RATING, BY_USER, compare
from conv4rec.data import split_log
from conv4rec.errors import BenchError
from conv4rec.recommender.fit_and_evaluate import measure, per_user_frame


@pytest.fixture
def kept(mixed, tmp_path):
    """Measure a model on `mixed`, keep its users' figures: gives the metrics and the file."""
    split = split_log(mixed, "r0", name="mixed")

    def keep(name, model):
        done = measure(split, name, 0, lambda: model.fit(split.train, seed=0))
        path = tmp_path / f"{name}.parquet"
        per_user_frame(done.evaluation).write_parquet(path)
        return done.record.metrics, path

    return keep


def test_rating_differences_weigh_users_by_their_ratings(kept):
    ours, our_file = kept("ours", Means(5.0, 5.0))
    theirs, their_file = kept("theirs", Means(1.0, 50.0))
    found = compare([their_file], [our_file])
    assert set(found) == set(BY_RATING) - {"nll_joint"}
    for name, difference in found.items():
        assert difference["mean"] == pytest.approx(theirs[name] - ours[name], abs=2e-6), name
        assert difference["low"] <= difference["mean"] <= difference["high"]
    weights = pl.read_parquet(our_file)["n_rated"]
    assert weights.n_unique() > 2  # or the weights would not be tested


def test_ranking_differences_weigh_users_alike(kept):
    ours, our_file = kept("ours", Popularity())

    class Reverse(Popularity):
        def rank_scores(self, given, rows):
            return -super().rank_scores(given, rows)

    theirs, their_file = kept("theirs", Reverse())
    found = compare([their_file], [our_file])
    assert set(found) == set(BY_USER)
    for name, difference in found.items():
        assert difference["mean"] == pytest.approx(theirs[name] - ours[name], abs=2e-6), name
    assert found["ndcg@20"]["high"] < 0


def test_a_users_value_is_its_mean_over_the_seeds(tmp_path):
    for seed, values in enumerate(([0.2, 0.4], [0.4, 0.8])):
        frame = pl.DataFrame({"user_id": [1, 2], "ndcg@20": values, "n_rated": [0.0, 0.0]})
        frame.write_parquet(tmp_path / f"{seed}.parquet")
        frame.with_columns(pl.lit(0.0).alias("ndcg@20")).write_parquet(tmp_path / "zero.parquet")
    found = compare([tmp_path / "0.parquet", tmp_path / "1.parquet"], [tmp_path / "zero.parquet"])
    assert found["ndcg@20"]["mean"] == pytest.approx(0.45)
    assert found["ndcg@20"]["low"] == pytest.approx(0.3)  # the first user twice


def test_other_users_are_refused_and_the_infinite_is_left_out(tmp_path):
    frame = pl.DataFrame({"user_id": [1, 2], "nll": [1.0, np.inf], "n_rated": [1.0, 1.0]})
    frame.write_parquet(tmp_path / "a.parquet")
    frame.with_columns(user_id=pl.Series([1, 3])).write_parquet(tmp_path / "b.parquet")
    assert compare([tmp_path / "a.parquet"], [tmp_path / "a.parquet"]) == {}
    with pytest.raises(BenchError, match="not of the same test users"):
        compare([tmp_path / "a.parquet"], [tmp_path / "b.parquet"])
