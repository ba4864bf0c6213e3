"""Explanations: the contribution of each item of a user's history to a score."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import polars as pl
import torch

from conv4rec.data import Interactions
from conv4rec.data.ids import shown
from conv4rec.errors import SettingError
from conv4rec.model.attribution import consume_attribution
from conv4rec.model.like_attribution import like_attribution
from conv4rec.model.readouts import p_like
from conv4rec.recommender.configuration import check_choice
from conv4rec.recommender.discovery import DiscoveryCriteria
from conv4rec.recommender.list_scores import ListSpec, Norms, list_scores
from conv4rec.recommender.scoring import Scoring
from conv4rec.recommender.uncertainty import log_odds

Explained = Literal["consume", "like", "discover"]
"""Kinds of list whose scores can be explained."""


class Explainer:
    """Splits the scores of one user's items into contributions of the items of the history.

    Args:
        scoring: the network and what it is served with.
        histories: of which one row is read.
        row: of the user.
        like_level: number of the first level that counts as liking.
    """

    def __init__(
        self, scoring: Scoring, histories: Interactions, row: int, like_level: int
    ) -> None:
        self.scoring, self.model, self.like_level = scoring, scoring.model, like_level
        self.own = own = histories.take_users(np.array([row], dtype=np.int64))
        self.items, self.levels = own.item_numbers, own.level_numbers
        self.n_items = histories.n_items

    def contributions(self, items: np.ndarray, by: str) -> tuple[np.ndarray, np.ndarray]:
        """The baseline (items) and the contributions (history x items) to each score, float64.

        For "consume" they sum to log P(consume) minus its mean over the items not in the history,
        for "like" and "discover" to the log-odds of P(like). Where every level counts as liking,
        P(like) is 1 and all are 0.
        """
        next_rated = self.scoring.next_rated
        if by == "consume" and next_rated is not None:
            found = [next_rated.contributions(self.own, item) for item in items.tolist()]
            return np.array([base for base, _ in found]), np.stack([own for _, own in found], 1)
        entries = self.scoring.entries(self.own)
        at = torch.as_tensor(items, dtype=torch.long, device=entries.rate.device)
        if by == "consume":
            unseen = np.ones(self.n_items, dtype=bool)
            unseen[self.items] = False
            if not unseen.any():  # no item is left to compare with
                unseen[:] = True
            among = torch.from_numpy(np.flatnonzero(unseen)).to(at.device)
            parts = consume_attribution(self.model, entries, at, among)
            seen = torch.from_numpy(np.isin(items, self.items))
            parts.contribution[:, seen] = 0.0  # never consumed again
        elif self.like_level == 0:
            return np.zeros(len(items)), np.zeros((len(self.items), len(items)))
        else:
            parts = like_attribution(self.model, entries, at, self.like_level)
        return parts.base.cpu().numpy(), parts.contribution.cpu().numpy()


def check_explained(by: str, like_level: int) -> None:
    """Raise unless scores of this kind can be explained.

    Raises:
        SettingError: They cannot, or every rating counts as liking.
    """
    check_choice("by", by, Explained)
    if by != "consume" and like_level == 0:
        raise SettingError(
            "every rating of this scale counts as liking, so P(like) is 1 for all items: "
            "set a higher like_threshold to explain it"
        )


def explained(
    scoring: Scoring,
    histories: Interactions,
    item: int,
    by: str,
    like_level: int,
    confidence: float,
    norms: Norms | None,
) -> pl.DataFrame:
    """The answer of `Conv4Rec.explain`.

    Raises:
        SettingError: There is more than one user, or the item was consumed.
    """
    if histories.n_users != 1:
        raise SettingError(f"an explanation is of one user; got {histories.n_users:,}")
    explainer = Explainer(scoring, histories, 0, like_level)
    if by == "consume" and item in explainer.items:
        raise SettingError(
            f"item {shown(histories.items.ids(np.array([item]))[0])} is in the history and is not "
            "consumed again: explain another item, or by='like'"
        )
    baseline, contribution = explainer.contributions(np.array([item]), by)
    if by == "discover" and norms is not None:
        baseline = baseline - _deduction(scoring, histories, item, like_level, confidence, norms)
    return _frame(float(baseline[0]), contribution[:, 0], explainer, histories)


def _deduction(
    scoring: Scoring,
    histories: Interactions,
    item: int,
    like_level: int,
    confidence: float,
    norms: Norms,
) -> float:
    """How far a discovery's score lies below the log-odds of P(like): uncertainty and its price."""
    scores = scoring.score(histories, np.zeros(1, dtype=np.int64))
    spec = ListSpec("like", like_level, DiscoveryCriteria(confidence=confidence))
    score = list_scores(scoring, scores, histories, spec, norms)[0, item]
    p_rating = scoring.rating_probabilities(
        scores.encoding, np.zeros(1, np.int64), np.array([item])
    )
    return float(log_odds(p_like(p_rating, like_level))[0] - score + norms.prices["discover"][item])


def _frame(
    baseline: float, contribution: np.ndarray, explainer: Explainer, known: Interactions
) -> pl.DataFrame:
    """One row for the baseline and one for each item of the history, largest contribution first."""
    order = np.argsort(-contribution, kind="stable")
    values = [*known.levels.values, None]  # number -1 is the last
    ratings = [values[level] for level in explainer.levels[order].tolist()]
    ids = known.items.ids(explainer.items[order])
    return pl.DataFrame(
        {
            "item_id": pl.Series([None, *ids.to_list()], dtype=ids.dtype),
            "rating": pl.Series([None, *ratings], dtype=pl.Float64),
            "contribution": np.concatenate([[baseline], contribution[order]]),
        }
    )


def reason_columns(
    parts: list[tuple[np.ndarray, Explainer]], n_reasons: int, known: Interactions
) -> dict[str, Any]:
    """The columns of a list with reasons: reason_<n> (an item id) and reason_<n>_adds.

    Only a positive contribution is a reason; where there are fewer, the rest is null.

    Args:
        parts: for each user of the list in turn, the contributions (history x items listed) and
            the explainer they are from.
        n_reasons: how many.
        known: names the items.
    """
    numbers, adds = [np.zeros((n_reasons, 0), dtype=np.int64)], [np.zeros((n_reasons, 0))]
    for contribution, explainer in parts:
        n_found = min(n_reasons, len(contribution))
        best = np.argsort(-contribution, axis=0, kind="stable")[:n_found]
        number = np.full((n_reasons, contribution.shape[1]), -1, dtype=np.int64)
        added = np.zeros((n_reasons, contribution.shape[1]))
        number[:n_found] = explainer.items[best]
        added[:n_found] = np.take_along_axis(contribution, best, axis=0)
        number[added <= 0] = -1
        numbers.append(number)
        adds.append(added)
    columns: dict[str, Any] = {}
    for place, (number, added) in enumerate(
        zip(np.concatenate(numbers, axis=1), np.concatenate(adds, axis=1), strict=True), start=1
    ):
        is_reason = pl.Series(number >= 0, dtype=pl.Boolean)
        ids = known.items.ids(np.maximum(number, 0)) if len(number) else known.items.to_series()[:0]
        columns[f"reason_{place}"] = _or_null(ids, is_reason)
        columns[f"reason_{place}_adds"] = _or_null(pl.Series(added, dtype=pl.Float32), is_reason)
    return columns


def _or_null(values: pl.Series, mask: pl.Series) -> pl.Series:
    return values.zip_with(mask, pl.Series([None], dtype=values.dtype))
