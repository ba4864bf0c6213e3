"""The evaluation protocol: one pass over the users of a split computes every metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from conv4rec.errors import Conv4RecError, DataError, SettingError
from conv4rec.evaluate import ranking, rating
from conv4rec.evaluate.blocks import Block, row_blocks
from conv4rec.evaluate.evaluation import Evaluation, summarise
from conv4rec.evaluate.scorer import FloatArray, Scorer

if TYPE_CHECKING:
    from conv4rec.data.splits import Split

RANKING_METRICS = ("recall@20", "ndcg@20", "recall@50", "ndcg@100", "ndcg_like@20")
"""Ranking metrics of every published table: a name, "@", a cut-off."""

_MEASURES = {"recall": ranking.recall, "ndcg": ranking.ndcg, "ndcg_like": ranking.ndcg}
_UNIT_TOLERANCE = 1e-3  # how far from one the sum of float32 probabilities may lie


def evaluate(
    scorer: Scorer,
    split: Split,
    *,
    ranking_metrics: Sequence[str] = RANKING_METRICS,
    like_threshold: float | None = None,
    max_memory_mb: float = 512.0,
) -> Evaluation:
    """Measure a model on a split: ranking, ratings, calibration, and both at once.

    Ranking: for each user with test items, every item outside the user's given history is
    ranked, and all the user's test items are relevant; for "ndcg_like" only those rated at
    or above the like threshold. Nothing is sampled, and one ranking of the largest cut-off
    serves all. Users without a relevant item are left out of that metric's mean.

    Ratings: every rated test interaction counts the same. "nll_joint" is the mean of
    -log P(i | x) - log P(k | i, x) over them, with P(i | x) over the items not given.

    Args:
        scorer: The model, fitted on `split.train`.
        split: Histories at inference and test interactions.
        ranking_metrics: Names of ranking metrics with a cut-off: "recall@k" divides by
            min(k, relevant), "ndcg@k" has binary gain, "ndcg_like@k" counts liked items only.
        like_threshold: Lowest rating that counts as liked; the scale's own default ("4 of 5")
            if left out.
        max_memory_mb: Budget for the evaluator's arrays of users × items, 48 bytes a cell.
            Users are scored in blocks that fit; the metrics do not depend on it. What the
            model itself needs for a block of users comes on top.

    Raises:
        SettingError: An unknown metric name, or a memory budget too small for one user.
        DataError: The split is not one: a test interaction also stands in the history.
        Conv4RecError: The model's probabilities are no probabilities, or its scores are NaN.
    """
    if split.given.n_users != split.test.n_users:
        raise DataError(
            f"split {split.name!r} has {split.given.n_users:,} users with histories and "
            f"{split.test.n_users:,} in its test part: they must be the same users, row by row"
        )
    if isinstance(ranking_metrics, str) or not np.iterable(ranking_metrics):
        raise SettingError(f"ranking_metrics must be a list of names; got {ranking_metrics!r:.200}")
    ranking_metrics = list(ranking_metrics)
    cutoffs = {name: _parse(name) for name in ranking_metrics}
    rows = np.flatnonzero(np.diff(split.test.starts))
    like_level = split.train.levels.like_level(like_threshold)
    ranked: list[dict[str, FloatArray]] = []
    rated: list[dict[str, Any]] = []
    for block in row_blocks(rows, split.train.n_items, max_memory_mb):
        cells = Block(split, block, like_level)
        ranked.append(_rank(scorer, cells, cutoffs))
        rated.append(_rate(scorer, cells))
    return summarise(split, rows, _joined(ranked), _joined(rated), ranking_metrics, like_threshold)


def _rank(
    scorer: Scorer, cells: Block, cutoffs: dict[str, tuple[str, int]]
) -> dict[str, FloatArray]:
    """Each user's ranking metrics, from one ranking of the largest cut-off."""
    scores = scorer.rank_scores(cells.given, cells.rows) if cutoffs else None
    if scores is None:
        return {}
    _check_shape("rank_scores", scores, (len(cells.rows), cells.given.n_items))
    scores = np.array(scores, dtype=scores.dtype if scores.dtype.kind == "f" else np.float64)
    scores[cells.seen] = -np.inf
    items = ranking.top_k(scores, max(k for _, k in cutoffs.values()))
    liked = cells.test_levels >= cells.like_level
    found = {}
    for measure, chosen in (("all", slice(None)), ("like", liked)):
        rows, columns = cells.test_rows[chosen], cells.test_items[chosen]
        n_relevant = np.bincount(rows, minlength=len(cells.rows))
        found[measure] = ranking.hits(items, cells.mask(rows, columns)), n_relevant
    values = {}
    for name, (measure, k) in cutoffs.items():
        hits, n_relevant = found["like" if measure == "ndcg_like" else "all"]
        values[name] = _MEASURES[measure](hits[:, :k], n_relevant)
    return values


def _rate(scorer: Scorer, cells: Block) -> dict[str, Any]:
    """Each rated test interaction's losses, and the number of its user."""
    rated = cells.test_levels >= 0
    rows, items, levels = (a[rated] for a in (cells.test_rows, cells.test_items, cells.test_levels))
    losses: dict[str, Any] = {"user": cells.rows[rows].astype(np.float64)}
    expected = probabilities = None
    if len(rows):
        expected = scorer.expected_ratings(cells.given, cells.rows[rows], items)
        probabilities = scorer.rating_probabilities(cells.given, cells.rows[rows], items)
    if probabilities is not None:
        _check_shape("rating_probabilities", probabilities, (len(rows), len(cells.values)))
        _check_sums("rating_probabilities", probabilities.sum(axis=1))
        if probabilities.min(initial=0.0) < -_UNIT_TOLERANCE:
            raise Conv4RecError(f"rating_probabilities holds {probabilities.min():.3g}, below zero")
        losses["nll"] = rating.log_losses(probabilities, levels)
        losses["absolute_error"] = rating.absolute_errors(probabilities, levels, cells.values)
        losses["rps"] = rating.ranked_probability_scores(probabilities, levels)
        losses["p_like"] = probabilities[:, cells.like_level :].sum(axis=1)
        losses["liked"] = (levels >= cells.like_level).astype(np.float64)
        losses["probabilities"], losses["level"] = probabilities.astype(np.float32), levels
        expected = probabilities @ cells.values if expected is None else expected
        log_p = _log_p_consume(scorer, cells)
        if log_p is not None:
            losses["nll_joint"] = losses["nll"] - log_p[rated]
    if expected is not None:
        _check_shape("expected_ratings", expected, (len(rows),))
        if n_wrong := int(np.count_nonzero(~np.isfinite(expected))):
            raise Conv4RecError(f"expected_ratings holds NaN or infinity for {n_wrong:,} pairs")
        losses["squared_error"] = rating.squared_errors(
            expected, cells.values[levels], cells.values
        )
    return losses


def _log_p_consume(scorer: Scorer, cells: Block) -> FloatArray | None:
    """Log P(i | x) of each test interaction of the block; checks that it is 0 on the history."""
    log_p = scorer.rank_log_probabilities(cells.given, cells.rows)
    if log_p is None:
        return None
    _check_shape("rank_log_probabilities", log_p, (len(cells.rows), cells.given.n_items))
    _check_sums("rank_log_probabilities", np.exp(log_p, dtype=np.float64).sum(axis=1))
    if len(cells.seen[0]) and log_p[cells.seen].max() > -np.inf:
        raise Conv4RecError(
            "rank_log_probabilities must be -inf at the items of the history, and is not"
        )
    return log_p[cells.test_rows, cells.test_items]


def _joined(pieces: list[dict[str, Any]]) -> dict[str, Any]:
    """Concatenate the arrays of the blocks; a block without rated interactions has no losses."""
    names = dict.fromkeys(name for piece in pieces for name in piece)
    return {name: np.concatenate([p[name] for p in pieces if name in p]) for name in names}


def _parse(name: Any) -> tuple[str, int]:
    """A metric's name and cut-off: "ndcg@20" is ("ndcg", 20)."""
    measure, _, k = name.partition("@") if isinstance(name, str) else ("", "", "")
    if measure not in _MEASURES or not k.isdecimal() or int(k) < 1:
        known = ", ".join(f"{measure}@k" for measure in _MEASURES)
        raise SettingError(f"unknown ranking metric {name!r}: the ranking metrics are {known}")
    return measure, int(k)


def _check_shape(what: str, array: FloatArray, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise Conv4RecError(f"{what} returned an array of shape {array.shape}, expected {shape}")


def _check_sums(what: str, sums: FloatArray) -> None:
    worst = float(np.abs(sums - 1).max(initial=0.0))
    if not worst <= _UNIT_TOLERANCE:  # so that NaN is caught as well
        raise Conv4RecError(f"{what} must sum to one, but a row is off by {worst:.3g}")
