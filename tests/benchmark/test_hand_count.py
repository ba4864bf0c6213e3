"""The bench goes on only if popularity is what a loop over rows says it is."""

from dataclasses import replace

import pytest

from conv4rec.baselines import EASE, Popularity
from conv4rec.benchmark.hand_count import check_popularity
from conv4rec.data import scarce_split, split_log
from conv4rec.errors import BenchError
from conv4rec.evaluate import evaluate


@pytest.fixture(params=["r0", "new-users"])
def split(mixed, request):
    return split_log(mixed, request.param, name="mixed")


def test_true_popularity_passes(split):
    model = Popularity().fit(split.train)
    check_popularity(model, split, evaluate(model, split))


def test_labels_do_not_matter_to_it(mixed):
    split = scarce_split(split_log(mixed, "r0", name="mixed"), 0.9)
    model = Popularity().fit(split.train)
    check_popularity(model, split, evaluate(model, split))


def test_popularity_that_has_seen_the_test_is_refused(mixed, split):
    model = Popularity().fit(mixed)
    with pytest.raises(BenchError, match="scores are not the counts of the training rows"):
        check_popularity(model, split, evaluate(model, split))


def test_another_model_is_not_popularity(split):
    model = EASE(reg=10.0).fit(split.train)
    with pytest.raises(BenchError, match="not the counts"):
        check_popularity(model, split, evaluate(model, split))


def test_an_evaluator_that_measures_something_else_is_refused(split):
    """Right scores, and figures of another list."""

    class Turned(Popularity):
        def rank_scores(self, given, rows):
            return -super().rank_scores(given, rows)

    model = Popularity().fit(split.train)
    wrong = evaluate(Turned().fit(split.train), split)
    assert wrong["recall@20"] != evaluate(model, split)["recall@20"]
    with pytest.raises(BenchError, match=r"recall@20 is .* by the evaluator and .* by"):
        check_popularity(model, split, wrong)
    with pytest.raises(BenchError, match="recall@20 is None"):
        check_popularity(model, split, replace(wrong, metrics=wrong.metrics | {"recall@20": None}))
