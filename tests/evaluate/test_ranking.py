"""Ranking metrics against trec_eval, a slow twin, and worlds full of ties."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conv4rec.errors import SettingError
from conv4rec.evaluate.ranking import hits, ndcg, recall, top_k

SEEDS = st.integers(0, 2**32 - 1)


def world_of_ties(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores of only a few distinct values with some items barred, and relevant items."""
    rng = np.random.default_rng(seed)
    n_users, n_items = rng.integers(1, 8), rng.integers(1, 15)
    scores = rng.integers(0, 4, size=(n_users, n_items)).astype(np.float64)
    scores[rng.random(scores.shape) < 0.2] = -np.inf
    relevant = (rng.random(scores.shape) < 0.3) & (scores > -np.inf)
    return scores, relevant


def slow_top_k(row: np.ndarray, k: int) -> list[int]:
    listed = [item for item in range(len(row)) if row[item] > -np.inf]
    return sorted(listed, key=lambda item: (-row[item], item))[:k]


@given(seed=SEEDS, k=st.integers(1, 20))
def test_lists_are_sorted_by_score_and_ties_by_item_number(seed, k):
    scores, _ = world_of_ties(seed)
    for row, items in zip(scores, top_k(scores, k), strict=True):
        expected = slow_top_k(row, k)
        assert items.tolist() == expected + [-1] * (k - len(expected))


def test_an_item_with_a_score_of_minus_infinity_is_never_listed():
    assert top_k(np.array([[-np.inf, 3.0, -np.inf]]), k=2).tolist() == [[1, -1]]


def test_padding_is_never_a_hit():
    assert not hits(np.array([[-1, -1]]), np.array([[True, True]])).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_increasing_map_of_the_scores_gives_the_same_lists(dtype):
    scores = np.random.default_rng(0).normal(size=(20, 50)).round(1).astype(dtype)
    np.testing.assert_array_equal(top_k(scores, 10), top_k(np.exp(scores) * 3, 10))


@given(seed=SEEDS, k=st.integers(1, 20))
def test_metrics_equal_a_loop_over_ranks(seed, k):
    scores, relevant = world_of_ties(seed)
    n_relevant = relevant.sum(axis=1)
    found = hits(top_k(scores, k), relevant)
    for user in range(len(scores)):
        listed = slow_top_k(scores[user], k)
        reachable = min(k, n_relevant[user])
        if reachable == 0:
            assert np.isnan(recall(found, n_relevant)[user])
            assert np.isnan(ndcg(found, n_relevant)[user])
            continue
        n_hits = sum(relevant[user, item] for item in listed)
        gain = sum(relevant[user, item] / np.log2(r + 2) for r, item in enumerate(listed))
        ideal = sum(1 / np.log2(r + 2) for r in range(reachable))
        assert recall(found, n_relevant)[user] == pytest.approx(n_hits / reachable)
        assert ndcg(found, n_relevant)[user] == pytest.approx(gain / ideal)


@pytest.mark.parametrize("k", [1, 5, 30])
def test_ndcg_and_recall_agree_with_trec_eval(k):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its compiled parts may warn on import
        import ir_measures

    rng = np.random.default_rng(k)
    scores = rng.integers(0, 5, size=(40, 25)).astype(np.float64)
    relevant = rng.random(scores.shape) < 0.2
    items, n_relevant = top_k(scores, k), relevant.sum(axis=1)
    qrels = [ir_measures.Qrel(f"{u}", f"{i}", 1) for u, i in np.argwhere(relevant)]
    # trec_eval breaks ties in its own way: it is given our order, as falling scores
    run = [
        ir_measures.ScoredDoc(f"{u}", f"{i}", -float(rank))
        for u, row in enumerate(items)
        for rank, i in enumerate(row[row >= 0])
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        measures = [ir_measures.nDCG @ k, ir_measures.R @ k]
        theirs = {
            (str(m.measure)[:1], int(m.query_id)): m.value
            for m in ir_measures.iter_calc(measures, qrels, run)
        }
    found = hits(items, relevant)
    users = np.flatnonzero(n_relevant).tolist()
    assert len(users) > 30
    for user in users:
        assert ndcg(found, n_relevant)[user] == pytest.approx(theirs["n", user], abs=1e-12)
        of_all = recall(found, n_relevant)[user] * min(k, n_relevant[user]) / n_relevant[user]
        assert of_all == pytest.approx(theirs["R", user], abs=1e-12)


def test_one_long_ranking_serves_every_shorter_cut_off():
    scores, relevant = world_of_ties(seed=7)
    n_relevant = relevant.sum(axis=1)
    long = hits(top_k(scores, 12), relevant)
    for k in (1, 3, 12):
        short = hits(top_k(scores, k), relevant)
        np.testing.assert_array_equal(ndcg(long[:, :k], n_relevant), ndcg(short, n_relevant))


@pytest.mark.parametrize("k", [0, -1])
def test_a_cut_off_below_one_is_refused(k):
    with pytest.raises(SettingError, match="at least 1"):
        top_k(np.zeros((1, 3)), k)


def test_nan_scores_are_refused_and_the_row_is_named():
    with pytest.raises(SettingError, match="row 1"):
        top_k(np.array([[0.0, 1.0], [0.0, np.nan]]), 1)
