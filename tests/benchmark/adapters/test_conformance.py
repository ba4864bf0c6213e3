"""Every adapter keeps the contract of a scorer: shapes, probabilities, seeds, blocks, histories."""

from dataclasses import replace

import numpy as np
import pytest

from conv4rec.benchmark.adapters import ADAPTERS
from conv4rec.data.levels import Levels
from conv4rec.data.splits import Split, random_split
from conv4rec.errors import DataError
from conv4rec.evaluate import evaluate

UNDRAWN = ("irspack-slim", "irspack-edlae")  # solved, not sampled: no seed to speak of


def all_pairs(log):
    """Every user with every item: two parallel arrays."""
    return np.indices((log.n_users, log.n_items)).reshape(2, -1)


def answers(model, log, peer):
    """The main answer of an adapter, for all users."""
    if "rank" in ADAPTERS[peer].tasks:
        return model.rank_scores(log, np.arange(log.n_users))
    return model.expected_ratings(log, *all_pairs(log))


class TestRankers:
    def test_scores_are_finite_and_of_every_item(self, fitted, mixed, ranker):
        scores = fitted(ranker).rank_scores(mixed, np.array([3, 0, 3]))
        assert scores.shape == (3, mixed.n_items)
        assert np.isfinite(scores).all()
        np.testing.assert_allclose(scores[0], scores[2], rtol=1e-4, atol=1e-5)

    def test_rows_are_answered_in_the_order_they_are_asked(self, fitted, mixed, ranker):
        model, rows = fitted(ranker), np.array([5, 0, 59, 2])
        everyone = model.rank_scores(mixed, np.arange(mixed.n_users))
        asked = model.rank_scores(mixed, rows)
        np.testing.assert_allclose(asked, everyone[rows], rtol=1e-3, atol=1e-5)
        assert np.ptp(everyone, axis=0).max() > 1e-3  # and users do differ

    def test_histories_are_folded_in_or_refused(self, fitted, mixed, ranker):
        """Users under other numbers: the answer follows the history, not the number."""
        model, rows = fitted(ranker), np.array([7, 31])
        new_users = mixed.take_users(rows)
        if not ADAPTERS[ranker].folds_in:
            with pytest.raises(DataError, match="cannot fold in"):
                model.rank_scores(new_users, np.array([0, 1]))
            return
        scores = model.rank_scores(new_users, np.array([0, 1]))
        expected = model.rank_scores(mixed, rows)
        np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-5)

    def test_an_empty_history_is_answered(self, fitted, mixed, ranker):
        if ADAPTERS[ranker].folds_in:
            nobody = mixed.take_users(np.array([0])).select(np.zeros(mixed.starts[1], dtype=bool))
            assert np.isfinite(fitted(ranker).rank_scores(nobody, np.array([0]))).all()

    def test_ratings_do_not_matter_to_a_ranker(self, make_peer, fitted, mixed, ranker):
        plain = replace(mixed, level_numbers=np.full(len(mixed), -1, dtype=np.int16), rows=None)
        rows = np.arange(plain.n_users)
        blind = make_peer(ranker).fit(plain, seed=0).rank_scores(plain, rows)
        np.testing.assert_array_equal(blind, fitted(ranker).rank_scores(mixed, rows))

    def test_probabilities_to_be_consumed_leave_out_the_history(self, fitted, mixed, ranker):
        model, rows = fitted(ranker), np.arange(mixed.n_users)
        log_p = model.rank_log_probabilities(mixed, rows)
        if log_p is None:
            assert not model.multinomial
            return
        np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1.0)
        assert np.isneginf(log_p[mixed.user_numbers, mixed.item_numbers]).all()
        unseen = np.isfinite(log_p[0])
        order = np.argsort(model.rank_scores(mixed, rows)[0][unseen])
        assert (np.diff(log_p[0][unseen][order]) >= 0).all()

    def test_it_does_not_rate(self, fitted, mixed, ranker):
        pair = np.array([0]), np.array([0])
        assert fitted(ranker).expected_ratings(mixed, *pair) is None
        assert fitted(ranker).rating_probabilities(mixed, *pair) is None


class TestRaters:
    def test_ratings_are_on_the_scale_and_probabilities_sum_to_one(self, fitted, mixed, rater):
        model, pairs = fitted(rater), all_pairs(mixed)
        expected = model.expected_ratings(mixed, *pairs)
        probabilities = model.rating_probabilities(mixed, *pairs)
        assert expected.shape == pairs[0].shape
        assert probabilities.shape == (pairs.shape[1], mixed.n_levels)
        assert expected.min() >= 1
        assert expected.max() <= 5
        assert probabilities.min() >= 0
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-9)

    def test_probabilities_agree_with_the_rating(self, fitted, mixed, rater):
        model, pairs = fitted(rater), all_pairs(mixed)
        means = model.rating_probabilities(mixed, *pairs) @ np.array(mixed.levels.values)
        expected = model.expected_ratings(mixed, *pairs)
        assert np.corrcoef(means, expected)[0, 1] > 0.95

    def test_pairs_are_answered_in_the_order_they_are_asked(self, fitted, mixed, rater):
        model, pairs = fitted(rater), all_pairs(mixed)
        everything = model.expected_ratings(mixed, *pairs)
        some = np.random.default_rng(0).permutation(pairs.shape[1])[:50]
        asked = model.expected_ratings(mixed, *pairs[:, some])
        np.testing.assert_allclose(asked, everything[some], rtol=1e-6)
        assert len(np.unique(asked.round(6))) > 40

    def test_histories_are_folded_in_or_refused(self, fitted, mixed, rater):
        model, items = fitted(rater), np.array([4, 9])
        new_users = mixed.take_users(np.array([7, 31]))
        if not ADAPTERS[rater].folds_in:
            with pytest.raises(DataError, match="cannot fold in"):
                model.expected_ratings(new_users, np.array([0, 1]), items)
            return
        found = model.expected_ratings(new_users, np.array([0, 1]), items)
        expected = model.expected_ratings(mixed, np.array([7, 31]), items)
        np.testing.assert_allclose(found, expected, rtol=1e-6)

    def test_unrated_rows_help_or_are_as_good_as_gone(self, make_peer, mixed, rater):
        rest, held = random_split(mixed, seed=1)
        rated = rest.select(rest.level_numbers >= 0)
        assert len(rated) < len(rest)
        pairs = all_pairs(mixed)
        with_them, without = (
            make_peer(rater).fit(log, validation=held, seed=0).expected_ratings(log, *pairs)
            for log in (rest, rated)
        )
        assert np.array_equal(with_them, without) != ADAPTERS[rater].uses_unrated

    def test_no_rating_at_all_is_refused(self, make_peer, mixed, rater):
        plain = replace(mixed, level_numbers=np.full(len(mixed), -1, dtype=np.int16), rows=None)
        with pytest.raises(DataError, match="needs ratings"):
            make_peer(rater).fit(plain)

    def test_the_ratings_are_the_values_of_the_levels(self, make_peer, mixed, rater):
        even = replace(mixed, levels=Levels((2.0, 4.0, 6.0, 8.0, 10.0)), rows=None)
        model = make_peer(rater).fit(even, seed=0)
        rated = even.level_numbers >= 0
        mean = np.array(even.levels.values)[even.level_numbers[rated]].mean()
        assert model.expected_ratings(even, *all_pairs(even)).mean() == pytest.approx(mean, abs=1)

    def test_the_width_is_fitted_on_validation_and_then_all_is_learnt(
        self, make_peer, mixed, rater
    ):
        if ADAPTERS[rater].distribution != "gaussian":
            return
        rest, held = random_split(mixed, seed=1)
        model = make_peer(rater).fit(rest, validation=held, seed=0)
        left_out = make_peer(rater).fit(mixed, seed=0)
        assert model.train_ is rest
        assert left_out.train_ is mixed
        assert 0.3 < left_out.gaussian_.sigma < 3.0

    def test_it_does_not_rank(self, fitted, mixed, rater):
        assert fitted(rater).rank_scores(mixed, np.array([0])) is None
        assert fitted(rater).rank_log_probabilities(mixed, np.array([0])) is None


class TestAll:
    def test_the_same_seed_gives_the_same_answers(self, make_peer, fitted, mixed, peer):
        first, again = fitted(peer), make_peer(peer).fit(mixed, seed=0)
        np.testing.assert_array_equal(answers(first, mixed, peer), answers(again, mixed, peer))

    def test_another_seed_gives_others(self, make_peer, fitted, mixed, peer):
        if peer not in UNDRAWN:
            other = answers(make_peer(peer).fit(mixed, seed=1), mixed, peer)
            assert not np.array_equal(other, answers(fitted(peer), mixed, peer))

    def test_many_blocks_of_users_measure_what_one_does(self, make_peer, mixed, peer):
        train, test = random_split(mixed, seed=0)
        split = Split("mixed", train=train, given=train, test=test)
        model = make_peer(peer).fit(train, seed=0)
        whole = evaluate(model, split, ranking_metrics=["ndcg@20", "recall@20"])
        parts = evaluate(
            model, split, ranking_metrics=["ndcg@20", "recall@20"], max_memory_mb=0.004
        )
        for name, value in whole.metrics.items():
            if value is None:
                assert parts[name] is None
            else:
                assert parts[name] == pytest.approx(value, abs=1e-4)

    def test_users_and_items_that_training_lacks_are_answered(self, make_peer, mixed, peer):
        known = (mixed.user_numbers != 0) & (mixed.item_numbers != 1)
        train = mixed.select(known)
        found = answers(make_peer(peer).fit(train, seed=0), train, peer)
        assert np.isfinite(found).all()

    def test_another_catalogue_is_refused(self, fitted, tribes, mixed, peer):
        assert tribes.n_items != mixed.n_items
        with pytest.raises(DataError, match="20 items"):
            answers(fitted(peer), tribes, peer)

    def test_global_random_state_and_stdout_stay_as_they_were(self, make_peer, mixed, peer, capsys):
        np.random.seed(3)  # noqa: NPY002 - what libraries would draw from
        make_peer(peer).fit(mixed, seed=0)
        after = np.random.random()  # noqa: NPY002
        assert after == np.random.RandomState(3).random_sample()
        said = capsys.readouterr()
        assert said.out + said.err == ""
