"""`check_recommender` passes our models and notices each way to break the contract."""

import numpy as np
import pytest

from conv4rec import Conv4Rec
from conv4rec.baselines import EASE, Means, Popularity
from conv4rec.recommender import ConvScorer
from conv4rec.testing import check_recommender


@pytest.mark.parametrize("make", [Popularity, Means, EASE])
def test_our_baselines_keep_the_contract(make):
    check_recommender(make)


@pytest.mark.parametrize("preset", ["default", "paper"])
def test_conv4rec_keeps_the_contract(preset, small):
    check_recommender(lambda: ConvScorer(Conv4Rec(preset=preset, **small)))


class NoAnswer(Popularity):
    def rank_scores(self, *_):
        return None

    def rank_log_probabilities(self, *_):
        return None


class ReturnsNothing(Popularity):
    def fit(self, train, seed=0):
        super().fit(train, seed=seed)


class ChangesTheLog(Popularity):
    def fit(self, train, seed=0):
        train.level_numbers[0] = -1 if train.level_numbers[0] > -1 else 0
        return super().fit(train, seed=seed)


class Unseeded(Popularity):
    noise = 0

    def rank_scores(self, given, rows):
        return super().rank_scores(given, rows) + self.shift

    def fit(self, train, seed=0):
        Unseeded.noise += 1
        self.shift = Unseeded.noise
        return super().fit(train, seed=seed)


class SeesTheHistory(Popularity):
    def rank_log_probabilities(self, given, rows):
        return np.full((len(rows), given.n_items), -np.log(given.n_items))


class DoesNotSumToOne(Popularity):
    def rank_log_probabilities(self, given, rows):
        return super().rank_log_probabilities(given, rows) - 0.1


class SortsTheRows(Popularity):
    def rank_scores(self, given, rows):
        return super().rank_scores(given, np.sort(rows)) + np.sort(rows)[:, None]


class RemembersTheRow(Popularity):
    def rank_scores(self, given, rows):
        return super().rank_scores(given, rows) + rows[:, None]


class Crashes(Popularity):
    def fit(self, train, seed=0):
        if train.n_users == 1:
            raise IndexError("boom")
        return super().fit(train, seed=seed)


class OffTheScale(Means):
    def expected_ratings(self, given, rows, items):
        return super().expected_ratings(given, rows, items) + 3


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (NoAnswer, "must rank or rate"),
        (ReturnsNothing, "fit must return"),
        (ChangesTheLog, "changed level_numbers of the log"),
        (Unseeded, "same seed"),
        (SeesTheHistory, "must be -inf there"),
        (DoesNotSumToOne, "must sum to one"),
        (SortsTheRows, "asked for rows"),
        (RemembersTheRow, "in another log"),
        (Crashes, "a log of one user must be answered, or refused .* IndexError: boom"),
        (OffTheScale, "must be on the scale, from 1 to 5"),
    ],
)
def test_a_broken_contract_is_noticed(broken, said):
    with pytest.raises(AssertionError, match=said):
        check_recommender(broken)
